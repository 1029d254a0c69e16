"""The laws of each kind, as `make live` tries them on a real account: here on the emulator, on each surface, and as it may be otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from command import RealClock
from harness import Azure
from live.account import Place, Wish
from live.ground import Ground
from live.journey import Journey
from live.laws import LAWS, Law

QUICK = {"pending_seconds": 1.0, "running_seconds": 0.05, "deployment_seconds": 0.05, "delete_seconds": 0.0}
"""How long things take: a job that is created and cancelled at once must not have ended before that."""
ACCOUNTS: dict[str, dict[str, Any]] = {
    "v1": {},
    "2024-10-21": {},
    "2025-04-01-preview, otherwise": {
        "list_delay_s": 0.3,
        "tags_on_patch": "merge",
        "keep_bom": False,
        "echo_method": "always",
        "echo_suffix": "user_provided_suffix",
        "model_version": "number",
        "canonical_models": False,
        "models_route_lists_fine_tuned": False,
    },
}


@pytest.fixture(scope="module", params=ACCOUNTS)
def ground(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """An account in which a job is trained and a deployment serves: each law leaves it so."""
    azure = Azure(RealClock(), **{**QUICK, **ACCOUNTS[request.param]})  # type: ignore[arg-type]
    url = azure.server.url
    wish = Wish(
        "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acme",
        "live-suite",
        training_type="global",
        endpoint=f"{url}/acme",
        management_endpoint=url,
        api=request.param.partition(",")[0],
    )
    place = Place(wish, tmp_path_factory.mktemp("laws"), {}, RealClock())
    assert Journey(place, print).train_and_serve()
    ground = Ground(place)
    yield ground
    ground.close()
    place.close()
    azure.close()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.what)
def test_a_law_holds(ground: Ground, law: Law) -> None:
    try:
        law.check(ground)
    finally:
        ground.tidy()

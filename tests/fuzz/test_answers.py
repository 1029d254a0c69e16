"""Every answer of the service may be wrong in any way: the product says so, or does without, and never breaks.

A spoiled answer must end in a clear error or be tolerated: no bug message, no traceback, no hang, and nothing that was not ours
may be touched. After the service has recovered, the next run must find everything as it should be.
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from fuzz.mangle import spoiled
from harness import ACCOUNT, NOW, STACK, Azure, FakeClock, Repo

from reconciler.azure import uploads
from reconciler.core.change import Plan
from reconciler.core.fault import ReconcilerError
from reconciler.core.plan import Options
from reconciler.emulator import Request, Response
from reconciler.kinds import REGISTRY
from reconciler.render.document import dumps, plan_document
from reconciler.render.markdown import plan_markdown
from reconciler.render.text import plan_text

pytestmark = pytest.mark.slow
READS = 200
WRITES = 40
APIS = ("v1", "2024-10-21", "2025-04-01-preview")
"""Whose answers differ: each run talks to the next one."""


class Spoiler:
    """Stands before the emulator and spoils some of its answers."""

    def __init__(self, azure: Azure, seed: int) -> None:
        self.emulator = azure.emulator
        self._handle = azure.emulator.handle
        self._chance = random.Random(seed)
        self.share = 0.0
        self.account = ""
        """The manifest of the account that it plays."""
        self.done: list[str] = []
        azure.emulator.handle = self  # type: ignore[method-assign,assignment]

    def again(self, seed: str, share: float) -> None:
        """Begin anew, by another seed."""
        self._chance = random.Random(seed)
        self.share = share
        self.done.clear()

    def __call__(self, request: Request, *more: Any, **named: Any) -> Response:
        answer = self._handle(request, *more, **named)
        if self._chance.random() < self.share and "/_emulator" not in request.path:
            answer.body, what = spoiled(answer.body, self._chance)
            self.done.append(f"{request.method} {re.sub(r'[0-9a-f]{32}', 'ID', request.path)}: {what}")
        return answer


def bugs(plan: Plan | None, faults: list[Any]) -> list[str]:
    found = [*(plan.unread if plan else ()), *(plan.warnings if plan else ()), *faults]
    found += [change.fault for change in (plan.changes if plan else ()) if hasattr(change, "fault")]
    return [str(fault.detail) for fault in found if fault.code == "bug"]


def shown(plan: Plan) -> None:
    """Whatever is in a plan can be shown."""
    plan_text(plan, [], kinds=REGISTRY, now=NOW)
    plan_markdown(plan, [], kinds=REGISTRY, now=NOW, accounts=["acme"])
    document = plan_document(plan, tool_version="0", accounts=[], emulator=False, created_at="", kinds=REGISTRY)
    dumps(document)


@pytest.fixture
def applied(repo: Repo, azure: Azure) -> Repo:
    repo.write("manifests/more.yaml", STACK.replace("tone", "calm").replace("n_epochs: 2", "n_epochs: 4"))
    repo.until_done()
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    return repo


def test_a_plan_over_spoiled_lists(applied: Repo, azure: Azure) -> None:
    spoiler = Spoiler(azure, 1)
    spoiler.share = 0.5
    tree, engine = applied.engine(parallelism=1)
    for _ in range(READS):
        spoiler.done.clear()
        try:
            plan = engine.plan(tree.desired, Options())
        except ReconcilerError:
            continue
        assert not bugs(plan, []), spoiler.done
        shown(plan)
    spoiler.share = 0.0
    assert {str(change.address) for change in applied.plan().actions} == {"FineTuneJob/tone"}


@pytest.mark.parametrize("seed", range(WRITES // 10))
def test_an_apply_over_spoiled_answers(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PART", 1024)
    for number in range(10):
        # Every second one sends its data in parts.
        monkeypatch.setattr(uploads, "LARGE", 1024 if number % 2 else 10**9)
        clock = FakeClock()
        azure = Azure(clock)
        folder = tmp_path / str(number)
        folder.mkdir()
        repo = Repo(folder, azure, clock)
        repo.write("manifests/account.yaml", f"{ACCOUNT}  api: {APIS[number % 3]}\n")
        repo.write("manifests/stack.yaml", STACK)
        azure.raw(
            "PUT",
            "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acme/deployments/theirs?api-version=2025-09-01",
            {
                "sku": {"name": "GlobalStandard", "capacity": 1},
                "properties": {"model": {"format": "OpenAI", "name": "gpt-4.1"}},
            },
        )
        clock.sleep(10)
        spoiler = Spoiler(azure, seed * 1000 + number)
        spoiler.share = 0.15
        for _ in range(3):
            try:
                result = repo.apply(wait=False, settle=20)
                assert not bugs(result.plan, [outcome.fault for outcome in result.outcomes if outcome.fault]), (
                    spoiler.done
                )
            except ReconcilerError:
                pass
            clock.sleep(4000)
        spoiler.share = 0.0
        assert [item["name"] for item in azure.deployments() if not item.get("tags")] == ["theirs"], spoiler.done
        jobs = [job for job in azure.jobs() if job["status"] not in {"cancelled", "failed"}]
        assert len(jobs) <= 1, spoiler.done
        repo.apply(wait=True)
        repo.close()
        azure.close()

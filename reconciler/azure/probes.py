"""Tries the actions that are needed, each with something that does not exist: a 403 says no, any other answer says yes.

Nothing can be changed by it: what is cancelled, changed or deleted has a name that no object has, and a file is sent
without a file. Azure decides on the right before it looks for the object (not confirmed for every route; docs/doctor.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reconciler.azure.arm import Arm
from reconciler.azure.caller import Caller
from reconciler.azure.capacity import Capacity
from reconciler.azure.errors import AzureError
from reconciler.azure.session import Session
from reconciler.core.checkup import Probed

NOBODY = "0" * 32
"""The digits of an id that no object has."""
DEPLOYMENT = "reconciler-doctor-probe-that-does-not-exist"
_P = "Microsoft.CognitiveServices/accounts"
_USAGES = "Microsoft.CognitiveServices/locations/usages/read"
_OPTIONAL = frozenset({_USAGES})
"""What plans and applies go without: they then know less before they send something."""

Try = tuple[str, bool, Callable[[], object]]
"""An action, whether it writes, and the call that tries it."""


class Probes:
    """What the credential of one account may do."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._arm = Arm(session)

    def data(self) -> list[Probed]:
        """Try the data actions."""
        return [_tried(self._session.data_calls, *one) for one in self._data_tries()]

    def control(self) -> list[Probed]:
        """Try the actions of the control plane; none where the account has none."""
        if not self._session.account.has_control_plane:
            return []
        return [_tried(self._session.control_calls, *one) for one in self._control_tries()]

    def _data_tries(self) -> tuple[Try, ...]:
        def send(method: str, path: str, body: object = None) -> Callable[[], object]:
            client: Any = self._session.data_client()

            def call() -> object:
                import httpx2

                options = {"body": body} if body is not None else {}
                return getattr(client, method)(path, cast_to=httpx2.Response, **options)

            return call

        jobs = "/fine_tuning/jobs"
        return (
            (f"{_P}/OpenAI/files/read", False, send("get", f"/files/file-{NOBODY}")),
            (f"{_P}/OpenAI/fine-tunes/read", False, send("get", f"{jobs}/ftjob-{NOBODY}")),
            (f"{_P}/OpenAI/models/read", False, send("get", f"/models/no-model.ft-{NOBODY}")),
            (f"{_P}/OpenAI/files/write", True, send("post", "/files", {"purpose": "fine-tune"})),
            (f"{_P}/OpenAI/files/delete", True, send("delete", f"/files/file-{NOBODY}")),
            (f"{_P}/OpenAI/fine-tunes/write", True, send("post", f"{jobs}/ftjob-{NOBODY}/cancel")),
        )

    def _control_tries(self) -> tuple[Try, ...]:
        arm, gone = self._arm, f"{self._arm.account}/deployments/{DEPLOYMENT}"
        return (
            (f"{_P}/read", False, lambda: arm.send("GET", arm.account, "reading the account")),
            (f"{_P}/deployments/read", False, lambda: arm.send("GET", gone, "reading a deployment")),
            (_USAGES, False, self._usages),
            # ARM patches nothing that is not there; a PUT would make it.
            (f"{_P}/deployments/write", True, lambda: arm.send("PATCH", gone, "changing a deployment", {"tags": {}})),
            (f"{_P}/deployments/delete", True, lambda: arm.send("DELETE", gone, "deleting a deployment")),
        )

    def _usages(self) -> object:
        capacity = Capacity(self._session)
        return capacity.pools(capacity.region())


def _tried(calls: Caller, action: str, writes: bool, call: Callable[[], object]) -> Probed:
    try:
        calls.once(f"trying {action}", call)
    except AzureError as error:
        fault = error.fault
        if error.status == 403 and "network" not in fault.summary and "blocked" not in fault.summary:
            return Probed(action, writes, "refused", fault.summary, fault.remedy, action in _OPTIONAL)
        if error.status in {0, 401, 403, 408, 429} or error.status >= 500:
            return Probed(action, writes, "unknown", fault.summary, fault.remedy, action in _OPTIONAL)
    return Probed(action, writes, "allowed", optional=action in _OPTIONAL)

"""What the tests of the whole share: a repository in a folder, and an emulated Azure over real HTTP with a clock of its own.

Nothing of ours is mocked: manifests are loaded from files, the real SDKs talk to the emulator over a socket, and the
engine runs as in the command line. Only time is replaced, so that an hour of training takes no time.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.azure.session import Session
from reconciler.azure.tenants import Tenants
from reconciler.cli.emulated import redirected
from reconciler.cli.exits import apply_exit
from reconciler.core.account import Account
from reconciler.core.approval import Approval
from reconciler.core.change import Create, Delete, Plan
from reconciler.core.fault import Refused
from reconciler.core.plan import Options
from reconciler.core.runtime import Meters, Runtime
from reconciler.emulator import Config, Emulator, Fault, Server
from reconciler.engine import Engine, Outcome
from reconciler.kinds import REGISTRY
from reconciler.manifests import load

NOW = 1_790_000_000.0
LONG_WAIT = 8.0
"""Seconds from which on a wait is one for a training."""
ACCOUNT = """\
apiVersion: reconciler/v1
kind: Account
metadata: {name: acme}
spec:
  resource_id: /subscriptions/s1/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acme
  owner: team-a
"""
STACK = """\
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: tone}
spec:
  model: gpt-4.1-mini-2025-04-14
  training_file: data/train.jsonl
  validation_file: data/valid.jsonl
  training_type: global
  method: {hyperparameters: {n_epochs: 2}}
---
apiVersion: reconciler/v1
kind: Deployment
metadata: {name: tone}
spec:
  model: {job: tone}
  sku: {name: GlobalStandard, capacity: 50}
"""


class FakeClock:
    """Time that moves when somebody waits."""

    def __init__(self) -> None:
        self._now = NOW
        self._lock = threading.Lock()
        self._stride = 1.0

    def __call__(self) -> float:
        return self._now

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds * (self._stride if seconds >= LONG_WAIT else 1.0)

    @contextmanager
    def in_strides(self) -> Iterator[None]:
        """Make long waits longer: each look at a training of an hour is a dozen requests, and two minutes tell as much."""
        self._stride = 12.0
        try:
            yield
        finally:
            self._stride = 1.0


def chat(question: str, answer: str = "Yes.") -> str:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages})


def examples(count: int, word: str = "row") -> str:
    return "".join(chat(f"{word} {number}?") + "\n" for number in range(count))


@dataclass
class Result:
    """What one apply did."""

    code: int
    plan: Plan
    outcomes: list[Outcome] = field(default_factory=list)
    refused: Refused | None = None

    def statuses(self) -> dict[str, str]:
        return {str(outcome.address): outcome.status for outcome in self.outcomes}

    def faults(self) -> list[str]:
        return [outcome.fault.code for outcome in self.outcomes if outcome.fault]


class Azure:
    """The emulated service, and what people do to it."""

    def __init__(self, clock: FakeClock, **config: Any) -> None:
        self.clock = clock
        defaults = {
            "deployment_seconds": 2.0,
            "delete_seconds": 2.0,
            "pending_seconds": 60.0,
            "running_seconds": 3600.0,
        }
        self.emulator = Emulator(clock=clock, seed=3, config=Config(**{**defaults, **config}))
        self.server = Server(self.emulator).start()

    def close(self) -> None:
        self.server.stop()
        self.emulator.close()

    def configure(self, **changes: Any) -> None:
        self.emulator.configure(**changes)

    def fault(self, **fault: Any) -> None:
        self.emulator.add_fault(Fault(**fault))

    def writes(self) -> list[str]:
        return [f"{item['method']} {item['path']}" for item in self.emulator.requests() if item["write"]]

    def committed(self, part: str) -> list[str]:
        return [
            f"{item['method']} {item['path']}"
            for item in self.emulator.requests()
            if item["committed"] and part in f"{item['method']} {item['path']}"
        ]

    def forget(self) -> None:
        self.emulator.forget_requests()

    def control(self, method: str, route: str, body: Any = None) -> Any:
        from reconciler.emulator import Request

        raw = json.dumps(body).encode() if body is not None else b""
        answer = self.emulator.handle(Request(method, f"/_emulator/{route}", {}, {}, raw))
        assert answer.status < 300, answer.body
        return json.loads(answer.body) if answer.body else None

    def hand(self, do: str, account: str = "acme", **body: Any) -> Any:
        return self.control("POST", "hand", {"account": account, "do": do, **body})

    def objects(self, kind: str, account: str = "acme") -> list[dict[str, Any]]:
        found = self.control("GET", "state")["accounts"].get(account, {}).get(kind, [])
        return list(found.values()) if isinstance(found, dict) else found

    def raw(self, method: str, path: str, body: Any = None) -> Any:
        from reconciler.emulator import Request

        raw = json.dumps(body).encode() if body is not None else b""
        headers = {"authorization": "Bearer hand", "content-type": "application/json"}
        path, _, query = path.partition("?")
        parsed = dict(part.split("=", 1) for part in query.split("&") if part)
        answer = self.emulator.handle(Request(method, path, parsed, headers, raw))
        return json.loads(answer.body) if answer.body else None

    def jobs(self, account: str = "acme") -> list[dict[str, Any]]:
        return list(self.raw("GET", f"/{account}/openai/v1/fine_tuning/jobs?limit=100")["data"])

    def files(self, account: str = "acme") -> list[dict[str, Any]]:
        listed = self.raw("GET", f"/{account}/openai/v1/files")["data"]
        return [item for item in listed if item["purpose"] == "fine-tune"]

    def deployments(self, account: str = "acme") -> list[dict[str, Any]]:
        return list(self.raw("GET", f"{arm(account)}/deployments?api-version=2025-09-01")["value"])


def arm(account: str = "acme") -> str:
    return f"/subscriptions/s1/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/{account}"


class Repo:
    """A repository of manifests, and the command line's way of applying it."""

    def __init__(self, folder: Path, azure: Azure, clock: FakeClock) -> None:
        self.folder = folder
        self.azure = azure
        self.clock = clock
        self.environ: dict[str, str] = {}
        self.project = ""
        """Below the endpoint, to talk to a Foundry project in place of its resource: `/api/projects/NAME`."""
        self._open: list[Any] = []
        self.write("manifests/account.yaml", ACCOUNT)
        self.write("manifests/data/train.jsonl", examples(20))
        self.write("manifests/data/valid.jsonl", examples(12, "check"))

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text, f"{old!r} is not in {name}"
        path.write_text(text.replace(old, new))

    def engine(self, *, parallelism: int = 8, settle: float = 300, trust_files: bool = False) -> tuple[Any, Engine]:
        tree = load(self.folder / "manifests", REGISTRY, self.environ, None, self.folder)
        accounts = {name: self._redirected(account) for name, account in tree.accounts.items()}
        runtime = Runtime(self.clock)
        tenants = Tenants(accounts.values())
        sessions = {
            name: Session(account, runtime, self.environ, meters=Meters(), trust_files=trust_files, tenants=tenants)
            for name, account in accounts.items()
        }
        gateways = {
            (name, kind.name): kind.connect(session) for name, session in sessions.items() for kind in REGISTRY.values()
        }
        pool = ThreadPoolExecutor(parallelism)
        self._open += [pool, *sessions.values()]
        return tree, Engine(REGISTRY, accounts, gateways, runtime, pool, settle=settle)

    def _redirected(self, account: Account) -> Account:
        emulated = redirected(account, self.azure.server.url)
        spec = emulated.spec.model_copy(update={"endpoint": f"{emulated.spec.endpoint}{self.project}"})
        return Account(emulated.name, spec, emulated.place, emulated.source, emulated.places)

    def close(self) -> None:
        for item in self._open:
            item.shutdown() if hasattr(item, "shutdown") else item.close()
        self._open.clear()

    def plan(self, **options: Any) -> Plan:
        tree, engine = self.engine()
        return engine.plan(tree.desired, Options(**options))

    def apply(
        self,
        *,
        wait: bool = False,
        approved: Approval | None = None,
        settle: float = 300,
        trust_files: bool = False,
        **options: Any,
    ) -> Result:
        tree, engine = self.engine(settle=settle, trust_files=trust_files)
        chosen = Options(**options)
        first = engine.plan(tree.desired, chosen)
        result = Result(0, first)
        latest: dict[Any, Outcome] = {}
        try:
            for outcome in engine.converge(
                tree.desired, chosen, approved or Approval.of(first), first=first, wait=wait
            ):
                result.outcomes.append(outcome)
                # As the command line does: several deletions may bear one name.
                live = outcome.change.live.id if isinstance(outcome.change, Delete) else ""
                latest[outcome.address, live] = outcome
            result.code = apply_exit(latest.values(), detailed=False)
        except Refused as refused:
            result.refused, result.code = refused, 4
        return result

    def broken_off(self) -> None:
        """Apply until a training is created, and be killed then."""
        tree, engine = self.engine()
        first = engine.plan(tree.desired, Options())
        for outcome in engine.converge(tree.desired, Options(), Approval.of(first), first=first):
            if outcome.wrote and outcome.address.kind == "FineTuneJob":
                return
        raise AssertionError("no training was created")

    def until_done(self, **options: Any) -> Result:
        strides = self.clock.in_strides() if isinstance(self.clock, FakeClock) else nullcontext()
        with strides:
            result = self.apply(wait=True, **options)
        assert result.code == 0, [(str(o.address), o.status, o.fault) for o in result.outcomes if o.fault]
        return result


def of(plan: Plan, kind: type[Any]) -> list[Any]:
    return [change for change in plan.changes if isinstance(change, kind)]


def trained(plan: Plan) -> list[Create]:
    return [change for change in of(plan, Create) if change.address.kind == "FineTuneJob"]


def addresses(changes: Sequence[Any]) -> list[str]:
    return sorted(str(change.address) for change in changes)


FIVE_EPOCHS = {
    "hyperparameters": {"n_epochs": 5},
    "resolved": {"n_epochs": 5, "batch_size": 1, "learning_rate_multiplier": 1.0},
    "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 5}}},
}
"""What a colleague's clone of a job has instead of the declared settings."""

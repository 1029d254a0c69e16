"""Bugs planted on purpose: each breaks one rule, and the simulation must notice. Run: `make simulate-bugs`.

A bug is a change of one function of the product while seeds are played. What no seed notices is a gap in the simulation.
`noticed.json` says which seed notices which bug; a test plays just those. After a change of what seeds decide, the command
above looks for new ones.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from simulation.play import play

from reconciler.azure import errors
from reconciler.azure.errors import AzureError
from reconciler.azure.jobs import Jobs
from reconciler.core.account import Account, AccountSpec
from reconciler.core.plan import Planner
from reconciler.core.resource import Observed
from reconciler.engine import Engine
from reconciler.engine.listed import Listed
from reconciler.kinds import deployment, fine_tune_job
from reconciler.kinds.deployment import DeploymentKind
from reconciler.kinds.fine_tune_job import FineTuneJobKind, identity
from reconciler.kinds.fine_tune_job.gateway import JobGateway

KIND = FineTuneJobKind.name
WITHIN = 300
"""Seeds within which a planted bug is found."""
NOTICED = Path(__file__).parent / "noticed.json"


@dataclass(frozen=True)
class Bug:
    """One rule that is broken: `name` of `owner` becomes what `broken` makes of it."""

    owner: Any
    name: str
    broken: Callable[[Any], Any]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Have it in the product for a while."""
        with patch.object(self.owner, self.name, self.broken(getattr(self.owner, self.name))):
            yield

    def is_noticed_by(self, seed: int) -> bool:
        """Whether a seed breaks with the bug, and not without it."""
        with self.planted():
            broken = play(seed).broken
        return bool(broken) and not play(seed).broken

    def found_at(self, last: int = WITHIN) -> int | None:
        """Return the first seed that notices; None if none does."""
        return next((seed for seed in range(last) if self.is_noticed_by(seed)), None)


def _never(value: Any) -> Callable[[Any], Any]:
    return lambda _: lambda *_args, **_kwargs: value


def _sent_again(create: Any) -> Any:
    def again(self: Jobs, body: dict[str, Any]) -> Any:
        try:
            return create(self, body)
        except AzureError:
            return create(self, body)

    return again


def _oldest_first(_: Any) -> Any:
    return lambda live: (live.created_at, live.id)


def _with_text(digest_of: Any) -> Any:
    def wrong(desired: Any, *more: Any) -> str:
        text, digest = desired.spec.suffix or "", digest_of(desired, *more)
        return f"{len(text) % 10}{digest[1:]}" if text else digest

    return wrong


def _only_new_owner(_: Any) -> Any:
    return property(lambda self: (self.owner,))


def _with_owner(make: Any) -> Any:
    """Have what identifies a job depend on who owns it."""

    class Owned:
        def __init__(self, kind: Any, accounts: Any) -> None:
            self._kind = kind
            self._accounts = accounts

        def __getattr__(self, name: str) -> Any:
            return getattr(self._kind, name)

        def digests(self, desired: Any, parents: Any) -> Any:
            owner = self._accounts[desired.account].spec.owner
            return tuple(
                f"{len(owner) % 10}{ord(owner[-1]) % 10}{digest[2:]}" for digest in self._kind.digests(desired, parents)
            )

    def made(self: Planner, desired: Any, accounts: Any, world: Any, kinds: Any, options: Any) -> None:
        make(self, desired, accounts, world, {**kinds, KIND: Owned(kinds[KIND], accounts)}, options)

    return made


def _any_tags(_: Any) -> Any:
    def ours(self: DeploymentKind, live: Observed, account: Account) -> bool:
        return not live.facts.get("adopted")

    return ours


def _without_duplicates(found: Any) -> Any:
    return lambda self, *args: replace(found(self, *args), duplicates=())


BUGS: dict[str, Bug] = {
    "creates are repeated after an error": Bug(Jobs, "create", _sent_again),
    "no look before a create": Bug(JobGateway, "_find", _never(None)),
    "a mark is enough, without evidence": Bug(FineTuneJobKind, "_evidence", _never(())),
    "of several jobs the oldest counts": Bug(fine_tune_job, "order", _oldest_first),
    "the digest holds the text of the suffix": Bug(identity, "_digest", _with_text),
    "duplicates are left running": Bug(FineTuneJobKind, "_found", _without_duplicates),
    "prunes under --target": Bug(Planner, "_narrowed", _never(False)),
    "deletes without --prune": Bug(Planner, "_held_deletion", _never("")),
    "--continue may do anything": Bug(Planner, "_left_to_a_person", _never(False)),
    "a deployment without our tags is ours": Bug(DeploymentKind, "is_ours", _any_tags),
    "the digest holds the owner": Bug(Planner, "__init__", _with_owner),
    "former owners are forgotten": Bug(AccountSpec, "owners", _only_new_owner),
    "nobody waits for the list": Bug(Listed, "note", _never(None)),
    "secrets are not hidden": Bug(errors, "scrub", lambda _: lambda text: text),
    "a pin is not obeyed": Bug(deployment, "pinned_job", _never(None)),
    "gates are not judged": Bug(deployment, "judged", lambda _: lambda _desired, claim, *_args: claim),
    "a deletion waits for nothing": Bug(Engine, "_deletion_waits", lambda _: staticmethod(lambda *_args: None)),
}


def noticed() -> dict[str, int | None]:
    """Return which seed noticed each bug when this was last looked at; `main` writes it."""
    found: dict[str, int | None] = json.loads(NOTICED.read_text())
    return found


def main() -> int:
    """Say for each bug which seed notices, and write it down for the test; returns 1 if one is not noticed."""
    found: dict[str, int | None] = {}
    # The seed that noticed last time does so again, unless what seeds decide has changed.
    before = noticed() if NOTICED.exists() else {}
    for name, bug in BUGS.items():
        last = before.get(name)
        found[name] = last if last is not None and bug.is_noticed_by(last) else bug.found_at()
        seed = found[name]
        print(f"{name}: {'NOT FOUND' if seed is None else f'seed {seed}: {_said(bug, seed)}'}", flush=True)
        NOTICED.write_text(json.dumps({**before, **found}, indent=2) + "\n")
    NOTICED.write_text(json.dumps(found, indent=2) + "\n")
    return 1 if None in found.values() else 0


def _said(bug: Bug, seed: int) -> str:
    with bug.planted():
        return play(seed).broken[:110]


if __name__ == "__main__":
    logging.getLogger("azure").addHandler(logging.NullHandler())
    sys.exit(main())

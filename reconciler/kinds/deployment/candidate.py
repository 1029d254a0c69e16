"""A candidate: a deployment of a model that is to serve, made so that programs can ask it, and deleted again.

It is `NAME-candidate` on the developer tier, which has no hosting fee (docs/azure.md, section 20), with our tags and
`reconciler-candidate: NAME`. So a run that was broken off leaves nothing that nobody knows: a later one finds it by that tag
and deletes it. `reconciler-candidate-until` says until when another run may still try it; a run that needs one itself makes
its own in its place at once.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.azure.chat import Chat
from reconciler.azure.errors import AzureError
from reconciler.azure.relay import Relay
from reconciler.azure.session import Session
from reconciler.core.change import Create, Replace, Update
from reconciler.core.fault import Fault
from reconciler.core.resource import Desired, Observed, Phase
from reconciler.core.rules import Claim, View
from reconciler.kind import Verdict
from reconciler.kinds.deployment.beside import LONGEST, moment, moment_of, stable_name
from reconciler.kinds.deployment.gate_spec import TRIAL_SKU, CommandGate
from reconciler.kinds.deployment.program import Program, Ran
from reconciler.kinds.deployment.readiness import gets_model
from reconciler.kinds.deployment.spec import DeploymentSpec

CANDIDATE = "reconciler-candidate"
UNTIL = "reconciler-candidate-until"
SUFFIX = "-candidate"
SLACK = 1800.0
"""Seconds for making a candidate and waiting until it answers, besides the time that its programs have."""
SKU = {"name": TRIAL_SKU, "capacity": 100}
"""With much less, a deployment answers about once a minute (docs/azure.md, section 22)."""


@dataclass(frozen=True)
class Means:
    """What a candidate needs of the gateway: to look by name, to write, and to tell ours from others'."""

    existing: Callable[[str], Observed | None]
    write: Callable[[str, dict[str, Any]], Observed]
    delete: Callable[[str], None]
    is_mine: Callable[[Observed], bool]
    tags: Callable[[str, str], Mapping[str, str]]


class Candidate:
    """The trial of a model by the programs of its deployment's gates."""

    def __init__(self, session: Session, change: Create | Update | Replace, means: Means) -> None:
        self._session = session
        self._change = change
        self._means = means
        self._gates = tuple(commands(change.desired))
        self._program: Program | None = None
        self._is_there = self._is_broken_off = False
        self.name = candidate_name(change.desired)
        session.when_abandoned(self._abandoned)

    def find(self) -> Observed | None:
        """Return the candidate if there is one; raises AzureError if somebody else's deployment has its name."""
        found = self._means.existing(self.name)
        if found is None or found.phase is Phase.GONE:
            return None
        if not self._means.is_mine(found) or not found.facts["tags"].get(CANDIDATE):
            raise AzureError(self._taken(), status=409)
        return found

    def make(self) -> Observed:
        """Make it."""
        after = self._change.after
        assert isinstance(after, DeploymentSpec)
        properties: dict[str, Any] = {"model": dict(after.comparable()["model"])}
        if after.rai_policy_name:
            properties["raiPolicyName"] = after.rai_policy_name
        until = self._session.runtime.now() + SLACK + sum(gate.seconds for _, gate in self._gates)
        own = {CANDIDATE: stable_name(self._change.desired), UNTIL: moment(until)}
        tags = {**self._means.tags(self._change.digest, self.name), **own}
        self._is_there = True
        return self._means.write(self.name, {"sku": dict(SKU), "properties": properties, "tags": tags})

    def answers(self, live: Observed) -> Observed:
        """Ask it once whether it answers."""
        why = Chat(self._session).not_ready(live.name)
        return replace(live, phase=Phase.SETTLING if why else Phase.READY, words=why)

    def run(self) -> Verdict:
        """Run the programs one after the other, until one fails."""
        passed: list[str] = []
        for number, gate in self._gates:
            ran = self._run(gate)
            if isinstance(ran, str) or ran.code != 0:
                return Verdict(self._failed(number, gate, ran))
            passed.append(f"gate passed: {gate} in {ran.seconds:.1f} s")
        return Verdict(words=", ".join(passed))

    def over(self) -> None:
        """Take note that the candidate is gone."""
        self._is_there = False

    def unready(self, live: Observed) -> Fault:
        """Say that it could not be tried."""
        why = live.words or live.reason or live.status
        return Fault(
            "candidate-not-ready",
            "The candidate for the gates did not become ready",
            f"{self.name}: {why}. {self._stays()}",
            "Run the command again, with more time if it was too short:\n  reconciler apply --allow-commands --settle 15m",
            self._change.desired.place_of("spec.gates"),
            str(self._change.address),
        )

    def left(self, why: str) -> Fault:
        """Say that it could not be deleted."""
        return Fault(
            "candidate-left",
            "The candidate for the gates could not be deleted",
            f"{self.name}: {why} {self._stays()}",
            "A later run deletes it, and Azure does after 24 hours. It costs nothing but its name and its quota.",
            self._change.desired.place_of("spec.gates"),
            str(self._change.address),
        )

    def _run(self, gate: CommandGate) -> Ran | str:
        """Run one program; returns why it could not be started, if so."""
        home = tempfile.mkdtemp(prefix="reconciler-gate-")
        program, *arguments = gate.command
        try:
            with Relay(self._session, self.name) as relay:
                self._program = Program(
                    [str(Path(gate.root) / program), *arguments],
                    folder=gate.root,
                    environ=self._environ(relay, home),
                    limit=gate.seconds,
                )
                if self._is_broken_off:
                    return "the run was broken off"
                return self._program.run()
        except OSError as error:
            return error.strerror or type(error).__name__
        finally:
            self._program = None
            shutil.rmtree(home, ignore_errors=True)

    def _environ(self, relay: Relay, home: str) -> dict[str, str]:
        """Return all of a program's environment: how to ask the candidate through the relay, and nothing of ours."""
        after: Any = self._change.after
        return {
            # The Python that runs this is found first: its packages are known to be there.
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": home,
            "TMPDIR": home,
            "RECONCILER_CANDIDATE_ENDPOINT": relay.url,
            "RECONCILER_CANDIDATE_KEY": relay.key,
            "RECONCILER_CANDIDATE_DEPLOYMENT": self.name,
            "RECONCILER_CANDIDATE_API": "v1",
            "RECONCILER_CANDIDATE_MODEL": str(after.model.name),
            "OPENAI_BASE_URL": f"{relay.url}/openai/v1",
            "OPENAI_API_KEY": relay.key,
        }

    def _abandoned(self) -> None:
        """Kill what runs and have the candidate deleted, because the whole run is broken off."""
        self._is_broken_off = True
        program = self._program
        if program is not None:
            program.stop()
        if self._is_there and self.find() is not None:
            self._means.delete(self.name)

    def _failed(self, number: int, gate: CommandGate, ran: Ran | str) -> Fault:
        if isinstance(ran, str):
            became = f"could not be started: {ran}."
        elif ran.code is None:
            became = f"was stopped after {ran.seconds:.0f} s; its `timeout` is {gate.timeout}."
        elif ran.code < 0:
            became = f"was ended by signal {-ran.code} after {ran.seconds:.1f} s."
        else:
            became = f"ended with {ran.code} after {ran.seconds:.1f} s."
        output = ""
        if isinstance(ran, Ran) and ran.output:
            output = f"\nThe end of its output ({ran.printed:,} bytes):\n" + "\n".join(
                f"  | {line}" for line in ran.output
            )
        return Fault(
            "gate-failed",
            "A gate failed",
            f"{gate} {became} {self._stays()}{output}",
            "The next run tries it again. Train again with other settings or data, or change the gate.",
            self._change.desired.place_of(f"spec.gates.{number}"),
            str(self._change.address),
        )

    def _stays(self) -> str:
        live = self._change.supersedes if isinstance(self._change, Create) else self._change.live
        serves = live.outputs.get("model") if live else None
        return f"{serves} goes on serving." if serves else "Nothing is deployed."

    def _taken(self) -> Fault:
        return Fault(
            "name-taken",
            "The name is taken by an object that these manifests do not own",
            f"The gates need a candidate called {self.name}; a deployment of that name exists and is none. It is not changed. "
            + self._stays(),
            "Give the Deployment another `deployment_name`, or have that one deleted by whoever made it.",
            self._change.desired.place_of("spec.gates"),
            str(self._change.address),
        )


def is_tried(change: Create | Update | Replace) -> bool:
    """Return whether programs must be run before a change is made."""
    return gets_model(change) and any(True for _ in commands(change.desired))


def commands(desired: Desired) -> Iterator[tuple[int, CommandGate]]:
    """Yield the gates that run programs, with their numbers."""
    spec = desired.spec
    assert isinstance(spec, DeploymentSpec)
    return ((number, gate) for number, gate in enumerate(spec.gates) if isinstance(gate, CommandGate))


def candidate_name(desired: Desired) -> str:
    """Return the name of the candidate of a deployment."""
    return f"{stable_name(desired)}{SUFFIX}"


def with_candidates(desired: Desired, claim: Claim, view: View, is_ours: Callable[[Observed], bool]) -> Claim:
    """Claim the candidates of a deployment, also where its manifest has no gates any more: those that are left go away."""
    name = stable_name(desired).lower()
    for live in view.of(desired.address.kind):
        if live.facts["tags"].get(CANDIDATE, "").lower() != name or not is_ours(live):
            continue
        if moment_of(live.facts["tags"].get(UNTIL, "")) > view.now:
            claim = replace(claim, uses=(*claim.uses, live.id))
        else:
            claim = replace(claim, duplicates=(*claim.duplicates, live))
    return claim


def check_candidate(desired: Desired, declared: Mapping[Any, Desired]) -> Iterator[Fault]:
    """Report a name that leaves no room for the candidate's, or that another manifest has given away."""
    if not any(True for _ in commands(desired)):
        return
    name = candidate_name(desired)
    place, subject = desired.place_of("spec.gates"), str(desired.address)
    if len(name) > LONGEST:
        yield Fault(
            "name-too-long",
            "The name leaves no room for the name of a candidate",
            f"A gate with a `command` needs a deployment {name}, and Azure takes {LONGEST} characters.",
            f"Give it a `deployment_name` of at most {LONGEST - len(SUFFIX)} characters.",
            place,
            subject,
        )
    other = next(
        (
            item
            for item in declared.values()
            if item.address.kind == desired.address.kind
            and item.account == desired.account
            and stable_name(item).lower() == name.lower()
        ),
        None,
    )
    if other:
        yield Fault(
            "candidate-name-declared",
            "Another manifest declares the name that a candidate needs",
            f"{other.address} is called {name}, as the candidate of {desired.address} would be.",
            "Give one of them another `deployment_name`.",
            place,
            subject,
        )

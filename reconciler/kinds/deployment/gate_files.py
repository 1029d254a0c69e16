"""The programs that gates run: files of the repository, found like data and confined like it."""

from __future__ import annotations

import os
from dataclasses import replace

from reconciler.core.fault import Fault
from reconciler.core.resource import Desired
from reconciler.kind import Loaded, Workspace
from reconciler.kinds.deployment.gate_spec import CommandGate, Gate
from reconciler.kinds.deployment.spec import DeploymentSpec

_NO_FILE = (
    "A gate runs a file of this repository, relative to its manifest: begin a script with a line such as\n"
    "  #!/usr/bin/env python3\nand make it executable:\n  chmod +x FILE"
)


def found(desired: Desired, workspace: Workspace) -> Loaded:
    """Return the spec with each program as a path from the root, and what is wrong with those that cannot be run."""
    spec = desired.spec
    assert isinstance(spec, DeploymentSpec)
    if workspace.documents is None or not any(isinstance(gate, CommandGate) for gate in spec.gates):
        return Loaded()
    faults: list[Fault] = []
    gates: list[Gate] = []
    for number, gate in enumerate(spec.gates):
        if not isinstance(gate, CommandGate):
            gates.append(gate)
            continue
        path = workspace.documents.path(desired.place.file, gate.command[0])
        place = desired.place_of(f"spec.gates.{number}.command.0")
        if isinstance(path, Fault):
            remedy = path.remedy if path.remedy.startswith("Did you mean") else _NO_FILE
            summary = path.summary.replace("data file", "program")
            wrong = replace(
                path, code="gate-program", summary=summary, remedy=remedy, place=place, subject=str(desired.address)
            )
            faults.append(wrong)
        elif not os.access(workspace.root / path, os.X_OK):
            detail = f"{path} may not be executed."
            faults.append(
                Fault(
                    "gate-program",
                    "The program is not executable",
                    detail,
                    f"Make it executable, and commit that:\n  chmod +x {path}",
                    place,
                    str(desired.address),
                )
            )
        else:
            gates.append(gate.found(path, str(workspace.root)))
    return Loaded(faults=tuple(faults), spec=spec.model_copy(update={"gates": tuple(gates)}))

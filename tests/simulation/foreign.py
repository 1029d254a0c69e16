"""What is not ours in the account: made by hand or by another owner, alike to ours in name and in content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness import Azure
from portal import deploy, train, upload
from simulation.thrift import SCANS
from simulation.tree import Tree, seed_of

from reconciler.core.digest import FileName, file_digest, mark
from reconciler.core.plan import Options, Planner
from reconciler.core.resource import Address, World
from reconciler.kinds import REGISTRY
from reconciler.manifests import load

OWNER = "team-z"
ENDED = 300.0
"""Seconds after which a job has ended that is made when nothing else trains."""


def plant(azure: Azure, tree: Tree, folder: Path) -> dict[str, Any]:
    """Put it into an account; returns how each object is, by its name or id.

    Another owner has uploaded the data of a job that is declared, and has trained just that. By hand the same data was
    uploaded without a mark, and a training on it waits.
    """
    base, source = "2025-04-14", {"reconciler-owner": OWNER, "reconciler-source": "other"}
    deploy(azure, "handmade", "gpt-4.1-mini", version=base)
    azure.clock.sleep(10)
    deploy(azure, "others", "gpt-4.1-mini", version=base, tags=source)
    azure.clock.sleep(10)
    name, job = next(iter(tree.jobs.items()))
    data = (folder / f"manifests/data/{job.data}.jsonl").read_text()
    digest = file_digest(hashlib.sha256(data.encode()).hexdigest())
    others = upload(azure, str(FileName(f"{name}.training", digest, OWNER)), data)
    notes = upload(azure, f"{name}.training.jsonl", data)
    azure.clock.sleep(10)
    settings = {
        "seed": seed_of(name),
        "trainingType": "globalStandard",
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": job.epochs}}},
    }
    suffix = f"{mark(OWNER, _digest(folder, name))}-{name}"
    ended = train(azure, others, suffix=suffix, **settings)
    azure.clock.sleep(ENDED)
    waits = train(azure, notes, suffix=name, **settings)
    found = state(azure, ("handmade", "others", notes, others, ended, waits))
    assert len(found) == 6
    return found


def _digest(folder: Path, job: str) -> str:
    tree = load(folder / "manifests", REGISTRY, {}, SCANS, folder)
    planner = Planner(tree.desired, tree.accounts, World({}, {}, 0.0), REGISTRY, Options())
    return planner.digests[Address("FineTuneJob", job)][0]


def state(azure: Azure, known: Iterable[str]) -> dict[str, Any]:
    """Return these objects as they are; of a job what others can do to it."""
    account = azure.emulator.world.account("acme")
    found: dict[str, Any] = {one["name"]: one for one in azure.objects("deployments")}
    found |= {one.id: asdict(one) for one in account.files.values()}
    found |= {
        one.id: (one.suffix, one.cancelled, one.failed, one.pauses, one.deleted, one.model_deleted)
        for one in account.jobs.values()
    }
    return {name: found[name] for name in known if name in found}

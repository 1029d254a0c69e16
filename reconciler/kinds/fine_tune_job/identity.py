"""The spec digest of a job, and those that it would have with its base spelled in another way.

The digest holds the base as it was written, and that stays so: another rule would train every model anew. But the dated
and the undated name of a model are one model, and so is a name in another case. So where no job bears the mark of what
is declared, the marks are looked for that the same manifest has with another spelling. Nothing else may differ: such a
mark is as exact as the other one, and what Azure echoes must agree, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

from reconciler.core.digest import MARK_DIGEST_CHARS, short, spec_digest
from reconciler.core.resource import Address, Desired, Phase
from reconciler.core.rules import Digests, View
from reconciler.kinds.fine_tune_job.deployed import deployed_marks
from reconciler.kinds.fine_tune_job.observed import KIND
from reconciler.kinds.fine_tune_job.spec import DatasetRef, FileId, FineTuneJobSpec, JobRef, decides_weights
from reconciler.models import base_of, names_of

_LETTERS = re.compile(r"([A-Za-z]+)")
_MOST_RUNS = 5
"""Runs of letters in a name up to which the usual cases of each are tried: 3 of each, so 243 names at most."""


def digest_of(desired: Desired, parents: Digests) -> str:
    """Return the spec digest, by the rule there is."""
    return _digest(desired, next(_bases(desired, parents)), parents)


def digests_spelled_otherwise(desired: Desired, view: View) -> Iterator[str]:
    """Yield the digests with another spelling of the base whose marks an object of ours bears that nobody declares."""
    unclaimed = view.index("marks that nobody declares", lambda: _unclaimed(view))
    if not unclaimed:
        return
    for base in _bases(desired, view.digests):
        digest = _digest(desired, base, view.digests)
        if short(digest, MARK_DIGEST_CHARS) in unclaimed:
            yield digest


def _unclaimed(view: View) -> frozenset[str]:
    listed = {live.identity for live in view.of(KIND) if live.owner in view.owners and live.phase is not Phase.GONE}
    return frozenset(listed.union(deployed_marks(view)) - view.declared_parts(KIND))


def _digest(desired: Desired, base: object, parents: Digests) -> str:
    job = _spec(desired)
    training = _file_identity(job.training_file, parents)
    assert training is not None
    return spec_digest(decides_weights(job, base, training, _file_identity(job.validation_file, parents)))


def _bases(desired: Desired, parents: Digests) -> Iterator[object]:
    """Yield what the digest can hold of the base: first as it is written."""
    model = _spec(desired).model
    if isinstance(model, JobRef):
        for parent in parents.get(Address(KIND, model.job), ("",)):
            yield {"job": parent, "checkpoint": model.selector}
    elif isinstance(model, str):
        yield model
        yield from (spelled for spelled in spellings(model) if spelled != model)


def spellings(model: str) -> Iterator[str]:
    """Yield the names by which one version of a model is known, each in the cases in which people write it."""
    names = names_of(model) if base_of(model) == model else ()
    for name in dict.fromkeys((model, *names)):
        parts = _LETTERS.split(name)
        few = len(parts) // 2 <= _MOST_RUNS
        cases = [(part.lower(), part.upper(), part.capitalize()) if few else (part.lower(),) for part in parts]
        yield from dict.fromkeys(
            (name, *("".join(chosen) for chosen in product(*(dict.fromkeys(one) for one in cases))))
        )


def _file_identity(value: object, parents: Digests) -> str | None:
    match value:
        case DatasetRef(dataset=name):
            return parents[Address("Dataset", name)][0]
        case FileId(file_id=file_id):
            return f"file_id:{file_id}"
        case _:
            return None


def _spec(desired: Desired) -> FineTuneJobSpec:
    assert isinstance(desired.spec, FineTuneJobSpec)
    return desired.spec

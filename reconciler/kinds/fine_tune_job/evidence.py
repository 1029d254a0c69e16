"""What Azure shows of a file or a job, and what it does not, against what is declared."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.diff import FieldChange, differences
from reconciler.core.resource import Desired, Observed, Spec
from reconciler.kinds.fine_tune_job.observed import same_base
from reconciler.models import base_of


def unshown(want: Spec, have: Spec) -> tuple[str, ...]:
    """Say which declared fields Azure does not show of a job, so that nobody looks for the difference elsewhere."""
    missing = [change for change in differences(want, have, echoes_all=True) if change.before is None]
    # A block of which nothing is shown is one difference.
    paths = [
        name
        for change in missing
        for name in (sorted(change.after) if isinstance(change.after, Mapping) else [change.path])
    ]
    names = ", ".join(path.removeprefix("hyperparameters.") for path in paths)
    return (f"Azure does not show these settings of the earlier job, one of them may differ: {names}",) if names else ()


def other_file(field: str, file: Observed, dataset: Desired) -> list[FieldChange]:
    """Return how a file that somebody else uploaded differs from a declared one: in size, or in name if none is told."""
    content = dataset.content
    if isinstance(dataset.adopt, Mapping):
        return [FieldChange(field, file.id, dataset.adopt.get("file"))]
    if content is None:
        return []
    if file.facts.get("bytes"):
        return other_size(field, file, dataset)
    name, filename = content.path.rpartition("/")[2], str(file.facts.get("filename", ""))
    return [] if filename == name else [FieldChange(field, filename, name)]


def edited(field: str, file: Observed | None, dataset: Desired, taken: str | None) -> list[FieldChange]:
    """Return whether data that was downloaded has changed since.

    Whoever edits it expects a training: the id of the file alone would keep the old model in silence.
    """
    if taken and dataset.content:
        return edited_since(field, dataset)
    return [] if file is None else other_size(field, file, dataset)


def edited_since(field: str, dataset: Desired | None) -> list[FieldChange]:
    """Return whether data is another one than its manifest says was downloaded; nothing where it says nothing."""
    adopted = dataset.adopt if dataset else False
    taken = adopted.get("sha256") if isinstance(adopted, Mapping) else None
    if dataset is None or not dataset.content or not taken or dataset.content.digest == taken:
        return []
    return [FieldChange(field, f"sha256 {taken[:12]}…", f"sha256 {dataset.content.digest[:12]}…")]


def only_root(declared: str, shown: str, live: Observed) -> bool:
    """Return whether a model whose job is purged can have the declared base.

    Its name tells the base that training once began from (docs/azure.md, section 5), not the model that it went on from.
    """
    return bool(live.facts.get("model_only")) and base_of(declared) != declared and same_base(base_of(declared), shown)


def other_size(field: str, file: Observed, dataset: Desired) -> list[FieldChange]:
    """Return how a file differs in size from the declared data; nothing if one is not known."""
    content, size = dataset.content, file.facts.get("bytes")
    if content is None or not size or content.fits(int(size), returns=True):
        return []
    was, name = f"{file.facts.get('filename', '')} ({int(size)} bytes)", content.path.rpartition("/")[2]
    return [FieldChange(field, was, f"{name} ({content.bytes} bytes)")]

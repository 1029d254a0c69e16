"""The files of the repository that a job's method names: graders, their sources, response formats. Put in, and checked.

Once they are in, a spec says everything itself: digest, request and comparison need no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core.fault import Fault, Place
from reconciler.core.resource import Desired
from reconciler.kind import Documents, Loaded, Workspace
from reconciler.kinds.fine_tune_job.graders import (
    FromFile,
    GraderFile,
    Multi,
    OneGrader,
    PythonGrader,
    ResponseFormatFile,
    unix,
)
from reconciler.kinds.fine_tune_job.grading import check_grader
from reconciler.kinds.fine_tune_job.method import Reinforcement
from reconciler.kinds.fine_tune_job.spec import FineTuneJobSpec
from reconciler.kinds.fine_tune_job.templates import Finding

GRADER = "grader"


class Placed(Mapping[str, Place]):
    """The places of a manifest, and of the files that stand for some of its fields."""

    def __init__(self, base: Mapping[str, Place]) -> None:
        self._base = base
        self._files: dict[str, tuple[str, Mapping[str, Place]]] = {}

    def put(self, path: str, name: str, places: Mapping[str, Place]) -> None:
        """Say that the field at `path` stands in a file, which calls it `name`."""
        self._files[path] = name, places

    def __getitem__(self, path: str) -> Place:
        for prefix, (name, places) in sorted(self._files.items(), key=lambda item: -len(item[0])):
            if path == prefix or path.startswith(f"{prefix}."):
                return places[name + path[len(prefix) :]]
        return self._base[path]

    def __iter__(self) -> Iterator[str]:
        yield from self._base
        yield from self._files

    def __len__(self) -> int:
        return len(self._base) + len(self._files)


@dataclass
class _Reading:
    desired: Desired
    documents: Documents
    places: Placed
    faults: list[Fault] = field(default_factory=list)

    def method(self, method: Reinforcement) -> Reinforcement:
        changes = {GRADER: self._grader(method.grader), "response_format": self._response_format(method)}
        return method.model_copy(update=changes)

    def _response_format(self, method: Reinforcement) -> Any:
        value = method.response_format
        return self._file(ResponseFormatFile, "response_format", value.path) if isinstance(value, FromFile) else value

    def _grader(self, value: Any) -> Any:
        if value is None:
            return None
        beside = ""
        if isinstance(value, FromFile):
            beside = value.path
            value = self._file(GraderFile, GRADER, beside)
        if isinstance(value, Multi):
            parts = {name: self._source(part, f"graders.{name}.", beside) for name, part in value.graders.items()}
            value = value.model_copy(update={"graders": parts})
        elif value is not None:
            value = self._source(value, "", beside)
        if isinstance(value, OneGrader | Multi):
            self.faults += [fault_of(self.desired, self.places, found) for found in check_grader(value)]
        return value

    def _file(self, model: type[Any], name: str, path: str) -> Any:
        piece = self.documents.value(model, name, path, str(self.desired.address))
        self.faults += [replace(fault, subject=str(self.desired.address)) for fault in piece.faults]
        self.places.put(f"spec.method.{name}", name, piece.places or {name: Place(path)})
        return piece.value

    def _source(self, grader: Any, inside: str, beside: str) -> Any:
        """Put the source of a python grader in; a path in a grader's own file is relative to that file."""
        if not isinstance(grader, PythonGrader) or not isinstance(grader.source, FromFile):
            return grader
        path = grader.source.path
        at = f"{inside}source"
        found: str | Fault = self.documents.path(beside, path) if beside else path
        text = self.documents.text(found) if isinstance(found, str) else found
        if isinstance(text, Fault) or isinstance(found, Fault):
            assert isinstance(text, Fault)
            place = text.place or method_place(self.desired, self.places, f"{GRADER}.{at}")
            self.faults.append(replace(text, place=place, subject=str(self.desired.address)))
            return grader
        self.places.put(f"spec.method.{GRADER}.{at}", "source", {"source": Place(found)})
        return grader.model_copy(update={"source": unix(text)})


def put_in(desired: Desired, workspace: Workspace) -> Loaded:
    """Read what files a job's method names, and check its grader."""
    spec = desired.spec
    assert isinstance(spec, FineTuneJobSpec)
    if not isinstance(spec.method, Reinforcement) or workspace.documents is None:
        return Loaded()
    reading = _Reading(desired, workspace.documents, Placed(desired.places))
    method = reading.method(spec.method)
    changed = spec.model_copy(update={"method": method})
    return Loaded(faults=tuple(reading.faults), spec=changed, places=reading.places)


def method_place(desired: Desired, places: Mapping[str, Place], path: str) -> Place:
    """Return where a field below the method stands, or the nearest thing around it, in our shape or OpenAI's."""
    spec = desired.spec
    kind = spec.method.type if isinstance(spec, FineTuneJobSpec) else ""
    while path:
        for whole in (f"spec.method.{path}", f"spec.method.{kind}.{path}"):
            if whole in places:
                return places[whole]
        path = path.rpartition(".")[0]
    return desired.place_of("spec.method")


def fault_of(desired: Desired, places: Mapping[str, Place], found: Finding) -> Fault:
    """Return a finding of a grader as a fault, with its place."""
    path = f"{GRADER}.{found.path}" if found.path else GRADER
    place = method_place(desired, places, path)
    if found.line and not place.line:  # a file that is all source
        place = Place(place.file, found.line)
    detail = f"`method.{path}`: {found.detail[:1].lower()}{found.detail[1:]}" if found.path else found.detail
    return Fault(found.code, found.summary, detail, found.remedy, place, str(desired.address), found.severity)

"""Files in parts, as large ones are sent: what is small here is sent so too, and what is promised of it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from simulation.besides import told
from simulation.contents import Contents
from simulation.promises import Broken, Promises, Run
from simulation.serial import Serial

from reconciler.azure import uploads
from reconciler.emulator import Request, Response
from reconciler.emulator.records import FileRecord

UPLOADS = "/uploads"
"""The end of the path at which an upload is begun."""


def small(large: int, part: int) -> AbstractContextManager[Any]:
    """Have files of more than `large` bytes sent in parts of `part` bytes, one after the other."""
    return patch.multiple(uploads, LARGE=large, PART=part, ThreadPoolExecutor=Serial)


class Parts(Contents):
    """Looks at each upload."""

    def __init__(self, play: Promises) -> None:
        super().__init__(play)
        self._open: dict[str, Run] = {}
        """Uploads that a run was told of, and neither completed nor gave up."""

    def watch(self, request: Request, answer: Response, run: Run) -> None:
        """Look at what was begun, completed and given up."""
        super().watch(request, answer, run)
        if request.method != "POST" or UPLOADS not in request.path:
            return
        if request.path.endswith(UPLOADS):
            if self.is_carried_out and (begun := told(answer)):
                self._open[begun] = run
            return
        _, name, verb = request.path.rsplit("/", 2)
        if verb == "parts" and "may have at most" in answer.body.decode(errors="replace"):
            self.counts["seen: a part refused for its size"] += 1
        if verb == "cancel":
            # Whether it came to anything is not for the run to say: it ends by itself.
            self._open.pop(name, None)
            self.counts["seen: an upload in parts given up"] += 1
        if verb == "complete" and self.is_carried_out:
            self._open.pop(name, None)
            self.counts["seen: a file made of parts"] += 1

    def made(self, file: FileRecord, answer: Response, run: Run) -> None:
        """A file is made only when all of it has arrived."""
        del answer, run
        uploads = self.play.azure.emulator.world.account("acme").uploads.values()
        for name in (upload.filename for upload in uploads if upload.file == file.id):
            if not self.holds(file, name):
                raise Broken(f"an upload in parts made of {name} something else: {file.size} bytes")

    def ended(self, run: Run) -> None:
        """Nothing that a run began is left open by it."""
        left = [name for name, by in self._open.items() if by is run]
        if left:
            raise Broken(f"an upload in parts was left open: {left}")

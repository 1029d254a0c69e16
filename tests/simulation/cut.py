"""Names that Azure cuts, so that no later run would know the file by its name: it is taken back, and nothing trains on it."""

from __future__ import annotations

from simulation.besides import told
from simulation.contents import Contents
from simulation.promises import Broken, Promises, Run

from reconciler.core.digest import FileName
from reconciler.emulator import Request, Response
from reconciler.emulator.records import FileRecord


class Cut(Contents):
    """Looks at each file whose name was cut."""

    def __init__(self, play: Promises) -> None:
        super().__init__(play)
        self._mine: dict[str, Run] = {}
        """Those that a run made and was told of, and did not delete."""

    def watch(self, request: Request, answer: Response, run: Run) -> None:
        """Look at what is deleted."""
        super().watch(request, answer, run)
        if request.method == "DELETE" and self._mine.pop(request.path.rpartition("/")[2], None):
            # Whether it comes to anything is said.
            self.counts["seen: a file with a name that was cut taken back"] += 1

    def made(self, file: FileRecord, answer: Response, run: Run) -> None:
        """Note what no run would find again."""
        if FileName.parse(file.filename) is None and told(answer):
            self._mine[file.id] = run

    def ended(self, run: Run) -> None:
        """A run leaves nothing that none would find again."""
        left = [name for name, by in self._mine.items() if by is run]
        if left:
            raise Broken(f"what no run would find again was left: {left}")

    def check(self) -> None:
        """Count what stays: its answer was lost, its run was killed, or Azure did not delete it."""
        super().check()
        live = [one for one in self.files.values() if one.deleted is None and one.id not in self.play.foreign]
        stay = [one for one in live if one.purpose == "fine-tune" and FileName.parse(one.filename) is None]
        self.counts["seen: a file with a name that was cut that stays"] += len(stay)

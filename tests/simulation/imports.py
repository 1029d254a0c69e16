"""Data that Azure fetches from an address, and what is promised of it: what is not as declared is taken back."""

from __future__ import annotations

from simulation.besides import told
from simulation.contents import Contents
from simulation.promises import Broken, Promises, Run
from simulation.wires import READ_TIMEOUT

from reconciler.emulator import Request, Response
from reconciler.emulator.records import FileRecord

FILES = "/files/"
"""Before the id of a file in a path."""


class Imports(Contents):
    """Looks at each file that a run has had fetched."""

    def __init__(self, play: Promises) -> None:
        super().__init__(play)
        self._mine: dict[str, Run] = {}
        """Files that a run had fetched and was told of, and did not delete."""
        self._bad: dict[str, Run] = {}
        """Those that it has seen not to be as declared."""

    def watch(self, request: Request, answer: Response, run: Run) -> None:
        """Look at what a run learns of a file that it had fetched."""
        super().watch(request, answer, run)
        name = request.path.rpartition(FILES)[2].partition("/")[0]
        file = self.files.get(name)
        if file is None or self._mine.get(name) is not run:
            return
        if request.method == "DELETE":
            # Whether it comes to anything is said.
            del self._mine[name]
            self._bad.pop(name, None)
            self.counts["seen: a file that was fetched taken back"] += 1
        elif self._is_heard(request, answer) and not self.is_good(file):
            self._bad[name] = run

    def made(self, file: FileRecord, answer: Response, run: Run) -> None:
        """Note what was fetched, and whether the run knows."""
        if not file.imported:
            return
        self.counts["seen: a file that Azure fetched"] += 1
        if told(answer):
            self._mine[file.id] = run

    def ended(self, run: Run) -> None:
        """Nothing is left of what a run had fetched and saw not to be as declared."""
        left = [name for name, by in self._bad.items() if by is run]
        if left:
            raise Broken(f"what was fetched and is not as declared was left: {left}")

    def obey(self, said: str) -> None:
        """Delete what a person is told to delete."""
        for name, file in self.files.items():
            if name in said and "by hand" in said and file.deleted is None:
                self.play.azure.raw("DELETE", f"/acme/openai/v1/files/{name}")
                self.counts["seen: a file that a person was told to delete"] += 1

    def _is_heard(self, request: Request, answer: Response) -> bool:
        """Whether a run has read all of a file, or that Azure could not fetch it."""
        if request.path.endswith("/content"):
            is_lost = answer.drop or answer.truncate or answer.delay_s >= READ_TIMEOUT
            return answer.status == 200 and not is_lost
        return bool(told(answer)) and b'"error"' in answer.body

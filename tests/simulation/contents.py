"""What is promised of files, however they came to Azure: each holds what its name says, and is made once."""

from __future__ import annotations

import hashlib
from collections import Counter

from simulation.besides import Besides, told
from simulation.promises import BOM, JOBS, Broken, Run

from reconciler.core.digest import FileName, file_digest
from reconciler.emulator import Request, Response
from reconciler.emulator.records import FileRecord

MADE = ("/files", "/files/import", "/complete")
"""The ends of the paths at which a file is made."""


class Contents(Besides):
    """Looks at each file when it is made and trained on, and at those that are there in the end."""

    @property
    def files(self) -> dict[str, FileRecord]:
        """All that ever were."""
        return self.play.azure.emulator.world.account("acme").files

    def watch(self, request: Request, answer: Response, run: Run) -> None:
        """Nothing is trained on a file that does not hold what its name says, and no file is made a second time."""
        if request.method != "POST" or not self.is_carried_out:
            return
        if request.path.endswith(JOBS):
            job = [*self.play.azure.emulator.world.account("acme").jobs.values()][-1]
            for one in filter(None, (job.training_file, job.validation_file)):
                self.is_whole(self.files[one])
        if request.path.endswith(MADE):
            made = [*self.files.values()][-1]
            self.is_first(made)
            if told(answer) and not self.is_good(made):
                self.play.spoilt[made.id] = run
            self.made(made, answer, run)

    def made(self, file: FileRecord, answer: Response, run: Run) -> None:
        """Look at a file that a run has just made."""

    def check(self) -> None:
        """There is one file with each content."""
        good = [one for one in self._live() if self.is_good(one)]
        known = Counter(name.digest for one in good if (name := FileName.parse(one.filename)))
        if [digest for digest, count in known.items() if count > 1]:
            raise Broken(f"several files hold the same: {[one.filename for one in good]}")

    def is_first(self, file: FileRecord) -> None:
        """With lists that are current and no other process, a content is sent once, not once more and then deleted."""
        if self.play.late or self.play.racing:
            return
        name = FileName.parse(file.filename)
        for other in self._live():
            known = FileName.parse(other.filename)
            if name and known and other.id != file.id and known.digest == name.digest:
                raise Broken(f"{file.id} was made beside {other.id}: {file.filename}")

    def is_whole(self, file: FileRecord) -> None:
        """A file was not refused, and holds what its name says."""
        if not self.is_good(file):
            raise Broken(f"{file.filename} does not hold what its name says: {file.size} bytes {file.error or ''}")

    def is_good(self, file: FileRecord) -> bool:
        """Whether that is so."""
        return not file.error and self.holds(file, file.filename)

    def holds(self, file: FileRecord, filename: str) -> bool:
        """Whether a file holds what a name says."""
        name = FileName.parse(filename)
        content = self.play.azure.emulator.world.store.content(file.id).removeprefix(BOM)
        return name is not None and name.digest == file_digest(hashlib.sha256(content).hexdigest())

    def _live(self) -> list[FileRecord]:
        """Return what is there, is ours, and was not refused."""
        files = self.files.values()
        return [one for one in files if one.deleted is None and not one.error and one.id not in self.play.foreign]

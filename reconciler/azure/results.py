"""What a job leaves behind to be looked at: its result file, its checkpoints, its events. Only reads."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.azure.files import Files
from reconciler.azure.jobs import Jobs
from reconciler.azure.session import Session
from reconciler.azure.wire import Json

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of a result file that are read. Ten million steps would need more; the largest seen have some kilobytes."""


class Results:
    """The results of the jobs of one account."""

    def __init__(self, session: Session) -> None:
        self._files = Files(session)
        self._jobs = Jobs(session)

    def content(self, file_id: str, most: int = MOST_BYTES) -> Content:
        """Return the bytes of a result file, to be read as they come in."""
        return Content(self._files.content(file_id), most)

    def checkpoints(self, job_id: str) -> list[Json]:
        """Return the checkpoints of a job as Azure shows them."""
        return self._jobs.checkpoints(job_id)

    def events(self, job_id: str) -> list[Json]:
        """Return the events of a job, oldest first."""
        return self._jobs.events(job_id)


class Content:
    """The bytes of a file, up to a limit. `cut_off` says afterwards whether there were more."""

    def __init__(self, chunks: Iterator[bytes], most: int) -> None:
        self._chunks = chunks
        self._left = most
        self.cut_off = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes; what is beyond the limit is not fetched."""
        try:
            for chunk in self._chunks:
                yield chunk[: self._left]
                self._left -= len(chunk)
                if self._left < 0:
                    self.cut_off = True
                    return
        finally:
            close = getattr(self._chunks, "close", None)
            if close:
                close()

"""Large files in parts (`/uploads`): begun, sent two parts at a time, completed once, or given up.

An upload is nothing until it is completed, and ends by itself after two hours; so beginning one and sending a part may be
repeated, and only `complete` is a create. A project endpoint has no uploads: they go to the resource around it.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol

from reconciler.azure.caller import read_object
from reconciler.azure.errors import AzureError
from reconciler.azure.files import PURPOSE
from reconciler.azure.session import TRANSFER_TIMEOUT, Session
from reconciler.azure.surfaces import place_for
from reconciler.azure.wire import Json, text
from reconciler.core.runtime import Meter

LARGE = 100 * 1024 * 1024
"""Bytes on the wire above which a file is sent in parts: larger ones sent whole are reported to fail (docs/azure.md)."""
PART = 64 * 1024 * 1024
"""Bytes of a part."""
WORKERS = 2
"""Parts sent at once; each is held in memory while it is."""
_MIME = "application/json"
_LAST_WORDS = 5.0
"""Seconds that giving up may take when a person has pressed Ctrl-C."""


class Stream(Protocol):
    """What is sent: `read` returns at most so many bytes, b"" only at the end."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes."""
        ...


class Uploads:
    """The uploads in parts of one account."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._calls = session.data_calls
        self._open: set[str] = set()
        session.when_abandoned(self._give_all_up)

    def _client(self) -> Any:
        place = place_for("uploads", self._session.api, is_project=self._session.is_project)
        return self._session.data_client(place.api, at_resource=place.at_resource).uploads

    def begin(self, filename: str, size: int) -> str | None:
        """Begin an upload and return its id; None if the endpoint has no uploads."""
        doing = f"beginning the upload of {filename}"

        def send() -> Json:
            raw = self._client().with_raw_response
            return read_object(raw.create(filename=filename, bytes=size, mime_type=_MIME, purpose=PURPOSE), doing)

        try:
            upload_id = text(self._calls.safely(doing, send), "id")
        except AzureError as error:
            if error.status in {404, 405}:
                return None
            raise
        self._open.add(upload_id)
        return upload_id

    def send(self, upload_id: str, content: Stream, meter: Meter) -> list[str]:
        """Send all of the content and return the ids of its parts in order; raises what reading the content raises."""
        workers = WORKERS if self._session.runtime.parallel else 1
        free = threading.Semaphore(workers)
        lock = threading.Lock()
        sent: list[Future[str]] = []

        def task(number: int, slot: list[_Part]) -> str:
            try:
                # The part leaves the slot, so that nothing but the call holds it.
                return self._send_part(upload_id, number, slot.pop())
            finally:
                free.release()

        with ThreadPoolExecutor(workers, thread_name_prefix="upload") as pool:
            try:
                while True:
                    free.acquire()
                    for future in sent:
                        if future.done():
                            future.result()
                    slot = [_Part(meter, lock)]
                    if not slot[0].fill(content):
                        return [future.result() for future in sent]
                    sent.append(pool.submit(task, len(sent) + 1, slot))
            except BaseException:
                for future in sent:
                    future.cancel()
                raise

    def _send_part(self, upload_id: str, number: int, part: _Part) -> str:
        doing = f"sending part {number} of {upload_id}"

        def send() -> Json:
            part.rewind()
            raw = self._client().parts.with_raw_response
            data = (f"part-{number}", part, "application/octet-stream")
            return read_object(raw.create(upload_id, data=data, timeout=TRANSFER_TIMEOUT), doing)

        return text(self._calls.safely(doing, send), "id")

    def complete(self, upload_id: str, part_ids: list[str]) -> Json:
        """Make a file of the parts: called once, never repeated by itself; returns the upload, which holds the file."""
        doing = f"completing {upload_id}"
        raw = self._client().with_raw_response
        done = self._calls.once(doing, lambda: read_object(raw.complete(upload_id, part_ids=part_ids), doing))
        self._open.discard(upload_id)
        return done

    def give_up(self, upload_id: str, timeout: float | None = None) -> bool:
        """Cancel an upload as well as can be; returns whether Azure says that it is cancelled, so that no file is made of it."""
        self._open.discard(upload_id)
        more = {"timeout": timeout} if timeout else {}
        doing = f"cancelling {upload_id}"
        raw = self._client().with_raw_response
        make: Callable[[], Json] = lambda: read_object(raw.cancel(upload_id, **more), doing)  # noqa: E731
        with suppress(AzureError):
            ended = self._calls.once(doing, make) if timeout else self._calls.safely(doing, make)
            return text(ended, "status").lower() in {"cancelled", "canceled"}
        return False

    def _give_all_up(self) -> None:
        for upload_id in list(self._open):
            self.give_up(upload_id, _LAST_WORDS)


class _Part(io.BytesIO):
    """One part, metered while it is sent; sent again, it counts once."""

    def __init__(self, meter: Meter, lock: threading.Lock) -> None:
        super().__init__()
        self._meter = meter
        self._lock = lock
        self._counted = 0

    def fill(self, content: Stream) -> bool:
        """Read on until the part is full or the content ends; returns whether there is anything in it."""
        while (missing := PART - self.tell()) > 0 and (data := content.read(missing)):
            self.write(data)
        return self.tell() > 0

    def rewind(self) -> None:
        """Go back to the start, and take back what was counted."""
        self.seek(0)
        self._count(-self._counted)

    def _count(self, size: int) -> None:
        with self._lock:
            self._meter.done += size
            self._counted += size

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on, and note how far."""
        data = super().read(size)
        self._count(len(data))
        return data

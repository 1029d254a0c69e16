"""How the bytes of a Dataset get to Azure: in one request, in parts, or fetched by Azure itself from an address.

What makes a file (`POST /files`, `complete`, `import`) is never sent blindly again: after an answer that does not say
whether it was carried out, the list is read first.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from reconciler.azure import uploads as parts
from reconciler.azure.blobs import content_url
from reconciler.azure.errors import AzureError
from reconciler.azure.files import Files
from reconciler.azure.session import Session
from reconciler.azure.uploads import Uploads
from reconciler.azure.wire import Json, mapping, text
from reconciler.core.change import Create
from reconciler.core.digest import FileName, file_digest
from reconciler.core.fault import Fault
from reconciler.core.resource import Content, Observed
from reconciler.datasets import WHOLE_LIMIT, DataChanged, wire_size
from reconciler.kinds.dataset.content import Outgoing
from reconciler.kinds.dataset.spec import DatasetSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

ATTEMPTS = 4
"""How often a file is sent when no answer says whether it arrived, each time after a look."""
_BEGIN_ANEW = "No file was made of the parts. Run the command again: it sends them anew."
NO_PARTS = "sent in one request: the endpoint takes no uploads in parts"


class Transfer:
    """Sends files of one account. `find` looks for a file with the content that a change is about."""

    def __init__(
        self,
        session: Session,
        files: Files,
        find: Callable[[Create], Observed | None],
        observed: Callable[[Json], Observed],
    ) -> None:
        self._session = session
        self._files = files
        self._uploads = Uploads(session)
        self._find = find
        self._observed = observed

    def send(self, change: Create) -> tuple[Observed, bool]:
        """Send the local file; returns what is there, and whether it is certain that this call made it."""
        content = change.desired.content
        assert content is not None
        assert isinstance(change.after, DatasetSpec)
        size = wire_size(content.bytes, change.after.encoding)
        if size <= parts.LARGE:
            return self._send_whole(change, content)
        upload_id = self._uploads.begin(self._filename(change), size)
        if upload_id is None:
            if size >= WHOLE_LIMIT:
                raise _no_parts(change, size)
            live, ours = self._send_whole(change, content)
            return replace(live, facts={**live.facts, "notice": NO_PARTS}), ours
        try:
            return self._send_in_parts(change, content, upload_id)
        except BaseException:
            # Nothing was made of it, or the next run finds what was: in both cases the parts are of no more use.
            self._uploads.give_up(upload_id)
            raise

    def fetch(self, change: Create) -> tuple[Observed, bool]:
        """Have Azure fetch the file; returns what is there (on its way), and whether it is certain that this call made it."""
        assert isinstance(change.after, DatasetSpec)
        source = change.after.source
        assert source.url is not None
        filename = self._filename(change)
        try:
            address = content_url(self._session, source.url, source.sas)
        except AzureError as error:
            error.faults = tuple(_about(change, fault, "spec.source") for fault in error.faults)
            raise
        return self._made(change, lambda: self._files.import_from(filename, address.value))

    def _filename(self, change: Create) -> str:
        return str(FileName(change.address.name, file_digest(change.digest), self._session.account.spec.owner))

    def _send_whole(self, change: Create, content: Content) -> tuple[Observed, bool]:
        filename = self._filename(change)

        def attempt() -> Json:
            with self._outgoing(change, content) as stream:
                return self._files.upload(filename, stream)

        return self._made(change, attempt)

    def _send_in_parts(self, change: Create, content: Content, upload_id: str) -> tuple[Observed, bool]:
        with self._outgoing(change, content, by_reading=False) as stream:
            # The stream ends well only if all of it had the digest that was planned; before that nothing is completed.
            ids = self._uploads.send(upload_id, stream, stream.meter)
        unsure = False

        def attempt() -> Json:
            nonlocal unsure
            try:
                done = self._uploads.complete(upload_id, ids)
            except AzureError as error:
                # After an answer that was lost, a refusal may mean that there is nothing left to complete.
                error.ambiguous = error.ambiguous or (unsure and error.status in {400, 404, 409})
                unsure = True
                if error.status == 400 and not error.ambiguous:
                    error.faults = tuple(replace(fault, remedy=fault.remedy or _BEGIN_ANEW) for fault in error.faults)
                raise
            return self._file_of(done, change)

        live, ours = self._made(change, attempt)
        self._check_in_sight(change, live)
        return live, ours

    def _file_of(self, upload: Json, change: Create) -> Json:
        file = mapping(upload, "file")
        if text(file, "id"):
            return file
        detail = f"{text(upload, 'id')} is completed, and the answer names no file."
        remedy = "Run the command again: it looks for the file first."
        fault = Fault("upload-without-file", "Azure completed the upload and told no file", detail, remedy)
        raise AzureError(_about(change, fault), ambiguous=True)

    def _check_in_sight(self, change: Create, live: Observed) -> None:
        """A file that was made through the resource must be there for the project too: jobs are created there."""
        if not self._session.is_project:
            return
        try:
            self._files.get(live.id)
        except AzureError as error:
            if not error.is_absent:
                raise
            self._files.delete(live.id, at_resource=True)
            fault = Fault(
                "upload-out-of-sight",
                "The project does not see what was uploaded to its resource",
                f"{live.id} was made at the resource, and the project's endpoint does not know it; it was deleted at once.",
                "Use the endpoint of the resource, without `/api/projects/…`, as `endpoint` of the Account.",
            )
            raise AzureError(_about(change, fault)) from error

    def _made(self, change: Create, attempt: Callable[[], Json]) -> tuple[Observed, bool]:
        """Make a file; after an answer that may mean anything, look before it is tried again."""
        clock = self._session.runtime.clock
        waits = self._session.runtime.backoff(first=1.0, longest=8.0)
        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                return self._observed(attempt()), True
            except AzureError as error:
                if _caused_by_change(error):
                    raise changed(change) from error
                if not error.ambiguous:
                    raise
                clock.sleep(max(next(waits), error.retry_after or 0))
                found = self._find(change)
                if found:
                    return found, False
                if not attempts_left:
                    raise
        raise AssertionError("unreachable")

    @contextmanager
    def _outgoing(self, change: Create, content: Content, *, by_reading: bool = True) -> Iterator[Outgoing]:
        """Open the data for sending, with a meter that counts what is read or, in parts, what is sent."""
        subject = str(change.address)
        assert isinstance(change.after, DatasetSpec)
        meter = self._session.meters.open(subject, content.bytes, self._session.runtime.clock.now())
        try:
            with _readable(content.path, subject) as file:
                yield Outgoing(file, content, change.after.encoding, meter, counts=by_reading)
        except DataChanged as error:
            raise changed(change) from error
        finally:
            self._session.meters.close(subject)


@contextmanager
def _readable(path: str, subject: str) -> Iterator[BinaryIO]:
    try:
        with Path(path).open("rb") as file:
            yield file
    except DataChanged:
        raise
    except OSError as error:
        detail = f"{path}: {error.strerror}"
        raise AzureError(Fault("data-unreadable", "The data file cannot be read", detail, subject=subject)) from error


def _caused_by_change(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DataChanged):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _about(change: Create, fault: Fault, path: str = "") -> Fault:
    place = change.desired.place_of(path) if path else change.desired.place
    return replace(fault, place=fault.place or place, subject=str(change.address))


def changed(change: Create) -> AzureError:
    """Say that the data is no longer what was planned."""
    fault = Fault(
        "data-changed",
        "The data changed while it was being sent",
        "The upload was broken off; nothing was registered.",
        "Run the command again when the file is at rest.",
    )
    return AzureError(_about(change, fault))


def _no_parts(change: Create, size: int) -> AzureError:
    fault = Fault(
        "upload-too-large",
        "The endpoint takes no file of this size",
        f"{size:,} bytes; it has no uploads in parts, and one request carries less than {WHOLE_LIMIT:,}.",
        "Use the endpoint of the resource, without `/api/projects/…`, as `endpoint` of the Account, or a smaller file.",
    )
    return AzureError(_about(change, fault))

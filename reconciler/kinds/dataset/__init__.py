"""Dataset: a file of training examples, found again by the digest of its canonical bytes.

The digest is carried by the uploaded file's name (`<name>.<26 of digest>.<owner>.jsonl`), because Azure keeps no hash
of a file (docs/azure.md, section 3). The name is a hint: size at plan time, and the content itself before money is
spent or the file is deleted, are the evidence.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from reconciler.azure.errors import AzureError, scrub
from reconciler.azure.files import Files
from reconciler.azure.jobs import Jobs
from reconciler.azure.session import Session
from reconciler.azure.wire import Json, number, text
from reconciler.core.account import Account
from reconciler.core.change import Create, Delete, Update
from reconciler.core.digest import FileName, file_digest
from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Block, Desired, LocalPath, Observed, Phase, Spec, World
from reconciler.core.rules import Claim, Digests, Resolved, View
from reconciler.datasets import DataChanged
from reconciler.kind import Kind, Loaded, Workspace
from reconciler.kinds.dataset.content import Outgoing, canonical, inspect_file

_PHASES: Mapping[str, Phase] = {
    "processed": Phase.READY,
    "uploaded": Phase.SETTLING,
    "pending": Phase.SETTLING,
    "running": Phase.SETTLING,
    "error": Phase.FAILED,
    "deleting": Phase.GONE,
    "deleted": Phase.GONE,
}
BOM_BYTES = 3
UPLOAD_ATTEMPTS = 4
"""How often a file is sent when no answer says whether it arrived, each time after a look."""


class Source(Block):
    """Where the examples come from."""

    path: Annotated[str, LocalPath()] = Field(description="Path of a JSONL file, relative to the manifest.")


class DatasetSpec(Spec):
    """A file of training or validation examples."""

    source: Source = Field(description="Where the examples come from.")
    format: Literal["chat"] | None = Field(default=None, description="Asserts the format, which is else detected.")
    encoding: Literal["utf-8-bom", "utf-8"] = Field(
        default="utf-8-bom",
        description="How the file is sent. Not part of its identity: it never causes an upload or a training.",
    )


class DatasetKind(Kind):
    """Files of examples."""

    name: ClassVar[str] = "Dataset"
    spec: ClassVar[type[Spec]] = DatasetSpec
    word: ClassVar[str] = "upload"
    on_demand: ClassVar[bool] = True
    echoes_all: ClassVar[bool] = False
    updatable: ClassVar[bool] = False
    prune: ClassVar[str] = "datasets"

    def connect(self, session: Session) -> DatasetGateway:
        """Return the gateway to one account's files."""
        return DatasetGateway(session)

    def inspect(self, desired: Desired, workspace: Workspace) -> Loaded:
        """Read and validate the data, once."""
        return inspect_file(desired, _spec(desired).source.path, _spec(desired).format, workspace)

    def digests(self, desired: Desired, parents: Digests) -> tuple[str, ...]:
        """Return the digest of the content; there is one version of the rule."""
        del parents
        return (desired.content.digest,) if desired.content else ("0" * 64,)

    def claim(self, desired: Desired, view: View, refs: Resolved) -> Claim:
        """Find the file with this content: ready ones first, then the oldest."""
        del refs
        if isinstance(desired.adopt, Mapping):
            return self._adopt(desired, view)
        identity = file_digest(view.digests[desired.address][0])
        found = [
            live
            for live in view.by_identity(self.name, identity)
            if live.owner in view.owners and _has_size(desired, live) and live.phase is not Phase.GONE
        ]
        if not found:
            return Claim()
        best = min(found, key=lambda live: (_rank(live), live.created_at, live.id))
        if best.phase is Phase.FAILED:
            return Claim(live=best, stuck=_refused(desired, best))
        return Claim(live=best)

    def _adopt(self, desired: Desired, view: View) -> Claim:
        adopted = desired.adopt if isinstance(desired.adopt, Mapping) else {}
        live = view.by_id(str(adopted.get("file", "")))
        if live is None or live.kind != self.name:
            detail, remedy = "There is no such file in the account.", "Correct the id, or remove `adopt` to upload."
        elif not _has_size(desired, live):
            detail = f"{live.id} has {live.facts.get('bytes')} bytes; the declared data has another size."
            remedy = "Declare the data that was uploaded, or remove `adopt` to upload anew."
        else:
            return Claim(live=live)
        place = desired.place_of("metadata.adopt")
        return Claim(
            stuck=Fault("adopt-differs", "The file cannot be adopted", detail, remedy, place, str(desired.address))
        )

    def is_ours(self, live: Observed, account: Account) -> bool:
        """Return whether the file's name bears our mark."""
        return bool(live.identity) and live.owner in account.spec.owners

    def in_use(self, live: Observed, world: World, account: str) -> bool:
        """Return whether a job that has not ended still reads the file."""
        jobs = world.of(account, "FineTuneJob")
        return any(job.phase is Phase.WORKING and live.id in job.facts.get("files", ()) for job in jobs)


@dataclass
class _Upload:
    """One upload of a content in this run; a second resource with the same content waits for it."""

    lock: threading.Lock
    live: Observed | None = None


class DatasetGateway:
    """The files of one account."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._files = Files(session)
        self._jobs = Jobs(session)
        self._uploads: dict[str, _Upload] = {}
        self._lock = threading.Lock()
        self._verified: set[str] = set()

    def observe(self) -> Sequence[Observed]:
        """List the files that can be trained on."""
        return [self._observed(body) for body in self._files.fresh.get()]

    def create(self, change: Create, refs: Mapping[Address, Observed]) -> Observed:
        """Upload the file unless one with its content exists; one content is uploaded once."""
        del refs
        with self._lock:
            upload = self._uploads.setdefault(change.digest, _Upload(threading.Lock()))
        with upload.lock:
            if upload.live is None:
                upload.live = self._find(change) or self._send(change)
            return upload.live

    def update(self, change: Update) -> Observed:
        """Never called: a file cannot be changed."""
        return change.live

    def delete(self, change: Delete) -> Observed:
        """Delete the file, if its content is what its name says."""
        live = change.live
        now = self.refresh(live)
        if now.phase is Phase.GONE:
            return now
        self._check_unused(live)
        self._prove(live, live.identity)
        try:
            self._files.delete(live.id)
        except AzureError as error:
            if not error.is_absent:
                raise
        return replace(live, phase=Phase.GONE)

    def refresh(self, live: Observed) -> Observed:
        """Look at one file again."""
        try:
            return self._observed(self._files.get(live.id))
        except AzureError as error:
            if error.is_absent:
                return replace(live, phase=Phase.GONE)
            raise

    def verify(self, desired: Desired, live: Observed) -> None:
        """Read the file back and compare its content with the declared data, unless this run uploaded it."""
        if self._session.trust_files or live.id in self._verified or not desired.content:
            return
        self._prove(live, file_digest(desired.content.digest))
        self._verified.add(live.id)

    def progress(self, live: Observed) -> str:
        """Nothing to say: it settles in seconds."""
        del live
        return ""

    def _check_unused(self, live: Observed) -> None:
        """Look once more before a deletion: a job that was started since the plan was made may read the file."""
        for body in self._jobs.fresh.get():
            ended = text(body, "status").lower() in {"succeeded", "failed", "cancelled", "canceled"}
            if not ended and live.id in {text(body, "training_file"), text(body, "validation_file")}:
                raise AzureError(
                    Fault(
                        "file-in-use",
                        "A job that has not ended reads the file",
                        f"{live.id} is a file of {text(body, 'id')}; it is not deleted.",
                        "Run the command again when the job has ended.",
                    ),
                    status=409,
                )

    def _prove(self, live: Observed, identity: str) -> None:
        sha = hashlib.sha256()
        for chunk in canonical(self._files.content(live.id)):
            sha.update(chunk)
        if file_digest(sha.hexdigest()) != identity:
            raise AzureError(
                Fault(
                    "file-content-differs",
                    "A file bears our name and holds other bytes",
                    f"{live.id} ({live.facts.get('filename')}) is not what its name says; it is not used and not deleted.",
                    f"Look at who uploaded it, delete it by hand, and run again:\n  az rest or the portal: file {live.id}",
                ),
                status=409,
            )

    def _find(self, change: Create) -> Observed | None:
        identity = file_digest(change.digest)
        for body in self._files.fresh.get():
            if identity not in text(body, "filename"):
                continue
            live = self._observed(body)
            same = live.identity == identity and live.owner in self._session.account.spec.owners
            if same and live.phase in {Phase.READY, Phase.SETTLING} and _has_size(change.desired, live):
                return live
        return None

    def _send(self, change: Create) -> Observed:
        spec = change.after
        assert isinstance(spec, DatasetSpec)
        owner = self._session.account.spec.owner
        filename = str(FileName(change.address.name, file_digest(change.digest), owner))
        clock = self._session.runtime.clock
        waits = self._session.runtime.backoff(first=1.0, longest=8.0)
        for attempts_left in reversed(range(UPLOAD_ATTEMPTS)):
            try:
                live = self._observed(self._upload(filename, change, spec))
            except AzureError as error:
                if _caused_by_change(error):
                    raise _changed(change) from error
                if not error.ambiguous:
                    raise
                # The file may be there though the answer says otherwise: look before it is sent again.
                clock.sleep(max(next(waits), error.retry_after or 0))
                found = self._find(change)
                if found:
                    return found
                if not attempts_left:
                    raise
            else:
                if not _has_size(change.desired, live):
                    raise self._not_as_sent(change, live)
                self._verified.add(live.id)
                return live
        raise AssertionError("unreachable")

    def _not_as_sent(self, change: Create, live: Observed) -> AzureError:
        """Take back a file that Azure did not store as it was sent: it would not be found again, and sent in every run."""
        self._files.delete(live.id)
        sent = change.desired.content.bytes if change.desired.content else 0
        return AzureError(
            Fault(
                "file-not-as-sent",
                "Azure stored another number of bytes than it was sent",
                f"{live.id}: {sent} bytes were sent, {live.facts.get('bytes')} are stored; it was deleted at once.",
                "Try the other `encoding`. Please report it: no known answer of Azure does this.",
                change.desired.place,
                str(change.address),
            )
        )

    def _upload(self, filename: str, change: Create, spec: DatasetSpec) -> Json:
        content = change.desired.content
        assert content is not None
        subject = str(change.address)
        meter = self._session.meters.open(subject, content.bytes, self._session.runtime.clock.now())
        try:
            with Path(content.path).open("rb") as file:
                return self._files.upload(filename, Outgoing(file, content, spec.encoding, meter))
        except DataChanged as error:
            raise _changed(change) from error
        except OSError as error:
            detail = f"{content.path}: {error.strerror}"
            raise AzureError(
                Fault("data-unreadable", "The data file cannot be read", detail, subject=subject)
            ) from error
        finally:
            self._session.meters.close(subject)

    def _observed(self, body: Json) -> Observed:
        filename = text(body, "filename")
        parsed = FileName.parse(filename)
        status = text(body, "status").lower()
        return Observed(
            kind=DatasetKind.name,
            account=self._session.account.name,
            id=text(body, "id"),
            name=parsed.name if parsed else filename,
            phase=_PHASES.get(status, Phase.SETTLING if status else Phase.READY),
            spec=DatasetSpec.model_construct(source=Source.model_construct(path="")),
            status=status,
            identity=parsed.digest if parsed else "",
            owner=parsed.owner if parsed else "",
            created_at=number(body, "created_at") or 0,
            outputs={"file_id": text(body, "id")},
            facts={"filename": filename, "bytes": number(body, "bytes")},
            reason=scrub(text(body, "status_details")),
        )


def _spec(desired: Desired) -> DatasetSpec:
    assert isinstance(desired.spec, DatasetSpec)
    return desired.spec


def _rank(live: Observed) -> int:
    return {Phase.READY: 0, Phase.SETTLING: 1}.get(live.phase, 2)


def _has_size(desired: Desired, live: Observed) -> bool:
    """Whether the live file can hold the declared data: about its size, or not told (null, or 0 before processing).

    A BOM and a final line feed may come or go on the way. The content is proven before money is spent on it.
    """
    size = live.facts.get("bytes")
    if not size or not desired.content:
        return True
    return bool(abs(size - desired.content.bytes) <= BOM_BYTES + 1)


def _refused(desired: Desired, live: Observed) -> Fault:
    return Fault(
        "file-refused",
        "Azure could not process the file",
        f"{live.id}: {live.reason or live.status}",
        "Correct the data; or, if Azure was at fault, delete the file and run again.",
        desired.place,
        str(desired.address),
    )


def _caused_by_change(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DataChanged):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _changed(change: Create) -> AzureError:
    return AzureError(
        Fault(
            "data-changed",
            "The data changed while it was being sent",
            "The upload was broken off; nothing was registered.",
            "Run the command again when the file is at rest.",
            change.desired.place,
            str(change.address),
        )
    )

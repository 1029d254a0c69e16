"""The files of one account: found by the digest in their names, proven by their content."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.azure.errors import AzureError, scrub
from reconciler.azure.files import Files
from reconciler.azure.jobs import Jobs
from reconciler.azure.session import Session
from reconciler.azure.wire import Json, moment, number, text
from reconciler.core.change import Create, Delete, Update
from reconciler.core.digest import FileName, file_digest
from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Desired, Observed, Phase
from reconciler.datasets import wire_size
from reconciler.kind import FOUND, READ_EXAMPLES, READ_FORMAT, READ_KEYS
from reconciler.kinds.dataset.content import canonical, first_errors, no_data, read_remote
from reconciler.kinds.dataset.spec import DatasetSpec, Source, content_digest, spec_of
from reconciler.kinds.dataset.transfer import Transfer

KIND = "Dataset"
_PHASES: Mapping[str, Phase] = {
    "processed": Phase.READY,
    "uploaded": Phase.SETTLING,
    "pending": Phase.SETTLING,
    "running": Phase.SETTLING,
    "error": Phase.FAILED,
    "deleting": Phase.GONE,
    "deleted": Phase.GONE,
}


@dataclass
class _Upload:
    """One upload of a content in this run; a second resource with the same content waits for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    live: Observed | None = None


@dataclass
class _Import:
    """One import of this run: checked once, as soon as it is there."""

    change: Create
    lock: threading.Lock = field(default_factory=threading.Lock)
    result: Observed | AzureError | None = None


class DatasetGateway:
    """The files of one account."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._files = Files(session)
        self._jobs = Jobs(session)
        self._transfer = Transfer(session, self._files, self._find, self._observed)
        self._uploads: dict[str, _Upload] = {}
        self._imports: dict[str, _Import] = {}
        self._lock = threading.Lock()
        self._verified: set[str] = set()
        self._notices: dict[str, str] = {}
        """What is worth telling of files that this run made, by their ids."""
        self._read: dict[str, Mapping[str, object]] = {}
        """What files held that this run has read, by their ids."""

    def observe(self) -> Sequence[Observed]:
        """List the files that can be trained on."""
        return [self._observed(body) for body in self._files.fresh.get()]

    def create(self, change: Create, refs: Mapping[Address, Observed]) -> Observed:
        """Upload or import the file unless one with its content exists; one content is sent once."""
        del refs
        with self._lock:
            upload = self._uploads.setdefault(change.digest, _Upload())
        with upload.lock:
            if upload.live is None:
                found = self._find(change)
                upload.live = replace(found, facts={**found.facts, FOUND: True}) if found else self._make(change)
        return self._checked(upload.live)

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
        if now.phase is not Phase.FAILED or now.facts.get("bytes"):  # of a failed import there is nothing to prove
            self._prove(live, live.identity)
        try:
            self._files.delete(live.id)
        except AzureError as error:
            if not error.is_absent:
                raise
        return replace(live, phase=Phase.GONE)

    def refresh(self, live: Observed) -> Observed:
        """Look at one file again; what this run imported is checked once it is there."""
        try:
            return self._checked(self._observed(self._files.get(live.id)))
        except AzureError as error:
            if error.is_absent:
                return replace(live, phase=Phase.GONE)
            raise

    def verify(self, desired: Desired, live: Observed) -> Observed:
        """Read the file back and compare it with what is declared, unless this run uploaded it or has read it.

        Of one that is only named, the examples are looked at; one that this run imported is taken back if it differs.
        """
        self._checked(live)
        self._verify(desired, live)
        return replace(live, facts={**live.facts, **self._read.get(live.id, {})})

    def _verify(self, desired: Desired, live: Observed) -> None:
        digest = content_digest(desired)
        if self._session.trust_files or live.id in self._verified:
            return
        if desired.content and digest:
            self._prove(live, file_digest(digest))
        else:
            fault = self._wrong_with(desired, live, digest)
            if fault:
                detail = f"{fault.detail} Nothing was trained on it, and it was not deleted."
                raise AzureError(replace(fault, detail=detail), status=409)
        self._verified.add(live.id)

    def progress(self, live: Observed) -> str:
        """Nothing to say: it settles in seconds."""
        del live
        return ""

    # Making

    def _make(self, change: Create) -> Observed:
        remote = spec_of(change.desired).source.url is not None
        live, ours = self._transfer.fetch(change) if remote else self._transfer.send(change)
        if "notice" in live.facts:
            self._notices[live.id] = live.facts["notice"]
        if not ours:
            # Found after an answer that was lost: it may be another run's, and is proven before it is trained on.
            return live
        self._check_name(change, live)
        if remote:
            self._imports[live.id] = _Import(change)
        elif not has_size(change.desired, live):
            raise self._taken_back(change, live, *_other_size(change, live))
        else:
            self._verified.add(live.id)
        return live

    def _check_name(self, change: Create, live: Observed) -> None:
        sent = file_digest(change.digest)
        if live.identity == sent and live.owner == self._session.account.spec.owner:
            return
        name = live.facts.get("filename")
        detail = f"{live.id} bears the name {name}, which does not tell its content, so that no run would find it again"
        raise self._taken_back(change, live, detail, "If it was cut, give the Dataset a shorter name.")

    def _taken_back(self, change: Create, live: Observed, detail: str, remedy: str) -> AzureError:
        """Delete a file that Azure did not store as it was sent: it would not be found again, and sent in every run."""
        gone = self._deleted(live)
        return AzureError(
            Fault(
                "file-not-as-sent",
                "Azure did not store the file as it was sent",
                f"{detail}; {gone}.",
                f"{remedy} Please report it: no known answer of Azure does this.",
                change.desired.place,
                str(change.address),
            )
        )

    def _deleted(self, live: Observed) -> str:
        """Delete a file that this run made; returns in words what became of it."""
        try:
            self._files.delete(live.id)
        except AzureError as error:
            if not error.is_absent:
                return f"{live.id} could not be deleted ({error.fault.summary}), so delete it by hand"
        return "it was deleted at once"

    def _checked(self, live: Observed) -> Observed:
        """Read what this run imported once it is there, and take it back if it is not what is declared."""
        imported = self._imports.get(live.id)
        if imported is None or live.phase in {Phase.SETTLING, Phase.GONE}:
            return live
        with imported.lock:
            if imported.result is None:
                imported.result = self._taken_in(imported.change, live)
        if isinstance(imported.result, AzureError):
            raise imported.result
        return imported.result

    def _taken_in(self, change: Create, live: Observed) -> Observed | AzureError:
        if live.phase is Phase.FAILED:
            detail = f"{live.id}: {live.reason or live.status}"
            remedy = (
                "Check that the address can be fetched from Azure, not only from here: that it exists, that `sas` has not "
                "expired and grants reading (sp=r), and that no firewall stands before it. Then run the command again."
            )
            fault = Fault("import-failed", "Azure could not import the file", detail, remedy)
        else:
            found = self._wrong_with(change.desired, live, change.digest)
            if found is None:
                self._verified.add(live.id)
                return live
            fault = found
        gone = self._deleted(live)
        detail = f"{fault.detail.rstrip('.')}; {gone}."
        place = fault.place or change.desired.place_of("spec.source.url")
        return AzureError(replace(fault, detail=detail, place=place, subject=str(change.address)))

    def _wrong_with(self, desired: Desired, live: Observed, digest: str | None) -> Fault | None:
        """Read a file that was not sent from here: its digest must be the declared one, if any, and it must hold no errors."""
        spec = spec_of(desired)
        found = read_remote(self._files.content(live.id), spec.source.url or live.id, spec.format)
        subject = str(desired.address)
        place = desired.place_of("spec.source.sha256")
        if digest is not None and found.digest != digest:
            instead = f": {told.message}" if (told := no_data(found)) else ""
            otherwise = "Else put the expected content back."
            if spec.source.url and live.id not in self._imports:
                # An earlier run had it fetched, and ended before it could look: what is at the address by now helps nothing.
                otherwise = f"Else delete {live.id} by hand and run the command again: Azure fetches the address anew."
            return Fault(
                "file-digest-differs",
                "The file does not hold the declared content",
                f"{live.id}: expected sha256 {digest}, found {found.digest} ({found.bytes:,} bytes){instead}.",
                "If the new content is meant, review it and declare its digest:\n"
                f"  sha256: {found.digest}\n{otherwise}",
                place,
                subject,
            )
        errors = first_errors(found)
        if errors:
            detail = f"{live.id}: {errors}."
            remedy = "Correct the data where it comes from. `reconciler validate FILE.jsonl` shows every finding."
            return Fault(
                "file-data-invalid", "The file holds data that cannot be trained on", detail, remedy, place, subject
            )
        self._read[live.id] = {
            READ_FORMAT: found.format,
            READ_EXAMPLES: found.examples,
            READ_KEYS: found.statistics.keys,
        }
        return None

    # Looking

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
            if same and live.phase in {Phase.READY, Phase.SETTLING} and has_size(change.desired, live):
                return live
        return None

    def _observed(self, body: Json) -> Observed:
        live = observed_file(body, self._session.account.name)
        notice = self._notices.get(live.id)
        return replace(live, facts={**live.facts, "notice": notice}) if notice else live


def observed_file(body: Json, account: str) -> Observed:
    """Read one file."""
    filename = text(body, "filename")
    parsed = FileName.parse(filename)
    status = text(body, "status").lower()
    return Observed(
        kind=KIND,
        account=account,
        id=text(body, "id"),
        name=parsed.name if parsed else filename,
        phase=_PHASES.get(status, Phase.SETTLING if status else Phase.READY),
        spec=DatasetSpec.model_construct(source=Source.model_construct(path="")),
        status=status,
        identity=parsed.digest if parsed else "",
        owner=parsed.owner if parsed else "",
        created_at=moment(body, "created_at") or 0,
        outputs={"file_id": text(body, "id")},
        facts={"filename": filename, "bytes": number(body, "bytes")},
        reason=scrub(text(body, "status_details")),
    )


def has_size(desired: Desired, live: Observed) -> bool:
    """Whether the live file can hold the declared data: about its size, or not told (null, or 0 before processing).

    A BOM and a final line feed may come or go on the way. The content is proven before money is spent on it.
    """
    size = live.facts.get("bytes")
    if not size or not desired.content:
        return True
    # A carriage return on each line is what others upload, and what an adopted file may have.
    return desired.content.fits(int(size), returns=bool(desired.adopt))


def was_sent_with_mark(desired: Desired, live: Observed) -> bool:
    """Whether a file is known to have been sent with a byte order mark, while the declared encoding is without.

    Not the other way round: a service that takes the mark away looks as if none had been sent, in every run again.
    """
    if not desired.content or spec_of(desired).encoding != "utf-8":
        return False
    return int(live.facts.get("bytes") or 0) == wire_size(desired.content.bytes, "utf-8-bom")


def _other_size(change: Create, live: Observed) -> tuple[str, str]:
    sent = change.desired.content.bytes if change.desired.content else 0
    return f"{live.id}: {sent} bytes were sent, {live.facts.get('bytes')} are stored", "Try the other `encoding`."

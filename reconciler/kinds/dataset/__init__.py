"""Dataset: a file of training examples, found again by the digest of its canonical bytes.

The digest is carried by the uploaded file's name (`<name>.<26 of digest>.<owner>.jsonl`), because Azure keeps no hash
of a file (docs/azure.md, section 3). The name is a hint: size at plan time, and the content itself before money is
spent or the file is deleted, are the evidence. A local file is read at load; one at an address, or in the account
already, declares its digest, and is read when it is there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from reconciler.azure.session import Session
from reconciler.core.account import Account
from reconciler.core.digest import file_digest, spec_digest
from reconciler.core.draft import Draft, Named
from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Desired, Observed, Phase, Spec, World
from reconciler.core.rules import Claim, Digests, Resolved, View
from reconciler.kind import Kind, Loaded, Workspace
from reconciler.kinds.dataset.content import inspect_file
from reconciler.kinds.dataset.gateway import KIND, DatasetGateway, has_size, was_sent_with_mark
from reconciler.kinds.dataset.spec import DatasetSpec, Source, content_digest, spec_of

__all__ = ["DatasetGateway", "DatasetKind", "DatasetSpec", "Source"]


class DatasetKind(Kind):
    """Files of examples."""

    name: ClassVar[str] = KIND
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
        """Read and validate local data, once; a file in the account is claimed by its id, as an adopted one is."""
        source = spec_of(desired).source
        if source.path is not None:
            return inspect_file(desired, source.path, spec_of(desired).format, workspace)
        if source.file_id is None:
            return Loaded()
        adopted = desired.adopt.get("file") if isinstance(desired.adopt, Mapping) else None
        if desired.adopt and adopted != source.file_id:
            detail = "`metadata.adopt` and `source.file_id` name different files."
            place = desired.place_of("metadata.adopt")
            fault = Fault("adopt-twice", "Two files are to be taken over", detail, "Remove one.", place)
            return Loaded(faults=(fault,))
        return Loaded(adopt={"file": source.file_id})

    def unchecked(self, desired: Desired) -> str:
        """Return what of a dataset cannot be checked offline: data that is elsewhere."""
        source = spec_of(desired).source
        return "" if source.path is not None else f"remote, {source.url or source.file_id}"

    def notes(self, desired: Desired) -> Sequence[str]:
        """Say that remote data was not looked into yet, and when it is."""
        if spec_of(desired).source.url is None:
            return ()
        return ("not checked: remote; Azure fetches it, then its digest and its examples are checked",)

    def digests(self, desired: Desired, parents: Digests) -> tuple[str, ...]:
        """Return the digest of the content, or of the id of a file that is only named; there is one version of the rule."""
        del parents
        return (content_digest(desired) or spec_digest({"file_id": spec_of(desired).source.file_id}),)

    def claim(self, desired: Desired, view: View, refs: Resolved) -> Claim:
        """Find the file with this content: ready ones first, then the oldest."""
        del refs
        if isinstance(desired.adopt, Mapping):
            return self._adopt(desired, view)
        identity = file_digest(view.digests[desired.address][0])
        found = [
            live
            for live in view.by_identity(self.name, identity)
            if live.owner in view.owners and has_size(desired, live) and live.phase is not Phase.GONE
        ]
        if spec_of(desired).source.url is not None:
            # Why an import failed lies with the address, not with the content: it may be tried again.
            found = [live for live in found if live.phase is not Phase.FAILED]
        # What Azure refused with a byte order mark is sent anew without.
        found = [live for live in found if live.phase is not Phase.FAILED or not was_sent_with_mark(desired, live)]
        if not found:
            return Claim()
        best = min(found, key=lambda live: (_rank(live), live.created_at, live.id))
        if best.phase is Phase.FAILED:
            return Claim(live=best, stuck=_refused(desired, best))
        return Claim(live=best)

    def _adopt(self, desired: Desired, view: View) -> Claim:
        adopted = desired.adopt if isinstance(desired.adopt, Mapping) else {}
        wanted = str(adopted.get("file", ""))
        live = view.by_id(wanted)
        named = spec_of(desired).source.file_id is not None
        if live is None or live.kind != self.name:
            detail = f"There is no file {wanted} in the account."
            remedy = "Correct `source.file_id`." if named else "Correct the id, or remove `adopt` to upload."
        elif not has_size(desired, live):
            detail = f"{live.id} has {int(live.facts.get('bytes') or 0):,} bytes; the declared data has another size."
            remedy = "Declare the data that was uploaded, or remove `adopt` to upload anew."
        elif desired.content and adopted.get("sha256", desired.content.digest) != desired.content.digest:
            detail = f"{live.id} held sha256 {adopted['sha256']}; the declared data is {desired.content.digest}."
            remedy = "Declare the data that was uploaded, or remove `adopt` to upload anew."
        else:
            return Claim(live=live)
        place = desired.place_of("spec.source.file_id" if named else "metadata.adopt")
        summary = "The file does not exist" if named else "The file cannot be adopted"
        code = "file-missing" if named else "adopt-differs"
        return Claim(stuck=Fault(code, summary, detail, remedy, place, str(desired.address)))

    def is_ours(self, live: Observed, account: Account) -> bool:
        """Return whether the file's name bears our mark."""
        return bool(live.identity) and live.owner in account.spec.owners

    def draft(self, live: Observed, named: Named) -> Draft | str:
        """Return a manifest for a file that none declares, or why there can be none: it names the file by its id."""
        del named
        if live.phase is Phase.FAILED:
            return f"Azure could not process it: {live.reason or live.status}"
        if live.phase is not Phase.READY:
            return f"Azure still processes it ({live.status}); run this again"
        filename, size = str(live.facts.get("filename") or live.id), live.facts.get("bytes")
        told = f"{filename}, {int(size):,} bytes" if size else filename
        return Draft(live, live.name.removesuffix(".jsonl"), {"source": {"file_id": live.id}}, notes=(told,))

    def counts(self, desired: Desired) -> Mapping[str, int]:
        """A file, with its bytes as far as they are known before it is sent."""
        return {"files": 1, **({"bytes": desired.content.bytes} if desired.content else {})}

    def live_counts(self, live: Observed) -> Mapping[str, int]:
        """A file, with the bytes that Azure says."""
        return {"files": 1, "bytes": int(live.facts.get("bytes") or 0)}

    def in_use(self, live: Observed, world: World, account: str) -> bool:
        """Return whether a job that has not ended still reads the file."""
        jobs = world.of(account, "FineTuneJob")
        return any(job.phase is Phase.WORKING and live.id in job.facts.get("files", ()) for job in jobs)

    def spared(self, unmatched: Sequence[Observed], account: Account, declared: Collection[Address]) -> Collection[str]:
        """Keep the newest superseded versions of each declared dataset, as many as the Account says."""
        versions: dict[str, list[Observed]] = {}
        for live in sorted(unmatched, key=lambda live: (live.created_at, live.id), reverse=True):
            if live.address in declared and live.phase is not Phase.FAILED:
                versions.setdefault(live.name, []).append(live)
        return {live.id for group in versions.values() for live in group[: account.spec.keep_files]}


def _rank(live: Observed) -> int:
    return {Phase.READY: 0, Phase.SETTLING: 1}.get(live.phase, 2)


def _refused(desired: Desired, live: Observed) -> Fault:
    remedy = "Correct the data; or, if Azure was at fault, delete the file in the portal and run again."
    if spec_of(desired).encoding != "utf-8":
        remedy += (
            " If it is the byte order mark that Azure does not take, set in the spec of its Dataset:\n  encoding: utf-8"
        )
    return Fault(
        "file-refused",
        "Azure could not process the file",
        f"{live.id}: {live.reason or live.status}",
        remedy,
        desired.place,
        str(desired.address),
    )

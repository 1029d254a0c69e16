"""Accounts: read from PATH, else from the nearest folder above it that has one; and the choice of one for a resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from reconciler.core.account import Account, AccountSpec
from reconciler.core.fault import Fault, Place
from reconciler.manifests.faults import listed, meant, quoted
from reconciler.manifests.files import Site
from reconciler.manifests.head import API_VERSION, Manifest, may_be_account, read_head
from reconciler.manifests.places import Part
from reconciler.manifests.repository import identity
from reconciler.manifests.validate import validated
from reconciler.manifests.variables import substitute
from reconciler.manifests.yaml import documents


class Accounts:
    """The Accounts of a tree. One whose manifest has faults exists by name, and has no value."""

    def __init__(self, site: Site, environ: Mapping[str, str]) -> None:
        self.faults: list[Fault] = []
        self.values: dict[str, Account] = {}
        self.folders: dict[str, Path] = {}
        self.uncertain = False
        """True if there may be Accounts that could not be read."""
        self._site = site
        self._environ = environ
        self._places: dict[str, Place] = {}
        self._repository: str | None = None

    @property
    def known(self) -> bool:
        """Whether there is, or may be, an Account."""
        return bool(self._places) or self.uncertain

    def add(self, manifest: Manifest) -> None:
        """Take in an Account manifest."""
        if not manifest.name:
            self.uncertain = True
        elif manifest.name in self._places:
            self.faults.append(same_address(manifest, self._places[manifest.name]))
            return
        spec = self._spec(manifest)
        if manifest.name:
            self._places[manifest.name] = manifest.place
        if spec and not manifest.faulty:
            folder = Path(manifest.folder)
            self._check_twin(manifest, spec)
            self.values[manifest.name] = Account(
                manifest.name, spec, manifest.place, self._source(folder), _places(manifest)
            )
            self.folders[manifest.name] = folder

    def _check_twin(self, manifest: Manifest, spec: AccountSpec) -> None:
        """Report two Accounts that are one in Azure: each would take what the other made for left over."""
        for name, account in self.values.items():
            other = account.spec
            same_id = spec.resource_id and other.resource_id and _same(spec.resource_id, other.resource_id)
            same_endpoint = spec.endpoint and other.endpoint and _same(spec.endpoint, other.endpoint)
            if same_id or same_endpoint:
                detail = f"Account/{manifest.name} and Account/{name} ({account.place}) are one account in Azure."
                remedy = "Keep one of the two."
                self.faults.append(
                    Fault(
                        "same-account",
                        "Two Accounts are the same",
                        detail,
                        remedy,
                        manifest.place,
                        f"Account/{manifest.name}",
                    )
                )

    def _spec(self, manifest: Manifest) -> AccountSpec | None:
        node = manifest.part.node
        if node is None:
            return None
        data, written = node.data, {}
        if manifest.document.variables:
            result = substitute(manifest.part, self._environ)
            self.faults += result.faults
            data, written = result.data, result.written
            manifest.faulty = manifest.faulty or bool(result.faults)
        if manifest.adopt:
            manifest.faulty = True
            place = manifest.places()["metadata.adopt"]
            detail = "`metadata.adopt` takes over a resource; an Account is none."
            self.faults.append(Fault("not-allowed", "Not allowed", detail, "Remove it.", place, str(manifest.address)))
        if manifest.ignore:
            manifest.faulty = True
            place = manifest.places()["metadata.ignore"]
            detail = "`metadata.ignore` names fields of a resource; an Account is none."
            self.faults.append(Fault("not-allowed", "Not allowed", detail, "Remove it.", place, str(manifest.address)))
        spec, faults = validated(AccountSpec, data, manifest.part, written)
        self.faults += faults
        return spec

    def _source(self, folder: Path) -> str:
        """Return `<repository>:<folder of the Account's manifest>`, so that two clones agree.

        Without a remote the repository is empty.
        """
        if self._repository is None:
            self._repository = identity(self._site.root)
        return f"{self._repository}:{folder.relative_to(self._site.root).as_posix()}"

    def read(self, kinds: Iterable[str]) -> None:
        """Read the Accounts of the whole tree, or the nearest ones above it if it has none."""
        names = list(kinds)
        for file in self._site.manifests():
            self._read(file, names)
        if not self.known:
            self.look_above(names)

    def look_above(self, kinds: Iterable[str]) -> None:
        """Read the Accounts of the nearest folder above PATH that has some, so that a part of a tree can be used."""
        names = list(kinds)
        folder = self._site.path if self._site.path.is_dir() else self._site.path.parent
        start = folder.parent if folder == self._site.path else folder
        for above in (start, *start.parents):
            if not above.is_relative_to(self._site.root):
                return
            for file in self._site.beside(above):
                self._read(file, names)
            if self.known:
                return

    def _read(self, file: Path, kinds: list[str]) -> None:
        text = self._site.read(file) if file != self._site.path else ""
        if isinstance(text, Fault) or API_VERSION not in text or "Account" not in text:
            return
        for document in documents(text, self._site.shown(file)):
            if not may_be_account(document):
                continue
            self.faults += document.faults
            manifest, faults = read_head(document, file.parent, kinds) if document.root else (None, [])
            self.faults += faults
            if manifest:
                self.add(manifest)
            else:
                self.uncertain = True

    def choose(self, declared: str | None, part: Part) -> str | Fault | None:
        """Return the name of a resource's Account, why there is none, or None if that is said elsewhere."""
        names = sorted(self._places)
        if declared is not None:
            if declared in self._places or self.uncertain:
                return declared
            detail = f"There is no Account called {quoted(declared)}."
            remedy = meant(declared, names, what="Accounts") or _MINIMAL
            place = part.place(["account"])
            return Fault("unknown-account", "Unknown account", detail, remedy, place, part.subject)
        if self.uncertain or not names:
            return None
        if len(names) == 1:
            return names[0]
        detail = f"There are several Accounts: {listed([quoted(name) for name in names], joint='and')}."
        remedy = "Add `spec.account: NAME`."
        return Fault("no-account-chosen", "No account is chosen", detail, remedy, part.at, part.subject)

    def missing(self) -> list[Fault]:
        """Return the fault of a tree that has resources and no Account."""
        if self.known:
            return []
        shown = self._site.shown(self._site.path)
        detail = f"There is no Account in {quoted(shown)}, nor directly in a folder above it."
        return [Fault("no-account", "No account is declared", detail, _MINIMAL, Place(shown))]


_MINIMAL = f"""Add one, for example in account.yaml:
  apiVersion: {API_VERSION}
  kind: Account
  metadata: {{name: default}}
  spec:
    resource_id: /subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.CognitiveServices/accounts/NAME
    owner: my-team"""


def same_address(manifest: Manifest, first: Place) -> Fault:
    """Say that two manifests declare one thing."""
    return Fault(
        "duplicate-address",
        "Declared twice",
        f"{manifest.address} is declared at {first} already.",
        "Rename or remove one of the two.",
        manifest.place,
        str(manifest.address),
    )


def _same(one: str, other: str) -> bool:
    return one.rstrip("/").lower() == other.rstrip("/").lower()


def _places(manifest: Manifest) -> dict[str, Place]:
    """Return where the fields stand that can turn out wrong, or decide about a plan, after the load."""
    found = {field: manifest.part.place([field]) for field in ("endpoint", "management_endpoint", "resource_id")}
    node = manifest.part.node
    policy = node.child("policy") if node else None
    if policy is not None:
        rules = ("training_types", "models", "skus", "required", "max_usd.per_job", "max_usd.hosting_per_month")
        found |= {f"policy.{rule}": manifest.part.place(["policy", *rule.split(".")]) for rule in rules}
    return found

"""Deployments of one account: ARM bodies in and out, tags that say whose they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from reconciler.azure.chat import Chat
from reconciler.azure.deployments import Deployments
from reconciler.azure.errors import AzureError
from reconciler.azure.session import Session
from reconciler.azure.wire import Json, mapping, number, text
from reconciler.core.change import BESIDE, Create, Delete, Keep, Replace, Update
from reconciler.core.digest import ModelName
from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Desired, Observed, Phase, Spec
from reconciler.kind import FOUND
from reconciler.kinds.deployment.beside import NAME, stable_name, version_tags
from reconciler.kinds.deployment.candidate import Candidate, Means, is_tried
from reconciler.kinds.deployment.elsewhere import SPELLINGS, spellings
from reconciler.kinds.deployment.failed import unsaid, untold
from reconciler.kinds.deployment.lifetime import PROTECT
from reconciler.kinds.deployment.ownership import DEPLOYMENT, is_marked
from reconciler.kinds.deployment.properties import CHANGED_BY, WRITABLE, How, others
from reconciler.kinds.deployment.readiness import ANSWERED, ANSWERS, READINESS, has_answered, only_asks, to_be_asked
from reconciler.kinds.deployment.spec import RESERVED, CheckpointModel, DeploymentSpec, NamedModel, Pin, Sku
from reconciler.kinds.deployment.strategy import refusal

KIND = "Deployment"
OWNER, SOURCE, DIGEST, FROM, MODEL, ADOPTED = (
    f"reconciler-{word}" for word in ("owner", "source", "digest", "from", "model", "adopted")
)
_PHASES = {
    "succeeded": Phase.READY,
    "failed": Phase.FAILED,
    "canceled": Phase.FAILED,
    "disabled": Phase.FAILED,
}


class DeploymentGateway:
    """The deployments of one account."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._deployments = Deployments(session)
        self._checked = session.control.is_loopback or session.data.is_loopback

    def observe(self) -> Sequence[Observed]:
        """List the deployments."""
        if not self._session.account.has_control_plane:
            return ()
        self._check_endpoint()
        return [self._observed(body) for body in self._deployments.all()]

    def create(self, change: Create, refs: Mapping[Address, Observed]) -> Observed:
        """Make the deployment; the name is looked at first, so that nobody's is written over."""
        name = self._name(change)
        existing = self._existing(name)
        if existing and existing.phase is not Phase.GONE:
            if not self._is_mine(existing):
                raise _taken(existing, change.desired)
            if existing.phase is not Phase.FAILED:
                return replace(existing, facts={**existing.facts, FOUND: True})
        body = {
            "sku": _sku(change.after),
            "properties": _properties(change.after),
            "tags": {**_more_tags(change.after), **self._tags(change, refs, name)},
        }
        return self._written(name, self._put(name, body, change.after))

    def update(self, change: Update) -> Observed:
        """Change the deployment: PATCH for sku and tags, PUT for the rest; model and capacity never in one call.

        Azure refuses both at once (docs/azure.md, section 11). If both differ the model goes first, and the capacity
        follows when that has been taken. Only where the quota has no room for the new model at the present capacity, and
        the declared one is smaller, does the capacity go first.
        """
        try:
            return self._updated(change)
        except AzureError as error:
            if error.is_absent:
                raise AzureError(_gone(change), status=404) from error
            raise

    def _updated(self, change: Update) -> Observed:
        live = self._existing(change.live.name)
        if live is None:
            raise AzureError(_gone(change), status=404)
        if not self._is_mine(live) and not change.desired.adopt:
            raise _taken(live, change.desired)
        raw = live.facts["raw"]
        said = {
            item.path.removeprefix("tags."): str(item.after) for item in change.changes if item.path.startswith("tags.")
        }
        tags = {**live.facts["tags"], **_more_tags(change.after), **said, **self._own_tags(change.digest, live.name)}
        if not self._is_mine(live):
            tags[ADOPTED] = "true"
        source = change.after.comparable().get("model")
        paths = {item.path.partition(".")[0] for item in change.changes} - {READINESS}
        if all(CHANGED_BY.get(path) is How.PATCH for path in paths):
            sized = {"sku": {**mapping(raw, "sku"), **_sku(change.after)}} if "sku" in paths else {}
            body: dict[str, Any] = {"tags": {**tags, **_pinned(change.after)}, **sized}
            return self._written(live.name, self._deployments.patch(live.name, body))
        kept = {
            key: value for key, value in mapping(raw, "properties").items() if key in WRITABLE and value is not None
        }
        if isinstance(source, Mapping):
            tags.pop(MODEL, None)
            tags |= _pinned(change.after) or {FROM: self._from(change.after)}
        body = {"sku": mapping(raw, "sku"), "properties": {**kept, **_properties(change.after)}, "tags": tags}
        try:
            return self._written(live.name, self._put(live.name, body, change.after))
        except AzureError as error:
            if error.code == "InsufficientQuota" and _shrinks(change):
                sku = {**mapping(raw, "sku"), **_sku(change.after)}
                return self._written(live.name, self._deployments.patch(live.name, {"sku": sku}))
            raise refusal(error, change) from error

    def delete(self, change: Delete) -> Observed:
        """Delete the deployment, if it still bears our tags."""
        live = self._existing(change.live.name)
        if live is None:
            return replace(change.live, phase=Phase.GONE)
        if not self._is_mine(live):
            raise _taken(live, None)
        try:
            self._deployments.delete(live.name)
        except AzureError as error:
            if not error.is_absent:
                raise
        left = self.refresh(live)
        return left if left.phase is Phase.GONE else replace(left, phase=Phase.SETTLING)

    def refresh(self, live: Observed) -> Observed:
        """Look at one deployment again."""
        return self._existing(live.name) or replace(live, phase=Phase.GONE)

    def verify(self, desired: Desired, live: Observed) -> Observed:
        """Nothing to prove: nothing is spent on a deployment's content."""
        del desired
        return live

    def answers(self, change: Keep | Create | Update | Replace, live: Observed) -> Observed:
        """Ask a deployment for an answer, if its manifest has `readiness`; tag it when it has given one."""
        if not to_be_asked(change):
            return live
        if has_answered(live):
            return replace(self.refresh(live), words=ANSWERS)
        why = Chat(self._session).not_ready(live.name)
        if why:
            return replace(live, phase=Phase.SETTLING, words=why)
        tags = {**live.facts["tags"], ANSWERED: live.outputs["model"]}
        return replace(self._written(live.name, self._deployments.patch(live.name, {"tags": tags})), words=ANSWERS)

    def trial(self, change: Create | Update | Replace) -> Candidate | None:
        """Return the candidate that the programs of the gates try before another model serves, if there are any."""
        if not is_tried(change):
            return None
        means = Means(
            existing=self._existing,
            write=lambda name, body: self._written(name, self._put(name, body, change.after)),
            delete=self._deployments.delete,
            is_mine=self._is_mine,
            tags=self._own_tags,
        )
        return Candidate(self._session, change, means)

    def only_asks(self, change: Update) -> bool:
        """Return whether the deployment only has to be asked."""
        return only_asks(change)

    def progress(self, live: Observed) -> str:
        """Nothing to say: it settles in seconds."""
        del live
        return ""

    def _put(self, name: str, body: dict[str, Any], after: Spec) -> Json:
        """Send a whole deployment, with its model spelled as ARM knows it: what it does not know it refuses, and makes nothing."""
        ways = list(spellings(body["properties"]["model"], getattr(after, "model", None)))
        for way in ways[:-1]:
            try:
                return self._deployments.put(name, _modelled(body, way))
            except AzureError as error:
                if error.code != "DeploymentModelNotSupported":
                    raise
        return self._deployments.put(name, _modelled(body, ways[-1]))

    def _existing(self, name: str) -> Observed | None:
        try:
            found = self._observed(self._deployments.get(name))
        except AzureError as error:
            if error.is_absent:
                return None
            raise
        if found.phase is Phase.FAILED:
            said = unsaid(text(found.facts["raw"], "id")) if self._deployments.has_written(name) else found.reason
            return replace(found, reason=self._deployments.why_failed(name) or said)
        return found

    def _written(self, name: str, body: Json) -> Observed:
        # A PATCH may be answered 202 without a body.
        if not mapping(body, "properties"):
            found = self._existing(name)
            if found is None:
                raise AzureError(Fault("azure-unreadable", "Azure's answer could not be read", f"deployment {name}"))
            return found
        return self._observed(body)

    def _is_mine(self, live: Observed) -> bool:
        return is_marked(live, self._session.account)

    @staticmethod
    def _name(change: Create) -> str:
        return getattr(change.after, "deployment_name", None) or change.address.name

    def _wanted_tags(self) -> dict[str, str]:
        account = self._session.account
        return {OWNER: account.spec.owner, SOURCE: account.source}

    def _own_tags(self, digest: str, name: str) -> dict[str, str]:
        return {**self._wanted_tags(), DIGEST: digest[:32], DEPLOYMENT: name}

    def _tags(self, change: Create, refs: Mapping[Address, Observed], name: str) -> dict[str, str]:
        jobs = [live.id for live in refs.values() if live.outputs.get("model")]
        tags = self._own_tags(change.digest, name)
        declared = getattr(change.after, "protect", None)
        inherited = change.supersedes is not None and change.supersedes.facts.get("protect")
        if declared or (declared is None and inherited):
            tags[PROTECT] = "true"
        stable = stable_name(change.desired)
        if name != stable or change.reason == BESIDE:
            tags |= version_tags(stable, name, self._session.runtime.now())
        # What is pinned is waited for by nobody, so its job is told from its model's name.
        made_by = jobs[0] if jobs else self._from(change.after) if change.desired.refs else ""
        return {**tags, **(_pinned(change.after) or ({FROM: made_by} if made_by else {}))}

    @staticmethod
    def _from(after: Spec) -> str:
        model = mapping(after.comparable(), "model")
        named = ModelName.parse(text(model, "name"))
        return named.job_id if named else text(model, "name")

    def _observed(self, body: Json) -> Observed:
        properties = mapping(body, "properties")
        model = mapping(properties, "model")
        sku = mapping(body, "sku")
        tags = {str(key): str(value) for key, value in mapping(body, "tags").items()}
        status = text(properties, "provisioningState")
        phase = _PHASES.get(status.lower(), Phase.SETTLING if status else Phase.READY)
        upgrade: Any = text(properties, "versionUpgradeOption") or None
        spec = DeploymentSpec.model_construct(
            model=NamedModel.model_construct(
                name=text(model, "name"),
                version=text(model, "version") or _in_digits(model, "version"),
                format=text(model, "format"),
                source=next((value for word in SPELLINGS if (value := text(model, word))), None),
            ),
            sku=Sku.model_construct(
                name=text(sku, "name"),
                capacity=int(number(sku, "capacity") or 0),
                tier=text(sku, "tier") or None,
                size=text(sku, "size") or None,
                family=text(sku, "family") or None,
            ),
            rai_policy_name=text(properties, "raiPolicyName") or None,
            version_upgrade_option=upgrade,
            tags={name: value for name, value in tags.items() if not name.startswith(RESERVED)},
            extra_properties=others(properties),
        )
        return Observed(
            kind=KIND,
            account=self._session.account.name,
            # ARM spells one resource id in several cases; within an account the name alone tells deployments apart.
            id=text(body, "name").lower(),
            name=text(body, "name"),
            phase=phase,
            spec=spec,
            status=status,
            reason=untold(text(body, "id")) if phase is Phase.FAILED else "",
            owner=tags.get(OWNER, ""),
            outputs={"deployment": text(body, "name"), "model": text(model, "name")},
            facts={
                "tags": tags,
                "wanted_tags": self._wanted_tags(),
                "source": tags.get(SOURCE, ""),
                "from": Pin.parse(tags.get(FROM, "")).job_id,
                "pin": tags.get(FROM, ""),
                "pinned_model": tags.get(MODEL, ""),
                "digest": tags.get(DIGEST, ""),
                "adopted": tags.get(ADOPTED, "").lower() == "true",
                "name": tags.get(NAME, ""),
                "made_as": tags.get(DEPLOYMENT, ""),
                "protect": tags.get(PROTECT, "").lower() == "true",
                "raw": body,
            },
        )

    def _check_endpoint(self) -> None:
        """Check once that the endpoint belongs to the account: training in a wrong one succeeds in silence."""
        if self._checked:
            return
        properties = mapping(self._deployments.account(), "properties")
        named = [text(properties, "endpoint"), *(str(url) for url in mapping(properties, "endpoints").values())]
        labels = {(urlsplit(url).hostname or "").partition(".")[0] for url in named if url}
        mine = self._session.data.host.partition(".")[0]
        if labels and mine not in labels:
            raise AzureError(
                Fault(
                    "endpoint-of-another-account",
                    "The endpoint does not belong to the account",
                    f"{self._session.data.host} is not an endpoint of {self._session.account.account_name}.",
                    "Correct `endpoint` or `resource_id` of the Account.",
                    self._session.account.place,
                )
            )
        self._checked = True


def _in_digits(body: Json, key: str) -> str:
    value = number(body, key)
    return "" if value is None else f"{value:g}"


def _pinned(after: Spec) -> dict[str, str]:
    """Return the tags that say which checkpoint is served, so that it is not chosen again; none for other models."""
    model = getattr(after, "model", None)
    return {FROM: str(model.pin), MODEL: model.name} if isinstance(model, CheckpointModel) else {}


def _sku(spec: Spec) -> dict[str, Any]:
    return dict(spec.comparable()["sku"])


def _properties(spec: Spec) -> dict[str, Any]:
    assert isinstance(spec, DeploymentSpec)
    properties: dict[str, Any] = {}
    model = spec.comparable().get("model")
    if isinstance(model, Mapping):
        properties["model"] = dict(model)
    if spec.rai_policy_name:
        properties["raiPolicyName"] = spec.rai_policy_name
    if spec.version_upgrade_option:
        properties["versionUpgradeOption"] = spec.version_upgrade_option
    return {**properties, **spec.comparable().get("extra_properties", {})}


def _modelled(body: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    """Return a body with its model told in another way; the tag that pins it by name goes with it."""
    was = body["properties"]["model"]["name"]
    tags = {**body["tags"], MODEL: model["name"]} if model["name"] != was else body["tags"]
    return {**body, "properties": {**body["properties"], "model": model}, "tags": tags}


def _shrinks(change: Update) -> bool:
    capacities = [item for item in change.changes if item.path == "sku.capacity"]
    return any(int(item.after) < int(item.before or 0) for item in capacities)


def _more_tags(spec: Spec) -> dict[str, str]:
    """Return the tags that the manifest itself names."""
    return dict(getattr(spec, "tags", None) or {})


def _taken(live: Observed, desired: Desired | None) -> AzureError:
    return AzureError(
        Fault(
            "name-taken",
            "The name is taken by an object that these manifests do not own",
            f"{live.name} does not bear the tags of this source; it is not changed.",
            "Choose another `deployment_name`, or take it over by adding `adopt: true` to the metadata of its manifest.",
            desired.place if desired else None,
            str(desired.address) if desired else "",
        ),
        status=409,
    )


def _gone(change: Update) -> Fault:
    return Fault(
        "deployment-gone",
        "The deployment was deleted while it was being changed",
        change.live.name,
        "Run the command again: the plan will say that it is missing.",
        change.desired.place,
        str(change.address),
    )

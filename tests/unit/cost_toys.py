"""Small plans for tests of cost and policy: data, a job, a deployment, and what is live."""

from __future__ import annotations

from typing import Any

from reconciler.core.account import Account, AccountSpec
from reconciler.core.change import Plan
from reconciler.core.charges import PlanCost
from reconciler.core.fault import Place
from reconciler.core.plan import Options, make_plan
from reconciler.core.resource import Address, Content, Desired, Observed, Phase, Spec, World
from reconciler.kinds import REGISTRY
from reconciler.kinds.dataset import DatasetSpec
from reconciler.kinds.deployment.spec import DeploymentSpec, NamedModel, Sku
from reconciler.kinds.fine_tune_job.spec import FineTuneJobSpec

MINI = "gpt-4.1-mini-2025-04-14"
GRADER = {"type": "string_check", "name": "same", "input": "a", "reference": "b", "operation": "eq"}


def account(**spec: Any) -> Account:
    resource_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/acme"
    fields = {"resource_id": resource_id, "owner": "acme-ml", **spec}
    return Account("acme", AccountSpec.model_validate(fields), Place("account.yaml", 4), "repo")


def desired(kind: str, name: str, spec: Spec, *refs: str, content: Content | None = None) -> Desired:
    named = tuple(Address.parse(ref) for ref in refs)
    return Desired(Address(kind, name), "acme", spec, Place("stack.yaml", 4), refs=named, content=content)


def data(tokens: int | None, **counts: int) -> Desired:
    content = Content("1f3c" * 16, 41_200, 64, "chat", "data/train.jsonl", tokens, **counts)  # type: ignore[arg-type]
    spec = DatasetSpec.model_validate({"source": {"path": "data/train.jsonl"}})
    return desired("Dataset", "d", spec, content=content)


def job(name: str = "tone", *, epochs: int | None = 3, **fields: Any) -> Desired:
    method: dict[str, Any] = {"hyperparameters": {"n_epochs": epochs}} if epochs else {}
    values = {"model": MINI, "training_file": {"dataset": "d"}, "training_type": "global", "method": method, **fields}
    spec = FineTuneJobSpec.model_validate(values)
    parent = [f"FineTuneJob/{values['model']['job']}"] if isinstance(values["model"], dict) else []
    return desired("FineTuneJob", name, spec, "Dataset/d", *parent)


def rft(**fields: Any) -> Desired:
    method = {"type": "reinforcement", "grader": GRADER}
    return job(**{"model": "o4-mini", "method": method, "validation_file": {"dataset": "d"}, **fields})


def deployment(name: str = "tone", sku: str = "GlobalStandard", model: Any = None, capacity: int = 50) -> Desired:
    fields = {"model": model or {"job": "tone"}, "sku": {"name": sku, "capacity": capacity}}
    refs = [] if model else ["FineTuneJob/tone"]
    return desired("Deployment", name, DeploymentSpec.model_validate(fields), *refs)


def live(
    name: str, sku: str = "GlobalStandard", model: str = f"{MINI}.ft-{'a' * 32}-x", capacity: int = 50
) -> Observed:
    spec = DeploymentSpec.model_construct(
        model=NamedModel.model_construct(name=model, version="1", format="OpenAI"),
        sku=Sku.model_construct(name=sku, capacity=capacity),
    )
    tags = {"reconciler-owner": "acme-ml", "reconciler-source": "repo"}
    facts = {"tags": tags, "wanted_tags": tags, "source": "repo", "raw": {}}
    return Observed(
        "Deployment", "acme", f"/deployments/{name}", name, Phase.READY, spec, "Succeeded",
        owner="acme-ml", outputs={"model": model}, facts=facts,
    )  # fmt: skip


def plan(
    declared: list[Desired], there: list[Observed] | None = None, options: Options | None = None, **spec: Any
) -> Plan:
    lives = there or []
    objects = {("acme", kind): tuple(item for item in lives if item.kind == kind) for kind in REGISTRY}
    return make_plan(declared, {"acme": account(**spec)}, World(objects, at=1_760_000_000.0), REGISTRY, options)


def cost(
    *declared: Desired, there: list[Observed] | None = None, options: Options | None = None, **spec: Any
) -> PlanCost:
    found = plan(list(declared), there, options, **spec).cost
    assert found is not None
    return found

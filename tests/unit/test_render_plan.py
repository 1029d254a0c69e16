"""The plan as text and JSON: golden texts over real plans, and laws over any names and reasons.

It is longer than other files because the golden texts stand beside what makes them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from reconciler.cli.events import Log
from reconciler.core.account import Account, AccountSpec
from reconciler.core.change import Delete, Plan
from reconciler.core.digest import FileName, Suffix, file_digest, mark
from reconciler.core.fault import Fault, Place
from reconciler.core.plan import Options, make_plan
from reconciler.core.resource import Address, Content, Desired, Observed, Phase, Spec, World
from reconciler.kinds import REGISTRY
from reconciler.kinds.dataset import DatasetSpec
from reconciler.kinds.deployment.spec import DeploymentSpec, NamedModel, Sku
from reconciler.kinds.fine_tune_job.spec import FileId, FineTuneJobSpec, Hyperparameters, Method
from reconciler.kinds.fine_tune_job.states import state_of
from reconciler.render.document import dumps, plan_document, read_approval
from reconciler.render.drift import drift_document, drift_text, needs_person, sort_drift
from reconciler.render.here import Here
from reconciler.render.summary import NO_CHANGES
from reconciler.render.text import EMULATOR_LINE, for_emulator, framed, plan_text

NOW = 1_760_000_000.0
HEADER = "Account/acme  https://acme.openai.azure.com  v1  Entra ID"
TO_TRAIN = "now $16.50 to $19.80 to train (1 job, 3.0 M tokens)"
PRICES = "list prices of 2026-08-11"
COSTS = "      costs $16.50 to $19.80: 3.0 M tokens in 3 epochs, at $5.50 to $6.60 a million"
BASE = "gpt-4.1-mini-2025-04-14"
OLD_JOB, OLD_MODEL = "ftjob-" + "a" * 32, f"{BASE}.ft-" + "a" * 32
SHA = "1f3c" * 16


def account(**spec: Any) -> Account:
    resource_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/acme"
    return Account("acme", AccountSpec(resource_id=resource_id, owner="acme-ml", **spec), Place("a.yaml"), "repo")


def desired(
    kind: str, name: str, spec: Spec, *, line: int = 4, refs: tuple[str, ...] = (), content: Content | None = None
) -> Desired:
    named = tuple(Address.parse(ref) for ref in refs)
    return Desired(Address(kind, name), "acme", spec, Place("manifests/x.yaml", line, 3), refs=named, content=content)


def dataset() -> Desired:
    spec = DatasetSpec.model_validate({"source": {"path": "data/support.train.jsonl"}})
    content = Content(SHA, 41_200, 64, "chat", "data/support.train.jsonl", tokens=1_000_000)
    return desired("Dataset", "tone.training", spec, content=content)


def job(name: str = "tone", *, line: int = 4, **fields: Any) -> Desired:
    values = {
        "model": BASE,
        "training_file": {"dataset": "tone.training"},
        "method": {"hyperparameters": {"n_epochs": 3}},
        "seed": 42,
    }
    refs = ("Dataset/tone.training",)
    return desired("FineTuneJob", name, FineTuneJobSpec.model_validate({**values, **fields}), line=line, refs=refs)


def deployment(name: str = "tone", capacity: int = 100) -> Desired:
    spec = DeploymentSpec.model_validate(
        {"model": {"job": "tone"}, "sku": {"name": "GlobalStandard", "capacity": capacity}}
    )
    return desired("Deployment", name, spec, refs=("FineTuneJob/tone",))


def live_file(digest: str = SHA, name: str = "tone.training") -> Observed:
    filename = str(FileName(name, file_digest(digest), "acme-ml"))
    facts = {"filename": filename, "bytes": 41_200}
    return Observed(
        "Dataset",
        "acme",
        f"file-{digest[:2]}",
        name,
        Phase.READY,
        DatasetSpec.model_construct(),
        identity=file_digest(digest),
        owner="acme-ml",
        facts=facts,
    )


def live_job(
    digest: str, *, status: str = "succeeded", phase: Phase = Phase.READY, epochs: float = 3, **fields: Any
) -> Observed:
    method = Method.model_construct(type="supervised", hyperparameters=Hyperparameters.model_construct(n_epochs=epochs))
    spec = FineTuneJobSpec.model_construct(
        model=BASE, method=method, training_type="Standard", seed=42, training_file=FileId.model_construct(file_id="")
    )
    suffix = Suffix.parse(mark("acme-ml", digest))
    assert suffix is not None
    ended = phase is Phase.READY
    values: dict[str, Any] = {
        "id": OLD_JOB,
        "name": "tone",
        "identity": suffix.digest_part,
        "created_at": NOW - 720,
        "finished_at": NOW - 60 if ended else None,
        "outputs": {"model": OLD_MODEL, "job_id": OLD_JOB} if ended else {},
        "facts": {"base": BASE},
        "spec": spec,
        "words": state_of(status, "supervised", "standard").words,
    }
    return Observed("FineTuneJob", "acme", phase=phase, status=status, owner="acme-ml", **{**values, **fields})


def live_deployment(name: str = "tone", capacity: int = 50) -> Observed:
    spec = DeploymentSpec.model_construct(
        model=NamedModel.model_construct(name=OLD_MODEL, version="1", format="OpenAI"),
        sku=Sku.model_construct(name="GlobalStandard", capacity=capacity),
    )
    tags = {"reconciler-owner": "acme-ml", "reconciler-source": "repo"}
    facts = {"tags": tags, "wanted_tags": tags, "source": "repo", "from": OLD_JOB, "raw": {}}
    return Observed(
        "Deployment",
        "acme",
        f"/subscriptions/s/deployments/{name}",
        name,
        Phase.READY,
        spec,
        "Succeeded",
        owner="acme-ml",
        outputs={"model": OLD_MODEL},
        facts=facts,
    )


def plan(declared: list[Desired], live: list[Observed], options: Options | None = None, **spec: Any) -> Plan:
    objects = {("acme", kind): tuple(item for item in live if item.kind == kind) for kind in REGISTRY}
    return make_plan(declared, {"acme": account(**spec)}, World(objects, at=NOW), REGISTRY, options)


def digest_of(item: Desired, *others: Desired) -> str:
    return plan([*others, item], []).digests[item.address]


def text(made: Plan, **options: Any) -> str:
    return plan_text(made, [HEADER], kinds=REGISTRY, now=NOW, **options)


def document(made: Plan, *, emulator: bool = False) -> dict[str, Any]:
    return plan_document(
        made,
        tool_version="1",
        accounts=[{"name": "acme"}],
        emulator=emulator,
        created_at="2026-01-01T00:00:00Z",
        kinds=REGISTRY,
    )


def retrain() -> Plan:
    return plan(
        [dataset(), job(), deployment()],
        [live_job("77" * 32, epochs=2), live_deployment()],
        Options(prune=True),
    )


def test_a_new_training_says_what_it_costs_to_read_and_what_it_supersedes():
    assert (
        text(retrain())
        == f"""\
{HEADER}
Cost: {TO_TRAIN}, hosting $1,224 in 30 days; {PRICES}

  + Dataset/tone.training  upload data/support.train.jsonl (64 examples, 41.2 kB, sha256 1f3c1f3c1f3c…)
  + FineTuneJob/tone  train {BASE} (supersedes {OLD_JOB}, kept, still serving)
      compared with {OLD_JOB}: n_epochs 2 -> 3
      supervised, standard training (data stays in the region), n_epochs 3, seed 42
{COSTS}
  ~ Deployment/tone
      sku.capacity: 50 -> 100
      model: gpt-4.1-mini-2025-04-1…aaaaaaaaaaaaaaaaaaaaaa -> (known after apply)
      the rest waits for FineTuneJob/tone

1 finished job is history; see `reconciler history`.

Plan: 1 to train, 1 to create, 1 to update, 0 to delete."""
    )


def test_a_model_that_nothing_serves_is_not_said_to_serve():
    said = text(plan([dataset(), job()], [live_job("77" * 32, epochs=2)], Options(prune=True)))
    assert f"(supersedes {OLD_JOB}, kept)" in said


def test_the_first_apply_lists_what_waits():
    assert (
        text(plan([dataset(), job(), deployment()], []))
        == f"""\
{HEADER}
Cost: {TO_TRAIN}, hosting $0 -> $1,224 in 30 days; {PRICES}

  + Dataset/tone.training  upload data/support.train.jsonl (64 examples, 41.2 kB, sha256 1f3c1f3c1f3c…)
  + FineTuneJob/tone  train {BASE}
      supervised, standard training (data stays in the region), n_epochs 3, seed 42
{COSTS}
  … Deployment/tone  waits for FineTuneJob/tone, then create
      hosting $1.70 an hour, $1,224 in 30 days

Plan: 1 to train, 1 to create, 0 to update, 0 to delete."""
    )


def test_running_stuck_and_left_over():
    running = job("other", seed=7)
    failed = job(line=9)
    lives = [
        live_file(),
        live_job(
            digest_of(failed, dataset()),
            status="failed",
            phase=Phase.FAILED,
            reason="invalid_training_file: line 3\nis bad",
        ),
        live_job(
            digest_of(running, dataset()), status="running", phase=Phase.WORKING, id="ftjob-2", spec=replaced_seed(7)
        ),
        live_deployment("old"),
    ]
    assert (
        text(plan([dataset(), failed, running, deployment()], lives))
        == f"""\
{HEADER}
Cost: hosting $1,224 in 30 days (left over: $40.80 a day); {PRICES}

  ! FineTuneJob/tone  stuck: The job failed [job-failed]
      {OLD_JOB}: invalid_training_file: line 3
      is bad
      Correct the data; changed data or settings train anew by themselves. To train again, set in its spec:
        attempt: 2
      manifests/x.yaml:9:3
  … FineTuneJob/other  running at Azure since 12 min (ftjob-2)
  … Deployment/tone  waits for FineTuneJob/tone (which needs a person first), then create
      FineTuneJob/tone is stuck: the job failed

Left over, not deleted (apply with --prune deletes them):
  - Deployment/old  delete
      model.name {OLD_MODEL}, model.version 1, model.format OpenAI, sku.name GlobalStandard, sku.capacity 50
      costs $40.80 a day

1 unchanged.
1 stuck: a person must decide.

Plan: 0 to train, 0 to create, 0 to update, 0 to delete."""
    )


def replaced_seed(seed: int) -> FineTuneJobSpec:
    spec = live_job("00" * 32).spec
    return cast("FineTuneJobSpec", spec.model_copy(update={"seed": seed}))


def converged() -> Plan:
    return plan(
        [dataset(), job(), deployment(capacity=50)],
        [live_file(), live_job(digest_of(job(), dataset())), live_deployment()],
    )


def test_no_changes():
    assert text(converged()) == f"{HEADER}\nCost: hosting $1,224 in 30 days; {PRICES}\n\n3 unchanged.\n\n{NO_CHANGES}"


def test_the_emulator_is_named_on_the_first_and_the_last_line():
    said = text(converged(), emulator=True).splitlines()
    assert (said[0], said[-2], said[-1]) == (EMULATOR_LINE, NO_CHANGES, EMULATOR_LINE)


def test_a_second_job_of_a_digest_is_cancelled_and_an_unmatched_running_one_is_held():
    digest = digest_of(job(), dataset())
    lives = [
        live_file(),
        live_job(digest),
        live_job(digest, id="ftjob-2", status="queued", phase=Phase.WORKING),
        live_job("77" * 32, id="ftjob-3", name="gone", status="queued", phase=Phase.WORKING),
    ]
    made = plan([dataset(), job()], lives, Options(prune=True))
    assert (
        text(made)
        == f"""\
{HEADER}

  - FineTuneJob/tone  cancel ftjob-2 (a second job of the digest of {OLD_JOB})
      queued behind other jobs; created 12 min ago

Left over, not deleted (`jobs` is not in `prune` of Account/acme):
  - FineTuneJob/gone  cancel ftjob-3
      queued behind other jobs; created 12 min ago

2 unchanged.

Plan: 0 to train, 0 to create, 0 to update, 1 to delete."""
    )
    assert [change.live.id for change in sort_drift(made).left_over if isinstance(change, Delete)] == [
        "ftjob-2",
        "ftjob-3",
    ]


def test_a_vanished_deployment_says_why_it_is_probably_gone():
    finished = live_job(digest_of(job(), dataset()), finished_at=NOW - 30 * 86400)
    made = plan([dataset(), job(), deployment()], [live_file(), finished], Options(prune=True))
    assert "Deployment/tone  create (missing: never made, or deleted since by Azure or somebody)\n" in text(made)
    assert document(made)["resource_drift"][0]["action_reason"] == "missing"
    assert (
        drift_text(made, [HEADER])
        == f"""\
{HEADER}

Missing:
  + Deployment/tone  is missing
      It was never made, or Azure has deleted it (idle deployments after 15 days, developer-tier ones after 24 hours), or somebody has.
      To make it:
        reconciler apply --target Deployment/tone
      To do without it, remove its manifest at manifests/x.yaml:4:3.

Drift: 0 changed, 1 missing, 0 left over, 0 stuck."""
    )


def test_colours_are_codes_around_glyphs_and_only_on_request():
    assert "\x1b[32m+ FineTuneJob/tone\x1b[0m  train" in text(retrain(), color=True)
    assert "\x1b" not in text(retrain())


def test_history_near_the_limit_is_said():
    lives = [live_job("77" * 32, id=f"ftjob-{number}") for number in range(80)]
    said = text(plan([], lives))
    assert "80 finished jobs are history; see `reconciler history`." in said
    assert "Account/acme has 80 of them; Azure documents a limit of 100 jobs" in said


def test_the_document_is_what_a_policy_reads():
    changes = document(retrain())["resource_changes"]
    assert [(item["address"], item["change"]["actions"], item["action_reason"]) for item in changes] == [
        ("Dataset/tone.training", ["create"], "new"),
        ("FineTuneJob/tone", ["create"], "retrain:hyperparameters.n_epochs"),
        ("Deployment/tone", ["update"], None),
    ]
    assert changes[2]["change"] == {
        "actions": ["update"],
        "before": {"sku.capacity": 50},
        "after": {"sku.capacity": 100},
        "after_unknown": {"model": True},
    }
    assert changes[2]["waits_for"] == ["FineTuneJob/tone"]
    assert changes[1]["supersedes"] == OLD_JOB


def test_no_op_changes_say_why():
    changes = document(plan([dataset(), job(), deployment()], []))["resource_changes"]
    assert (changes[2]["change"]["actions"], changes[2]["action_reason"]) == (["no-op"], "waiting_for:FineTuneJob/tone")


def test_a_saved_plan_approves_a_fresh_one_and_nothing_else():
    approval, _ = read_approval(json.loads(dumps(document(retrain()))))
    assert approval.missing(retrain()) == []
    assert approval.missing(plan([dataset(), job(seed=1)], [])) == ["create FineTuneJob/tone"]


def test_what_is_in_progress_is_no_drift():
    running = live_job(digest_of(job(), dataset()), status="running", phase=Phase.WORKING)
    made = plan([dataset(), job(), deployment()], [live_file(), running], Options(prune=True))
    assert not needs_person(made)
    assert (
        drift_text(made, [HEADER], now=NOW)
        == f"""\
{HEADER}

In progress, no drift:
  … FineTuneJob/tone  running at Azure since 12 min ({OLD_JOB})
  … Deployment/tone  waits for FineTuneJob/tone

No drift. Azure matches the manifests."""
    )


def test_drift_is_what_a_person_must_look_at():
    lives = [
        live_file(),
        live_job(digest_of(job(), dataset())),
        live_deployment(),
        live_deployment("old", 5),
        live_file("22" * 32, "left"),
    ]
    made = plan([dataset(), job(), deployment()], lives, Options(prune=True), prune=("deployments",))
    assert (
        drift_text(made, [HEADER])
        == f"""\
{HEADER}

Changed outside git, or not applied yet:
  ~ Deployment/tone
      sku.capacity: 50 at Azure, declared 100
      It was last applied with the model of {OLD_JOB}.
      To set it as declared:
        reconciler apply --target Deployment/tone
      To keep it, declare it so at manifests/x.yaml:4:3, or leave the field to others, by this in `metadata`:
        ignore: [sku.capacity]

Left over (no manifest declares it):
  - Deployment/old
      model.name {OLD_MODEL}, model.version 1, model.format OpenAI, sku.name GlobalStandard, sku.capacity 5
      No manifest declares it any more.
      To delete it (saves $40.80 a day):
        reconciler apply --prune
      To keep it, declare it again.

Left over and kept, no drift:
  - Dataset/left  file-22
      41.2 kB
      left over, not deleted: `datasets` is not in `prune` of Account/acme

Drift: 1 changed, 0 missing, 1 left over, 0 stuck."""
    )
    found = drift_document(made, accounts=[], emulator=False)
    assert found["summary"]["needs_person"] is True
    assert found["changed"][0]["change"]["after"] == {"sku.capacity": 100}


def test_an_unread_part_of_azure_is_never_called_no_drift():
    made = replace(converged(), unread=(Fault("x", "Azure did not answer"),))
    assert drift_text(made, []).splitlines()[-1] == "Drift: 0 changed, 0 missing, 0 left over, 0 stuck."
    assert text(made).splitlines()[-1] == "Plan: 0 to train, 0 to create, 0 to update, 0 to delete."


def test_a_command_that_is_shown_under_the_emulator_goes_to_the_emulator() -> None:
    body = "To make it:\n  reconciler apply --target A/b\n  reconciler --emulator plan\nsee `reconciler history`"
    shown = framed(body, color=False, emulator=True)
    assert (
        "\n  reconciler --emulator apply --target A/b\n  reconciler --emulator plan\nsee `reconciler history`\n"
        in shown
    )
    assert framed(body, color=False, emulator=False) == body
    elsewhere = "  reconciler --chdir a --emulator plan"
    assert for_emulator(elsewhere) == elsewhere


@pytest.mark.parametrize(("emulator", "command"), [(True, "reconciler --emulator apply"), (False, "reconciler apply")])
def test_so_do_those_of_errors_and_notes(capsys: pytest.CaptureFixture[str], emulator: bool, command: str) -> None:
    log = Log(told=Here(emulator=emulator).told)
    log.say("Next:\n  reconciler apply")
    log.faults((), lambda: "error: x\n  Run:\n    reconciler apply")
    assert capsys.readouterr().err == f"Next:\n  {command}\nerror: x\n  Run:\n    {command}\n"

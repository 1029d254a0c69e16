"""Preference and reinforcement training, from a manifest to a model and back: the real SDK over HTTP to the emulator.

The data is uploaded by hand and named by its id, so these tests are about jobs alone.
"""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
from harness import Azure, FakeClock, Repo, of, trained

from reconciler.core.change import Create, Stuck
from reconciler.core.fault import InvalidManifests
from reconciler.emulator import Request
from reconciler.kind import Workspace
from reconciler.kinds import REGISTRY
from reconciler.kinds.fine_tune_job import with_settings
from reconciler.manifests.adoption import Wish, survey
from reconciler.render.document import plan_document
from reconciler.render.manifest import manifest_text
from reconciler.render.text import plan_text

PAIR = {
    "input": {"messages": [{"role": "user", "content": "q"}]},
    "preferred_output": [{"role": "assistant", "content": "a"}],
    "non_preferred_output": [{"role": "assistant", "content": "b"}],
}
TASK = {"messages": [{"role": "user", "content": "q"}], "answer": "1"}
DPO = """\
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {{name: tone}}
spec:
  model: gpt-4.1-mini-2025-04-14
  training_file: {{file_id: {file}}}
  training_type: global
  method: {{type: dpo, hyperparameters: {{beta: 0.2, l2_multiplier: 0.5, n_epochs: 2}}}}
"""
RFT = """\
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {{name: tone}}
spec:
  model: o4-mini-2025-04-16
  training_file: {{file_id: {file}}}
  validation_file: {{file_id: {file}}}
  training_type: global
  method:
    type: reinforcement
    hyperparameters: {{reasoning_effort: high, eval_interval: 4, n_epochs: 1}}
    grader: {{path: graders/grader.yaml}}
    response_format: {{path: graders/answer.json}}
"""
GRADER = """\
type: multi
graders:
  same: {type: string_check, input: "{{ sample.output_json.a }}", reference: "{{item.answer}}", operation: eq}
  judge:
    type: score_model
    model: gpt-4o-2024-08-06
    input: [{role: user, content: "Grade {{ sample.output_text }}"}]
    range: [0, 10]
    sampling_params: {temperature: 0}
  code: {type: python, source: {path: grade.py}}
calculate_output: 0.5 * same + min(judge / 10, code)
"""
SOURCE = "def grade(sample, item):\n    return 1.0 if item['answer'] in sample['output_text'] else 0.0\n"
ANSWER = {"type": "json_schema", "name": "answer", "strict": True, "schema": {"type": "object", "properties": {}}}


def uploaded(azure: Azure, row: dict[str, Any]) -> str:
    """Upload examples as somebody else would."""
    data = (json.dumps(row) + "\n").encode() * 12
    body = (
        b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--B\r\n'
        b'Content-Disposition: form-data; name="file"; filename="by-hand.jsonl"\r\n'
        b"Content-Type: application/json\r\n\r\n" + data + b"\r\n--B--\r\n"
    )
    headers = {"authorization": "Bearer hand", "content-type": "multipart/form-data; boundary=B"}
    made = azure.emulator.handle(Request("POST", "/acme/openai/v1/files", {}, headers, body))
    azure.clock.sleep(5)
    return str(json.loads(made.body)["id"])


def declare(repo: Repo, azure: Azure, method: str) -> None:
    if method == "dpo":
        repo.write("manifests/stack.yaml", DPO.format(file=uploaded(azure, PAIR)))
        return
    repo.write("manifests/graders/grader.yaml", GRADER)
    repo.write("manifests/graders/grade.py", SOURCE)
    repo.write("manifests/graders/answer.json", json.dumps(ANSWER))
    repo.write("manifests/stack.yaml", RFT.format(file=uploaded(azure, TASK)))


@pytest.mark.parametrize("method", ["dpo", "reinforcement"])
@pytest.mark.parametrize("api", ["v1", "2025-04-01-preview"])
def test_a_job_of_each_method_needs_nothing_more_in_any_of_its_states(
    repo: Repo, azure: Azure, clock: FakeClock, method: str, api: str
) -> None:
    repo.edit("manifests/account.yaml", "owner: team-a", f"owner: team-a\n  api: {api}")
    declare(repo, azure, method)
    assert repo.apply().code == 0
    for moment in (0, 61, 1800):
        clock.sleep(moment)
        plan = repo.plan()
        assert not plan.actions, f"{azure.jobs()[0]['status']} after {moment} s"
        assert not of(plan, Stuck)
    repo.until_done()
    assert repo.plan().converged
    assert len(azure.jobs()) == 1


@pytest.mark.parametrize("method", ["dpo", "reinforcement"])
@pytest.mark.parametrize(
    "config",
    [
        {"echo_hyperparameters": "top"},
        {"echo_hyperparameters": "method"},
        {"echo_method": "always"},
        {"echo_grader": "filled"},
        {"echo_grader": "none"},
        {"echo_training_type": False, "echo_seed": False},
    ],
    ids=str,
)
def test_it_converges_under_what_is_not_known_of_the_echo(
    repo: Repo, azure: Azure, method: str, config: dict[str, object]
) -> None:
    azure.configure(**config)
    declare(repo, azure, method)
    repo.until_done()
    assert repo.plan().converged


def test_what_a_reinforcement_job_is_sent(repo: Repo, azure: Azure) -> None:
    declare(repo, azure, "reinforcement")
    repo.apply()
    [job] = azure.jobs()
    sent = job["method"]["reinforcement"]
    assert sent["grader"]["graders"]["code"] == {"type": "python", "name": "code", "source": SOURCE}
    assert sent["grader"]["calculate_output"] == "0.5 * same + min(judge / 10, code)"
    assert sent["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": {"type": "object", "properties": {}}},
    }, "the flat shape is sent nested, as the service echoes it"
    assert sent["hyperparameters"]["reasoning_effort"] == "high"
    assert sent["hyperparameters"]["eval_samples"] == -1, "what is not set is not resolved yet"


def test_what_a_preference_job_is_sent(repo: Repo, azure: Azure) -> None:
    declare(repo, azure, "dpo")
    repo.apply()
    [job] = azure.jobs()
    assert job["method"]["type"] == "dpo"
    assert {key: job["hyperparameters"][key] for key in ("beta", "l2_multiplier")} == {
        "beta": 0.2,
        "l2_multiplier": 0.5,
    }


EDITS = [
    ("a formula that grades otherwise", "graders/grader.yaml", "0.5 * same", "0.6 * same", True),
    ("another text in a grader", "graders/grader.yaml", "Grade {{", "Judge {{", True),
    ("the code of a python grader", "graders/grade.py", "1.0 if", "0.9 if", True),
    ("a schema of the answers", "graders/answer.json", '"strict": true', '"strict": false', True),
    ("how lines end", "graders/grade.py", "\n", "\r\n", False),
    ("the layout of a grader's file", "graders/grader.yaml", "operation: eq}", 'operation: "eq"}  # exact', False),
    ("a name that only people read", "graders/grader.yaml", "type: multi", "type: multi\nname: mine", False),
]


@pytest.mark.parametrize(("reason", "file", "old", "new", "trains"), EDITS, ids=[row[0] for row in EDITS])
def test_only_what_decides_the_scores_trains_anew(
    repo: Repo, azure: Azure, reason: str, file: str, old: str, new: str, trains: bool
) -> None:
    declare(repo, azure, "reinforcement")
    repo.until_done()
    repo.edit(f"manifests/{file}", old, new)
    assert bool(trained(repo.plan())) is trains, reason


def test_a_grader_in_another_place_or_inline_is_the_same_job(repo: Repo, azure: Azure) -> None:
    declare(repo, azure, "reinforcement")
    repo.until_done()
    repo.write("manifests/elsewhere/mine.json", json.dumps(ANSWER))
    inline = "\n".join(["      " + line for line in GRADER.splitlines()]).replace(
        "{path: grade.py}", json.dumps(SOURCE)
    )
    repo.edit("manifests/stack.yaml", "{path: graders/answer.json}", "{path: elsewhere/mine.json}")
    repo.edit("manifests/stack.yaml", "    grader: {path: graders/grader.yaml}", f"    grader:\n{inline}")
    (repo.folder / "manifests/graders/grader.yaml").unlink()
    assert repo.plan().converged


def test_a_changed_grader_is_compared_with_the_job_before(repo: Repo, azure: Azure) -> None:
    declare(repo, azure, "reinforcement")
    repo.until_done()
    repo.edit("manifests/graders/grader.yaml", "0.5 * same", "0.6 * same")
    [create] = trained(repo.plan())
    assert [change.path for change in create.why] == ["grader.calculate_output"]


CLONES: list[tuple[str, str, dict[str, Any], str]] = [
    ("another beta", "dpo", {"beta": 0.3}, "hyperparameters.beta"),
    ("a service that chose the number", "dpo", {"l2_multiplier": -1}, "hyperparameters.l2_multiplier"),
    ("less effort", "reinforcement", {"reasoning_effort": "low"}, "hyperparameters.reasoning_effort"),
]


@pytest.mark.parametrize(("reason", "method", "setting", "path"), CLONES, ids=[row[0] for row in CLONES])
def test_a_job_with_our_mark_and_other_settings_is_not_taken_for_ours(
    repo: Repo, azure: Azure, reason: str, method: str, setting: dict[str, Any], path: str
) -> None:
    declare(repo, azure, method)
    repo.until_done()
    [job] = azure.jobs()
    numbers = {**job["hyperparameters"], **setting}
    azure.hand("clone_job", job=job["id"], overrides={"hyperparameters": numbers, "resolved": numbers})
    azure.hand("vanish_model", model=job["fine_tuned_model"])
    azure.hand("purge_jobs", jobs=[job["id"]])
    [stuck] = of(repo.plan(), Stuck)
    assert stuck.fault.code == "mark-without-evidence", reason
    assert path in stuck.fault.detail


def test_a_job_with_our_mark_and_another_grader_is_not_taken_for_ours(repo: Repo, azure: Azure) -> None:
    declare(repo, azure, "reinforcement")
    repo.until_done()
    [job] = azure.jobs()
    other = json.loads(json.dumps(job["method"]).replace("0.5 * same", "5 * same"))
    azure.hand("clone_job", job=job["id"], overrides={"method": other})
    azure.hand("vanish_model", model=job["fine_tuned_model"])
    azure.hand("purge_jobs", jobs=[job["id"]])
    [stuck] = of(repo.plan(), Stuck)
    assert "grader.calculate_output" in stuck.fault.detail


@pytest.mark.parametrize("method", ["dpo", "reinforcement"])
def test_a_model_outlives_its_jobs_history(repo: Repo, azure: Azure, method: str) -> None:
    declare(repo, azure, method)
    repo.until_done()
    azure.hand("purge_jobs")
    assert repo.plan().converged, "a model's name says nothing of its method, which is no evidence against it"


def test_an_endpoint_grader_goes_through_extra_body(repo: Repo, azure: Azure) -> None:
    declare(repo, azure, "reinforcement")
    extra = '{method: {reinforcement: {grader: {type: endpoint, url: "https://grader.example"}}}}'
    repo.edit("manifests/stack.yaml", "    grader: {path: graders/grader.yaml}\n", "")
    (repo.folder / "manifests/graders/grader.yaml").unlink()
    repo.edit("manifests/stack.yaml", "  training_type: global", f"  training_type: global\n  extra_body: {extra}")
    repo.until_done()
    [job] = azure.jobs()
    sent = job["method"]["reinforcement"]
    assert sent["grader"] == {"type": "endpoint", "url": "https://grader.example"}
    assert sent["hyperparameters"]["eval_interval"] == 4, "what the manifest sets is still sent"
    assert repo.plan().converged


def test_a_dated_version_without_methods_is_refused_before_anything_is_sent(repo: Repo, azure: Azure) -> None:
    declare(repo, azure, "dpo")
    repo.edit("manifests/account.yaml", "owner: team-a", "owner: team-a\n  api: 2024-10-21")
    with pytest.raises(InvalidManifests) as caught:
        repo.plan()
    assert [fault.code for fault in caught.value.faults] == ["method-surface"]


def test_data_that_fits_no_method_fails_at_azure_and_says_so(repo: Repo, azure: Azure) -> None:
    repo.write("manifests/stack.yaml", DPO.format(file=uploaded(azure, TASK)))
    result = repo.apply(wait=True)
    assert result.code == 1
    [stuck] = of(repo.plan(), Stuck)
    assert "jsonlValidationFailed" in stuck.fault.detail
    assert "has no 'input'" in stuck.fault.detail


def test_the_service_refuses_a_method_that_the_base_does_not_have(repo: Repo, azure: Azure) -> None:
    declare(repo, azure, "dpo")
    repo.edit("manifests/stack.yaml", "gpt-4.1-mini-2025-04-14", "o4-mini-2025-04-16")
    plan = repo.plan()
    assert [(fault.code, fault.severity) for fault in plan.warnings] == [("model-method", "warning")]
    result = repo.apply()
    [refused] = [outcome.fault for outcome in result.outcomes if outcome.fault]
    assert "requires the reinforcement method of finetuning" in f"{refused.detail}"


def test_the_service_refuses_standard_training_of_an_open_weight_model(repo: Repo, azure: Azure) -> None:
    repo.edit("manifests/stack.yaml", "gpt-4.1-mini-2025-04-14", "gpt-oss-20b")
    repo.edit("manifests/stack.yaml", "  training_type: global\n", "")
    plan = repo.plan()
    assert "model-training-type" in [fault.code for fault in plan.warnings]
    result = repo.apply()
    details = [outcome.fault.detail for outcome in result.outcomes if outcome.fault]
    assert any("does not support fine-tuning with Standard TrainingType" in detail for detail in details)


@pytest.mark.parametrize(
    ("training_type", "says"),
    [
        ("standard", "stays in the region"),
        ("global", "may leave the region"),
        ("developer", "may leave the region"),
        ("data_zone", "not its data zone"),
    ],
)
def test_the_plan_says_where_data_may_go(repo: Repo, azure: Azure, training_type: str, says: str) -> None:
    repo.edit("manifests/stack.yaml", "training_type: global", f"training_type: {training_type}")
    [create] = trained(repo.plan())
    assert says in REGISTRY["FineTuneJob"].notes(create.desired)[0]
    document = plan_document(repo.plan(), tool_version="", accounts=[], emulator=True, created_at="", kinds=REGISTRY)
    [noted] = [item["notes"] for item in document["resource_changes"] if item["kind"] == "FineTuneJob"]
    assert says in noted[0]
    assert says in plan_text(repo.plan(), [], kinds=REGISTRY, now=0)
    repo.until_done()
    assert repo.plan().converged


def test_an_end_that_was_announced_is_warned_of_in_time(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    day = 86_400
    clock.sleep(1_807_660_800 - clock.now() - 100 * day)  # 2027-04-14 is the end of training gpt-4.1-mini
    assert not repo.plan().warnings
    clock.sleep(15 * day)
    assert [fault.summary for fault in repo.plan().warnings] == ["Training of the base model ends soon"]
    clock.sleep(60 * day)
    [fault] = repo.plan().warnings
    assert fault.summary == "Training of the base model ends within 30 days"
    assert "2027-04-14" in fault.detail
    repo.until_done()
    assert not repo.plan().warnings, "what is trained already is not affected"
    clock.sleep(120 * day)
    assert "model-serving-ends" in [fault.code for fault in repo.plan().warnings]


def test_a_chain_keeps_the_facts_of_its_base(repo: Repo, azure: Azure) -> None:
    chained = """\
---
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: further}
spec:
  model: {job: tone}
  training_file: data/valid.jsonl
  training_type: global
"""
    stack = (repo.folder / "manifests/stack.yaml").read_text()
    repo.write("manifests/stack.yaml", stack.replace("gpt-4.1-mini-2025-04-14", "o4-mini") + chained)
    warned = {(fault.code, fault.subject) for fault in repo.plan().warnings}
    assert warned == {("model-method", "FineTuneJob/tone"), ("model-method", "FineTuneJob/further")}
    assert of(repo.plan(), Create)


@pytest.mark.parametrize("method", ["dpo", "reinforcement"])
@pytest.mark.parametrize("echo", ["as_sent", "filled"])
def test_a_job_of_either_method_is_imported_as_it_was_sent(repo: Repo, azure: Azure, method: str, echo: str) -> None:
    """A job made elsewhere, graders and all, is written down and kept; with its hyperparameters it is kept too."""
    azure.configure(echo_grader=echo)
    declare(repo, azure, method)
    repo.until_done()
    (repo.folder / "manifests/stack.yaml").unlink()
    shutil.rmtree(repo.folder / "manifests/graders", ignore_errors=True)
    tree, engine = repo.engine()
    for refine in (with_settings, lambda draft: draft):
        wish = Wish(["acme"], history=True, refine=refine, targets=("FineTuneJob/*",))
        found = survey(tree.desired, engine.accounts, engine.observe(), REGISTRY, Workspace(tree.root), wish)
        assert [item.draft.live.kind for item in found.adopted] == ["FineTuneJob"], found.left_out
        repo.write("manifests/imported.yaml", manifest_text(found.adopted[0].manifest()))
        assert f"type: {method}" in (repo.folder / "manifests/imported.yaml").read_text()
        assert repo.plan().converged

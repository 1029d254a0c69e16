"""The JSON Schema of a plan, against plans of every sort: each is valid, and has no key that is not described."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema
import pytest
from harness import STACK, Azure, Repo, examples

from reconciler.core.change import DataChange
from reconciler.core.resource import Address
from reconciler.kinds import REGISTRY
from reconciler.render.annotations import plan_annotations
from reconciler.render.document import FORMAT_VERSION, dumps, plan_document
from reconciler.render.plan_schema import plan_schema

SINCE_1_1 = {
    "": "accounts checks cost created_at diagnostics emulator errored format_version history refusals resource_changes "
    "resource_drift sha256 summary tool_version tree_digest",
    "resource_change": "account action_reason address change cost data_change diagnostic digest held kind live_id name "
    "notes place supersedes waits_for",
    "diagnostic": "code detail place remedy severity subject summary",
    "change_cost": "epochs hosting_hour_after hosting_hour_before later rate tokens training",
    "money": "estimated high low unknown",
    "data_change": "added after against before changed reformatted removed reordered tokens_added tokens_removed unknown",
}
"""What every 1.x plan from 1.1 on has: readers rely on it, so no word leaves this list."""


def strict(schema: Any) -> Any:
    """Return the schema with what is not described forbidden."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if "properties" in schema and isinstance(schema["properties"], dict) and "required" in schema:
        made["additionalProperties"] = False
    return made


STRICT = jsonschema.Draft202012Validator(strict(plan_schema()))


def made(repo: Repo, *, data: bool = False, **options: Any) -> dict[str, Any]:
    plan = repo.plan(**options)
    if data:
        plan.data[Address("Dataset", "tone.training")] = DataChange("HEAD", 20, 22, added=2, tokens_added=9)
    document = plan_document(
        plan,
        tool_version="1",
        accounts=[{"name": "acme", "endpoint": "https://x", "resource_id": "", "owner": "team-a"}],
        emulator=False,
        created_at="2026-01-01T00:00:00Z",
        kinds=REGISTRY,
    )
    found: dict[str, Any] = json.loads(dumps(document))
    return found


def test_plans_of_every_sort_are_valid(repo: Repo, azure: Azure) -> None:
    plans = [made(repo, data=True)]
    repo.apply()
    plans.append(made(repo))
    repo.until_done()
    plans.append(made(repo))
    azure.hand("edit_deployment", deployment="tone", sku={"capacity": 10})
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.write("manifests/data/train.jsonl", examples(21))
    plans += [made(repo, data=True), made(repo, prune=True)]
    notes = {line.split(",title=")[1].split("::")[0] for line in plan_annotations(plans[-1])}
    assert {"train FineTuneJob/tone,line=9", "update Deployment/tone,line=16"} <= notes, "beside the lines that differ"
    repo.write(
        "manifests/stack.yaml",
        STACK.partition("---")[0].replace("model: gpt-4.1-mini", "attempt: 2\n  model: gpt-4.1-mini"),
    )
    plans.append(made(repo, prune=True))
    azure.configure(deny=["files/read"])
    plans.append(made(repo))
    reasons = {change["action_reason"] for plan in plans for change in plan["resource_changes"]}
    assert {None, "new", "running", "left_over"} <= reasons
    assert any(str(reason).startswith("retrain:") for reason in reasons)
    assert any(str(reason).startswith("stuck:") for reason in reasons)
    for plan in plans:
        STRICT.validate(plan)


def test_what_refuses_a_plan_and_what_it_warns_of_is_noted_beside_the_lines(repo: Repo) -> None:
    plan = made(repo)
    fault = {
        "severity": "error",
        "code": "policy-skus",
        "summary": "Not allowed",
        "detail": "50% is\n::error::x",
        "remedy": "",
        "subject": "Deployment/tone",
    }
    place = {"file": "manifests/a,b:c.yaml", "line": 4, "column": 3}
    plan["refusals"] = [{**fault, "place": place}, {**fault, "place": None}] * 12
    plan["checks"] = [{**fault, "place": {**place, "line": 0}}]
    notes = plan_annotations(plan)
    assert notes[0] == (
        "::error file=manifests/a%2Cb%3Ac.yaml,title=Not allowed (Deployment/tone) [policy-skus],line=4::50%25 is%0A\\x3a:error::x"
    )
    assert notes[10] == notes[0].replace("error file", "warning file").replace(",line=4", "")
    assert [note.split()[0] for note in notes].count("::error") == 10
    assert notes[-1].startswith("::notice ")
    assert not any("\n" in note for note in notes)


def test_the_schema_itself_is_valid_and_names_this_format() -> None:
    jsonschema.Draft202012Validator.check_schema(plan_schema())
    assert FORMAT_VERSION in plan_schema()["title"]


def test_what_readers_rely_on_stays() -> None:
    schema = plan_schema()
    for name, words in SINCE_1_1.items():
        required = (schema["$defs"][name] if name else schema)["required"]
        assert set(words.split()) <= set(required), name


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format_version",), "2.0"),
        (("resource_changes", 0, "change", "actions"), ["create", "delete"]),
        (("sha256",), "x"),
        (("errored",), "no"),
        (("cost", "training_now", "low"), 1.5),
    ],
)
def test_another_shape_is_not_valid(repo: Repo, path: tuple[Any, ...], value: Any) -> None:
    plan = copy.deepcopy(made(repo))
    STRICT.validate(plan)
    place = plan
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plan, plan_schema())

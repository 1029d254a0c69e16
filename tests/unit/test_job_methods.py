"""Methods and their settings: shapes, bounds, the digest, and what is said of data and base models."""

from __future__ import annotations

from array import array
from datetime import date
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from pydantic import ValidationError

from reconciler.core.account import Account, AccountSpec
from reconciler.core.digest import spec_digest
from reconciler.core.fault import Fault, InvalidManifests, Place
from reconciler.core.resource import Address, Content, Desired
from reconciler.datasets import LONGEST
from reconciler.kinds import REGISTRY
from reconciler.kinds.dataset import DatasetSpec
from reconciler.kinds.fine_tune_job.checks import check_job, end_faults, model_faults
from reconciler.kinds.fine_tune_job.method import METHOD_FORMATS
from reconciler.kinds.fine_tune_job.spec import FineTuneJobSpec, decides_weights
from reconciler.manifests import load

CHECK = {"type": "string_check", "input": "{{ sample.output_text }}", "reference": "{{ item.a }}", "operation": "eq"}
FILES = {"training_file": {"dataset": "train"}, "validation_file": {"dataset": "valid"}}
RFT = {"type": "reinforcement", "grader": CHECK}


def spec(**fields: Any) -> FineTuneJobSpec:
    return FineTuneJobSpec.model_validate({"model": "gpt-4.1", **FILES, **fields})


def digest(**fields: Any) -> str:
    made = spec(**fields)
    return spec_digest(decides_weights(made, made.model, "a" * 64, "b" * 64))


def method(**fields: Any) -> str:
    return digest(method=fields)


# Shapes and identity

PINNED = [
    (
        {"method": {"type": "dpo", "hyperparameters": {"beta": 0.1, "n_epochs": 2}}},
        "0a99ea839319e21a19962be7f8867d030f7dafa83489515c3cc267db0a3b3e32",
    ),
    (
        {"method": {**RFT, "hyperparameters": {"reasoning_effort": "high", "eval_interval": 5}}},
        "cdadf8bed8631be9ffaac307f8834b1426bc185287bae9ea577f7e885d9dd563",
    ),
    (
        {
            "method": {
                **RFT,
                "response_format": {"type": "json_schema", "name": "n", "strict": True, "schema": {"type": "object"}},
            }
        },
        "8f0ede8a0a2fce89f9679d39a2bc365453ed4777d3cd1dddd4172749b3cc2866",
    ),
]


@pytest.mark.parametrize(("fields", "pinned"), PINNED)
def test_the_digests_of_methods_are_pinned(fields: dict[str, Any], pinned: str) -> None:
    assert digest(**fields) == pinned


HYPERPARAMETERS: dict[str, Any] = {
    "supervised": {"n_epochs": 2, "prompt_loss_weight": 0.1},
    "dpo": {"beta": 0.1, "l2_multiplier": 0.2},
    "reinforcement": {"compute_multiplier": 2, "reasoning_effort": "low", "eval_interval": 3, "eval_samples": 2},
}


@pytest.mark.parametrize("kind", METHOD_FORMATS)
def test_openais_nested_shape_is_the_same_job(kind: str) -> None:
    more = {"grader": CHECK} if kind == "reinforcement" else {}
    settings = {"hyperparameters": HYPERPARAMETERS[kind], **more}
    flat, nested = {"type": kind, **settings}, {"type": kind, kind: settings}
    assert method(**flat) == method(**nested)
    assert spec(method=flat) == spec(method=nested)


SAME = [
    ("auto is unset", {"type": "dpo"}, {"type": "dpo", "hyperparameters": {"beta": "auto"}}),
    ("null is unset", {"type": "dpo"}, {"type": "dpo", "hyperparameters": {"l2_multiplier": None}}),
    ("the default effort is Azure's choice", RFT, {**RFT, "hyperparameters": {"reasoning_effort": "default"}}),
    ("a grader's name is for people", RFT, {**RFT, "grader": {**CHECK, "name": "exact"}}),
    ("supervised is the default", {}, {"type": "supervised"}),
]


@pytest.mark.parametrize(("reason", "one", "other"), SAME, ids=[row[0] for row in SAME])
def test_equal_methods_have_one_digest(reason: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    assert method(**one) == method(**other), reason


OTHER = [
    ("another method", {"type": "supervised"}, {"type": "dpo"}),
    ("another beta", {"type": "dpo"}, {"type": "dpo", "hyperparameters": {"beta": 0.2}}),
    ("another reference of the grader", RFT, {**RFT, "grader": {**CHECK, "reference": "{{ item.b }}"}}),
    ("a format of answers", RFT, {**RFT, "response_format": {"type": "text"}}),
]


@pytest.mark.parametrize(("reason", "one", "other"), OTHER, ids=[row[0] for row in OTHER])
def test_other_methods_have_other_digests(reason: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    assert method(**one) != method(**other), reason


IMPOSSIBLE = [
    ("no epochs", {"n_epochs": 0}),
    ("half an epoch", {"n_epochs": 0.5}),
    ("an empty batch", {"batch_size": 0}),
    ("a rate of 0", {"learning_rate_multiplier": 0}),
    ("a negative weight", {"prompt_loss_weight": -0.1}),
    ("a word that is not auto", {"n_epochs": "many"}),
]


@pytest.mark.parametrize(("reason", "settings"), IMPOSSIBLE, ids=[row[0] for row in IMPOSSIBLE])
def test_what_is_certainly_impossible_is_an_error(reason: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec(method={"hyperparameters": settings})


@given(st.sampled_from(sorted(METHOD_FORMATS)), st.sampled_from(sorted(METHOD_FORMATS)))
def test_a_hyperparameter_belongs_to_its_methods_only(kind: str, other: str) -> None:
    grader = {"grader": CHECK} if kind == "reinforcement" else {}
    made = {"type": kind, "hyperparameters": {**HYPERPARAMETERS[other], "n_epochs": 1}, **grader}
    if kind == other:
        assert spec(method=made).method.hyperparameters.chosen()["n_epochs"] == 1
    else:
        with pytest.raises(ValidationError):
            spec(method=made)


# In a manifest

MANIFEST = """\
apiVersion: reconciler/v1
kind: Account
metadata: {{name: acme}}
spec: {{endpoint: "https://acme.openai.azure.com", owner: team-a}}
---
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {{name: tone}}
spec:
  model: gpt-4.1
  training_file: {{file_id: file-1}}
  {body}
"""
MISTAKES = [
    (
        "another method's hyperparameter",
        "method: {hyperparameters: {beta: 1}}",
        "12:30",
        "`beta` belongs to `type: dpo`.",
    ),
    (
        "the same in OpenAI's shape",
        "method: {type: dpo, dpo: {hyperparameters: {eval_samples: 1}}}",
        "12:47",
        "`eval_samples` belongs to `type: reinforcement`.",
    ),
    (
        "a grader for another method",
        "method: {type: dpo, grader: {}}",
        "12:23",
        "`grader` belongs to `type: reinforcement`.",
    ),
    (
        "settings of a method that is not the type",
        "method: {type: dpo, supervised: {}}",
        "12:23",
        "`supervised: {…}` goes with `type: supervised`, which is not the type here.",
    ),
    ("a slip in the type", "method: {type: dop}", "12:18", "Did you mean `dpo`?"),
]


def faults(root: Path, body: str) -> list[Fault]:
    (root / "manifests").mkdir()
    (root / "manifests/a.yaml").write_text(MANIFEST.format(body=body))
    try:
        return list(load(root / "manifests", REGISTRY, {}, None, root).warnings)
    except InvalidManifests as error:
        return list(error.faults)


@pytest.mark.parametrize(("reason", "body", "place", "remedy"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_common_mistakes_name_their_remedy(tmp_path: Path, reason: str, body: str, place: str, remedy: str) -> None:
    [fault] = faults(tmp_path, body)
    assert (str(fault.place), fault.remedy) == (f"manifests/a.yaml:{place}", remedy), reason


REFUSED = [
    (
        "settings at both places",
        "method: {type: dpo, dpo: {hyperparameters: {}}, hyperparameters: {}}",
        "`spec.method` has `hyperparameters` beside `dpo: {…}`: say the settings in one place.",
    ),
    ("no grader", "method: {type: reinforcement}", "`spec` needs `method.grader` for reinforcement"),
    (
        "no validation file",
        "method: {type: reinforcement, grader: {type: string_check, input: a, reference: b, operation: eq}}",
        "`spec` needs `validation_file` for reinforcement",
    ),
    (
        "a field of the spec in extra_body",
        "extra_body: {method: {supervised: {hyperparameters: {}}}}",
        "`spec.extra_body` may not set method.supervised.hyperparameters",
    ),
    (
        "a documented grader in extra_body",
        "extra_body: {method: {supervised: {grader: {type: python}}}}",
        "`spec.extra_body` may not set method.supervised.grader",
    ),
    (
        "another method in extra_body",
        "extra_body: {method: {dpo: {x: 1}}}",
        "`spec` is trained by supervised, so `extra_body.method` may only hold `supervised`",
    ),
    ("a method in extra_body that is none", "extra_body: {method: dpo}", "`spec.extra_body` may hold `method` only as"),
]


@pytest.mark.parametrize(("reason", "body", "detail"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_cannot_be_meant(tmp_path: Path, reason: str, body: str, detail: str) -> None:
    [fault] = faults(tmp_path, body)
    assert fault.detail.startswith(detail), reason


# In the light of data, account and base model

ACCOUNT = Account("acme", AccountSpec(endpoint="https://acme.openai.azure.com", owner="team-a"), Place("a.yaml"))


def job(**fields: Any) -> Desired:
    return Desired(Address("FineTuneJob", "tone"), "acme", spec(**fields), Place("a.yaml", 1, 1))


def data(name: str, data_format: str, examples: int = 100, **more: Any) -> dict[Address, Desired]:
    address = Address("Dataset", name)
    more.setdefault("item_keys", {"a": examples})
    content = Content("0" * 64, 0, examples, data_format, "", **more)
    return {address: Desired(address, "acme", DatasetSpec.model_construct(), Place("a.yaml", 9, 1), content=content)}


def found(desired: Desired, declared: dict[Address, Desired]) -> list[Fault]:
    return list(check_job(desired, declared, ACCOUNT))


@pytest.mark.parametrize("kind", METHOD_FORMATS)
@pytest.mark.parametrize("data_format", [*METHOD_FORMATS.values(), ""])
def test_data_has_the_format_of_the_method(kind: str, data_format: str) -> None:
    model = "o4-mini" if kind == "reinforcement" else "gpt-4.1"
    wanted = job(model=model, method=RFT if kind == "reinforcement" else {"type": kind})
    faults = found(wanted, data("train", data_format) | data("valid", METHOD_FORMATS[kind]))
    if data_format in {"", METHOD_FORMATS[kind]}:
        assert not faults, "what is not known is not complained about"
        return
    [fault] = faults
    assert (fault.code, fault.severity) == ("format-differs", "error")
    assert fault.detail == (
        f"Dataset/train holds {data_format} examples; the method {kind} trains on {METHOD_FORMATS[kind]} examples."
    )
    other = next(method for method, name in METHOD_FORMATS.items() if name == data_format)
    assert f"method: {{type: {other}}}" in fault.remedy


def test_no_format_is_demanded_of_a_model_with_rows_of_its_own() -> None:
    faults = found(job(model="model-router"), data("train", "reinforcement") | data("valid", "reinforcement"))
    assert "format-differs" not in [fault.code for fault in faults]


def test_validation_data_has_it_too() -> None:
    faults = found(job(), data("train", "chat") | data("valid", "preference"))
    assert [(fault.code, "Dataset/valid" in fault.detail) for fault in faults] == [("format-differs", True)]


def test_data_that_is_elsewhere_is_not_counted() -> None:
    assert not found(job(), {})
    assert [fault.code for fault in found(job(), data("train", "chat", 9))] == ["examples-too-few"]


def test_a_grader_is_checked_against_the_keys_of_both_files() -> None:
    declared = data("train", "reinforcement", item_keys={"a": 100}) | data(
        "valid", "reinforcement", item_keys={"b": 100}
    )
    [fault] = found(job(model="o4-mini", method=RFT), declared)
    assert (fault.code, fault.severity) == ("grader-key-unknown", "error")
    assert "`{{ item.a }}` reads `a`. (Dataset/valid)" in fault.detail
    del declared[Address("Dataset", "valid")]
    assert not found(job(model="o4-mini", method=RFT), declared)


def test_examples_beyond_the_context_of_the_model_are_told_with_their_line() -> None:
    declared = data("train", "chat", longest=((70_000, 7), (66_000, 3), (65_536, 9)))
    [fault] = found(job(), declared)
    assert (fault.code, fault.severity) == ("examples-too-long", "warning")
    assert "2 examples of more than 65,536 tokens; the longest, on line 7, has 70,000." in fault.detail
    assert not found(job(model="gpt-4.1-nona"), declared)[1:], "of a model that is not known nothing is known"
    [one] = found(job(), data("train", "chat", longest=((70_000, 7),)))
    assert "Dataset/train: 1 example of more than" in one.detail
    [many] = found(job(), data("train", "chat", longest=((70_000, 7),) * LONGEST))
    assert f"Dataset/train: at least {LONGEST} examples of more than" in many.detail, "no more of them are remembered"


def test_more_tokens_than_a_job_is_documented_to_train_on_are_told() -> None:
    def told(tokens: int, epochs: object) -> list[str]:
        method = {"type": "supervised", "hyperparameters": {"n_epochs": epochs} if epochs else {}}
        return [fault.detail for fault in found(job(method=method), data("train", "chat", tokens=tokens))]

    most = "Azure documents at most 2,000,000,000 for a job."
    assert told(1_000_000_001, 2) == [f"Dataset/train has 1,000,000,001 tokens times 2 epochs: 2,000,000,002. {most}"]
    assert told(1_000_000_000, 2) == told(2_000_000_000, "auto") == told(2_000_000_000, None) == []
    assert told(2_000_000_001, "auto") == [f"Dataset/train has 2,000,000,001 tokens. {most}"], (
        "where Azure chooses, there is one epoch at least"
    )


def test_rows_that_are_trained_on_and_validated_with_are_told_with_their_lines() -> None:
    def rows(*values: int) -> bytes:
        return array("Q", sorted(values)).tobytes() + array("I", sorted(values)).tobytes()

    declared = data("train", "chat", rows=rows(1, 2, 3, 4, 5, 6)) | data("valid", "chat", rows=rows(2, 3, 4, 5, 9))
    [fault] = found(job(), declared)
    assert (fault.code, fault.severity) == ("validation-trained", "warning")
    assert fault.detail == (
        "4 rows of Dataset/valid; lines 2 (training) = 2 (validation), 3 (training) = 3 (validation), "
        "4 (training) = 4 (validation) and 1 more."
    )
    assert not found(job(), data("train", "chat", rows=rows(1)) | data("valid", "chat", rows=rows(2)))


RANGES = [
    ("OpenAI's highest beta", {"type": "dpo", "hyperparameters": {"beta": 2}}, []),
    ("above it", {"type": "dpo", "hyperparameters": {"beta": 2.5}}, ["hyperparameter-range"]),
    ("more epochs than OpenAI takes", {"hyperparameters": {"n_epochs": 51}}, ["hyperparameter-range"]),
    ("a number without known bounds", {"type": "dpo", "hyperparameters": {"l2_multiplier": 1000}}, []),
]


@pytest.mark.parametrize(("reason", "settings", "codes"), RANGES, ids=[row[0] for row in RANGES])
def test_bounds_that_azure_does_not_document_are_warnings(
    reason: str, settings: dict[str, Any], codes: list[str]
) -> None:
    faults = found(job(method=settings), {})
    assert [fault.code for fault in faults] == codes, reason
    assert all(fault.severity == "warning" for fault in faults)


MODELS = [
    ("a base and its method", {"model": "gpt-4.1"}, []),
    ("a fine-tuned model stands for its base", {"model": f"gpt-4.1-2025-04-14.ft-{'a' * 32}-x"}, []),
    ("a reasoning model", {"model": "o4-mini"}, ["model-method"]),
    ("a fine-tuned reasoning model", {"model": f"o4-mini-2025-04-16.ft-{'a' * 32}"}, ["model-method"]),
    ("an open-weight model in a region", {"model": "Ministral-3B"}, ["model-training-type"]),
    ("an open-weight model anywhere", {"model": "ministral-3b", "training_type": "global"}, []),
    (
        "gpt-5 in the developer tier",
        {"model": "gpt-5", "training_type": "developer", "method": RFT},
        ["model-training-type"],
    ),
    ("a model of tomorrow", {"model": "gpt-9.9-huge-2030-01-01"}, ["model-unknown"]),
    ("a job that is not declared here", {"model": {"job": "other"}}, []),
]


@pytest.mark.parametrize(("reason", "fields", "codes"), MODELS, ids=[row[0] for row in MODELS])
def test_what_the_table_of_models_says_no_to_is_a_warning(
    reason: str, fields: dict[str, Any], codes: list[str]
) -> None:
    faults = list(model_faults(job(**fields), {}))
    assert [fault.code for fault in faults] == codes, reason
    assert all(fault.severity == "warning" for fault in faults)


def test_a_slip_in_a_models_name() -> None:
    [fault] = model_faults(job(model="gpt-4.1-mini-2025-04-41"), {})
    assert fault.remedy == "Did you mean gpt-4.1-mini-2025-04-14?"


def test_jobs_that_build_on_each_other_in_a_circle_have_no_base() -> None:
    one = job(model={"job": "tone"})
    assert not list(model_faults(one, {one.address: one}))


ENDS = [
    (date(2027, 1, 13), []),
    (date(2027, 1, 14), ["ends soon"]),
    (date(2027, 3, 15), ["ends within 30 days"]),
    (date(2027, 4, 14), ["has ended"]),
    (date(2027, 10, 1), ["has ended", "ends within 30 days"]),
]


@pytest.mark.parametrize(("today", "words"), ENDS)
def test_announced_ends(today: date, words: list[str]) -> None:
    faults = list(end_faults(job(), {}, today, makes=True))
    assert [fault.summary.partition("model ")[2] for fault in faults] == words
    assert all("or later" in fault.detail for fault in faults), "Microsoft announces the first possible day"


def test_a_slip_in_a_training_type_names_the_one_that_was_meant() -> None:
    with pytest.raises(ValidationError, match="did you mean global"):
        FineTuneJobSpec.model_validate(
            {"model": "gpt-4.1-mini-2025-04-14", "training_file": "a", "training_type": "globl"}
        )

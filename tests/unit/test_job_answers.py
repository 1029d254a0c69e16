"""Jobs, events and checkpoints as the service was seen to answer them: read without a difference that is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.azure.wire import number
from reconciler.core.account import Account, AccountSpec
from reconciler.core.diff import differences
from reconciler.core.fault import Place
from reconciler.core.resource import Observed
from reconciler.kinds.fine_tune_job.observed import observed_job, same_base
from reconciler.kinds.fine_tune_job.progress import ended, kept, measure
from reconciler.kinds.fine_tune_job.spec import FineTuneJobSpec
from reconciler.results.checkpoints import Checkpoint, read


@pytest.mark.parametrize("strange", [-1, 0, 253402300800, 10**18, 10**30, 1e308, "nan", "²", [], {}, True, None])
def test_a_time_that_is_none_is_not_known(strange: Any) -> None:
    times = {"created_at": strange, "finished_at": strange, "estimated_finish": strange}
    live = observed_job(
        {**RECORDED, **times},
        Account("acme", AccountSpec(endpoint="https://a.openai.azure.com", owner="team-a"), Place("x")),
    )
    assert (live.created_at, live.finished_at, live.facts["estimated_finish"]) == (0, None, None)


@pytest.mark.parametrize("strange", [10**30, 1e308, "9" * 5000, "1e999", float("inf"), -(10**30)])
def test_a_number_that_nothing_counts_to_is_not_known(strange: Any) -> None:
    assert number({"trained_tokens": strange}, "trained_tokens") is None
    assert read({"step_number": strange, "metrics": {}}) is None


RECORDED: dict[str, Any] = {
    "id": "ftjob-" + "0a" * 16,
    "object": "fine_tuning.job",
    "created_at": 1_747_500_000,
    "status": "succeeded",
    "model": "gpt-4.1-mini-2025-04-14",
    "fine_tuned_model": "gpt-4.1-mini-2025-04-14.ft-" + "0a" * 16,
    "training_file": "file-1",
    "validation_file": None,
    "result_files": None,
    "finished_at": 1_747_507_995,
    "estimated_finish": 1_750_074_407,
    "organization_id": None,
    "trained_tokens": 964,
    "error": None,
    "integrations": None,
    "metadata": None,
    "suffix": None,
    "seed": 7,
    "trainingType": "globalStandard",
    "hyperparameters": {"n_epochs": 2, "batch_size": 1, "learning_rate_multiplier": 0.1},
    "method": None,
}
DECLARED = {
    "model": "gpt-4.1-mini-2025-04-14",
    "training_file": {"file_id": "file-1"},
    "training_type": "global",
    "seed": 7,
    "method": {"hyperparameters": {"n_epochs": 2, "learning_rate_multiplier": 0.1}},
}
UNSET = {"n_epochs": -1, "batch_size": -1, "learning_rate_multiplier": -1}


def live(**changes: Any) -> Observed:
    account = Account("acme", AccountSpec.model_construct(owner="team-a"), Place("account.yaml"))
    return observed_job({**RECORDED, **changes}, account)


def nested(values: Any, **more: Any) -> dict[str, Any]:
    return {"type": "supervised", "supervised": {"hyperparameters": values}, **more}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({}, "numbers at the top, no method: as recorded on v1"),
        ({"method": nested(UNSET)}, "the method shows -1 where the top has the numbers"),
        (
            {
                "hyperparameters": UNSET,
                "method": nested(RECORDED["hyperparameters"], dpo=None, reinforcement=None),
            },
            "and the other way round, with the methods that it has not",
        ),
        ({"method": {**nested(RECORDED["hyperparameters"]), "type": "Supervised"}}, "a word in another case"),
        ({"method": nested(None)}, "a method without settings"),
        ({"method": {"type": "supervised", "supervised": None}}, "a method that is null"),
        ({"hyperparameters": None}, "nothing is echoed"),
        ({"hyperparameters": {**RECORDED["hyperparameters"], "n_epochs": "2"}}, "a number as a text"),
        ({"trainingType": "GlobalStandard"}, "as the portal spells it"),
        ({"trainingType": 1}, "an integer stands for it in one client"),
        ({"trainingType": None, "seed": None}, "not echoed"),
    ],
)
def test_an_answer_that_means_the_same_is_no_difference(answer: dict[str, Any], why: str) -> None:
    assert differences(FineTuneJobSpec.model_validate(DECLARED), live(**answer).spec, echoes_all=False) == (), why


@pytest.mark.parametrize(
    ("written", "seconds", "why"),
    [
        (1_747_507_995, 1_747_507_995.0, "as specified"),
        (1_747_507_995.5, 1_747_507_995.5, "a fraction"),
        ("1747507995", 1_747_507_995.0, "a number as a text"),
        ("2025-05-17T18:53:15Z", 1_747_507_995.0, "as ARM writes moments"),
        ("2025-05-17T18:53:15.5+00:00", 1_747_507_995.5, "a fraction and a zone"),
        ("2025-05-17T18:53:15", 1_747_507_995.0, "no zone: UTC"),
        (1_747_507_995_000, None, "milliseconds: no date that could be shown"),
        ("17/05/2025", None, "unreadable"),
        ("", None, "empty"),
        (0, None, "a zero stands for nothing"),
        (None, None, "null"),
        ({"seconds": 1}, None, "not even a text"),
    ],
)
def test_a_moment_is_read_however_it_is_written(written: Any, seconds: float | None, why: str) -> None:
    found = live(finished_at=written, created_at=written)
    assert (found.finished_at, found.created_at) == (seconds, seconds or 0), why


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ({"hyperparameters": {**RECORDED["hyperparameters"], "n_epochs": 5}}, "method.hyperparameters.n_epochs"),
        ({"hyperparameters": UNSET, "method": nested(UNSET)}, "method.hyperparameters.n_epochs"),
        ({"trainingType": "Standard"}, "training_type"),
        ({"seed": 8}, "seed"),
    ],
)
def test_an_answer_that_contradicts_is_one(answer: dict[str, Any], path: str) -> None:
    found = differences(FineTuneJobSpec.model_validate(DECLARED), live(**answer).spec, echoes_all=False)
    assert path.rpartition(".")[2] in {item.path.rpartition(".")[2] for item in found}


@pytest.mark.parametrize(
    ("declared", "echoed", "same"),
    [
        ("ministral-3b", "Ministral-3B", True),
        ("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", True),
        ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini", True),
        ("Qwen-3-32B", "qwen3-32b", True),
        ("Llama-3.3-70B", "Llama-3.3-70B-Instruct", True),
        ("gpt-4.1", "gpt-4.1-mini", False),
        ("gpt-4.1-mini", "gpt-4.1-nano-2025-04-14", False),
        ("gpt-4.1-mini.ft-" + "0a" * 16, "gpt-4.1-mini", False),
        ("gpt-4.1-mini.ft-" + "0a" * 16, "gpt-4.1-mini.ft-" + "0b" * 16, False),
    ],
)
def test_a_base_goes_by_several_names(declared: str, echoed: str, same: bool) -> None:
    assert same_base(declared, echoed) is same


def event(at: float, message: str) -> dict[str, Any]:
    return {
        "id": f"ftevent-{at}",
        "created_at": at,
        "level": "info",
        "message": message,
        "type": "message",
        "data": None,
    }


EVENTS = [
    event(1_747_500_060, "Finetuning started."),
    event(1_747_503_000, "Step 10: training loss=1.5e+02"),
    event(1_747_503_660, "Training tokens billed: 1,928"),
]


def test_a_summary_believes_neither_a_late_end_nor_an_absent_count() -> None:
    job = live(finished_at=1_747_500_000 + 118 * 86_400, trained_tokens=None)
    said = ended(job, EVENTS, ())
    assert said[0] == "succeeded after 1 h 0 min, after 1 min in the queue"
    assert "1,928 tokens billed" in said
    assert said[said.index("its curves and what they mean:") + 1] == f"  reconciler report {job.id}"
    assert not any("billed" in line for line in ended(live(trained_tokens=-1), EVENTS[:1], ()))


def test_exponents_are_read_whole() -> None:
    assert measure(EVENTS, live()).metrics == {"train_loss": 150.0}


def test_a_checkpoint_that_cannot_be_deployed_is_not_recommended() -> None:
    losses = {20: 0.1, 40: 0.4, 60: 0.3, 80: 0.5}
    found = [Checkpoint(step, "m", "i", 0, {"full_valid_loss": loss}) for step, loss in losses.items()]
    assert kept(live(), found).endswith(
        "964 tokens billed, lowest full_valid_loss: 0.3 at step 60, to serve it:  checkpoint: {step: 60}"
    )
    assert kept(replace(live(), facts={}), ()) == RECORDED["fine_tuned_model"]

"""What the curves of a training say: each rule on curves made for it, and what holds for all curves."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trainings import FALL, MARGINS, REWARDS, Training, falling, level, turned, turning

from reconciler.results import diagnosis
from reconciler.results.diagnosis import diagnose
from reconciler.results.smooth import noise, stretches
from reconciler.results.table import Table, read

ROWS: Sequence[tuple[str, str, Training, str]] = [
    (
        "overfits",
        "supervised",
        Training(FALL, turning(0.5, 0.6), turning(0.5, 0.6), noise=0.03),
        "both validations rise",
    ),
    ("overfits", "supervised", Training(FALL, turning(0.5, 0.6), noise=0.03), "batches alone show it"),
    ("overfits", "supervised", Training(FALL, None, turning(0.5, 0.6)), "five whole validations show it"),
    ("overfits", "supervised", Training(FALL, None, turning(0.3, 0.6), epochs=3), "three whole validations show it"),
    ("overfits", "supervised", Training(FALL, lambda share: 1.5 + share), "validation rises from its beginning"),
    ("overfits", "dpo", Training(falling(4, 0.693, 0.05), turning(0.4, 0.4)), "preference training by its loss"),
    (
        "overfits",
        "reinforcement",
        Training(turned(FALL), None, turned(turning(0.5, 0.8)), names=REWARDS),
        "reward falls",
    ),
    ("overfits", "dpo", Training(turned(FALL), turned(turning(0.5, 0.8)), names=MARGINS), "no loss: by its accuracy"),
    ("converged", "supervised", Training(falling(12), falling(12), falling(12), noise=0.03), "flat at the end"),
    ("converged", "supervised", Training(falling(12), noise=0.03), "flat at the end, without validation"),
    ("converged", "supervised", Training(falling(6), falling(14)), "training goes on, validation is flat"),
    ("converged", "supervised", Training(falling(12), lambda s: falling(12)(s) + 0.03 * s), "a rise below a twentieth"),
    ("converged", "reinforcement", Training(turned(falling(12)), None, turned(falling(12)), names=REWARDS), "reward"),
    ("improving", "supervised", Training(falling(2), falling(2), falling(2), noise=0.03), "falls to the end"),
    ("improving", "supervised", Training(falling(2), noise=0.03), "falls to the end, without validation"),
    ("improving", "supervised", Training(lambda share: 2 - share), "a straight line"),
    ("improving", "reinforcement", Training(turned(falling(2)), None, turned(falling(2)), names=REWARDS), "reward"),
    ("no-gain", "supervised", Training(level(1.0), level(1.0), noise=0.1), "flat and noisy"),
    ("no-gain", "supervised", Training(level(1.0)), "exactly flat"),
    ("no-gain", "supervised", Training(lambda share: 1 - 0.01 * share), "a gain of one percent"),
    ("no-gain", "supervised", Training(lambda share: 1 + 0.05 * share), "a little worse than it began"),
    ("no-gain", "supervised", Training(FALL, level(1.5), noise=0.03), "it learns, and it does not carry over"),
    ("no-gain", "reinforcement", Training(level(0.0), None, level(0.0), names=REWARDS), "no answer ever got a reward"),
    ("no-gain", "reinforcement", Training(level(1.0), None, level(1.0), names=REWARDS), "every answer always did"),
    ("diverged", "supervised", Training(lambda s: FALL(s) if s < 0.6 else 5.0), "it blew up and stayed there"),
    ("diverged", "supervised", Training(lambda share: 1 + share), "worse from the beginning on"),
    ("diverged", "supervised", Training(lambda s: FALL(s) if s < 0.6 else math.nan), "no numbers at the end"),
    ("diverged", "supervised", Training(lambda s: math.inf if s == 0.5 else FALL(s)), "infinite once"),
    ("diverged", "supervised", Training(lambda _: math.nan), "never a number"),
    (
        "diverged",
        "supervised",
        Training(lambda s: abs(s - 0.4) + 0.5, lambda s: abs(s - 0.4) + 0.5),
        "both rise together",
    ),
    ("diverged", "reinforcement", Training(turned(lambda s: abs(s - 0.5) * 2), names=REWARDS), "the reward collapsed"),
    ("too-few", "supervised", Training(FALL, FALL, steps=9, every=1, epochs=3), "nine steps"),
    ("converged", "supervised", Training(falling(12), steps=10, epochs=1), "ten steps are enough"),
]


@pytest.mark.parametrize(("verdict", "method", "training", "why"), ROWS, ids=[f"{row[0]}: {row[3]}" for row in ROWS])
def test_each_rule_on_curves_made_for_it(verdict: str, method: str, training: Training, why: str) -> None:
    found = diagnose(training.table(), method=method, epochs=training.epochs)
    assert found.verdict == verdict, f"{why}: {found.text}"
    assert found.text.endswith((".", ")."))
    assert found.advice, "each verdict says what to try"
    assert found.headline
    assert all(math.isfinite(number) for number in found.numbers.values())


def test_nothing_to_judge_by() -> None:
    assert diagnose(Table()).verdict == "no-data"
    odd = diagnose(read([b"step,valid_loss\n1,2\n2,1\n"]))
    assert odd.verdict == "no-data"
    assert "train_loss" in odd.advice[0]


def test_overfitting_says_when_it_began_and_how_many_epochs_are_enough() -> None:
    found = diagnose(Training(FALL, None, turning(0.4, 0.8)).table(), epochs=5)
    assert found.numbers["best_step"] == 80
    assert "step 80 (epoch 2.0 of 5)" in found.text
    assert found.advice[0].startswith("Train for `n_epochs: 2`")
    running = diagnose(Training(FALL, None, turning(0.4, 0.8)).table(), epochs=5, ended=False)
    assert "epoch" not in running.text, "a training that goes on does not say how many steps an epoch has"
    assert running.advice[0].startswith("Train for fewer epochs")


def test_missing_validation_is_said_and_the_training_is_judged_all_the_same() -> None:
    alone = diagnose(Training(falling(12)).table())
    assert [note.code for note in alone.notes] == ["no-validation"]
    assert "give the job a `validation_file`" in alone.notes[0].text
    (kept_back,) = diagnose(Training(falling(12)).table(), validated=True).notes
    assert (kept_back.code, "though the job has a validation file" in kept_back.text) == ("no-validation", True)
    few = diagnose(Training(falling(12), None, falling(12), epochs=2).table())
    assert [note.code for note in few.notes] == ["few-validation"]
    both = diagnose(Training(falling(12), falling(12)).table())
    assert [note.code for note in both.notes] == ["gap"]


def test_a_wild_first_step_hides_nothing() -> None:
    """As recorded: the first step of a real file was at 10.17, the later ones around 1."""
    wild = Training(lambda s: 10.17 if s <= 0.005 else FALL(s), turning(0.5, 0.6), noise=0.03)
    assert wild.verdict() == "overfits"


def test_a_running_training_is_told_to_go_on() -> None:
    found = diagnose(Training(falling(2)).table(), ended=False)
    assert found.advice == ("Let it go on.",)


# -- what holds for all curves

_FALLS = st.lists(st.floats(0, 1), min_size=12, max_size=120)


@given(_FALLS, st.lists(st.floats(0, 1), min_size=3, max_size=60))
@settings(max_examples=150)
def test_what_only_falls_never_overfits_and_never_diverged(train: list[float], valid: list[float]) -> None:
    losses, held = sorted(train, reverse=True), sorted(valid, reverse=True)
    rows = [f"{step},{loss},{held[step] if step < len(held) else ''}" for step, loss in enumerate(losses)]
    text = "\n".join(["step,train_loss,full_valid_loss", *rows])
    found = diagnose(read([text.encode()]))
    assert found.verdict not in {"overfits", "diverged"}, found.text


@given(st.sampled_from(ROWS), st.sampled_from([1e-3, 0.5, 7.0, 1e4]))
@settings(max_examples=80)
def test_the_unit_of_a_loss_does_not_matter(row: tuple[str, str, Training, str], unit: float) -> None:
    verdict, method, training, why = row
    scaled = Training(**{**training.__dict__, "unit": unit})
    assert scaled.verdict(method) == verdict, why


_STEADY = [
    ("overfits", Training(FALL, turning(0.5, 0.6), turning(0.5, 0.6))),
    ("overfits", Training(FALL, turning(0.5, 0.6))),
    ("converged", Training(falling(12), falling(12))),
    ("improving", Training(falling(2), falling(2))),
    ("no-gain", Training(level(1.0), level(1.0))),
]


@pytest.mark.parametrize(("verdict", "training"), _STEADY)
@pytest.mark.parametrize("share", [0.005, 0.01, 0.02])
def test_noise_within_the_documented_bound_does_not_flip_a_verdict(
    verdict: str, training: Training, share: float
) -> None:
    """docs/results.md: noise of single values up to 2 % of how far the curves moved, with forty validation values."""
    moved = 1.9
    said = [Training(**{**training.__dict__, "noise": share * moved, "seed": seed}).verdict() for seed in range(25)]
    assert said == [verdict] * 25


@pytest.mark.parametrize(("verdict", "training"), _STEADY)
def test_more_noise_makes_a_verdict_unsure_and_not_random(verdict: str, training: Training) -> None:
    """docs/results.md: at 5 % at least four of five curves are still told right."""
    said = [Training(**{**training.__dict__, "noise": 0.05 * 1.9, "seed": seed}).verdict() for seed in range(60)]
    assert said.count(verdict) >= 48, said


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
def test_larger_noise_never_makes_overfitting_of_what_falls(share: float) -> None:
    for seed in range(60):
        training = Training(falling(12), falling(12), noise=share * 1.9, seed=seed)
        assert training.verdict() != "overfits", f"seed {seed}"


def test_noise_is_estimated_on_a_slope_as_on_a_level() -> None:
    chance = random.Random(1)
    for slope in (0.0, 0.5):
        values = [slope * index + chance.gauss(0, 0.2) for index in range(400)]
        assert noise(values) == pytest.approx(0.2, rel=0.15)
    assert noise([1.0, 2.0]) == 0


def test_stretches_hold_every_point_once() -> None:
    table = Training(FALL, steps=237, epochs=3).table()
    parts = stretches(table.curves["train_loss"].points)
    assert len(parts) == 10
    assert parts[0].begin == 1
    assert parts[-1].end == 237
    assert all(one.end + 1 == two.begin for one, two in itertools.pairwise(parts))


def test_every_verdict_has_a_rule_that_was_tested() -> None:
    assert {row[0] for row in ROWS} | {"no-data"} == set(diagnosis.Verdict.__args__)  # type: ignore[attr-defined]

"""What the curves of a training say: every rule and every threshold, with its reason. The table is in docs/results.md.

All rules see curves in which low is good (rewards and accuracies are turned round), cut into stretches
(`results.smooth`). Every threshold is a share of how far the curves moved, or a multiple of the noise, so a verdict
does not depend on the unit of a reward or on how many classes a loss was computed over. It is longer than other files
because all rules stand together: each relies on the ones before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from reconciler.results.advice import advice
from reconciler.results.curve import Curve, Point
from reconciler.results.metrics import METRICS
from reconciler.results.smooth import Stretch, stretches
from reconciler.results.table import Table

Verdict = Literal["no-data", "too-few", "diverged", "overfits", "no-gain", "improving", "converged"]

FEWEST_TRAINING = 10
"""Points of the training curve below which nothing is said: three stretches with three points each need about as many,
and a training on Azure's minimum of ten examples has them."""
FEWEST_FULL = 3
"""Points of a validation over the whole file: one each epoch; two can show a rise, and not where it began."""
FEWEST_VALID = 8
"""Points of a validation on single batches: they are noisy, and with fewer the noise cannot be told from the curve."""
SURE = 3.0
"""How many standard errors a difference must have. At three, one flat curve in several hundred is misread; at two, one
in twenty."""
RISE = 0.05
"""A rise of the validation that counts, as a share of how far the curves moved. Below a twentieth it is not worth another
training."""
STEADY = 0.02
"""How much the training may rise, as a share of its range, and still be called not rising: single stretches do."""
BLOWN_UP = 0.3
"""How much of its gain a training must have lost again at its end to be called diverged: healthy ones give back a few
percent, one that blew up gives back nearly everything."""
WORSE = 0.1
"""How much worse than its beginning a training must end to be called diverged even if it gained nothing before: a tenth
of where it began. Less than that is no gain."""
GAIN = 0.02
"""The least gain over the beginning, as a share of the beginning: less is within what another seed would do."""
MOVES = 0.03
"""The least gain over the last third, as a share of how far the curve moved, to call it still improving: a curve that
halves what is left each epoch is below it after about five epochs."""
SURE_OF_GAIN = 1.5
"""How many standard errors the gain at the end must have: a training that is called converged too early costs a better
model, one that is called improving too late an epoch; so this is less strict than for a rise."""
LAST_PART = 0.3
"""The part at the end over which that gain is looked at."""
BROKEN = 2
"""Steps without a number at the end of the training curve that mean it diverged; a single one may be a row that holds
only validation values."""

_WATCHED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "supervised": (
        ("train_loss", "full_valid_loss", "valid_loss"),
        ("train_mean_token_accuracy", "full_valid_mean_token_accuracy", "valid_mean_token_accuracy"),
    ),
    "dpo": (
        ("train_loss", "full_valid_loss", "valid_loss"),
        ("train_reward_accuracy", "full_valid_reward_accuracy", "valid_reward_accuracy"),
        ("train_accuracy", "full_valid_accuracy", "valid_accuracy"),
    ),
    "reinforcement": (
        ("train_mean_reward", "full_valid_mean_reward", "valid_mean_reward"),
        ("train_loss", "full_valid_loss", "valid_loss"),
    ),
}
"""Which curves tell how a training went, first choice first: (training, whole validation, validation batches)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the curves say: a code that does not change, a sentence, and the numbers behind it by name."""

    code: str
    text: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What became of a training: the verdict with its numbers, what else is worth knowing, and what to try."""

    verdict: Verdict
    headline: str
    text: str
    numbers: Mapping[str, float]
    notes: tuple[Finding, ...]
    advice: tuple[str, ...]
    train: str = ""
    valid: str = ""
    """Names of the curves that were looked at."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One watched curve, low is good. `values` in stretches."""

    name: str
    curve: Curve
    sign: float
    parts: tuple[Stretch, ...]

    @property
    def first(self) -> Stretch:
        return self.parts[0]

    @property
    def last(self) -> Stretch:
        return self.parts[-1]

    @property
    def best(self) -> int:
        return min(range(len(self.parts)), key=lambda index: self.parts[index].value)

    @property
    def reach(self) -> float:
        values = [part.value for part in self.parts]
        return max(values) - min(values)

    def shown(self, part: Stretch) -> float:
        """Return a value as the file has it."""
        return self.sign * part.value


def method_of(table: Table, declared: str) -> str:
    """Return the method of a training: what the job says, else what the columns are of."""
    if declared in _WATCHED:
        return declared
    return "reinforcement" if "train_mean_reward" in table.curves else "supervised"


def diagnose(
    table: Table, *, method: str = "", epochs: float | None = None, ended: bool = True, validated: bool = False
) -> Diagnosis:
    """Say what the curves of a training mean.

    `epochs`: how many it makes in all; `ended`: it will not go on; `validated`: the job has a validation file.
    """
    method = method_of(table, method)
    train_name, full_name, batch_name = _names(table, method)
    broken = _broken(table, train_name)
    train = _side(table, train_name)
    if broken is not None or (train is None and train_name in table.broken_columns):
        return _no_number(broken, method, train_name)
    if train is None:
        return _nothing(table, train_name)
    valid = _held_out(table, full_name, batch_name)
    notes = _notes(table, train, valid, full_name, batch_name, validated=validated)
    if len(train.curve.points) < FEWEST_TRAINING:
        return _too_few(train, notes, ended=ended)
    judge = _Judge(train, valid, method, epochs, table.last_step, ended)
    verdict, text, numbers, todo = judge.verdict()
    return Diagnosis(verdict, _HEADLINES[verdict], text, numbers, notes, todo, train.name, valid.name if valid else "")


_HEADLINES: Mapping[Verdict, str] = {
    "no-data": "Nothing to judge by",
    "too-few": "Too few points to tell",
    "diverged": "The training diverged",
    "overfits": "It overfits",
    "no-gain": "It did not learn",
    "improving": "Still improving",
    "converged": "It has converged",
}


def headline(verdict: Verdict) -> str:
    """Return a verdict in a few words."""
    return _HEADLINES[verdict]


@dataclass(frozen=True, slots=True)
class _Judge:
    train: _Side
    valid: _Side | None
    method: str
    epochs: float | None
    last_step: int
    ended: bool

    def verdict(self) -> tuple[Verdict, str, dict[str, float], tuple[str, ...]]:
        """Go through the rules in their order; the first that holds is the verdict."""
        return self._diverged() or self._overfits() or self._no_gain() or self._ending()

    # A rise or a gain counts only if it is larger than the noise of both stretches.
    @staticmethod
    def _sure(one: Stretch, other: Stretch) -> float:
        return SURE * math.hypot(one.error, other.error)

    def _diverged(self) -> tuple[Verdict, str, dict[str, float], tuple[str, ...]] | None:
        train = self.train
        best, last = train.parts[train.best], train.last
        gained = train.first.value - best.value
        lost = last.value - best.value
        worse = last.value - train.first.value
        blown = gained > self._sure(train.first, best) and lost >= BLOWN_UP * train.reach
        risen = worse > max(WORSE * abs(train.first.value), self._sure(train.first, last))
        if lost <= max(GAIN * abs(best.value), self._sure(best, last)) or not (blown or risen):
            return None
        numbers = {
            "best": train.shown(best),
            "best_step": best.end,
            "end": train.shown(last),
            "start": train.shown(train.first),
        }
        text = (
            f"The {_title(train)} was {_n(train.shown(best))} around step {best.end} and ended at "
            f"{_n(train.shown(last))}: it lost what it had gained."
        )
        return "diverged", text, numbers, advice("diverged", self.method)

    def _overfits(self) -> tuple[Verdict, str, dict[str, float], tuple[str, ...]] | None:
        train, valid = self.train, self.valid
        if valid is None:
            return None
        best, last = valid.parts[valid.best], valid.last
        rise = last.value - best.value
        moved = max(valid.reach, train.reach)
        if rise < RISE * moved or rise <= self._sure(best, last) or rise <= 0:
            return None
        learned = train.first.value - train.last.value
        if learned <= max(GAIN * abs(train.first.value), self._sure(train.first, train.last)):
            return None
        then = _around(train, best.end)
        if train.last.value - then.value > max(STEADY * train.reach, self._sure(then, train.last)):
            return None
        epoch = self._epoch(best.end)
        numbers = {
            "best": valid.shown(best),
            "best_step": best.end,
            "end": valid.shown(last),
            "rise": abs(rise),
            "share": rise / moved,
            "noise": max(best.error, last.error),
            "train_at_best": train.shown(then),
            "train_end": train.shown(train.last),
        } | ({"best_epoch": epoch} if epoch else {})
        where = f"step {best.end}" + (f" (epoch {epoch:.1f} of {self.epochs:g})" if epoch and self.epochs else "")
        better = "lowest" if valid.sign > 0 else "highest"
        text = (
            f"The {_title(valid)} was {better} around {where} at {_n(valid.shown(best))} and ended at "
            f"{_n(valid.shown(last))}, while the {_title(train)} went on from {_n(train.shown(then))} to "
            f"{_n(train.shown(train.last))}."
        )
        fewer = max(1, round(epoch)) if epoch and self.epochs and round(epoch) < self.epochs else None
        return "overfits", text, numbers, advice("overfits", self.method, fewer)

    def _no_gain(self) -> tuple[Verdict, str, dict[str, float], tuple[str, ...]] | None:
        train, valid = self.train, self.valid
        best = train.parts[train.best]
        gain = train.first.value - best.value
        least = max(GAIN * abs(train.first.value), self._sure(train.first, best))
        numbers = {"start": train.shown(train.first), "best": train.shown(best), "gain": abs(gain), "least": least}
        if gain <= least:
            text = (
                f"The {_title(train)} began at {_n(train.shown(train.first))} and was "
                f"{_n(train.shown(best))} at its best; that is within the noise, or less than {GAIN:.0%} of where it began."
            )
            return "no-gain", text, numbers, advice("no-gain", self.method)
        # A validation at the ends of epochs does not show where it began, so it cannot show that nothing was gained.
        if valid is None or valid.first.begin > max(1, self.last_step // 10):
            return None
        best = valid.parts[valid.best]
        gain = valid.first.value - best.value
        least = max(GAIN * abs(valid.first.value), self._sure(valid.first, best), RISE * train.reach)
        if gain > least:
            return None
        numbers = {"start": valid.shown(valid.first), "best": valid.shown(best), "gain": abs(gain), "least": least}
        text = (
            f"The {_title(train)} went from {_n(train.shown(train.first))} to {_n(train.shown(train.last))}, but the "
            f"{_title(valid)} began at {_n(valid.shown(valid.first))} and was never better than {_n(valid.shown(best))}: "
            "what was learned does not carry over to examples that the model has not seen."
        )
        return "no-gain", text, numbers, advice("no-carry", self.method)

    def _ending(self) -> tuple[Verdict, str, dict[str, float], tuple[str, ...]]:
        watched = self.valid or self.train
        parts = watched.parts
        back = max(1, round(len(parts) * LAST_PART))
        before, last = parts[-1 - back], parts[-1]
        gain = before.value - last.value
        moved = max(watched.reach, self.train.reach) if self.valid else watched.reach
        share = gain / moved if moved > 0 else 0.0
        numbers = {
            "before": watched.shown(before),
            "before_step": before.end,
            "end": watched.shown(last),
            "gain": gain,
            "share": share,
        }
        moves = gain > 0 and share >= MOVES
        if moves and gain > SURE_OF_GAIN * math.hypot(before.error, last.error):
            text = (
                f"The {_title(watched)} still went from {_n(watched.shown(before))} (step {before.end}) to "
                f"{_n(watched.shown(last))} at the end, {share:.0%} of all that the curves moved."
            )
            return "improving", text, numbers, advice("improving" if self.ended else "running", self.method)
        text = (
            f"Since step {before.end} the {_title(watched)} went from {_n(watched.shown(before))} to "
            f"{_n(watched.shown(last))}, which is {'within its noise' if moves else 'hardly anything'}."
        )
        return "converged", text, numbers, advice("converged" if self.ended else "running-flat", self.method)

    def _epoch(self, step: int) -> float | None:
        """Return which epoch a step lies in; only a training that has ended says how many steps an epoch has."""
        if not self.epochs or not self.ended or not self.last_step:
            return None
        return step / self.last_step * self.epochs


def _names(table: Table, method: str) -> tuple[str, str, str]:
    """Return the first of the method's groups of curves of which the file has the training one."""
    groups = _WATCHED[method]
    for group in groups:
        if group[0] in table.curves or group[0] in table.broken_columns:
            return group[0], group[1], group[2]
    return groups[0][0], groups[0][1], groups[0][2]


def _side(table: Table, name: str) -> _Side | None:
    curve = table.curves.get(name)
    if curve is None:
        return None
    sign = 1.0 if METRICS[name].better == "low" else -1.0
    return _Side(name, curve, sign, stretches([Point(point.step, sign * point.value) for point in curve.points]))


def _held_out(table: Table, full: str, batches: str) -> _Side | None:
    """Return the validation curve to judge by: of the whole file if it has enough points, else of single batches."""
    for name, fewest in ((full, FEWEST_FULL), (batches, FEWEST_VALID)):
        curve = table.curves.get(name)
        if curve is not None and len(curve.points) >= fewest:
            return _side(table, name)
    return None


def _broken(table: Table, name: str) -> Curve | None:
    curve = table.curves.get(name)
    return curve if curve is not None and (curve.broken >= BROKEN or curve.infinite) else None


def _around(side: _Side, step: int) -> Stretch:
    """Return the stretch of a curve that holds a step, or the last one that ends before it."""
    found = side.parts[0]
    for part in side.parts:
        if part.begin <= step:
            found = part
    return found


def _notes(
    table: Table, train: _Side, valid: _Side | None, full: str, batches: str, *, validated: bool
) -> tuple[Finding, ...]:
    notes = []
    seen = [curve for name in (full, batches) if (curve := table.curves.get(name)) is not None]
    if not seen:
        why = (
            "none was found here, though the job has a validation file"
            if validated
            else "give the job a `validation_file`"
        )
        notes.append(Finding("no-validation", f"There are no validation values, so overfitting cannot be seen: {why}."))
    elif valid is None:
        count = max(len(curve.points) for curve in seen)
        notes.append(
            Finding(
                "few-validation",
                f"There are too few validation values to judge by ({count}): overfitting cannot be seen.",
                {"points": count},
            )
        )
    elif METRICS[train.name].better == "low":
        gap = valid.last.value - train.last.value
        notes.append(
            Finding(
                "gap",
                f"At the end the {_title(valid)} is {_n(abs(gap))} {'above' if gap >= 0 else 'below'} the {_title(train)}.",
                {"gap": gap},
            )
        )
    return tuple(notes)


def _no_number(curve: Curve | None, method: str, name: str) -> Diagnosis:
    numbers: dict[str, float] = {}
    if curve is None:
        text = f"The column `{name}` holds no numbers at all, only NaN or infinite values."
    elif curve.broken_from is not None:
        numbers = {"from_step": curve.broken_from, "steps": curve.broken, "last": curve.last.value}
        text = (
            f"From step {curve.broken_from} on the {METRICS[name].title} is no number any more "
            f"(the last one was {_n(curve.last.value)} at step {curve.last.step})."
        )
    else:
        numbers = {"infinite": curve.infinite}
        text = f"The {METRICS[name].title} was infinite at {curve.infinite} step{'s' if curve.infinite != 1 else ''}."
    return Diagnosis("diverged", _HEADLINES["diverged"], text, numbers, (), advice("diverged", method), name)


def _nothing(table: Table, name: str) -> Diagnosis:
    text = (
        "The result file has no column that tells how the training went." if table.rows else "There are no values yet."
    )
    todo = (f"Expected a column such as `{name}`.",) if table.rows else ()
    return Diagnosis("no-data", _HEADLINES["no-data"], text, {}, (), todo)


def _too_few(train: _Side, notes: tuple[Finding, ...], *, ended: bool) -> Diagnosis:
    count = len(train.curve.points)
    text = f"The {_title(train)} has {count} {'point' if count == 1 else 'points'}; {FEWEST_TRAINING} are needed."
    todo = advice("few" if ended else "few-yet", "")
    numbers = {"points": count, "needed": FEWEST_TRAINING}
    return Diagnosis("too-few", _HEADLINES["too-few"], text, numbers, notes, todo, train.name)


def _title(side: _Side) -> str:
    return METRICS[side.name].title


def _n(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"

"""What to try after a verdict, by method (docs/results.md)."""

from __future__ import annotations

from collections.abc import Mapping

_SLOWER = "Lower `learning_rate_multiplier` (for example to half of it)."
_ADVICE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "diverged": {
        "": (_SLOWER, "Raise `batch_size`, which evens the steps out.", "Look for damaged or contradictory examples."),
        "reinforcement": (
            _SLOWER,
            "Raise `batch_size` or lower `compute_multiplier`.",
            "Read what the grader gives to some answers: a grader that fails gives no signal.",
        ),
    },
    "overfits": {
        "": (_SLOWER, "Add more, and more varied, examples."),
        "dpo": (
            _SLOWER,
            "Raise `beta`, which holds the model closer to its base.",
            "Add more, and more varied, pairs.",
        ),
        "reinforcement": (
            "Add more, and more varied, prompts.",
            "Read answers with a high reward: the model may have learned the grader and not the task.",
            _SLOWER,
        ),
    },
    "no-gain": {
        "": (
            "Raise `learning_rate_multiplier` (for example to twice of it) or `n_epochs`.",
            "Check that the examples show what the base model does not do already.",
        ),
        "reinforcement": (
            "Check the grader: a reward that is always the same teaches nothing; partial credit helps.",
            "Raise `compute_multiplier` or `n_epochs`.",
            "Check that the task is neither always solved nor never solved by the base model.",
        ),
    },
    "no-carry": {
        "": (
            "Check that training and validation examples are of the same sort.",
            "Add more, and more varied, examples.",
        ),
    },
    "improving": {
        "": (
            "Raise `n_epochs` by one or two and compare.",
            "Or go on from this model: a job whose `model` is this job.",
        ),
    },
    "running": {"": ("Let it go on.",)},
    "running-flat": {"": ("Let it go on, or cancel it if it stays so.",)},
    "few": {"": ("Train on more examples, for more epochs, or with a smaller `batch_size`: each makes more steps.",)},
    "few-yet": {"": ("Look again when the training has gone further.",)},
    "converged": {
        "": ("More epochs would not help. For a better model, improve or add examples.",),
        "reinforcement": ("More epochs would not help. For a better model, improve the grader or add prompts.",),
    },
}


def advice(code: str, method: str, fewer_epochs: int | None = None) -> tuple[str, ...]:
    """Return what to try, most promising first. `fewer_epochs`: how many would have been enough."""
    by_method = _ADVICE[code]
    given = by_method.get(method, by_method[""])
    if code == "overfits":
        fewer = f"`n_epochs: {fewer_epochs}`" if fewer_epochs else "fewer epochs"
        return (f"Train for {fewer}, or deploy the checkpoint from before the turn.", *given)
    return given

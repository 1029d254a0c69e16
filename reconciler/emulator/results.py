"""Result files: the learning curves that a job shows, and the columns in which Azure writes them down.

Everything is a pure function of the job's content, so the same data, seed and hyperparameters always give the same
curves. Which spelling of the columns a service uses, and whether its file begins with a byte-order mark, is a switch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Literal

from reconciler.emulator.records import JobRecord
from reconciler.emulator.training import BOM

ResultColumns = Literal["recorded", "documented", "sample"]
"""`recorded`: as reader code and test files of Microsoft have them; `documented`: as Microsoft's pages name them;
`sample`: as one file of 2025-10 had them (supervised: no `full_valid`), and field notes (reinforcement)."""

_MAX_ROWS = 20_000  # rows of a result file; longer trainings show every n-th step

_Columns = Mapping[str, str]
"""Header to the name of the value below it."""

_SUPERVISED: Mapping[ResultColumns, _Columns] = {
    "recorded": {
        name: name
        for name in (
            "train_loss",
            "train_mean_token_accuracy",
            "valid_loss",
            "valid_mean_token_accuracy",
            "full_valid_loss",
            "full_valid_mean_token_accuracy",
        )
    },
    "documented": {
        "train_loss": "train_loss",
        "train_mean_token_accuracy": "train_mean_token_accuracy",
        "valid_loss": "valid_loss",
        "validation_mean_token_accuracy": "valid_mean_token_accuracy",
        "full_valid_loss": "full_valid_loss",
        "full_valid_mean_token_accuracy": "full_valid_mean_token_accuracy",
    },
    "sample": {
        name: name for name in ("train_loss", "train_mean_token_accuracy", "valid_loss", "valid_mean_token_accuracy")
    },
}
# The header of a DPO job is recorded nowhere: two plausible ones, and that of a supervised job.
_DPO: Mapping[ResultColumns, _Columns] = {
    "recorded": {
        name: name
        for name in (
            "train_loss",
            "train_reward_accuracy",
            "train_reward_margin",
            "valid_loss",
            "valid_reward_accuracy",
            "valid_reward_margin",
            "full_valid_loss",
            "full_valid_reward_accuracy",
        )
    },
    "documented": {
        "train_loss": "train_loss",
        "train_rewards/accuracies": "train_reward_accuracy",
        "train_rewards/margins": "train_reward_margin",
        "validation_loss": "valid_loss",
        "validation_rewards/accuracies": "valid_reward_accuracy",
        "validation_rewards/margins": "valid_reward_margin",
    },
    "sample": _SUPERVISED["recorded"],
}
_REINFORCEMENT: Mapping[ResultColumns, _Columns] = {
    "recorded": {
        name: name
        for name in (
            "train_mean_reward",
            "full_valid_mean_reward",
            "pg_loss_sum",
            "total_loss_sum",
            "entropy_loss_sum",
        )
    },
    "documented": {
        "train_reward_mean": "train_mean_reward",
        "valid_reward_mean": "full_valid_mean_reward",
        "train_reasoning_tokens_mean": "reasoning_tokens_mean",
        "valid_reasoning_tokens_mean": "valid_reasoning_tokens_mean",
    },
    "sample": {
        name: name
        for name in (
            "train_mean_reward",
            "full_valid_mean_reward",
            "completion_tokens_mean",
            "reasoning_tokens_mean",
            "mean_unresponsive_rewards",
            "train_sample_parse_error_count",
            "train_other_error_count",
        )
    },
}
_COLUMNS = {"supervised": _SUPERVISED, "dpo": _DPO, "reinforcement": _REINFORCEMENT}


def _noise(seed: int, step: int, salt: int) -> float:
    """A repeatable number in -1..1 (one round of splitmix64)."""
    z = (seed + (step * 16 + salt) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return ((z ^ (z >> 31)) / 2**63) - 1.0


class Curve:
    """The learning curves of a job.

    Training falls towards a floor; validation follows it until a turn, then rises. The turn comes between epoch 1.8 and
    3.4 at learning rate multiplier 1, by the seed, and later with a smaller multiplier: more epochs or a larger
    multiplier overfit, as the document says. Validation values are on some steps only, `full_valid` ones at the end of
    an epoch (reinforcement: every `eval_interval` steps).
    """

    def __init__(self, job: JobRecord) -> None:
        self._job = job
        seed, resolved = job.curve_seed, job.resolved
        self.total = job.total_steps
        self.per_epoch = max(1, self.total // max(1, int(resolved["n_epochs"])))
        self._pace = float(resolved["learning_rate_multiplier"]) ** 0.35
        self._eval_every = max(1, self.per_epoch // 5)
        # The mean over a larger batch varies less.
        self._spread = 0.12 / max(1, int(resolved["batch_size"])) ** 0.25
        self._start_loss = math.log(2) if job.method_type == "dpo" else 2.2 + 0.4 * _noise(seed, 0, 3)
        self._turn = 2.6 + 0.8 * _noise(seed, 0, 4)
        self._rise = 0.1 + 0.04 * _noise(seed, 0, 5)
        self._start_reward = 0.25 + 0.12 * _noise(seed, 0, 6)
        self._top_reward = 0.86 + 0.08 * _noise(seed, 0, 7)

    def epoch_ends(self) -> list[int]:
        """The last step of each epoch."""
        epochs = max(1, int(self._job.resolved["n_epochs"]))
        return sorted({self.total if n == epochs else self.per_epoch * n for n in range(1, epochs + 1)})

    def metrics(self, step: int) -> dict[str, float]:
        """What a checkpoint or a metrics event carries: the step, and the values under their recorded names."""
        values = self._values(step)
        names = _COLUMNS[self._job.method_type]["recorded"].values()
        return {"step": step} | {name: values[name] for name in names if name in values}

    def csv(self, steps: int, columns: ResultColumns = "recorded", *, bom: bool = False) -> bytes:
        """The result file up to a step; cells without a value are empty."""
        header = _COLUMNS[self._job.method_type][columns]
        lines = [",".join(("step", *header))]
        for step in self._rows(steps):
            values = self._values(step)
            lines.append(
                f"{step}," + ",".join("" if name not in values else str(values[name]) for name in header.values())
            )
        return (BOM if bom else b"") + ("\n".join(lines) + "\n").encode()

    def _rows(self, steps: int) -> Iterator[int]:
        stride = max(1, self.total // _MAX_ROWS)
        return (step for step in range(1, steps + 1) if step % stride == 0 or step in (1, self.total))

    def _values(self, step: int) -> dict[str, float]:
        return self._reinforced(step) if self._job.method_type == "reinforcement" else self._losses(step)

    def _is_epoch_end(self, step: int) -> bool:
        return step == self.total or step % self.per_epoch == 0

    def _losses(self, step: int) -> dict[str, float]:
        """The values of a supervised or DPO step, from 1."""
        job, seed = self._job, self._job.curve_seed
        epochs = step / self.per_epoch * self._pace
        floor = 0.05 * self._start_loss
        clean = floor + (self._start_loss - floor) * math.exp(-1.1 * epochs)
        values = self._around("train", max(0.0001, clean * (1 + self._spread * _noise(seed, step, 0))))
        if job.validation_file is None:
            return values
        held = clean + (0.06 + self._rise * max(0.0, epochs - self._turn)) * self._start_loss
        end = self._is_epoch_end(step)
        if step == 1 or end or step % self._eval_every == 0:
            values |= self._around("valid", held * (1 + self._spread * _noise(seed, step, 1)))
        if end:
            values |= self._around("full_valid", held * (1 + 0.01 * _noise(seed, step, 2)))
        return values

    def _around(self, split: str, loss: float) -> dict[str, float]:
        """What belongs to a loss."""
        if self._job.method_type != "dpo":
            return {f"{split}_loss": loss, f"{split}_mean_token_accuracy": math.exp(-0.45 * loss)}
        margin = -math.log(math.expm1(min(loss, 20.0)))
        accuracy = 1 / (1 + math.exp(-1.7 * margin))
        return {
            f"{split}_loss": loss,
            f"{split}_reward_accuracy": accuracy,
            f"{split}_reward_margin": margin,
            f"{split}_mean_token_accuracy": accuracy,
        }

    def _reinforced(self, step: int) -> dict[str, float]:
        """The values of a reinforcement step: rewards rise from 0.1 to 0.4 towards 0.8 or 0.9."""
        job, seed = self._job, self._job.curve_seed
        epochs = step / self.per_epoch * self._pace
        clean = self._top_reward - (self._top_reward - self._start_reward) * math.exp(-0.9 * epochs)
        reward = min(1.0, max(0.0, clean + 0.5 * self._spread * _noise(seed, step, 0)))
        thinking = 900 + 600 * (1 - math.exp(-0.5 * epochs)) + 60 * _noise(seed, step, 8)
        gradient = 320_000 * math.exp(-0.3 * epochs) * (1 + 0.1 * _noise(seed, step, 9))
        entropy = 900 * math.exp(-0.6 * epochs) * (1 + 0.05 * _noise(seed, step, 10))
        values = {
            "train_mean_reward": reward,
            "pg_loss_sum": gradient,
            "total_loss_sum": gradient + entropy,
            "entropy_loss_sum": entropy,
            "reasoning_tokens_mean": thinking,
            "completion_tokens_mean": thinking + 180,
            "mean_unresponsive_rewards": 0.0,
            "train_sample_parse_error_count": float(_noise(seed, step, 11) > 0.8),
            "train_other_error_count": 0.0,
        }
        interval = max(1, int(job.resolved.get("eval_interval") or 5))
        if step % interval == 0 or self._is_epoch_end(step):
            lost = 0.6 * self._rise * max(0.0, epochs - self._turn)
            held = clean - 0.04 - lost + 0.1 * self._spread * _noise(seed, step, 2)
            values["full_valid_mean_reward"] = min(1.0, max(0.0, held))
            values["valid_reasoning_tokens_mean"] = thinking + 40
        return values

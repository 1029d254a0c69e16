"""Curves of trainings that never were, by their shapes, as result files."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from reconciler.results.diagnosis import diagnose
from reconciler.results.table import Table, read

Shape = Callable[[float], float]
"""A value by the share of the training that is done, 0 to 1."""


@dataclass(frozen=True)
class Training:
    """Curves to be judged."""

    train: Shape
    valid: Shape | None = None
    full: Shape | None = None
    steps: int = 200
    every: int = 5
    epochs: int = 5
    noise: float = 0.0
    seed: int = 0
    names: tuple[str, str, str] = ("train_loss", "valid_loss", "full_valid_loss")
    unit: float = 1.0

    def table(self) -> Table:
        chance = random.Random(self.seed)
        lines = [",".join(("step", *self.names))]

        def cell(shape: Shape | None, share: float, noisy: float) -> str:
            return str(self.unit * (shape(share) + noisy * chance.gauss(0, 1))) if shape else ""

        for step in range(1, self.steps + 1):
            share = step / self.steps
            valid = self.valid if step == 1 or step % self.every == 0 else None
            full = self.full if step % (self.steps // self.epochs) == 0 else None
            cells = (cell(self.train, share, self.noise), cell(valid, share, self.noise), cell(full, share, 0))
            lines.append(f"{step}," + ",".join(cells))
        return read(["\n".join(lines).encode()])

    def verdict(self, method: str = "supervised") -> str:
        return diagnose(self.table(), method=method, epochs=self.epochs).verdict


def falling(speed: float, start: float = 2.0, floor: float = 0.1) -> Shape:
    return lambda share: floor + (start - floor) * math.exp(-speed * share)


def turning(at: float, rise: float, speed: float = 5.5) -> Shape:
    """Falls, and rises from a share of the training on by `rise` until the end."""
    fall = falling(speed)
    return lambda share: fall(share) + 0.1 + rise * max(0.0, share - at) / (1 - at)


def level(value: float) -> Shape:
    return lambda share: value


def turned(shape: Shape) -> Shape:
    """As a reward: between 0 and 1, high is good."""
    return lambda share: 1 - shape(share) / 2.5


REWARDS = ("train_mean_reward", "valid_mean_reward", "full_valid_mean_reward")
MARGINS = ("train_reward_accuracy", "valid_reward_accuracy", "full_valid_reward_accuracy")
FALL = falling(5.5)

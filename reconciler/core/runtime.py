"""What the outside gives to the engine and the gateways: a clock, chance, and meters. All of it can be replaced."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol


class Clock(Protocol):
    """Time in seconds since the epoch, and waiting."""

    def now(self) -> float:
        """Return the time."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; a simulated clock moves on instead."""
        ...


@dataclass(frozen=True)
class Runtime:
    """Clock, chance (for jitter) and the variables of the environment that may be read."""

    clock: Clock
    chance: random.Random = field(default_factory=random.Random)

    def backoff(self, *, first: float, longest: float) -> Iterator[float]:
        """Yield waits in seconds that double up to `longest`, each shortened by up to a quarter by chance."""
        wait = first
        while True:
            yield wait * (1 - self.chance.random() / 4)
            wait = min(longest, wait * 2)


@dataclass
class Meter:
    """How far one transfer is, in bytes; written by a gateway, read by whoever shows it."""

    total: int = 0
    done: int = 0
    started_at: float = 0


class Meters:
    """The transfers under way, by the address of their resource."""

    def __init__(self) -> None:
        self._meters: dict[str, Meter] = {}
        self._lock = threading.Lock()

    def open(self, subject: str, total: int, now: float) -> Meter:
        """Start metering a transfer of `total` bytes."""
        meter = Meter(total, 0, now)
        with self._lock:
            self._meters[subject] = meter
        return meter

    def close(self, subject: str) -> None:
        """Forget a transfer that ended."""
        with self._lock:
            self._meters.pop(subject, None)

    def running(self) -> dict[str, Meter]:
        """Return the transfers under way."""
        with self._lock:
            return dict(self._meters)

"""What the outside gives to the engine and the gateways: a clock, chance, and meters. All of it can be replaced."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

A = TypeVar("A")
B = TypeVar("B")


class Clock(Protocol):
    """Time in seconds since the epoch, and waiting."""

    def now(self) -> float:
        """Return the time."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; a simulated clock moves on instead."""
        ...


TOLERATED = 300.0
"""Seconds that two clocks may differ: an answer is on its way for a while, and its Date has whole seconds."""


@dataclass
class Elsewhere:
    """How many seconds the clock of a service is ahead of this machine's, as its last answer told; 0 where they agree."""

    ahead: float = 0.0

    def heard(self, by: float) -> None:
        """Take in by how much an answer was ahead."""
        self.ahead = by if abs(by) > TOLERATED else 0.0


@dataclass(frozen=True)
class Runtime:
    """Clock and chance (for jitter), and how calls are made."""

    clock: Clock
    chance: random.Random = field(default_factory=random.Random)
    parallel: bool = True
    """Whether a gateway may make two calls at once; a simulation has them one after the other."""
    elsewhere: Elsewhere = field(default_factory=Elsewhere)

    def now(self) -> float:
        """Return the time as the service has it that is talked to, by which what exists for a time is judged: this machine's may be days off."""
        return self.clock.now() + self.elsewhere.ahead

    def both(self, first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
        """Make two calls that do not need each other."""
        if not self.parallel:
            return first(), second()
        with ThreadPoolExecutor(1) as aside:
            later = aside.submit(second)
            return first(), later.result()

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

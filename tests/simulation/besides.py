"""What is promised of things that only some trees have: looked at beside the promises that hold for all of them."""

from __future__ import annotations

import json

from simulation.promises import Promises, Run
from simulation.wires import READ_TIMEOUT

from reconciler.emulator import Request, Response


class Besides:
    """Looks at what one simulation does, if an event of it asks for that."""

    def __init__(self, play: Promises) -> None:
        self.play = play
        self.counts = play.report.counts

    @property
    def is_carried_out(self) -> bool:
        """Whether the last request has changed anything."""
        return bool(self.play.azure.emulator.log[-1]["committed"])

    def watch(self, request: Request, answer: Response, run: Run) -> None:
        """Look at what a request of the product did."""

    def ended(self, run: Run) -> None:
        """Look at what a run leaves that was not killed."""

    def obey(self, said: str) -> None:
        """Do what a message tells a person to do, if it is about what this looks at."""

    def check(self) -> None:
        """Look at what is left when the troubles are over."""


def told(answer: Response) -> str:
    """Return the id in an answer that reaches the run; "" if none does."""
    if answer.status not in {200, 201} or answer.drop or answer.truncate or answer.delay_s >= READ_TIMEOUT:
        return ""
    try:
        return str(json.loads(answer.body)["id"])
    except ValueError:
        return ""

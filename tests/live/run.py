"""`make live`: the product against a real account, for less than five dollars, and what of Azure is not as the emulator has it.

It says first what it may cost, asks, puts the questions to the account and to the emulator, trains the smallest model there is,
serves it, looks, and takes everything away, also when something fails. Its report names each difference.

    RECONCILER_LIVE_RESOURCE_ID=/subscriptions/…/accounts/NAME make live
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from types import FrameType

from live.account import Place, SystemClock, Wish
from live.examples import EXAMPLES, rows
from live.journey import Journey, Step, wish_of
from live.questions import JOBS, QUESTIONS, Question, takes_no_mark
from local_server import LocalServer, SilentHandler

from reconciler.core.runtime import Clock
from reconciler.datasets.scan import scan
from reconciler.emulator import Config, Emulator, Server
from reconciler.prices import AS_OF, training_price

REPORT = Path(".reconciler/live-report.md")
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a process from outside."""
TRAINED_ROWS = EXAMPLES * 3 + 10
QUICK = {
    "file_processing_seconds": 0.05,
    "pending_seconds": 0.1,
    "running_seconds": 0.5,
    "deployment_seconds": 0.1,
    "delete_seconds": 0.05,
}
"""How long things take at the emulator while it is asked."""


@dataclass(frozen=True)
class Answer:
    """What was seen, at Azure and at the emulator."""

    question: Question
    seen: str
    expected: str

    @property
    def is_asked(self) -> bool:
        """Whether the account could be asked."""
        return not self.seen.startswith("not asked")

    @property
    def differs(self) -> bool:
        """Whether the two differ; what could not be asked is no difference."""
        return self.is_asked and self.seen != self.expected


def estimate(wish: Wish) -> Decimal | None:
    """Return the most that a run may cost, in dollars; None if a price is not known."""
    price = training_price(wish.model, wish.training_type)
    dearest = training_price(wish.model, "standard")
    if price is None or dearest is None or price.unit != "1M tokens":
        return None
    tokens = _tokens()
    once = Decimal(tokens) / EXAMPLES
    # The jobs of the questions are counted as if each trained to its end.
    return (once * TRAINED_ROWS * price.high + once * EXAMPLES * JOBS * dearest.high * 4) / Decimal(10**6)


def _tokens() -> int:
    """Return the tokens of the training data."""
    tokens = scan(io.BytesIO(rows()), file="live").statistics.tokens
    assert tokens is not None
    return tokens.total


def ask_all(place: Place, say: Callable[[str], None], *, trained: bool) -> dict[str, str]:
    """Put the questions that need a trained model, or those that need none."""
    answers: dict[str, str] = {}
    for question in QUESTIONS:
        if question.needs_model == trained:
            try:
                answers[question.name] = question.ask(place)
            except Exception as error:  # noqa: BLE001  (one question that fails must not keep the others from being asked)
                answers[question.name] = f"failed: {type(error).__name__}: {error}"[:300].replace("\n", " ")
            say(f"     {question.name}: {answers[question.name]}")
    return answers


@dataclass
class Visit:
    """What came of asking an account, as far as it went."""

    answers: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    is_clean: bool = False
    is_broken_off: bool = False
    """Whether it was told to end."""


def visit(
    wish: Wish, environ: Mapping[str, str], clock: Clock, say: Callable[[str], None], *, looks: bool = True
) -> Visit:
    """Ask, train, serve and look; take everything away in any case."""
    with tempfile.TemporaryDirectory(prefix="reconciler-live-") as folder:
        place = Place(wish, Path(folder), environ, clock)
        journey = Journey(place, say)
        found = Visit(steps=journey.steps)
        try:
            found.answers |= ask_all(place, say, trained=False)
            if takes_no_mark(found.answers):
                journey.send_without_mark()
            if journey.train_and_serve():
                if looks:
                    journey.look_again()
                    journey.each_kind()
                found.answers |= ask_all(place, say, trained=True)
            journey.take_away()
        except KeyboardInterrupt:
            found.is_broken_off = True
            journey.steps.append(Step("the run was told to end", passed=False))
        except Exception:  # noqa: BLE001  (whatever it is, what was made is taken away and the report is written)
            journey.steps.append(Step("the run broke off", passed=False, said=traceback.format_exc()[-2000:]))
        finally:
            # A CI that cancels sends one signal after the other: nothing breaks this off.
            with _told_to_end(signal.SIG_IGN):
                found.is_clean = place.clean(say)
                place.close()
        return found


def emulated(wish: Wish, say: Callable[[str], None]) -> dict[str, str]:
    """Return the emulator's answers, with its defaults."""
    with ExitStack() as stack:
        emulator = stack.enter_context(_closing(Emulator(None, config=Config(**QUICK))))
        server = Server(emulator).start()
        stack.callback(server.stop)
        account = wish.resource_id.rstrip("/").rpartition("/")[2]
        # The emulator downloads from this machine only.
        import_url = stack.enter_context(LocalServer(Rows)).url if wish.import_url else ""
        there = replace(wish, endpoint=f"{server.url}/{account}", management_endpoint=server.url, import_url=import_url)
        found = visit(there, {}, SystemClock(), say, looks=False)
    if found.is_broken_off:
        raise KeyboardInterrupt
    return found.answers


class Rows(SilentHandler):
    """Answers with the training data, for an import."""

    def do_GET(self) -> None:
        """Send it."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(rows())))
        self.end_headers()
        self.wfile.write(rows())


class _closing(ExitStack):
    def __init__(self, emulator: Emulator) -> None:
        super().__init__()
        self._emulator = emulator
        self.callback(emulator.close)

    def __enter__(self) -> Emulator:  # type: ignore[override]
        super().__enter__()
        return self._emulator


def report(wish: Wish, answers: list[Answer], steps: list[Step], *, clean: bool) -> str:
    """Return the report, as Markdown."""
    differing = [answer for answer in answers if answer.differs]
    unasked = sum(not answer.is_asked for answer in answers)
    failed = [step for step in steps if not step.passed]
    counted = (
        f"{len(differing)} of {len(answers)} answers are not the emulator's, {unasked} were not asked; "
        f"{len(failed)} of {len(steps)} steps failed."
    )
    lines = [
        "# What a real account answered",
        "",
        f"Model {wish.model}, training type {wish.training_type}.",
        counted,
        *([] if clean else ["", "**Something was left behind in the account; see the output of the run.**"]),
        "",
        "| question | Azure | emulator | switch |",
        "|---|---|---|---|",
        *(
            f"| {'**' if a.differs else ''}{a.question.name}{'**' if a.differs else ''} | {a.seen} | {a.expected} | {a.question.switch} |"
            for a in answers
        ),
        "",
        "| step | |",
        "|---|---|",
        *(f"| `{step.what}` | {'ok' if step.passed else '**failed**'} |" for step in steps),
    ]
    for step in failed:
        lines += ["", f"`{step.what}`:", "", "```", step.said, "```"] if step.said else []
    return "\n".join(lines) + "\n"


@contextmanager
def _told_to_end(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> Iterator[None]:
    """Have this done where something ends the process from outside: Ctrl-C, a CI that cancels, a closed terminal."""
    before = {one: signal.signal(one, handler) for one in ENDING}
    try:
        yield
    finally:
        for one, earlier in before.items():
            signal.signal(one, earlier)


def _is_approved() -> bool:
    try:
        return input("Go on? Only 'yes' is accepted: ").strip() == "yes"
    except EOFError:
        print()
        return False


def main(arguments: list[str], environ: Mapping[str, str], clock: Clock | None = None) -> int:
    """Run it; returns 0 if every step passed and nothing is left behind, whatever the answers are."""
    parser = argparse.ArgumentParser(prog="make live", description=__doc__)
    parser.add_argument("--yes", action="store_true", help="do not ask before spending")
    parser.add_argument("--report", type=Path, default=REPORT, metavar="FILE")
    parser.add_argument("--clean", action="store_true", help="only take away what an earlier run left")
    chosen = parser.parse_args(arguments)
    wish = wish_of(environ)
    if isinstance(wish, str):
        print(f"Nothing was done. {wish}.")
        return 1
    if chosen.clean:
        with tempfile.TemporaryDirectory() as folder:
            place = Place(wish, Path(folder), environ, clock or SystemClock())
            try:
                return 0 if place.clean(print) else 1
            finally:
                place.close()
    most = estimate(wish)
    known = f"at most ${most:.4f}" if most is not None else "an unknown amount"
    print(
        f"This trains {wish.model} ({wish.training_type}) on {EXAMPLES} short examples and deploys it on the developer tier: "
        f"{known} by the list prices of {AS_OF}, if no job were cancelled in time; the developer tier has no hosting fee.\n"
        "At the end it takes away whatever in this account is named live-…, whoever made it."
    )
    if most is None or most > Decimal(str(wish.max_usd)):
        print(
            f"Nothing was done. The limit is ${wish.max_usd:.2f}; choose a model whose price is known and lower with RECONCILER_LIVE_MODEL."
        )
        return 4
    if not chosen.yes and not _is_approved():
        print("Nothing was done.")
        return 4
    try:
        with _told_to_end(signal.default_int_handler):
            print("What the emulator answers:")
            expected = emulated(wish, lambda _: None)
            print("What the account answers:")
            seen = visit(wish, environ, clock or SystemClock(), print)
    except KeyboardInterrupt:
        print("Broken off before the account was asked for anything.")
        return 130
    answers = [Answer(q, seen.answers.get(q.name, "not asked"), expected.get(q.name, "not asked")) for q in QUESTIONS]
    chosen.report.parent.mkdir(parents=True, exist_ok=True)
    chosen.report.write_text(report(wish, answers, seen.steps, clean=seen.is_clean), encoding="utf-8")
    differing = sum(answer.differs for answer in answers)
    print(f"{differing} of {len(answers)} answers differ from the emulator's. The report is in {chosen.report}.")
    if seen.is_broken_off:
        print("Broken off. What was made is taken away; what was named as left behind goes with: make live-clean")
        return 130
    return 0 if seen.is_clean and all(step.passed for step in seen.steps) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))

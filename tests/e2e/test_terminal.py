"""On a terminal: the question, the live view, colours, and what is left on the screen."""

from __future__ import annotations

import pytest
from command import Site, plain
from harness import Azure

QUESTION = "Only 'yes' is accepted: "
COLORS = "\x1b["


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("no\n", "no is no"),
        ("y\n", "a slip of a finger costs no money"),
        ("YES\n", "the one word that is accepted is named in the question"),
        ("\n", "Enter is no answer"),
        ("\x04", "the end of input is no answer"),
    ],
)
def test_anything_but_yes_refuses(site: Site, azure: Azure, typed: str, reason: str) -> None:
    with site.terminal("apply") as terminal:
        terminal.until(QUESTION)
        terminal.type(typed)
        assert terminal.end() == 4, reason
    assert "error: This was not approved [declined]\n  Nothing was done.\n" in terminal.screen
    assert azure.writes() == []


def test_interrupting_the_question_does_nothing(site: Site, azure: Azure) -> None:
    with site.terminal("apply") as terminal:
        terminal.until(QUESTION)
        terminal.interrupt()
        assert terminal.end() == 130
    assert "Interrupted." in terminal.screen
    assert azure.writes() == []


@pytest.mark.slow
def test_yes_proceeds_with_a_live_view_that_leaves_only_final_lines(site: Site, azure: Azure) -> None:
    azure.configure(running_seconds=2.0)
    azure.fault(method="POST", path_regex="/files$", delay_s=0.6)
    with site.terminal("apply", "--wait", "--parallelism", "1") as terminal:
        terminal.until(QUESTION)
        terminal.type("yes\n")
        terminal.until("↑ Dataset/tone.training")
        terminal.until("… FineTuneJob/tone  running")
        assert terminal.end() == 0
    assert "kB/s" in terminal.drawn, "an upload shows its rate"
    _, _, left = plain(terminal.screen).partition("yes\n")
    lines = [line.partition("  (")[0] for line in left.splitlines()]
    assert lines[:3] == [
        "  + Dataset/tone.training  uploaded",
        "  + Dataset/tone.validation  uploaded",
        "  + FineTuneJob/tone  training started",
    ]
    assert lines[-1].startswith("Apply: 1 training started, 3 created")
    assert not any("↑" in line for line in lines), "nothing of the live view is left"
    assert terminal.drawn.count("\x1b[?25l") == terminal.drawn.count("\x1b[?25h"), "the cursor is back"
    assert COLORS in terminal.drawn


@pytest.mark.parametrize(
    ("env", "flags"), [({"NO_COLOR": "1"}, ()), ({}, ("--no-color",)), ({"TERM": "dumb"}, ())], ids=str
)
def test_no_colours_where_none_are_wanted(site: Site, env: dict[str, str], flags: tuple[str, ...]) -> None:
    with site.terminal("plan", *flags, env=env) as terminal:
        assert terminal.end() == 0
    assert COLORS not in terminal.drawn


def test_a_plan_on_a_terminal_has_colours_and_a_piped_one_has_none(site: Site) -> None:
    with site.terminal("plan") as terminal:
        assert terminal.end() == 0
    assert COLORS in terminal.drawn
    assert COLORS not in site.run("plan", code=0).text

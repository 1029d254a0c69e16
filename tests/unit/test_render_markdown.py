"""The plan as a comment: golden files over real plans, laws over any names and reasons, and what is cut.

`RECONCILER_WRITE_GOLDEN=1 pytest tests/unit/test_render_markdown.py` writes the golden files anew; read the difference.
It is longer than other files because the laws and the golden files need the same plans.
"""

from __future__ import annotations

import io
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.core.change import Create, DataChange, Keep, Plan, Stuck
from reconciler.core.fault import Fault, Place
from reconciler.core.plan import Options
from reconciler.core.resource import Address, Phase
from reconciler.datasets import scan
from reconciler.kinds import REGISTRY
from reconciler.render.data import DataReport
from reconciler.render.escape import BROKEN_BAR, cell, code, comment_word, fenced, is_plain, mermaid, prose
from reconciler.render.fit import Part, fitted, length
from reconciler.render.markdown import LIMIT, marker, plan_markdown
from reconciler.render.markdown_data import data_markdown
from reconciler.render.mermaid import MOST_NODES, Graph, plan_mermaid

from .markdown_oracle import check, outside_fences
from .test_render_laws import everything
from .test_render_plan import (
    HEADER,
    NOW,
    converged,
    dataset,
    deployment,
    digest_of,
    job,
    live_deployment,
    live_file,
    live_job,
    plan,
    replaced_seed,
    retrain,
)

GOLDEN = Path(__file__).parent.parent / "golden"
WARNING = Fault(
    "few", "The data has few examples", "12 of at least 50.", place=Place("data/a.jsonl"), severity="warning"
)


def comment(made: Plan, **options: object) -> str:
    given_options = {"accounts": ["acme"], "version": "1.2.3", "apply": "reconciler apply --plan plan.json", **options}
    return plan_markdown(made, [HEADER], kinds=REGISTRY, now=NOW, **given_options)  # type: ignore[arg-type]


def with_data() -> Plan:
    change = DataChange("origin/main", 4180, 4189, 12, 3, 1, 0, 4310, 120)
    return replace(retrain(), data={Address("Dataset", "tone.training"): change}, warnings=(WARNING,))


def trouble() -> Plan:
    failed, running = job(line=9), job("other", seed=7)
    reason = "invalid_training_file: line 3\nis bad, ask @team or see #12"
    lives = [
        live_file(),
        live_job(digest_of(failed, dataset()), status="failed", phase=Phase.FAILED, reason=reason),
        live_job(
            digest_of(running, dataset()), status="running", phase=Phase.WORKING, id="ftjob-2", spec=replaced_seed(7)
        ),
        live_deployment("old"),
    ]
    return plan([dataset(), failed, running, deployment()], lives)


def refused() -> Plan:
    lives = [live_job("77" * 32, epochs=2), live_deployment(), live_deployment("old"), live_file("22" * 32, "left")]
    return plan([dataset(), job(), deployment()], lives, Options(prune=True))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plan-first", lambda: comment(plan([dataset(), job(), deployment()], []))),
        ("plan-retrain", lambda: comment(with_data(), cost="about $3.20 once")),
        ("plan-trouble", lambda: comment(trouble())),
        ("plan-refused", lambda: comment(refused(), emulator=True)),
        ("plan-no-changes", lambda: comment(converged())),
    ],
)
def test_the_comment_reads_as_the_golden_file(name: str, text: object) -> None:
    assert callable(text)
    said = text()
    check(said)
    file = GOLDEN / f"{name}.md"
    if os.environ.get("RECONCILER_WRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(said + "\n")
    assert said + "\n" == file.read_text()
    assert text() == said, "the same plan is the same text"


def test_the_first_line_finds_the_comment_again() -> None:
    assert comment(retrain()).splitlines()[0] == "<!-- reconciler:plan:acme -->"
    assert comment(converged()).splitlines()[0] == "<!-- reconciler:plan:acme -->"
    assert marker(["b", "a"]) == "<!-- reconciler:plan:a,b -->"


def test_what_matters_most_comes_first_and_the_rest_is_folded_and_counted() -> None:
    jobs = [job(f"j{number:02}", seed=number) for number in range(32)]
    said = comment(plan([dataset(), *jobs, job(), deployment()], []))
    check(said)
    words = [line.split()[2] for line in said.splitlines() if line.startswith("| `")]
    assert words == ["train"] * 33 + ["wait", "upload"], "what others need comes last"
    assert said.partition("<details>")[0].count("\n| `") == 25
    assert "<summary>10 more changes</summary>" in said
    order = ["10 more changes", "Graph", "Details"]
    places = [said.index(f"<summary>{title}</summary>") for title in order]
    assert places == sorted(places), "what to do next is not below hundreds of lines"


def test_what_runs_code_is_said_above_the_table_and_a_verdict_says_what_stops_it() -> None:
    runs = Fault("gate-runs-code", "A gate runs code of this repository", "tools/judge.py", severity="warning")
    said = comment(replace(retrain(), warnings=(runs, WARNING)))
    check(said)
    box, table = said.index("> **Runs 1 program of this repository**"), said.index("| Change |")
    assert box < table
    assert said.count("judge") == 1, "it is not told again among the warnings"
    assert "\n1 warning." in said
    assert "### Plan for `acme` is refused: " in comment(refused())
    assert comment(trouble()).splitlines()[2].endswith("nothing to do now, 1 stuck")
    unread = replace(retrain(), unread=(Fault("x", "Azure did not answer"),))
    assert "### Plan for `acme` is not whole: " in comment(unread)


@pytest.mark.parametrize(("jobs", "direction"), [(1, "TD"), (2, "TD"), (3, "LR"), (9, "LR")])
def test_the_graph_is_drawn_the_narrower_way(jobs: int, direction: str) -> None:
    made = plan([dataset(), *(job(f"j{number}", seed=number) for number in range(jobs))], [])
    assert plan_mermaid(made, REGISTRY).startswith(f"flowchart {direction}\n")


def test_a_plan_that_is_refused_or_not_whole_offers_no_command() -> None:
    assert "```sh" in comment(retrain())
    assert "```sh" not in comment(refused())
    assert "```sh" not in comment(replace(retrain(), unread=(Fault("x", "Azure did not answer"),)))
    assert "```sh" not in comment(converged())


def test_what_could_not_be_read_is_said_first() -> None:
    made = converged()
    fault = Fault("x", "Azure did not answer", "GET /files: 503.", "Try again.")
    lost = Stuck(Address("FineTuneJob", "tone"), "acme", fault)
    said = comment(replace(made, changes=(lost, *made.changes[1:]), unread=(fault,)))
    check(said)
    assert "> **Part of Azure could not be read: this plan is not whole** (1 resource unknown)." in said
    assert "> - **Azure did not answer**<br>`GET` `/files`: `503`.<br>Try again." in said or "`/files`: 503." in said
    assert "No changes" not in said
    assert "stuck" not in said


def test_a_former_version_of_data_is_told_apart_from_what_is_gone_from_the_manifests() -> None:
    lives = [live_file(), live_file("22" * 32), live_job(digest_of(job(), dataset())), live_deployment()]
    said = comment(plan([dataset(), job(), deployment(capacity=50)], lives, Options(prune=True)))
    assert "> **Deletes 1:** `Dataset/tone.training` (a former version)" in said
    assert "| `-` delete | `Dataset/tone.training`<br>left over: a newer version is declared |" in said
    lives[1] = replace(live_file(), id="file-copy", created_at=lives[0].created_at + 1)
    said = comment(plan([dataset(), job(), deployment(capacity=50)], lives, Options(prune=True)))
    assert "> **Deletes 1:** `Dataset/tone.training` (another copy)" in said
    assert "| `-` delete | `Dataset/tone.training`<br>left over: another copy of it is used |" in said


def test_the_graph_shows_what_is_unchanged_only_beside_a_change() -> None:
    made = plan(
        [dataset(), job(), deployment()], [live_file(), live_job(digest_of(job(), dataset())), live_deployment()]
    )
    source = plan_mermaid(made, REGISTRY)
    assert "update<br/>Deployment/tone" in source
    assert "unchanged<br/>FineTuneJob/tone" in source
    assert "Dataset" not in source


def test_no_change_is_a_graph_too() -> None:
    assert 'n0["No changes"]' in plan_mermaid(converged(), REGISTRY)
    assert "mermaid" not in comment(converged())


def many(count: int, long: str = "") -> Plan:
    """A plan with a training for each of many jobs on one dataset."""
    jobs = [job(f"tone-{number}{long}", seed=number) for number in range(count)]
    return plan([dataset(), *jobs], [])


def test_a_graph_that_nobody_could_read_is_left_out_and_said_so() -> None:
    assert Graph(many(MOST_NODES - 1), REGISTRY).is_readable
    said = comment(many(MOST_NODES))
    assert "```mermaid" not in said
    assert f"*The graph is left out: {MOST_NODES + 1} resources and {MOST_NODES} dependencies are too many" in said


def test_what_is_too_long_is_cut_in_order_and_said() -> None:
    whole = comment(many(40))
    assert length(whole) < LIMIT
    assert "left out" not in whole
    less = comment(many(40), limit=15_000)
    check(less)
    assert length(less) <= 15_000
    assert re.search(r"\*\d+ more changes with their details left out for length: the job's log has it, or", less)
    assert less.count("| `+` train") == 40
    assert "```mermaid" in less
    least = comment(many(40), limit=3_000)
    check(least)
    assert length(least) <= 3_000
    assert "*40 changes with their details left out" in least or "*41 changes with their details left out" in least
    assert "*1 graph left out" in least
    assert re.search(r"\*\d+ more changes left out for length", least)
    assert "### Plan for `acme`: 40 to train" in least


@pytest.mark.parametrize("count", [700, 3000])
def test_a_comment_always_fits(count: int) -> None:
    said = comment(many(count, "-" + "x" * 50))
    check(said)
    assert 60_000 < length(said) <= LIMIT
    assert f"{count:,} to train" in said


def test_many_problems_fit_too() -> None:
    long = "w\U0001f600@|`<" * 300
    fault = Fault("x", long, f"{long}\n{long}", f"{long}\n  {long}", Place(long, 3), long)
    changes = tuple(Stuck(Address("FineTuneJob", f"{number}{long}"), "acme", fault) for number in range(300))
    made = Plan(changes, warnings=(fault,) * 300, refusals=(fault,) * 300, unread=(replace(fault, code="y"),) * 300)
    said = comment(made, findings=[fault] * 300, accounts=["acme"] * 3)
    check(said)
    assert length(said) <= LIMIT


ANY_TEXT = st.text(max_size=40) | st.lists(
    st.sampled_from(
        [
            *(
                "@team",
                "#123",
                "GH-1",
                "deadbeef1",
                "https://evil.example",
                "www.evil.example",
                "a@b.example",
                ":smile:",
            ),
            *(
                "`",
                "``",
                "```",
                "~~~",
                "|",
                "\\|",
                "\\",
                "<b>",
                "</details>",
                "-->",
                "<!--",
                "&lt;",
                "&#64;team",
                "]",
                "[",
            ),
            *("![x](y)", "[x](https://y)", "*x*", "_x_", "~x~", "~1", "$x$", "1.", "2)", "-", "+", "#", ">", "==="),
            *("\n", "\r\n", "\t", " ", "   ", "::error::", "##[add-mask]", "\u202e", "\x1b[2J", "\u200b", "\ud800"),
            *(
                "end",
                "click",
                '"]',
                "-->",
                "%%{init}%%",
                "style x:#y;",
                "classDef",
                "#quot;",
                "\ufb02\u00b0\u00b0",
                "n_epochs",
            ),
            *("word", "two words", "it's", "(x)", "e.g.", "1,234.5%", "!", "[!CAUTION]", "[^1]", "ftjob-0a1b"),
        ]
    ),
    max_size=6,
).map("".join)


@given(ANY_TEXT, ANY_TEXT)
def test_no_text_of_others_is_obeyed(name: str, said: str) -> None:
    made = everything(name, said)
    fault = made.warnings[0]
    needs = {change.address: (Address("FineTuneJob", said),) for change in made.changes}
    data = {Address("Deployment", name): DataChange(said, 10, 10, 1, 1, 2, 1, 3, 4)}
    made = replace(made, refusals=(fault,), unread=(replace(fault, code="other"),), needs=needs, data=data)
    text = plan_markdown(
        made,
        [said],
        kinds=REGISTRY,
        now=NOW,
        accounts=[name, said],
        version=said,
        apply=f"reconciler {said}",
        full=said,
        cost=said,
        findings=[fault] * 5,
        emulator=True,
    )
    check(text)
    assert check(plan_markdown(made, [], kinds=REGISTRY, now=NOW, accounts=[said], limit=2500, full=said))


@given(ANY_TEXT)
def test_text_of_others_is_shown_as_it_is(said: str) -> None:
    """What a reviewer copies out of a span is what was there, but for what cannot be printed."""
    for line in outside_fences(f"x {code(said)} y"):
        assert line.startswith("x `")
    check(f"{marker(['a'])}\n\n{prose(said)}\n\n- {prose(said)}\n\n> {prose(said)}")
    check(f"{marker(['a'])}\n\n| {cell(code(said))} | {cell(prose(said))} |\n|---|---|\n| {cell(code(said))} | x |")
    check(f"{marker([said])}\n\n{fenced([said, said])}")


@given(ANY_TEXT | st.text("ab-./_ `\u2026", max_size=90), st.integers(8, 28))
@example(said="::00:::", widest=8)
def test_a_cell_is_never_wide_and_reads_as_the_text(said: str, widest: int) -> None:
    text = cell(f"see {code(said)} and {code(said)}", widest)
    (line,) = [token for token in check(f"{marker(['a'])}\n\n{text}")[1:] if token.type == "inline"]
    (whole,) = [token for token in check(f"{marker(['a'])}\n\n{code(said)}")[1:] if token.type == "inline"]
    spans = [child.content for child in line.children or [] if child.type == "code_inline"]
    assert "".join(spans) == "".join(child.content for child in whole.children or []).replace("|", BROKEN_BAR) * 2
    assert all(len(run) <= widest for span in spans for run in re.split("[\\s\u2026]|(?<=-)", span))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Deployment/tone-of-the-customer-support", "`Deployment/tone-of-the-customer-support`"),
        ("Dataset/customersupport.training", "`Dataset/customersupport.`<wbr>`training`"),
        (f"FineTuneJob/{'x' * 30}", f"`FineTuneJob/`<wbr>`{'x' * 28}`<wbr>`xx`"),
        (f"a`b|{'y' * 40}", f"``a`b\u00a6{'y' * 24}``<wbr>`{'y' * 16}`"),
    ],
)
def test_a_name_that_is_too_wide_for_a_phone_goes_on_in_the_next_line(text: str, expected: str) -> None:
    assert cell(code(text)) == expected


@given(ANY_TEXT, ANY_TEXT)
def test_no_name_is_syntax_of_the_graph(name: str, other: str) -> None:
    made = replace(everything(name, other), needs={Address("Deployment", name): (Address("Deployment", other),)})
    lines = plan_mermaid(made, REGISTRY).split("\n")
    assert lines[0] in {"flowchart LR", "flowchart TD"}
    label = r'"[\w /.#;-]+<br/>[\w /.#;-]+"'
    for line in lines[1:]:
        assert re.fullmatch(
            rf"  (n\d+\[{label}\]:::[a-z]+|n\d+ -\.?->? n\d+|n\d+ -->? n\d+|classDef [a-z]+ [\w:#,; -]+)", line
        )
    assert not re.search(r"[\"`<>|\[\](){}&%@_\n]", mermaid(name, 10_000))


@pytest.mark.parametrize(
    ("text", "expected", "reason"),
    [
        ("the job failed", "the job failed", "plain words stay"),
        ("n_epochs 2 -> 3", "`n_epochs` 2 \u2192 3", "a name is code, a number is not"),
        ("ask @team (or #12).", "ask `@team` (or `#12`).", "mentions; the brackets around them stay outside"),
        ("set `a b`, then go", "set `a b`, then go", "what is in backticks is code already"),
        ("a`b", "``a`b``", "a longer fence"),
        ("`", "`` ` ``", "a lone backtick keeps its distance"),
        ("1. first", "`1`. first", "no numbered list"),
        ("50.", "`50`.", "not even of one item"),
        ("at least 50.", "at least 50.", "in the middle it is a number"),
        ("+12 \u22123 ~1 of 10", "+12 \u22123 \\~1 of 10", "a tilde would strike out"),
        ("costs $5 or $6", "costs `$5` or `$6`", "no formula"),
        ("defaced deadbeef", "`defaced` `deadbeef`", "may be the name of a commit"),
        ("see https://x.example/y.", "see `https://x.example/y`.", "no link"),
        ("- item", "`-` item", "no list"),
        ("don't 'quote' me", "don't 'quote' me", "apostrophes"),
        ("", "", "nothing is nothing"),
    ],
)
def test_running_text(text: str, expected: str, reason: str) -> None:
    assert prose(text) == expected, reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '`""`'),
        ("  ", "`  `"),
        (" a ", "`  a  `"),
        ("a``b", "`a``b`"),
        ("a`b``", "``` a`b`` ```"),
        ("a\nb", "`a\\nb`"),
    ],
)
def test_spans_of_code(text: str, expected: str) -> None:
    assert code(text) == expected


def test_words_and_marks() -> None:
    assert is_plain("1,234")
    assert is_plain("stra\u00dfe")
    assert not is_plain("x" * 40)
    assert comment_word("a--b->c") == "a-b-c"
    assert mermaid("a-b.c-") == "a-b.c#45;"
    assert mermaid("$$x$$ \ufb02") == "#65284;#65284;x#65284;#65284; fl", "what Mermaid reads even as a number"


@given(st.lists(st.lists(st.text(max_size=20), max_size=8), max_size=4), st.integers(0, 400))
def test_parts_fit_or_say_what_they_lack(texts: list[list[str]], limit: int) -> None:
    parts = [Part(items, rank=number + 1) for number, items in enumerate(texts)]
    said = fitted(parts, limit, "elsewhere")
    least = 100 * len(parts)
    assert length(said) <= max(limit, least)
    if sum(length(item) + 1 for items in texts for item in items) + 2 * len(parts) <= limit:
        assert "left out" not in said.replace("".join(map("".join, texts)), "")


def test_a_word_for_each_change_and_none_for_what_is_at_rest() -> None:
    made = trouble()
    rows = [line for line in comment(made).splitlines() if line.startswith("| `")]
    shown = [
        change
        for change in made.changes
        if not isinstance(change, Keep) or (change.live and change.live.phase is Phase.WORKING)
    ]
    held = [change for change in made.changes if getattr(change, "held", "")]
    assert len(rows) == len(shown) - len(held)
    assert not any(isinstance(change, Create) for change in made.changes)


CHAT = b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n' * 12


def test_checked_data_is_a_table_and_findings() -> None:
    found = scan(io.BytesIO(CHAT), file="data/a|b.jsonl")
    change = DataChange("main", 11, 12, added=1, tokens_added=9)
    said = data_markdown([DataReport("Dataset/a", "data/a|b.jsonl", found, change)], [WARNING], valid=True)
    check(said)
    assert "### Valid: 1 data file read, 1 warning" in said
    assert "| `Dataset/a`<br>`data/a\u00a6b.jsonl` | 12 examples, " in said
    assert "+1 of 11 examples, +9 tokens (compared with main) |" in said


@given(ANY_TEXT)
def test_no_name_of_a_file_is_obeyed(name: str) -> None:
    found = scan(io.BytesIO(CHAT), file=name)
    reports = [DataReport(name, name, found, DataChange(name, 1, 1, changed=1)), DataReport("", name, found)]
    fault = Fault("data-x", name, name, name, Place(name, 1), name)
    check(data_markdown(reports, [fault], valid=False, notes=[name]))
    assert length(data_markdown(reports * 500, [fault] * 500, valid=False)) <= LIMIT


def test_several_accounts_are_told_apart_row_by_row() -> None:
    made = retrain()
    moved = [
        replace(change, desired=replace(change.desired, account="beta")) if isinstance(change, Create) else change
        for change in made.changes
    ]
    said = comment(replace(made, changes=tuple(moved)), accounts=["beta", "acme"])
    check(said)
    assert said.splitlines()[0] == "<!-- reconciler:plan:acme,beta -->"
    assert "### Plan for `acme`, `beta`: 1 to train" in said
    rows = [line for line in said.splitlines() if line.startswith("| `")]
    assert rows[0].startswith("| `~` update | `Deployment/tone` in `acme`<br>")
    assert rows[1].startswith("| `+` train | `FineTuneJob/tone` in `beta`<br>")

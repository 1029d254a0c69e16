"""Reports in each of their forms: what they say, and that nothing in them is obeyed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trainings import FALL, REWARDS, Training, falling, turned, turning

from reconciler.render.document import dumps
from reconciler.render.report_charts import charts_of, sampled, ticks
from reconciler.render.report_document import report_document
from reconciler.render.report_html import report_html
from reconciler.render.report_markdown import MOST_CHARACTERS, report_markdown
from reconciler.render.report_text import BLOCKS, report_text, sparkline
from reconciler.render.report_words import MOST_COMPARED, compared_names, figure, metric_rows
from reconciler.results.checkpoints import Checkpoint
from reconciler.results.run import Run, next_step
from reconciler.results.table import read

NOW = 1_790_000_000.0


def points(last: int, count: int = 5) -> tuple[Checkpoint, ...]:
    made = (round(last * index / count) for index in range(1, count + 1))
    return tuple(Checkpoint(step, f"m:ckpt-step-{step}", f"ftchkpt-{step}", NOW, {}) for step in made)


def run(training: Training | None = None, **more: Any) -> Run:
    table = (training or Training(FALL, turning(0.5, 0.6), turning(0.5, 0.6), noise=0.02)).table()
    values: dict[str, Any] = {
        "address": "FineTuneJob/tone",
        "job_id": "ftjob-" + "0" * 32,
        "status": "succeeded",
        "manifest": "tone",
        "account": "acme",
        "base": "gpt-4.1-mini-2025-04-14",
        "model": "gpt-4.1-mini-2025-04-14.ft-" + "0" * 32 + "-abcdefghijkl-tone",
        "declared_method": "supervised",
        "settings": {"n_epochs": 5, "learning_rate_multiplier": 0.5},
        "created_at": NOW - 4000,
        "started_at": NOW - 3900,
        "finished_at": NOW - 300,
        "seen_at": NOW,
        "tokens": 12_340,
        "table": table,
        "source": "file",
        "result_file": "file-1",
        "listed_checkpoints": points(table.last_step),
    }
    return Run(**{**values, **more})


def document(runs: Sequence[Run]) -> str:
    return dumps(report_document(runs, tool_version="1", created_at="now", emulator=False))


FORMS: dict[str, Callable[[Sequence[Run]], str]] = {
    "text": report_text,
    "html": lambda runs: report_html(runs, now=NOW),
    "markdown": lambda runs: report_markdown(runs, now=NOW),
    "json": document,
}
RUNNING = {"status": "running", "ended": False, "finished_at": None, "model": "", "tokens": None}
CASES: dict[str, Run] = {
    "overfits": run(),
    "running": run(Training(FALL, FALL), **RUNNING, listed_checkpoints=points(200, 2)),
    "queued": run(table=read([]), **{**RUNNING, "status": "pending"}, listed_checkpoints=(), started_at=None),
    "failed": run(
        table=read([]), status="failed", reason="Unsafe data", model="", listed_checkpoints=(), source="none"
    ),
    "reward": run(Training(turned(FALL), None, turned(FALL), names=REWARDS), declared_method="reinforcement"),
    "a model is all that is left": run(
        table=read([]), manifest="", settings={}, created_at=0, started_at=None, tokens=None
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_every_state_of_a_training_has_every_form(form: str, case: str) -> None:
    said = FORMS[form]([CASES[case]])
    assert CASES[case].diagnosis.headline in said
    assert "nan" not in re.sub(r"[a-z]*nan[a-z]+|[a-z]+nan", "", said.lower())


# -- the terminal


def test_the_text_says_it_all_on_one_screen() -> None:
    said = report_text([run(deployments=("Deployment/tone",))])
    assert max(map(len, said.splitlines())) <= 110
    for part in (
        "FineTuneJob/tone  succeeded  ftjob-00",
        "supervised, n_epochs 5, learning_rate_multiplier 0.5",
        "took 1 h (1 min queued before), 12,340 tokens billed",
        "model gpt-4.1-mini-2025-04-14.ft-00",
        "\n  It overfits\n",
        "Train for `n_epochs: 3`",
        "chosen",
        "Step 120 is chosen: its full validation loss is the lowest",
        "Next: A checkpoint is better than the final model. To serve it, write in Deployment/tone:\n    model: {job: tone, checkpoint: {step: 120}}",
    ):
        assert part in said, part
    assert "\x1b[" not in said
    assert "\x1b[" in report_text([run()], color=True)


def test_several_trainings_are_compared_first() -> None:
    said = report_text([run(), run(Training(falling(12)), address="FineTuneJob/other", manifest="other")])
    assert said.splitlines()[0].split() == ["JOB", "STATUS", "VERDICT", "METRIC", "BEST", "LAST", "TOKENS"]
    assert "FineTuneJob/other  succeeded  It has converged" in said


def test_each_of_the_trainings_compared_has_a_figure() -> None:
    for runs in ([CASES["overfits"], CASES["reward"]], [CASES["reward"], CASES["overfits"]]):
        shown = compared_names(runs)
        assert len(shown) == MOST_COMPARED
        assert all({row.name for row in metric_rows(one)} & set(shown[:2]) for one in runs)


def test_a_sparkline_has_its_width_and_shows_gaps() -> None:
    curve = read([b"step,train_loss\n1,3\n2,2\n100,1\n"]).curves["train_loss"]
    assert sparkline(curve, 4) == f"{BLOCKS[-1]}··{BLOCKS[0]}"
    assert sparkline(read([b"step,train_loss\n1,3\n"]).curves["train_loss"]) == BLOCKS[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.36012, "0.3601"),
        (0.0, "0"),
        (12345.6, "12,346"),
        (304185.9, "3.04e+05"),
        (-0.00001, "-1.00e-05"),
        (None, "-"),
    ],
)
def test_figures(value: float | None, text: str) -> None:
    assert figure(value) == text


# -- what next


@pytest.mark.parametrize(
    ("made", "said", "lines"),
    [
        (run(**RUNNING), "It still trains", "reconciler logs FineTuneJob/tone --follow"),
        (run(status="failed", reason="No quota"), "Azure says: No quota", ""),
        (run(Training(lambda share: 1 + share)), "diverged", ""),
        (run(), "A checkpoint is better", "model: {job: tone, checkpoint: {step: 120}}"),
        (run(Training(falling(12), falling(12))), "No deployment serves it", "model: {job: tone}"),
        (run(Training(falling(12)), serving=("Deployment/x",)), "Deployment/x serves it. Nothing to do.", ""),
        (run(Training(falling(12)), deployments=("Deployment/x",)), "Deployment/x will serve it", "reconciler apply"),
        (run(serving_steps={"Deployment/x": 120}), "Deployment/x serves it. Nothing to do.", ""),
        (run(serving_steps={"Deployment/x": 160}), "A checkpoint is better", "checkpoint: {step: 120}"),
        (
            run(Training(falling(12)), serving_steps={"Deployment/x": 80}),
            "serves the checkpoint of step 80",
            "model: {job: tone}",
        ),
        (run(manifest=""), "No manifest matches it", "model: {name: gpt-4.1-mini-2025-04-14.ft-"),
        (run(manifest="", serving=("Deployment/x",)), "Deployment/x still serves it", ""),
        (run(manifest='a"b: {c', deployments=()), "A checkpoint", 'model: {job: "a\\"b: {c", checkpoint: {step: 120}}'),
    ],
)
def test_what_a_person_would_do_next(made: Run, said: str, lines: str) -> None:
    step = next_step(made)
    assert said in step.text
    assert lines in step.lines


def test_a_checkpoint_that_azure_does_not_deploy_is_not_chosen() -> None:
    made = run(Training(FALL, turning(0.2, 0.9), turning(0.2, 0.9)))
    assert made.choice is not None
    assert made.pick is not None
    assert (made.choice.checkpoint.step, made.pick.checkpoint.step) == (80, 120)
    assert "step 80 was better" in report_text([made])


# -- text that is not ours

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></svg></title><b>",
    "`` ``` | ]() ![x](http://evil.example/x.png) @team #1",
    "::error::gotcha",
    "\x1b[31m\x07\ud800\u202e",
    "%%{init: {}}%%\nclick A href",
    "-->",
]
_TAGS = {
    "html", "head", "meta", "title", "style", "body", "div", "header", "main", "footer", "article", "section", "h1", "h2",
    "h3", "p", "ul", "li", "dl", "dt", "dd", "small", "span", "figure", "figcaption", "svg", "desc", "clippath", "rect",
    "g", "path", "text", "circle", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "pre", "code",
}  # fmt: skip


class Page(HTMLParser):
    """Collects what a page is made of, and whether its elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def hostile(text: str) -> Run:
    table = read([f'step,train_loss,valid_loss,"{text.replace(chr(34), "")}"\n'.encode(errors="replace")
                  + b"".join(b"%d,%d,%d,1\n" % (step, 100 - step, 100 - step) for step in range(40))])  # fmt: skip
    return run(
        address=f"FineTuneJob/{text}", manifest=text, job_id=text, status=text, base=text, model=text, reason=text,
        settings={text: text}, notes=(text,), deployments=(text,), serving=(text,), account=text, result_file=text,
        table=table, declared_method=text,
        listed_checkpoints=(Checkpoint(5, text, text, 1.0, {text: 1.0}), Checkpoint(39, text, text, 1.0, {})),
    )  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("several", [False, True])
def test_no_text_is_obeyed_by_a_browser(text: str, several: bool) -> None:
    said = report_html([hostile(text)] * (2 if several else 1), now=NOW)
    page = Page(said)
    assert page.open == []
    assert page.tags <= _TAGS
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        assert name not in {"href", "src", "style", "srcdoc", "action", "xlink:href"}
        assert "url(" not in (value or "") or (value or "").startswith("url(#")
    assert "\x1b" not in said
    said.encode()


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("form", FORMS)
def test_no_text_is_obeyed_by_a_terminal_or_a_runner(text: str, form: str) -> None:
    said = FORMS[form]([hostile(text)])
    assert "\x1b" not in said
    assert "\x07" not in said
    assert not re.search(r"^\s*::\w+::", said, re.MULTILINE)
    if form == "markdown":
        outside = re.sub(r"^(`{3,}).*?^\1$", "", said, flags=re.MULTILINE | re.DOTALL)
        outside = re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", outside)
        for bad in ("<script", "<img", "](http", "@team", "http://"):
            assert bad not in outside, outside


# -- the page


def test_the_page_stands_alone() -> None:
    said = report_html([run(), run(Training(falling(12)), address="FineTuneJob/other", manifest="other")], now=NOW)
    assert "http://" not in said
    assert "https://" not in said
    assert "<script" not in said
    assert "Content-Security-Policy" in said
    assert "prefers-color-scheme: dark" in said
    page = Page(said)
    assert page.open == []
    assert ("html", "lang", "en") in page.attributes
    assert ("meta", "name", "viewport") in page.attributes
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids)), "ids are unique"
    named = {part for _, name, value in page.attributes if name == "aria-labelledby" for part in str(value).split()}
    assert named <= set(ids)
    assert said.count('role="img"') == said.count("<desc ")
    assert said.count("Values as a table") == said.count('role="img"'), "each chart has its values as a table"


def test_the_page_marks_what_matters() -> None:
    said = report_html([run()], now=NOW)
    assert "validation gets worse" in said
    assert "chosen checkpoint: step 120" in said
    assert '<tr class="chosen"><th scope="row">120</th>' in said
    assert "EMULATOR" not in said
    assert "EMULATOR: nothing here is Azure." in report_html([run()], now=NOW, emulator=True)


def test_a_chart_of_many_steps_stays_small() -> None:
    rows = b"".join(b"%d,%f,%f\n" % (step, 1 / step, 1 / step) for step in range(1, 60_001))
    made = run(table=read([b"step,train_loss,valid_loss\n" + rows]), listed_checkpoints=())
    assert len(report_html([made], now=NOW)) < 150_000


def test_markdown_fits_into_a_comment() -> None:
    many = [run(address=f"FineTuneJob/{'x' * 200}{n}", notes=("a `note`. " * 100,) * 5) for n in range(12)]
    said = report_markdown(many, now=NOW, emulator=True)
    assert len(said) <= MOST_CHARACTERS < 65_000
    assert "left out here" in said
    assert said.rstrip().endswith("**EMULATOR: nothing here is Azure.**")


def test_mermaid_gets_lines_of_one_length() -> None:
    said = report_markdown([run()], now=NOW)
    lines = re.findall(r"^  line \[(.*)\]$", said, re.MULTILINE)
    assert len(lines) == 2
    assert len({line.count(",") for line in lines}) == 1
    assert all("e" not in line for line in lines), "no exponents"
    assert "blue: training, orange: validation" in said


def test_json_is_strict_and_says_its_version() -> None:
    said = json.loads(document([run()]), parse_constant=pytest.fail)
    assert said["format_version"] == "1.0"
    (job,) = said["jobs"]
    assert job["diagnosis"]["verdict"] == "overfits"
    assert job["metrics"]["full_valid_loss"]["best"]["step"] == 120
    assert [item["step"] for item in job["checkpoints"] if item["deployable"]] == [120, 160, 200]
    assert job["chosen_checkpoint"]["by"] == "full_valid_loss"


# -- laws


@given(st.floats(-1e12, 1e12), st.floats(0, 1e12))
def test_ticks_are_few_and_inside(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert len(found) <= 10
    slack = span * 0.01 + abs(low) * 1e-9
    assert all(low - slack <= tick <= low + span + slack for tick in found)


_ROWS = st.lists(st.tuples(st.integers(0, 50), st.floats(allow_nan=True), st.floats(allow_nan=True)), max_size=30)


@given(_ROWS, st.sampled_from(["supervised", "dpo", "reinforcement"]), st.booleans())
@settings(max_examples=60)
def test_any_file_has_every_form(rows: list[tuple[int, float, float]], method: str, ended: bool) -> None:
    names = "train_mean_reward,valid_mean_reward" if method == "reinforcement" else "train_loss,valid_loss"
    text = "\n".join([f"step,{names}", *(",".join(map(str, row)) for row in rows)])
    made = replace(run(table=read([text.encode()]), declared_method=method), ended=ended)
    for form in FORMS.values():
        assert form([made])
        assert form([made, made])


def test_a_table_beside_a_chart_has_the_values_of_the_file() -> None:
    (chart,) = charts_of([run(Training(FALL, FALL, FALL, steps=20, every=5))])
    steps, columns = sampled(chart)
    assert steps == (1, 4, 5, 8, 10, 12, 15, 16, 20)
    assert columns[1][0] == pytest.approx(FALL(0.05))
    assert columns[2][0] is None


@pytest.mark.parametrize("count", [2, 5])
def test_few_checkpoints_stand_side_by_side_so_that_a_phone_shows_them(count: int) -> None:
    said = report_markdown([run(listed_checkpoints=points(200, count))], now=NOW)
    heads = next(line for line in said.splitlines() if line.startswith("| Checkpoint |"))
    assert (heads.count("step ") == count) is (count <= 3), heads
    assert f"step {points(200, count)[0].step}" in said

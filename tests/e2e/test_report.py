"""`report` and `history --results` as they are typed, and the page as a browser shows it."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from command import Site, plain
from harness import STACK, Azure

APPLY = ("apply", "--auto-approve", "--wait")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")


@pytest.fixture
def trained(site: Site) -> Site:
    """A repository whose job has overfitted."""
    site.write("manifests/stack.yaml", STACK.replace("n_epochs: 2", "n_epochs: 8"))
    site.edit("manifests/stack.yaml", "training_type: global", "training_type: global\n  seed: 5")
    site.edit("manifests/stack.yaml", "  model: {job: tone}", "  deployment_name: live\n  model: {job: tone}")
    site.run(*APPLY, code=0)
    return site


def content(azure: Azure, file_id: str) -> bytes:
    from reconciler.emulator import Request

    path = f"/acme/openai/v1/files/{file_id}/content"
    body: bytes = azure.emulator.handle(Request("GET", path, {}, {"authorization": "Bearer hand"}, b"")).body
    return body


# -- text and JSON


def test_a_report_says_how_it_went_and_what_to_do(trained: Site) -> None:
    said = plain(trained.run("report", "FineTuneJob/tone", code=0).out)
    lines = said.splitlines()
    assert lines[0] == "FineTuneJob/tone  succeeded  ftjob-ID"
    assert lines[1].startswith(
        "  gpt-4.1-mini-2025-04-14, supervised, n_epochs 8, batch_size 1, learning_rate_multiplier "
    )
    assert "tokens billed" in lines[2]
    assert lines[3].startswith("  model gpt-4.1-mini-2025-04-14.ft-ID-")
    assert lines[4] == "  served by Deployment/tone"
    assert "\n  It overfits\n" in said
    assert "Train for `n_epochs: " in said
    assert re.search(r"^  full validation loss +[▁▂▃▄▅▆▇█·]{16} ", said, re.MULTILINE)
    assert "\n  Next: A checkpoint is better than the final model. To serve it, write in Deployment/tone:\n" in said
    assert re.search(r"^    model: \{job: tone, checkpoint: \{step: \d+\}\}$", said, re.MULTILINE)
    for address in ("tone", "FineTuneJob/t*"):
        assert plain(trained.run("report", address, code=0).out) == said, "other ways to name it"


def test_a_deployment_that_serves_the_best_checkpoint_is_recognised(trained: Site) -> None:
    (step,) = re.findall(r"checkpoint: \{step: (\d+)\}", trained.run("report", "tone", code=0).out)
    trained.edit("manifests/stack.yaml", "model: {job: tone}", f"model: {{job: tone, checkpoint: {{step: {step}}}}}")
    trained.run(*APPLY, code=0)
    said = trained.run("report", "tone", code=0).out
    assert f"served by Deployment/tone (checkpoint of step {step})" in said
    assert f"The checkpoint of step {step} is better than the final model, and" in " ".join(said.split())
    assert "Nothing to do." in said


def test_json_has_the_documented_shape(trained: Site) -> None:
    ran = trained.run("report", "tone", "--format", "json", code=0)
    said = json.loads(ran.out)
    assert said["format_version"] == "1.0"
    (job,) = said["jobs"]
    assert job["diagnosis"]["verdict"] == "overfits"
    assert job["hyperparameters"]["n_epochs"] == 8
    assert job["source"] == "file"
    documented = Path(__file__).parents[2].joinpath("docs/results.md").read_text()
    for key in (*job, *job["diagnosis"], *next(iter(job["metrics"].values())), *job["checkpoints"][0]):
        assert f"`{key}`" in documented, f"docs/results.md does not name {key}"
    ran = trained.run("report", "tone", "--format", "json", "--out", "x.html", code=0)
    assert json.loads(ran.out)["jobs"], "a file beside it does not disturb the JSON"
    assert trained.folder.joinpath("x.html").exists()


def test_several_trainings_are_compared(trained: Site) -> None:
    trained.edit("manifests/stack.yaml", "n_epochs: 8", "n_epochs: 2")
    trained.run(*APPLY, code=0)
    history = trained.run("history", "tone", code=0).out
    (old,) = [line.partition(" ")[0] for line in history.splitlines() if "history of tone" in line]
    said = trained.run("report", "tone", old, code=0).out
    assert said.splitlines()[0].startswith("JOB ")
    assert [line.partition(" ")[0] for line in said.splitlines()[1:3]] == ["FineTuneJob/tone", old]
    assert "No manifest matches it any more." in said
    assert trained.run("report", "tone", "tone", "FineTuneJob/*", code=0).out.count("What to try") == 1, "each job once"


def test_a_running_training_is_reported_as_far_as_it_is(site: Site, azure: Azure) -> None:
    azure.configure(running_seconds=3600.0)
    site.run("apply", "--auto-approve", code=0)
    said = site.run("report", "tone", code=0).out
    assert "running" in said.splitlines()[0]
    assert "(so far)" in said
    assert "reconciler logs FineTuneJob/tone --follow" in said
    azure.control("POST", "clock", {"advance_s": 1800})
    said = site.run("report", "tone", code=0).out
    assert "training loss" in said
    assert "tokens not billed yet" in said
    ran = site.run("report", "tone", "--out", "page.html", code=0)
    assert "(so far)" in ran.out


def test_a_training_that_failed_is_reported(site: Site, azure: Azure) -> None:
    azure.configure(
        outcomes=[{"match": {}, "then": {"fail": {"code": "bad", "message": "No good"}, "at": "validating"}}]
    )
    site.run("apply", "--auto-approve", "--wait", code=1)
    said = site.run("report", "tone", code=0).out
    assert "It ended as failed, without a model. Azure says: bad: No good" in said
    assert " ".join(said.split()).endswith("To train again, set in its spec (manifests/stack.yaml:4:1): attempt: 2")
    assert "left no result file" in said
    assert site.run("report", "tone", "--out", "x.csv", code=1).err.startswith(
        "error: The job has no result file [no-result-file]\n"
    )


def test_a_deployment_that_failed_is_not_done_with(site: Site, azure: Azure) -> None:
    fails = {"match": {"name": "tone"}, "then": {"fail": {"code": "InternalServerError", "message": "No."}}}
    azure.configure(deployment_outcomes=[fails])
    site.run("apply", "--auto-approve", "--wait", code=1)
    said = " ".join(site.run("report", "tone", code=0).out.split())
    assert "served by" not in said
    assert said.endswith("Deployment/tone will serve it. To deploy: reconciler apply")
    assert "tone (Failed)" in site.run("history", code=0).out


# -- what cannot be read


def test_without_the_file_the_events_are_read(trained: Site, azure: Azure) -> None:
    azure.fault(path_regex=r"/files/[^/]+/content$", status=404, code="notFound", message="gone", count=None)
    said = trained.run("report", "tone", code=0).out
    assert "from the job's events" in said
    assert "could not be read" in said
    assert "It overfits" in said
    ran = trained.run("report", "tone", "--out", "x.csv", code=1)
    assert not trained.folder.joinpath("x.csv").exists()
    assert "Traceback" not in ran.err


def test_no_file_at_all_is_a_traceback(trained: Site, azure: Azure) -> None:
    forms = ((), ("--format", "json"), ("--out", "x.html"), ("--out", "x.md"), ())
    bodies = ("", "<html>Sign in</html>", "step,train_loss\n1,nan\n2,nan\n", "\x00\x01\ufffd", "step\n1\n")
    for form, body in zip(forms, bodies, strict=True):
        azure.fault(path_regex=r"/files/[^/]+/content$", status=200, body=body, count=1)
        trained.run("report", "tone", *form, code=0)


def test_without_checkpoints_and_events_the_file_is_enough(trained: Site, azure: Azure) -> None:
    azure.fault(path_regex=r"/checkpoints$", status=200, body="[", count=None)
    assert "Its checkpoints could not be read: Azure's answer" in trained.run("report", "tone", code=0).out
    azure.fault(path_regex=r"/(checkpoints|events)$", status=403, code="denied", message="no", count=None)
    said = trained.run("report", "tone", code=0).out
    assert "It overfits" in said
    assert "Its checkpoints could not be read" in said


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("report", "nothing"), 1, "error: There is no such job at Azure [no-such-job]\n"),
        (("report", "FineTuneJob/x*"), 1, "error: There is no such job at Azure [no-such-job]\n"),
        (("report", "Deployment/tone"), 1, "error: This is not a job [not-a-job]\n"),
        (("report",), 64, "error: Missing argument 'ADDR...'"),
        (("report", "tone", "--out", "x.pdf"), 64, "ends in none of .html, .md, .csv"),
        (("report", "tone", "--out", "no/such/x.md"), 64, "the folder no/such does not exist"),
        (("history", "--results"), 64, "needs ADDR"),
    ],
)
def test_what_is_asked_wrongly_is_said(trained: Site, arguments: tuple[str, ...], code: int, said: str) -> None:
    assert said in trained.run(*arguments, code=code).err


# -- files


def test_a_csv_is_what_azure_gave(trained: Site, azure: Azure) -> None:
    azure.configure(result_bom=True)
    ran = trained.run("report", "tone", "--out", "x.csv", code=0)
    (job,) = azure.jobs()
    assert trained.folder.joinpath("x.csv").read_bytes() == content(azure, job["result_files"][0])
    assert trained.folder.joinpath("x.csv").read_bytes().startswith(b"\xef\xbb\xbfstep,")
    assert ran.out.startswith("Wrote x.csv: file-")
    assert [path.name for path in trained.folder.iterdir() if path.name.startswith(".x")] == []


def test_markdown_is_written_for_github(trained: Site) -> None:
    ran = trained.run("report", "tone", "--out", "report.MD", code=0)
    assert ran.last == "Wrote report.MD."
    said = trained.folder.joinpath("report.MD").read_text()
    assert said.startswith("# How `FineTuneJob/tone` went\n")
    assert "```mermaid\n" in said
    assert len(said) < 65_000


def test_the_emulator_is_named_on_every_form(tmp_path: Path) -> None:
    site = Site(tmp_path / "repo", None)
    site.run("init", code=0)
    site.run("--emulator", *APPLY, code=0)
    for form in ("html", "md"):
        ran = site.run("--emulator", "report", "first-model", "--out", f"x.{form}", code=0)
        assert ran.out.startswith("EMULATOR: nothing here is Azure.\n")
        assert "EMULATOR: nothing here is Azure." in site.folder.joinpath(f"x.{form}").read_text()
    assert (
        json.loads(site.run("--emulator", "report", "first-model", "--format", "json", code=0).out)["emulator"] is True
    )


# -- history


def test_history_tells_what_changed_and_how_it_went(trained: Site, azure: Azure) -> None:
    azure.emulator.advance(60)  # Azure tells the time of a job in whole seconds
    trained.edit("manifests/stack.yaml", "n_epochs: 8", "n_epochs: 2")
    trained.run(*APPLY, code=0)
    azure.emulator.advance(60)
    trained.write("manifests/data/train.jsonl", trained.folder.joinpath("manifests/data/train.jsonl").read_text() * 2)
    trained.run(*APPLY, code=0)
    heads, *rows = trained.run("history", "tone", "--no-results", code=0).out.splitlines()
    assert heads.split() == [
        "JOB",
        "STATUS",
        "CREATED",
        "TOKENS",
        "COST",
        "CHANGED",
        "MARK",
        "MANIFEST",
        "SERVED",
        "BY",
        "MODEL",
    ]
    assert [re.split(r"  +", row)[5] for row in rows] == ["training data", "n_epochs 8 -> 2", "first"]
    heads, *rows = trained.run("history", "tone", code=0).out.splitlines()
    assert heads.split()[5:8] == ["BEST", "VERDICT", "CHANGED"]
    assert re.split(r"  +", rows[2])[6] == "It overfits"
    assert re.split(r"  +", rows[2])[5].startswith("full validation loss 0.")
    assert "CHANGED" not in trained.run("history", code=0).out, "of different jobs nothing is compared"


# -- the browser

_MEASURE = """\
<!doctype html><meta charset="utf-8"><title>Measure</title>
<iframe id="page" width="{width}" height="900" style="border:0" srcdoc="{page}"></iframe>
<script>
const frame = document.getElementById("page");
frame.onload = () => {{
  const inner = frame.contentDocument, root = inner.documentElement, style = frame.contentWindow.getComputedStyle;
  const wide = [...inner.querySelectorAll("body *")].filter(
    (one) => !one.closest(".scroll, pre, svg") && one.getBoundingClientRect().right > root.clientWidth + 1);
  const labels = [...inner.querySelectorAll("svg.chart text")].filter((one) => {{
    const box = one.getBoundingClientRect(), chart = one.ownerSVGElement.getBoundingClientRect();
    return box.left < chart.left - 2 || box.right > chart.right + 2;
  }});
  document.body.dataset.found = JSON.stringify({{
    viewport: root.clientWidth, content: root.scrollWidth, wide: wide.map((one) => one.outerHTML.slice(0, 80)),
    labels: labels.map((one) => one.textContent), background: style(inner.body).backgroundColor,
    charts: inner.querySelectorAll("svg.chart").length,
    small: [...inner.querySelectorAll("svg.chart text")].map((one) => one.getBoundingClientRect().height)
      .reduce((least, size) => Math.min(least, size), 99),
  }});
}};
</script>
"""


def measured(folder: Path, page: str, width: int, *flags: str) -> tuple[dict[str, Any], str]:
    """Show a page in a frame of a width, and return what a script outside of it measures, and what was logged."""
    outside = folder / "outside.html"
    outside.write_text(_MEASURE.format(width=width, page=html.escape(page)))
    done = subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
            *("--disable-background-networking", "--disable-extensions", "--enable-logging=stderr"),
            *(f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=3000", "--window-size=1300,1000", *flags),
            *("--dump-dom", outside.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    return json.loads(html.unescape(found[1])), "\n".join(
        line for line in done.stderr.splitlines() if "CONSOLE" in line
    )


@pytest.mark.slow
@pytest.mark.skipif(not BROWSER, reason="no chromium is installed, which shows the page")
def test_the_page_fits_on_a_phone_and_breaks_no_rule(trained: Site, tmp_path: Path) -> None:
    trained.edit("manifests/stack.yaml", "n_epochs: 8", "n_epochs: 2")
    trained.run(*APPLY, code=0)
    (old,) = re.findall(r"^(ftjob-\S+).*history of tone", trained.run("history", "tone", code=0).out, re.MULTILINE)
    trained.run("report", "tone", old, "--out", "page.html", code=0)
    page = trained.folder.joinpath("page.html").read_text()
    backgrounds = []
    for width, flags in ((320, ()), (390, ("--blink-settings=preferredColorScheme=0",)), (1200, ())):
        found, console = measured(tmp_path, page, width, *flags)
        assert console == "", "the page is refused nothing by its own policy"
        assert found["content"] <= found["viewport"] <= width, found
        assert found["viewport"] >= width - 20, "but for a scroll bar the frame is as wide as a phone"
        assert found["wide"] == []
        assert found["labels"] == [], "labels lie within their charts"
        assert found["charts"] >= 4
        assert found["small"] >= 8, "labels can be read"
        backgrounds.append(found["background"])
    assert backgrounds == ["rgb(246, 247, 249)", "rgb(17, 21, 27)", "rgb(246, 247, 249)"], (
        "light and dark, by the style"
    )

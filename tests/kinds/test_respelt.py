"""The base of a job spelled in another way is the same base: what was trained from it is found, and not trained again."""

from __future__ import annotations

import pytest
from command import ACCOUNT
from harness import Azure, Repo, addresses, examples, trained

from reconciler.cli.main import run
from reconciler.kinds.fine_tune_job.identity import spellings
from reconciler.models import find

DATED, SHORT, OTHER = "gpt-4.1-mini-2025-04-14", "gpt-4.1-mini", "gpt-4.1-nano-2025-04-14"
CHILD = """\
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: child}
spec: {model: {job: tone}, training_file: data/child.jsonl, training_type: global}
"""


@pytest.mark.parametrize("canonical", [True, False], ids=["echoed by its id", "echoed as sent"])
def test_another_spelling_of_the_base_trains_nothing_anew(repo: Repo, azure: Azure, canonical: bool) -> None:
    azure.configure(canonical_models=canonical)
    repo.write("manifests/data/child.jsonl", examples(20, "child"))
    repo.write("manifests/child.yaml", CHILD)
    written = "GPT-4.1-Mini"
    repo.edit("manifests/stack.yaml", f"model: {DATED}", f"model: {written}")
    repo.until_done()
    azure.forget()
    for spelling in (SHORT, DATED, "Gpt-4.1-mini", DATED.upper(), written):
        repo.edit("manifests/stack.yaml", f"model: {written}\n", f"model: {spelling}\n")
        assert repo.plan().converged, f"{spelling}, with what was trained on its model"
        written = spelling
    # What is not the same model, or not the same training, is another one.
    for old, new in ((f"model: {written}\n", f"model: {OTHER}\n"), (OTHER, f"{SHORT}\n  attempt: 2")):
        repo.edit("manifests/stack.yaml", old, new)
        assert addresses(trained(repo.plan())) == ["FineTuneJob/tone"]
    assert azure.writes() == []


def test_what_was_found_by_another_spelling_is_what_the_manifest_declares(
    repo: Repo, azure: Azure, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo.folder)
    repo.write("manifests/account.yaml", ACCOUNT.format(url=azure.server.url))
    repo.until_done()
    repo.edit("manifests/stack.yaml", f"model: {DATED}", f"model: {SHORT}")
    assert run(["promote", "Deployment/tone", "--dry-run"]) == 0
    assert "not of what its manifest declares now" not in capsys.readouterr().out


def test_what_another_manifest_declares_is_its_own_whatever_its_spelling(repo: Repo, azure: Azure) -> None:
    repo.until_done(targets=("FineTuneJob/tone",))
    stack = (repo.folder / "manifests/stack.yaml").read_text()
    twin = stack.replace("{name: tone}", "{name: twin}").replace("{job: tone}", "{job: twin}").replace(DATED, SHORT)
    repo.write("manifests/twin.yaml", twin)
    assert addresses(trained(repo.plan())) == ["FineTuneJob/twin"]
    (repo.folder / "manifests/stack.yaml").unlink()
    assert trained(repo.plan()) == [], "and what nobody declares any more is found"


def test_the_spellings_of_a_name_are_few_and_of_one_version() -> None:
    for name in (DATED, "gpt-4o-mini", "Llama-3.3-70B-Instruct", "Qwen-32B"):
        found = list(spellings(name))
        assert name == found[0]
        assert name.lower() in found
        assert len(found) < 500
        assert {find(one) for one in found} == {find(name)}
    tuned = f"{DATED}.ft-{'0a' * 16}-{'B' * 12}-Tone"
    assert list(spellings(tuned)) == [tuned, tuned.lower()], "of a model that somebody made there is one name"

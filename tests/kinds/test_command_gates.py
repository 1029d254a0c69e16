"""Gates that run a program of the repository against a candidate: what passes serves, and nothing is left behind."""

from __future__ import annotations

import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from harness import Azure, FakeClock, Repo, of

from reconciler.core.change import Delete, Stuck
from reconciler.core.fault import InvalidManifests

SKU = "sku: {name: GlobalStandard, capacity: 50}"
ASKS = """\
import json, os, pathlib, sys
from openai import OpenAI
answer = OpenAI(max_retries=0).chat.completions.create(
    model=os.environ["RECONCILER_CANDIDATE_DEPLOYMENT"], messages=[{"role": "user", "content": "row 1?"}]
)
seen = {"env": dict(os.environ), "args": sys.argv[1:], "cwd": os.getcwd(), "answer": answer.choices[0].message.content,
        "stdin": sys.stdin.read()}
pathlib.Path(sys.argv[1]).write_text(json.dumps(seen))
"""


def program(repo: Repo, body: str, name: str = "eval/check.py", mode: int = 0o755) -> Path:
    path = repo.write(f"manifests/{name}", f"#!{sys.executable}\n{body}")
    path.chmod(mode)
    return path


def gate(repo: Repo, *more: str, command: str = "[eval/check.py]") -> None:
    lines = "".join(f"    - {line}\n" for line in (*more, f"{{command: {command}, timeout: 20s}}"))
    path = repo.folder / "manifests/stack.yaml"
    head, sku, _ = path.read_text().partition(SKU)
    path.write_text(f"{head}{sku}\n  gates:\n{lines}")


@pytest.fixture
def trained(repo: Repo, clock: FakeClock) -> Repo:
    """A repository whose model is served, and whose next model is trained and waits for its gates."""
    repo.until_done()
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.write("manifests/eval/check.py", "")
    (repo.folder / "manifests/eval/check.py").chmod(0o755)
    gate(repo)
    repo.apply()
    clock.sleep(2 * 3600)
    return repo


def served(azure: Azure) -> dict[str, str]:
    return {item["name"]: item["properties"]["model"]["name"] for item in azure.deployments()}


def models(azure: Azure) -> list[str]:
    return [item["fine_tuned_model"] for item in sorted(azure.jobs(), key=lambda item: item["created_at"])]


def fault(result: Any) -> Any:
    (found,) = {id(one.fault): one.fault for one in result.outcomes if one.fault}.values()
    return found


def test_a_program_asks_a_candidate_and_the_model_serves_after_it_passed(
    trained: Repo, azure: Azure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "very-secret-value-1234")
    told = tmp_path / "told.json"
    program(trained, ASKS)
    gate(trained, "{metric: full_valid_loss, at_most: 99}", command=f"[eval/check.py, {told}, a b; rm]")
    azure.configure(ready_delay_s=30)
    azure.forget()
    notes = next(one.notes for one in trained.plan().changes if str(one.address) == "Deployment/tone")
    assert notes[-1] == (
        f"gate RUNS CODE: manifests/eval/check.py {told} 'a b; rm' (for at most 20s, against tone-candidate on the developer tier)"
    )
    assert azure.writes() == []
    assert not told.exists(), "a plan runs nothing"
    result = trained.apply()
    assert result.code == 0, result.faults()
    (done,) = [one for one in result.outcomes if one.status == "done"]
    assert done.message.startswith("gate passed: manifests/eval/check.py")
    import json

    seen = json.loads(told.read_text())
    assert seen["answer"] == "Yes."
    assert seen["args"] == [str(told), "a b; rm"]
    assert (seen["cwd"], seen["stdin"]) == (str(trained.folder), "")
    environ = seen["env"]
    assert "very-secret-value-1234" not in str(environ)
    assert {key for key in environ if key not in {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"}} == {
        "PATH",
        "LANG",
        "HOME",
        "TMPDIR",
        "OPENAI_BASE_URL",
        "OPENAI_API_KEY",
        *(f"RECONCILER_CANDIDATE_{word}" for word in ("ENDPOINT", "KEY", "DEPLOYMENT", "API", "MODEL")),
    }
    assert environ["RECONCILER_CANDIDATE_MODEL"] == models(azure)[1]
    assert not Path(environ["HOME"]).exists()
    puts = [line for line in azure.writes() if line.startswith("PUT")]
    assert [line.rpartition("/")[2] for line in puts] == ["tone-candidate", "tone"], (
        "first the candidate, then the change"
    )
    assert served(azure) == {"tone": models(azure)[1]}
    azure.forget()
    assert trained.apply().plan.converged
    assert azure.writes() == [], "what serves has passed"


def test_without_permission_nothing_runs_and_what_serves_goes_on(trained: Repo, azure: Azure) -> None:
    program(trained, "open('ran', 'w')")
    azure.forget()
    result = trained.apply(allow_commands=False)
    assert result.code == 4
    assert fault(result).code == "commands-not-allowed"
    assert "  reconciler apply --allow-commands" in fault(result).remedy
    assert served(azure) == {"tone": models(azure)[0]}
    assert not [line for line in azure.writes() if "deployments" in line]
    assert not (trained.folder / "ran").exists()


def test_a_policy_on_skus_holds_for_the_candidate_too(trained: Repo) -> None:
    trained.edit("manifests/account.yaml", "owner: team-a", "owner: team-a\n  policy: {skus: [GlobalStandard]}")
    (refusal,) = trained.plan().refusals
    assert refusal.code == "policy-skus"
    assert "`gates` is tried on DeveloperTier" in refusal.detail
    trained.edit("manifests/account.yaml", "[GlobalStandard]", "[GlobalStandard, Developer*]")
    assert trained.plan().refusals == ()


FORKS = """\
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"])
open("child", "w").write(str(child.pid))
"""


@pytest.mark.parametrize(
    ("body", "said", "reason"),
    [
        ("import sys; print('accuracy 0.4 < 0.8'); sys.exit(3)", "ended with 3 after", "it says no"),
        ("raise ValueError('no such row')", "ValueError: no such row", "it crashes"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was ended by signal 11", "it dies"),
        (FORKS + "time.sleep(600)", "was stopped after", "it hangs, and so does its child"),
        (FORKS + "sys.exit(1)", "ended with 1", "it leaves a child behind"),
        ("import sys; print('x' * 5_000_000); print('the end'); sys.exit(1)", "  | the end", "it prints megabytes"),
        (
            "print('key: sk-' + 'aB3dE5gH7jK9' * 3); print('the end'); raise SystemExit(1)",
            "  | the end",
            "it prints a secret",
        ),
        ("import os; print(os.environ['RECONCILER_CANDIDATE_KEY']); 1/0", "[hidden]", "it prints what it was given"),
    ],
)
def test_a_program_that_fails_leaves_the_old_model_and_nothing_else(
    trained: Repo, azure: Azure, body: str, said: str, reason: str
) -> None:
    program(trained, body)
    if "hangs" in reason:
        trained.edit("manifests/stack.yaml", "timeout: 20s", "timeout: 1s")
    result = trained.apply()
    assert result.code == 4, reason
    found = fault(result)
    assert found.code == "gate-failed"
    assert said in found.detail, reason
    assert f"{models(azure)[0]} goes on serving." in found.detail
    assert "aB3dE5gH7jK9" not in found.detail
    assert len(found.detail) < 8_000
    assert served(azure) == {"tone": models(azure)[0]}
    child = trained.folder / "child"
    if child.exists():
        time.sleep(0.05)
        state = Path(f"/proc/{child.read_text()}/stat")
        assert not state.exists() or " Z " in state.read_text(), "what it started has ended with it"


def test_a_candidate_that_a_crashed_run_left_is_deleted_by_the_next(
    trained: Repo, azure: Azure, clock: FakeClock
) -> None:
    program(trained, "raise SystemExit(1)")
    azure.fault(method="DELETE", path_regex="tone-candidate", status=403, code="AuthorizationFailed", count=1)
    result = trained.apply()
    assert "tone-candidate" in fault(result).detail.partition("goes on serving")[2], "that it was left is said"
    assert set(served(azure)) == {"tone", "tone-candidate"}
    assert of(trained.plan(), Delete) == [], "another run may still try it"
    assert of(trained.plan(prune=True), Delete) == []
    clock.sleep(3600)
    (delete,) = of(trained.plan(), Delete)
    assert (delete.live.name, delete.held) == ("tone-candidate", ""), "also without --prune"
    assert trained.apply(unattended=True, allow_commands=False).code == 4
    assert set(served(azure)) == {"tone"}
    azure.fault(method="DELETE", path_regex="tone-candidate", status=403, code="AuthorizationFailed", count=1)
    trained.apply()
    program(trained, "raise SystemExit(0)")
    assert trained.apply(unattended=True).code == 0, "a run that needs one itself makes its own at once"
    assert served(azure) == {"tone": models(azure)[1]}


def test_what_is_left_goes_also_when_nothing_is_to_be_tried(trained: Repo, azure: Azure, clock: FakeClock) -> None:
    azure.fault(method="DELETE", path_regex="tone-candidate", status=403, code="AuthorizationFailed", count=None)
    program(trained, "raise SystemExit(0)")
    result = trained.apply()
    assert (result.code, fault(result).code) == (1, "candidate-left"), "it passed, and cannot be cleaned up after"
    assert served(azure)["tone"] == models(azure)[0]
    azure.control("DELETE", "faults")
    clock.sleep(3600)
    trained.edit("manifests/stack.yaml", "n_epochs: 3", "n_epochs: 2")
    assert trained.apply(unattended=True).code == 0, "a revert needs no gate, and takes away what was left"
    assert served(azure) == {"tone": models(azure)[0]}
    assert trained.plan().converged


def test_a_candidate_that_is_somebody_elses_or_cannot_be_made(trained: Repo, azure: Azure, clock: FakeClock) -> None:
    program(trained, "open('ran', 'w')")
    theirs = {
        "sku": {"name": "Standard", "capacity": 1},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4.1", "version": "2025-04-14"}},
    }
    from harness import arm

    azure.raw("PUT", f"{arm()}/deployments/tone-candidate?api-version=2025-09-01", theirs)
    clock.sleep(60)
    result = trained.apply()
    assert (result.code, fault(result).code) == (1, "name-taken")
    assert served(azure) == {"tone": models(azure)[0], "tone-candidate": "gpt-4.1"}
    azure.hand("expire_deployment", deployment="tone-candidate")
    azure.configure(quotas={"OpenAI.DeveloperTier.gpt4.1-mini-finetune": 10})
    result = trained.apply()
    assert (result.code, fault(result).code) == (1, "azure-insufficient-quota")
    azure.configure(quotas={}, ready_delay_s=10_000)
    result = trained.apply(settle=60)
    assert (result.code, fault(result).code) == (1, "candidate-not-ready")
    assert served(azure) == {"tone": models(azure)[0]}
    assert not (trained.folder / "ran").exists()


@pytest.mark.parametrize(
    ("command", "said", "reason"),
    [
        ("[eval/chekc.py]", "eval/check.py", "a name that was misspelt"),
        ("[python3, eval/check.py]", "#!/usr/bin/env python3", "a program that is no file of the repository"),
        ("[/bin/true]", "relative", "an absolute path"),
        ("[out.py]", "leads out of", "a link out of the repository"),
        ("[../../../bin/true]", "leads out of", "a path out of it"),
        ("[eval/plain.py]", "chmod +x manifests/eval/plain.py", "a file that may not be executed"),
        ("[]", "command", "no program"),
        ("eval/check.py --fast", "command", "a text: there is no shell"),
    ],
)
def test_a_program_that_cannot_be_meant_is_an_error_with_its_place(
    trained: Repo, command: str, said: str, reason: str
) -> None:
    program(trained, "", "eval/plain.py", 0o644)
    (trained.folder / "manifests/out.py").symlink_to("/bin/true")
    gate(trained, command=command)
    with pytest.raises(InvalidManifests) as raised:
        trained.plan()
    (found,) = [one for one in raised.value.faults if one.severity == "error"]
    assert said in f"{found.detail} {found.remedy}", reason
    assert found.place
    assert found.place.line


def test_a_program_may_change_between_plan_and_run_and_is_then_said_to_fail(trained: Repo, azure: Azure) -> None:
    path = program(trained, "open('ran', 'w')")
    tree, engine = trained.engine()
    from reconciler.core.approval import Approval
    from reconciler.core.plan import Options

    plan = engine.plan(tree.desired, Options())
    path.chmod(stat.S_IRUSR)
    outcomes = list(engine.converge(tree.desired, Options(), Approval.of(plan), first=plan))
    assert {one.status for one in outcomes if str(one.address) == "Deployment/tone"} == {"refused"}
    assert "could not be started: Permission denied" in next(one.fault.detail for one in outcomes if one.fault)
    assert not of(plan, Stuck)
    assert served(azure) == {"tone": models(azure)[0]}

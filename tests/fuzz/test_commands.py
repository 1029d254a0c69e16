"""Every command that looks, over spoiled answers: what it prints is whole and obeys nobody, and nothing is a bug."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import ACCOUNT, KEY
from fuzz.test_answers import APIS, Spoiler
from harness import STACK, Azure, FakeClock, Repo

from reconciler.cli import compose
from reconciler.cli.main import run
from reconciler.emulator import Request, Response

pytestmark = pytest.mark.slow
JOB, DEPLOYMENT = "FineTuneJob/tone", "Deployment/tone"
COMMANDS = (
    ("plan", "--prune"),
    ("plan", "--format", "json"),
    ("plan", "--format", "markdown"),
    ("status",),
    ("status", "--format", "json"),
    ("drift",),
    ("drift", "--format", "json"),
    ("history",),
    ("history", JOB, "--results"),
    ("logs", JOB),
    ("probe", DEPLOYMENT),
    ("report", JOB),
    ("report", JOB, "--format", "json", "--out", "page.html"),
    ("report", JOB, "--out", "page.md"),
    ("doctor", "--format", "json"),
    ("import", "--into", "found", "--history", "--dry-run", "--with-hyperparameters"),
    ("import", "--from", "openai", "--into", "other", "--dry-run", "--with-hyperparameters"),
)
RUNS = 6
"""Of each command; one takes about 0.1 s."""


@pytest.fixture(scope="module")
def spoiler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spoiler]:
    """A repository that is applied, and an Azure whose answers can be spoiled."""
    azure = Azure(FakeClock())
    repo = Repo(tmp_path_factory.mktemp("repo"), azure, azure.clock)
    repo.write("manifests/stack.yaml", STACK)
    repo.until_done()
    repo.close()
    found = Spoiler(azure, 0)
    found.account = ACCOUNT.format(url=azure.server.url)
    repo.write("manifests/account.yaml", found.account)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repo.folder)
        patch.setattr(compose, "SystemClock", lambda: azure.clock)
        patch.setenv("RECONCILER_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("AZURE_OPENAI_API_KEY", KEY)
        # An organisation at OpenAI that has the same files and jobs.
        patch.setenv("RECONCILER_OPENAI_URL", f"{azure.server.url}/acme/openai/v1")
        yield found
    azure.close()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:3:2]))
def test_no_answer_is_a_bug_of_a_command(
    spoiler: Spoiler, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(RUNS):
        Path("manifests/account.yaml").write_text(f"{spoiler.account}  api: {APIS[number % 3]}\n")
        spoiler.again(f"{command} {number}", 0.5)
        code = run(list(command))
        said = "".join(capsys.readouterr())
        for page in Path().glob("page.*"):
            said += page.read_text()
            page.unlink()
        assert code in {0, 1, 2, 4}, f"{code} {spoiler.done}\n{said}"
        assert "Traceback" not in said, spoiler.done
        assert "[bug]" not in said, f"{spoiler.done}\n{said}"
        assert '"code": "bug"' not in said, spoiler.done
        assert KEY not in said
        assert all(line.isprintable() for line in said.split("\n")), spoiler.done
        assert not any(line.startswith("::") for line in said.split("\n")), spoiler.done


@pytest.mark.parametrize("field", ["level", "message", "type", "id"])
def test_no_field_of_an_event_is_an_order(
    spoiler: Spoiler, field: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spoiler.again("", 0)

    def ordering(request: Request) -> Response:
        answer = spoiler(request)
        if request.path.endswith("/events"):
            body = json.loads(answer.body)
            for number, event in enumerate(body["data"]):
                event[field] = f"\x1b[31m\n::error::{KEY} {number}"
            answer.body = json.dumps(body).encode()
        return answer

    monkeypatch.setattr(spoiler.emulator, "handle", ordering)
    assert run(["logs", JOB]) == 0
    said = "".join(capsys.readouterr())
    assert KEY not in said
    assert all(line.isprintable() and not line.startswith("::") for line in said.split("\n"))
    assert ("\\x1b[31m" in said) == (field in {"level", "message"}), "it is shown, and not obeyed"

"""Data that is elsewhere: imported from an address, or in the account already.

Long, because all that a source promises, its secrets among it, is shown with one server and one manifest.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from harness import ACCOUNT, Azure, FakeClock, Repo, addresses, examples, of, trained

from reconciler.core.approval import Approval
from reconciler.core.change import Create, Delete, Keep, Stuck
from reconciler.core.fault import InvalidManifests
from reconciler.core.plan import Options
from reconciler.kinds import REGISTRY
from reconciler.manifests import load
from reconciler.render.document import plan_document
from reconciler.render.outcome import outcome_line
from reconciler.render.text import plan_text

from .blob_server import BlobServer

DATA = examples(20).encode()
DIGEST = hashlib.sha256(DATA).hexdigest()
SIGNATURE = "c2VjcmV0LXNlY3JldC1zZWNyZXQ%2Bx%3D"
SAS = f"sv=2024-11-04&sp=r&se=2030-01-01T00%3A00%3A00Z&sig={SIGNATURE}"
JOB = """\
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: tone}
spec:
  model: gpt-4.1-mini-2025-04-14
  training_file: {dataset: mails}
  training_type: global
"""


def dataset(**source: str) -> str:
    fields = "".join(f"    {key}: {value}\n" for key, value in source.items())
    return f"apiVersion: reconciler/v1\nkind: Dataset\nmetadata: {{name: mails}}\nspec:\n  source:\n{fields}"


@pytest.fixture
def blobs() -> Iterator[BlobServer]:
    with BlobServer() as server:
        server.files["/train.jsonl"] = DATA
        yield server


@pytest.fixture
def repo(tmp_path: Any, azure: Azure, clock: FakeClock) -> Iterator[Repo]:
    folder = Repo(tmp_path, azure, clock)
    folder.write("manifests/stack.yaml", JOB)
    yield folder
    folder.close()


@pytest.fixture
def remote(repo: Repo, blobs: BlobServer) -> Repo:
    repo.write("manifests/mails.yaml", dataset(url=f"{blobs.url}/train.jsonl", sha256=DIGEST))
    return repo


def details(result: Any) -> str:
    return "\n".join(f"{o.fault.summary} {o.fault.detail} {o.fault.remedy}" for o in result.outcomes if o.fault)


# What a manifest can say

WRONG = [
    ({}, "exactly one of", "nothing"),
    ({"path": "data/train.jsonl", "url": "https://h/x", "sha256": DIGEST}, "exactly one of", "two places"),
    ({"url": "https://h/x"}, "sha256sum FILE", "what is fetched must be known beforehand"),
    ({"file_id": "../file-1", "sha256": DIGEST}, "id of a file", "no id, and a path on the server"),
    ({"path": "data/train.jsonl", "sha256": DIGEST}, "goes with", "a local file is hashed"),
    ({"url": "https://h/x", "sha256": "abc"}, "64 hexadecimal digits", "a digest cut short"),
    ({"url": "http://h/x", "sha256": DIGEST}, "https://", "plain http elsewhere"),
    ({"url": "ftp://h/x", "sha256": DIGEST}, "https://", "no web address"),
    ({"url": "https://me:hunter22@h/x", "sha256": DIGEST}, "password", "a password in git"),
    ({"url": "'https://h/x#y'", "sha256": DIGEST}, "fragment", "a fragment"),
    ({"url": f"https://h/x?sv=1&sig={SIGNATURE}", "sha256": DIGEST}, "signature", "a signature in git"),
    ({"url": f"https://h/x?SIG={SIGNATURE}", "sha256": DIGEST}, "signature", "in capitals"),
    ({"url": "https://h/x", "sha256": DIGEST, "sas": SAS}, "must be exactly", "a signature in git, in its own field"),
    (
        {"url": "https://h/x", "sha256": DIGEST, "sas": "${env:RECONCILER_VAR_A}&sv=1"},
        "must be exactly",
        "more than a variable",
    ),
    ({"url": "https://h/x", "sha256": DIGEST, "sas": "${env:PATH}"}, "RECONCILER_VAR_NAME", "any other variable"),
    ({"path": "data/train.jsonl", "sas": "${env:RECONCILER_VAR_A}"}, "goes with `url`", "nothing to open"),
    (
        {"url": "https://${env:RECONCILER_VAR_A}/x", "sha256": DIGEST},
        "${env:RECONCILER_VAR_A}",
        "a host is no place for one",
    ),
]


@pytest.mark.parametrize(("source", "said", "reason"), WRONG, ids=[row[2] for row in WRONG])
def test_a_wrong_source_is_a_fault_that_repeats_no_secret(
    repo: Repo, source: dict[str, str], said: str, reason: str
) -> None:
    text = dataset(**source)
    repo.write("manifests/mails.yaml", text if source else text + "    {}\n")
    with pytest.raises(InvalidManifests) as caught:
        repo.plan()
    faults = [fault for fault in caught.value.faults if fault.severity == "error"]
    told = "\n".join(f"{fault.summary} {fault.detail} {fault.remedy}" for fault in faults)
    assert said in told, reason
    assert SIGNATURE not in told
    assert "hunter22" not in told
    assert all(fault.place and fault.place.line for fault in faults)


def test_a_tree_loads_without_the_value_of_its_secret(repo: Repo) -> None:
    source = {"url": "https://acme.blob.core.windows.net/c/x", "sha256": DIGEST, "sas": "${env:RECONCILER_VAR_A}"}
    repo.write("manifests/mails.yaml", dataset(**source))
    tree = load(repo.folder / "manifests", REGISTRY, {}, None, repo.folder)
    item = next(item for item in tree.desired if item.address.name == "mails")
    assert REGISTRY["Dataset"].unchecked(item) == "remote, https://acme.blob.core.windows.net/c/x"
    assert trained(repo.plan())


def test_validate_passes_without_it_and_says_what_it_did_not_look_into(repo: Repo) -> None:
    source = {"url": "https://acme.blob.core.windows.net/c/x", "sha256": DIGEST, "sas": "${env:RECONCILER_VAR_A}"}
    repo.write("manifests/mails.yaml", dataset(**source))
    command = [sys.executable, "-c", "from reconciler.cli.main import main; main()", "validate"]
    environ = {**os.environ, "RECONCILER_NO_CACHE": "1", "PYTHONWARNINGS": "error"}
    ran = subprocess.run(command, cwd=repo.folder, env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "Dataset/mails  not checked: remote, https://acme.blob.core.windows.net/c/x\n" in ran.stdout


# From an address


def test_azure_fetches_the_file_and_it_is_trained_on(remote: Repo, azure: Azure, blobs: BlobServer) -> None:
    plan = remote.plan()
    assert "not checked: remote" in plan_text(plan, kinds=REGISTRY, headers=(), now=0)
    remote.until_done()
    (file,) = azure.files()
    assert file["filename"].startswith("mails.")
    assert len(azure.jobs()) == 1
    assert azure.jobs()[0]["training_file"] == file["id"]
    assert len(blobs.asked) == 1
    assert [call for call in azure.committed("POST") if "/files" in call] == ["POST /acme/openai/files/import"]
    azure.forget()
    assert remote.plan().converged
    assert remote.apply().code == 0
    assert azure.writes() == []
    assert len(blobs.asked) == 1, "what is there is not fetched again"


def test_it_goes_through_the_surface_that_a_project_has(remote: Repo, azure: Azure) -> None:
    remote.project = "/api/projects/p"
    remote.until_done()
    asked = [item for item in azure.emulator.requests() if item["path"].endswith("/import")]
    assert [(item["path"], item["query"]) for item in asked] == [
        ("/acme/api/projects/p/openai/files/import", {"api-version": "2025-11-15-preview"})
    ]


def test_a_slow_import_is_gone_on_with_by_the_next_run(remote: Repo, azure: Azure, clock: FakeClock) -> None:
    azure.configure(import_seconds=3600.0)
    first = remote.apply(settle=30)
    assert first.code == 0
    assert azure.jobs() == []
    clock.sleep(4000)
    remote.until_done()
    assert len(azure.files()) == len(azure.jobs()) == 1


def test_other_content_than_declared_is_taken_back(remote: Repo, azure: Azure, blobs: BlobServer) -> None:
    blobs.files["/train.jsonl"] = other = examples(20, "other").encode()
    result = remote.apply(wait=True)
    assert result.code == 1
    assert "file-digest-differs" in result.faults()
    assert DIGEST in details(result)
    assert hashlib.sha256(other).hexdigest() in details(result)
    assert azure.files() == azure.jobs() == []
    blobs.files["/train.jsonl"] = DATA
    remote.until_done()
    assert len(azure.files()) == len(azure.jobs()) == 1


def test_it_is_taken_back_in_a_later_round_too(remote: Repo, azure: Azure, blobs: BlobServer, clock: FakeClock) -> None:
    blobs.files["/train.jsonl"] = examples(20, "other").encode()
    azure.configure(import_seconds=3600.0)
    tree, engine = remote.engine(settle=1)
    first = engine.plan(tree.desired, Options())
    faults = []
    for outcome in engine.converge(tree.desired, Options(), Approval.of(first), first=first, wait=True):
        # It is there only when the run has given up waiting for it, and looks at everything again.
        clock.sleep(4000)
        faults += [outcome.fault] if outcome.fault else []
    assert "deleted at once" in faults[0].detail
    assert azure.files() == azure.jobs() == []


def test_it_is_taken_back_even_if_files_are_trusted(remote: Repo, azure: Azure, blobs: BlobServer) -> None:
    blobs.files["/train.jsonl"] = examples(20, "other").encode()
    assert remote.apply(trust_files=True).code == 1
    assert azure.files() == azure.jobs() == []


def test_the_digest_is_that_of_the_canonical_bytes(remote: Repo, azure: Azure, blobs: BlobServer) -> None:
    blobs.files["/train.jsonl"] = b"\xef\xbb\xbf" + DATA.replace(b"\n", b"\r\n")
    remote.until_done()
    assert len(azure.jobs()) == 1


def test_data_with_errors_is_taken_back(repo: Repo, azure: Azure, blobs: BlobServer) -> None:
    bad = DATA + b'{"messages": []}\n'
    blobs.files["/train.jsonl"] = bad
    digest = hashlib.sha256(bad).hexdigest()
    repo.write("manifests/mails.yaml", dataset(url=f"{blobs.url}/train.jsonl", sha256=digest))
    result = repo.apply()
    assert result.code == 1
    assert "file-data-invalid" in result.faults()
    assert "line 21" in details(result)
    assert azure.files() == azure.jobs() == []


def paired(count: int) -> bytes:
    rows = (
        {
            "input": {"messages": [{"role": "user", "content": f"q{number}"}]},
            "preferred_output": [{"role": "assistant", "content": "yes"}],
            "non_preferred_output": [{"role": "assistant", "content": "no"}],
        }
        for number in range(count)
    )
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@pytest.mark.parametrize(
    ("data", "code"),
    [(paired(20), "format-differs"), (examples(9).encode(), "examples-too-few")],
    ids=["format", "few"],
)
def test_data_that_the_job_cannot_train_on_starts_no_job(
    repo: Repo, azure: Azure, blobs: BlobServer, clock: FakeClock, data: bytes, code: str
) -> None:
    blobs.files["/train.jsonl"] = data
    source = {"url": f"{blobs.url}/train.jsonl", "sha256": hashlib.sha256(data).hexdigest()}
    repo.write("manifests/mails.yaml", dataset(**source))
    for what in ("right after the import", "in a later run, which reads it back"):
        result = repo.apply()
        assert code in result.faults(), what
        assert azure.jobs() == []
        clock.sleep(60)
    assert len(azure.files()) == 1, "its content is the declared one"


def test_a_key_that_the_grader_reads_and_no_row_has_starts_no_job(repo: Repo, azure: Azure, blobs: BlobServer) -> None:
    rows = [{"messages": [{"role": "user", "content": f"q{number}"}], "target": number} for number in range(20)]
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    blobs.files["/train.jsonl"] = data
    source = dataset(url=f"{blobs.url}/train.jsonl", sha256=hashlib.sha256(data).hexdigest())
    repo.write("manifests/mails.yaml", f"{source}---\n{source.replace('mails', 'valid')}")
    graded = JOB.replace("gpt-4.1-mini-2025-04-14", "o4-mini-2025-04-16") + (
        "  validation_file: {dataset: valid}\n"
        "  method: {type: reinforcement, grader: {type: string_check, name: same, operation: eq, "
        'input: "{{sample.output_text}}", reference: "{{item.answer}}"}}\n'
    )
    repo.write("manifests/stack.yaml", graded)
    assert "grader-key-unknown" in repo.apply().faults()
    assert azure.jobs() == []
    repo.write("manifests/stack.yaml", graded.replace("item.answer", "item.target"))
    repo.apply()
    assert len(azure.jobs()) == 1


def test_a_format_that_is_declared_is_compared_with_the_method_offline(remote: Repo) -> None:
    manifest = remote.folder / "manifests/mails.yaml"
    manifest.write_text(manifest.read_text() + "  format: preference\n")
    with pytest.raises(InvalidManifests) as caught:
        remote.plan()
    assert [fault.code for fault in caught.value.faults] == ["format-differs"]


def test_a_file_of_an_earlier_run_is_read_before_it_is_trained_on_and_never_deleted(
    remote: Repo, azure: Azure, blobs: BlobServer, clock: FakeClock
) -> None:
    blobs.files["/train.jsonl"] = examples(20, "other").encode()
    azure.configure(import_seconds=3600.0)
    remote.apply(settle=1)
    clock.sleep(4000)
    result = remote.apply()
    assert "file-digest-differs" in result.faults()
    (file,) = azure.files()
    assert azure.jobs() == [], "another run may have made it"
    # What is at the address again helps nothing: the way out is said.
    blobs.files["/train.jsonl"] = DATA
    assert f"delete {file['id']} by hand" in details(remote.apply())
    azure.hand("vanish_file", file=file["id"])
    azure.configure(import_seconds=0.3)
    remote.until_done()
    assert len(azure.files()) == len(azure.jobs()) == 1


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("there is no such blob", {"files": {}}, "404"),
    ("the door is locked", {"need": "sig=other"}, "AuthenticationFailed"),
    ("it leads elsewhere", {"redirect": "http://127.0.0.1:1/"}, "302"),
    ("less comes than was announced", {"lie": 7}, "announced"),
    ("more comes than was announced", {"lie": -7}, "announced"),
]


@pytest.mark.parametrize(("reason", "behaviour", "said"), BROKEN, ids=[row[0] for row in BROKEN])
def test_a_failed_import_leaves_nothing_and_is_tried_by_the_next_run(
    remote: Repo, azure: Azure, blobs: BlobServer, reason: str, behaviour: dict[str, Any], said: str
) -> None:
    for name, value in behaviour.items():
        setattr(blobs, name, value)
    result = remote.apply(wait=True)
    assert result.code == 1, reason
    assert "import-failed" in result.faults()
    assert said in details(result)
    assert azure.files() == azure.jobs() == []
    blobs.files["/train.jsonl"], blobs.need, blobs.redirect, blobs.lie = DATA, "", "", 0
    remote.until_done()
    assert len(azure.files()) == len(azure.jobs()) == 1


def test_a_failed_import_that_cannot_be_deleted_blocks_nothing(remote: Repo, azure: Azure, blobs: BlobServer) -> None:
    blobs.need = "no"
    azure.fault(method="DELETE", path_regex="/files/", status=403, count=None)
    assert "delete it by hand" in details(remote.apply())
    azure.emulator.faults.clear()
    blobs.need = ""
    remote.until_done()
    assert len(azure.jobs()) == 1
    assert [change.live.status for change in of(remote.plan(), Delete)] == ["error"], "what failed is left over"
    remote.apply(prune=True)
    assert len(azure.files()) == 1


LOST: list[tuple[str, dict[str, Any]]] = [
    ("the request never arrives", {"drop": True}),
    ("the answer is lost", {"drop": True, "after_commit": True}),
    ("it is carried out and answered 500", {"status": 500, "after_commit": True}),
    ("it is answered 503", {"status": 503}),
    ("the answer is cut short", {"truncate": True}),
    ("the answer is a page", {"status": 200, "body": "<html>", "after_commit": True}),
    ("the first three never arrive", {"drop": True, "count": 3}),
]


@pytest.mark.parametrize(("reason", "fault"), LOST, ids=[row[0] for row in LOST])
def test_an_import_is_looked_for_before_it_is_repeated(
    remote: Repo, azure: Azure, blobs: BlobServer, reason: str, fault: dict[str, Any]
) -> None:
    azure.fault(method="POST", path_regex="/files/import$", **fault)
    remote.until_done()
    assert len(azure.files()) == len(azure.jobs()) == 1, reason


def test_a_late_list_after_a_lost_import_costs_no_second_job(
    remote: Repo, azure: Azure, blobs: BlobServer, clock: FakeClock
) -> None:
    azure.configure(list_delay_s=60.0)
    azure.fault(method="POST", path_regex="/files/import$", drop=True, after_commit=True)
    remote.apply(wait=True)
    azure.configure(list_delay_s=0.0)
    clock.sleep(90)
    remote.until_done(prune=True)
    assert len(azure.jobs()) == len(azure.files()) == 1
    assert azure.jobs()[0]["training_file"] == azure.files()[0]["id"]


def test_a_superseded_file_is_left_over(remote: Repo, azure: Azure, blobs: BlobServer) -> None:
    remote.until_done()
    blobs.files["/train.jsonl"] = newer = DATA + examples(3, "more").encode()
    remote.edit("manifests/mails.yaml", DIGEST, hashlib.sha256(newer).hexdigest())
    remote.until_done()
    (deletion,) = of(remote.plan(), Delete)
    assert str(deletion.address) == "Dataset/mails"
    remote.apply(prune=True)
    assert len(azure.files()) == 1
    assert remote.plan().converged


def test_nothing_is_fetched_that_no_job_needs(remote: Repo, azure: Azure, blobs: BlobServer) -> None:
    remote.until_done()
    azure.raw("DELETE", f"/acme/openai/v1/files/{azure.files()[0]['id']}")
    assert remote.plan().converged
    remote.apply()
    assert len(blobs.asked) == 1


# Signatures


def signed(repo: Repo, url: str) -> None:
    repo.write("manifests/mails.yaml", dataset(url=url, sha256=DIGEST, sas="${env:RECONCILER_VAR_SAS}"))


def everything_said(repo: Repo, result: Any) -> str:
    document = plan_document(
        result.plan, tool_version="1", accounts=(), emulator=False, created_at="2026-11-22", kinds=REGISTRY
    )
    lines = [repr(result.plan), repr(document), plan_text(result.plan, kinds=REGISTRY, headers=(), now=0)]
    lines += [repr(outcome) + (outcome_line(outcome, kinds=REGISTRY) or "") for outcome in result.outcomes]
    return "\n".join(lines)


def assert_silent(text: str) -> None:
    assert "c2VjcmV0" not in text
    assert SIGNATURE not in text


@pytest.mark.parametrize("value", [SAS, f"?{SAS}", f" {SAS}\n"], ids=["plain", "with its ?", "with blanks around"])
def test_a_signature_opens_the_blob_and_is_said_nowhere(
    repo: Repo, azure: Azure, blobs: BlobServer, value: str, capfd: Any, caplog: Any
) -> None:
    caplog.set_level("DEBUG")
    blobs.need = SAS
    signed(repo, f"{blobs.url}/train.jsonl")
    repo.environ["RECONCILER_VAR_SAS"] = value
    result = repo.until_done()
    assert blobs.asked == [f"/train.jsonl?{SAS}"]
    assert_silent(everything_said(repo, result))
    assert_silent(repr(azure.emulator.requests()))
    assert_silent(repr(capfd.readouterr()))
    assert_silent(caplog.text)
    assert len(azure.jobs()) == 1


def test_the_command_leaves_it_nowhere(repo: Repo, blobs: BlobServer) -> None:
    blobs.need = SAS
    signed(repo, f"{blobs.url}/train.jsonl")
    environ = {**os.environ, "RECONCILER_VAR_SAS": SAS, "OPENAI_LOG": "debug", "XDG_CACHE_HOME": str(repo.folder / "c")}
    said = ""
    for words in ("plan --out plan.json", "apply --auto-approve --plan plan.json", "plan --format json"):
        start = "from reconciler.cli.main import main; main()"
        command = [sys.executable, "-c", start, "--emulator", *words.split()]
        ran = subprocess.run(command, cwd=repo.folder, env=environ, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, (words, ran.stdout, ran.stderr)
        said += ran.stdout + ran.stderr
    assert blobs.asked == [f"/train.jsonl?{SAS}"]
    assert "train.jsonl" in said
    assert_silent(said)
    for path in repo.folder.rglob("*"):
        assert_silent(str(path.read_bytes()) if path.is_file() else "")


def test_azures_words_are_cleaned_of_it(repo: Repo, azure: Azure, blobs: BlobServer) -> None:
    azure.configure(import_error_tells_url=True)
    azure.fault(method="DELETE", path_regex="/files/", status=403, count=None)
    blobs.need = "another"
    signed(repo, f"{blobs.url}/train.jsonl")
    repo.environ["RECONCILER_VAR_SAS"] = SAS
    result = repo.apply()
    assert "AuthenticationFailed" in details(result)
    assert "sig=[hidden]" in details(result) or "[hidden]" in details(result)
    assert_silent(everything_said(repo, result))
    assert SIGNATURE in repr(azure.files()), "Azure did say it"


def test_an_error_answer_that_repeats_the_request_is_cleaned(repo: Repo, azure: Azure, blobs: BlobServer) -> None:
    signed(repo, f"{blobs.url}/train.jsonl")
    repo.environ["RECONCILER_VAR_SAS"] = SAS
    azure.fault(method="POST", path_regex="/import$", status=400, message=f"No: {blobs.url}/train.jsonl?{SAS}.")
    result = repo.apply()
    assert result.code == 1
    assert_silent(everything_said(repo, result))


def test_it_is_sent_to_no_other_host(repo: Repo, azure: Azure) -> None:
    signed(repo, "https://example.org/train.jsonl")
    repo.environ["RECONCILER_VAR_SAS"] = SAS
    result = repo.apply()
    assert "sas-untrusted-host" in result.faults()
    assert azure.writes() == []
    assert_silent(everything_said(repo, result))
    repo.environ["RECONCILER_TRUSTED_HOSTS"] = "example.org"
    assert "import-failed" in repo.apply().faults(), "the emulator itself contacts this machine only"


@pytest.mark.parametrize(
    ("environ", "code"),
    [
        ({}, "variable-unset"),
        ({"RECONCILER_VAR_SAS": " "}, "variable-unset"),
        ({"RECONCILER_VAR_SAS": "a key by mistake=="}, "sas-invalid"),
        ({"RECONCILER_VAR_SAS": SAS.replace("2030-01-01T00%3A00%3A00Z", "2020-01-01")}, "sas-useless"),
        ({"RECONCILER_VAR_SAS": SAS.replace("2030", "2020")}, "sas-useless"),
        ({"RECONCILER_VAR_SAS": SAS.replace("sp=r", "sp=wl")}, "sas-useless"),
    ],
)
def test_without_a_signature_nothing_is_sent(
    repo: Repo, azure: Azure, blobs: BlobServer, environ: dict[str, str], code: str
) -> None:
    signed(repo, f"{blobs.url}/train.jsonl")
    repo.environ.update(environ)
    result = repo.apply()
    assert code in result.faults()
    assert "RECONCILER_VAR_SAS" in details(result)
    assert "by mistake" not in details(result)
    assert result.outcomes[0].fault
    assert str(result.outcomes[0].fault.place).startswith("manifests/mails.yaml:")
    assert azure.writes() == []


# In the account already


def uploaded(azure: Azure, data: bytes = DATA, filename: str = "by-hand.jsonl") -> str:
    from reconciler.emulator import Request

    body = (
        b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--B\r\n'
        b'Content-Disposition: form-data; name="file"; filename="' + filename.encode() + b'"\r\n'
        b"Content-Type: application/json\r\n\r\n" + data + b"\r\n--B--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=B", "authorization": "Bearer hand"}
    answer = azure.emulator.handle(Request("POST", "/acme/openai/v1/files", {}, headers, body))
    return str(answer.json()["id"])


@pytest.fixture
def by_hand(repo: Repo, azure: Azure, clock: FakeClock) -> str:
    file = uploaded(azure)
    clock.sleep(5)
    azure.forget()
    repo.write("manifests/mails.yaml", dataset(file_id=file, sha256=DIGEST))
    return file


def test_a_file_in_the_account_is_trained_on(repo: Repo, azure: Azure, by_hand: str) -> None:
    result = repo.until_done()
    assert [job["training_file"] for job in azure.jobs()] == [by_hand]
    assert any(isinstance(outcome.change, Keep) for outcome in result.outcomes)
    assert repo.plan().converged, "its name tells no content, and that is no evidence against the job"
    assert not [call for call in azure.writes() if "/files" in call]


def test_it_is_never_deleted(repo: Repo, azure: Azure, by_hand: str) -> None:
    repo.until_done()
    (repo.folder / "manifests/mails.yaml").unlink()
    repo.write("manifests/stack.yaml", JOB.replace("{dataset: mails}", "data/train.jsonl"))
    repo.write("manifests/data/train.jsonl", examples(25))
    repo.until_done(prune=True)
    assert by_hand in [file["id"] for file in azure.files()]


def test_another_content_is_not_trained_on_nor_deleted(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    file = uploaded(azure, examples(20, "other").encode())
    clock.sleep(5)
    repo.write("manifests/mails.yaml", dataset(file_id=file, sha256=DIGEST))
    result = repo.apply()
    assert "file-digest-differs" in result.faults()
    assert azure.jobs() == []
    assert len(azure.files()) == 1


def test_a_file_that_is_not_there_is_said(repo: Repo) -> None:
    repo.write("manifests/mails.yaml", dataset(file_id="file-none", sha256=DIGEST))
    (stuck,) = of(repo.plan(), Stuck)
    assert stuck.fault.code == "file-missing"
    assert str(stuck.fault.place) == "manifests/mails.yaml:6:14"


def test_once_trained_it_may_go(repo: Repo, azure: Azure, by_hand: str) -> None:
    repo.until_done()
    azure.raw("DELETE", f"/acme/openai/v1/files/{by_hand}")
    assert repo.plan().converged


def test_two_files_cannot_be_meant(repo: Repo, by_hand: str) -> None:
    repo.edit("manifests/mails.yaml", "{name: mails}", "{name: mails, adopt: {file: file-other}}")
    with pytest.raises(InvalidManifests) as caught:
        repo.plan()
    assert "adopt-twice" in [fault.code for fault in caught.value.faults]


# What is kept


def versions(repo: Repo, azure: Azure, clock: FakeClock, count: int) -> None:
    for number in range(count):
        repo.write("manifests/data/train.jsonl", examples(20 + number))
        repo.until_done()
        clock.sleep(10)


@pytest.mark.parametrize(("keep", "left"), [(0, 4), (1, 3), (3, 1), (9, 0)])
def test_the_newest_superseded_versions_are_kept(
    repo: Repo, azure: Azure, clock: FakeClock, keep: int, left: int
) -> None:
    repo.write("manifests/account.yaml", ACCOUNT + f"  keep_files: {keep}\n")
    repo.write("manifests/mails.yaml", dataset(path="data/train.jsonl"))
    versions(repo, azure, clock, 5)
    gone = of(repo.plan(), Delete)
    assert len(gone) == left
    oldest = sorted(azure.files(), key=lambda file: file["created_at"])[:left]
    assert sorted(change.live.id for change in gone) == sorted(file["id"] for file in oldest)


def test_nothing_is_kept_of_a_dataset_that_is_declared_no_more(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.write("manifests/account.yaml", ACCOUNT + "  keep_files: 5\n")
    repo.write("manifests/mails.yaml", dataset(path="data/train.jsonl"))
    versions(repo, azure, clock, 2)
    (repo.folder / "manifests/mails.yaml").unlink()
    repo.write("manifests/stack.yaml", JOB.replace("{dataset: mails}", "data/train.jsonl"))
    repo.write("manifests/data/train.jsonl", examples(30))
    assert addresses(of(repo.plan(), Delete)) == ["Dataset/mails", "Dataset/mails"]


def test_a_result_file_is_nothing_of_ours(repo: Repo, azure: Azure) -> None:
    repo.write("manifests/mails.yaml", dataset(path="data/train.jsonl"))
    repo.until_done()
    every = azure.raw("GET", "/acme/openai/v1/files")["data"]
    assert {file["purpose"] for file in every} == {"fine-tune", "fine-tune-results"}
    assert of(repo.plan(), Delete) == []
    assert of(repo.plan(), Create) == []


def test_each_format_of_data_can_be_asserted() -> None:
    from typing import get_args

    from reconciler.datasets import FORMATS
    from reconciler.kinds.dataset.spec import DatasetSpec

    literal, _ = get_args(DatasetSpec.model_fields["format"].annotation)
    assert set(get_args(literal)) == set(FORMATS)

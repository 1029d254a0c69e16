"""Data files and variables: what comes from outside a manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.fault import InvalidManifests
from reconciler.manifests import load

from .manifests_toys import ACCOUNT, KINDS, Repo, manifest


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path)


# Data

DATA = [
    ("nothing.txt", "The data file does not exist", "no such file"),
    ("../rye.txt", "The data file does not exist", "relative to the manifest, not to the repository"),
    ("sub/rye.txt", "The data file does not exist", "no such folder"),
    ("rye.txt/x", "The data file does not exist", "a file is no folder"),
    (".", "A file is expected", "a folder"),
    ("../manifests/", "A file is expected", "a folder"),
    ("../../etc/passwd", "A path leaves the repository", "dots lead out"),
    ("out/secret.txt", "A path leaves the repository", "a link of a folder leads out"),
    ("leak.txt", "A path leaves the repository", "a link of a file leads out"),
    ("/etc/passwd", "Paths are relative to their manifest", "an absolute path"),
    ("~/rye.txt", "Paths are relative to their manifest", "a home is not part of a repository"),
    ("C:\\\\rye.txt", "Paths are relative to their manifest", "nor is a drive"),
    ("https://example.com/rye.txt", "A path is expected, not a URL", "a URL"),
    ("", "Not a path", "nothing"),
    ("a\\0b", "Not a path", "NUL ends a path for the system"),
    ("x" * 5000, "The data file cannot be read", "longer than the system takes"),
]


@pytest.mark.parametrize(("path", "summary", "reason"), DATA)
def test_data_files_that_cannot_be_used(
    repo: Repo, tmp_path_factory: pytest.TempPathFactory, path: str, summary: str, reason: str
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_text("secret")
    (repo.root / "manifests/out").symlink_to(outside)
    (repo.root / "manifests/leak.txt").symlink_to(outside / "secret.txt")
    repo.write("one/a.yaml", ACCOUNT, manifest("Grain", "a", "{path: rye.txt}"))
    repo.write("manifests/a.yaml", manifest("Grain", "a", f'{{path: "{path}"}}'))
    found = [fault for fault in repo.faults() if fault.code == "data-file"]
    assert [(fault.summary, str(fault.place), fault.subject) for fault in found] == [
        (summary, "manifests/a.yaml:4:14", "Grain/a")
    ], reason


def test_a_misspelt_data_file(repo: Repo) -> None:
    repo.write("manifests/data/oats.txt", "oats")
    [fault] = repo.faults(manifest("Brew", "a", "{base: data/oast.txt}"))
    assert fault.remedy == "Did you mean `data/oats.txt`?"
    assert fault.subject == "Brew/a", "a person knows the manifest, not the resource that it declares inline"
    [fault] = repo.faults(manifest("Brew", "a", "{base: date/oats.txt}"))
    assert fault.remedy == "Paths are relative to their manifest, which is in `manifests`."


def test_links_to_data_inside_the_repository_are_followed(repo: Repo) -> None:
    (repo.root / "manifests/link.txt").symlink_to("rye.txt")
    (repo.root / "manifests/loop.txt").symlink_to("loop.txt")
    tree = repo.load(manifest("Grain", "a", "{path: link.txt}"))
    assert tree.desired[0].spec.path == "manifests/rye.txt"  # type: ignore[attr-defined]
    assert [fault.code for fault in repo.faults(manifest("Grain", "a", "{path: loop.txt}"))] == ["data-file"]


def test_outside_git_data_must_be_below_the_current_directory(repo: Repo) -> None:
    (repo.root / ".git").rmdir()
    repo.write("data/oats.txt", "oats")
    repo.write("manifests/a.yaml", manifest("Grain", "a", "{path: ../data/oats.txt}"))
    assert repo.load().root == repo.root
    with pytest.raises(InvalidManifests) as caught:
        load(repo.root / "manifests", KINDS, {}, cwd=Path("/usr"))
    assert "--chdir" in caught.value.faults[0].remedy


# Variables


def test_variables_stand_for_text_in_an_account(repo: Repo) -> None:
    text = ACCOUNT.replace(
        "owner: brewers", 'owner: "${env:RECONCILER_VAR_WHO}-x", previous_owners: ["${env:RECONCILER_VAR_WHO}"]'
    )
    repo.write("manifests/account.yaml", text)
    repo.environ["RECONCILER_VAR_WHO"] = "me-too"
    spec = repo.load().accounts["home"].spec
    assert spec.owner == "me-too-x"
    assert spec.previous_owners == ("me-too",)


VARIABLES = [
    ("owner: ${env:RECONCILER_VAR_NOT_SET}", "4:58 variable-unset", "not set"),
    ("owner: ${env:RECONCILER_VAR_EMPTY}", "4:58 variable-unset", "empty is as good as not set"),
    ("owner: ${env:HOME}", "4:58 not-a-variable", "no other variable is read"),
    ("owner: ${RECONCILER_VAR_A}", "4:58 not-a-variable", "as a shell writes it"),
    ("owner: ${env:RECONCILER_VAR_a}", "4:58 not-a-variable", "capitals only"),
    (
        "owner: a, management_endpoint: 'https://${env:RECONCILER_VAR_A}'",
        "4:82 variable-misplaced",
        "a host is fixed by review",
    ),
]


@pytest.mark.parametrize(("text", "expected", "reason"), VARIABLES)
def test_faults_of_variables(repo: Repo, text: str, expected: str, reason: str) -> None:
    repo.environ.update(RECONCILER_VAR_A="evil.example.com", RECONCILER_VAR_EMPTY="", HOME="/root")
    if "}" in text and "'" not in text:
        text = text.replace("${", '"${') + '"'
    repo.write("manifests/account.yaml", ACCOUNT.replace("owner: brewers", text))
    assert f"manifests/account.yaml:{expected}" in repo.told(), reason


def test_resources_and_heads_hold_no_variables(repo: Repo) -> None:
    repo.environ["RECONCILER_VAR_A"] = "stout"
    assert repo.told(manifest("Tap", "a", "{size: 1, brew: '${env:RECONCILER_VAR_A}'}")) == ["4:23 variable-misplaced"]
    (fault,) = repo.outcome()
    assert fault.remedy == "It may stand in fields of an Account that are not hosts, and in `source.sas` of a Dataset."
    labels = ", labels: {x: '${env:RECONCILER_VAR_A}'}"
    assert repo.told(manifest("Tap", "a", "{size: 1}", labels)) == ["3:33 variable-misplaced"]


def test_no_message_repeats_what_a_variable_held(repo: Repo) -> None:
    repo.environ["RECONCILER_VAR_ID"] = "Hunter2"
    account = ACCOUNT.replace("owner: brewers", 'owner: "${env:RECONCILER_VAR_ID}", api: "${env:RECONCILER_VAR_ID}"')
    repo.write("manifests/account.yaml", account)
    found = repo.faults()
    assert len(found) == 2
    assert "Hunter2" not in str(found)

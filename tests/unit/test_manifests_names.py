"""Names that mean something to each other: addresses, references, accounts; and checks that need all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.manifests.adoption import slug
from reconciler.manifests.head import NAME

from .manifests_toys import ACCOUNT, BREW, GRAIN, TAP, Repo, manifest


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path)


# Names, references, accounts


def test_two_resources_of_one_address(repo: Repo) -> None:
    [fault] = repo.faults(
        manifest("Tap", "a", "{size: 1}"), manifest("Tap", "b", "{size: 1}"), manifest("Tap", "a", "{size: 2}")
    )
    assert str(fault.place) == "manifests/a.yaml:13:18"
    assert fault.detail == "Tap/a is declared at manifests/a.yaml:3:18 already."


def test_equal_names_of_different_kinds_are_no_conflict(repo: Repo) -> None:
    assert len(repo.load(manifest("Grain", "a", "{path: rye.txt}"), manifest("Tap", "a", "{size: 1}")).desired) == 2


@pytest.mark.parametrize("order", [1, -1])
def test_an_inline_resource_may_not_have_the_address_of_a_manifest(repo: Repo, order: int) -> None:
    documents = [manifest("Brew", "stout", "{base: rye.txt}"), manifest("Grain", "stout.base", "{path: rye.txt}")]
    [fault] = repo.faults(*documents[::order])
    assert fault.code == "duplicate-address"
    assert fault.place is not None
    assert fault.place.line == (8 if order == 1 else 9)


def test_a_dangling_reference(repo: Repo) -> None:
    [fault] = repo.faults(GRAIN, BREW, manifest("Tap", "bar", "{brew: stuot, size: 1}"))
    assert str(fault.place) == "manifests/a.yaml:14:14"
    assert fault.detail == "`spec.brew` names `Brew/stuot`, which no manifest declares."
    assert fault.remedy == "Did you mean `stout`?"


def test_a_reference_to_the_name_of_another_kind_dangles(repo: Repo) -> None:
    [fault] = repo.faults(GRAIN, manifest("Tap", "bar", "{brew: rye, size: 1}"))
    assert fault.remedy == "Add a Brew of that name."


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (BREW.replace("base", "bass"), "its spec has a fault"),
        (BREW.replace("/v1", "/v0"), "its head has a fault"),
        (BREW + "spec: {}\n", "a key stands twice"),
        (BREW.replace("Brew", "Brw"), "its kind is misspelt"),
        (BREW + "a: b: c\n", "it is no YAML"),
    ],
)
def test_a_resource_with_faults_still_exists_by_name(repo: Repo, broken: str, reason: str) -> None:
    assert len(repo.faults(GRAIN, broken, TAP)) == 1, reason


def test_an_inline_resource_of_a_manifest_with_faults_still_exists_by_name(repo: Repo) -> None:
    broken = manifest("Brew", "stout", "{base: rye.txt, bas: 1}")
    [fault] = repo.faults(broken, manifest("Brew", "other", "{base: {grain: stout.base}}"))
    assert fault.code == "unknown-key"


def test_a_file_that_cannot_be_read_may_declare_anything(repo: Repo) -> None:
    (repo.root / "manifests/b.yaml").write_bytes(b"\xff")
    assert repo.told(TAP) == ["manifests/b.yaml:1:1 not-text"]


def test_faults_of_all_files_are_told_at_once_sorted_by_place(repo: Repo) -> None:
    repo.write("manifests/z.yaml", manifest("Tap", "z", "{size: z}"))
    repo.write("manifests/b/c.yaml", "a: b: c")
    assert repo.told(manifest("Tap", "y", "{size: y}"), manifest("Tap", "x", "{size: x, y: 1}")) == [
        "4:14 wrong-type",
        "9:14 wrong-type",
        "9:17 unknown-key",
        "manifests/b/c.yaml:1:5 yaml-syntax",
        "manifests/z.yaml:4:14 wrong-type",
    ]


def test_a_cycle_is_told_once_with_its_way(repo: Repo) -> None:
    brews = [manifest("Brew", name, f"{{base: {{brew: {base}}}}}") for name, base in ("ab", "bc", "ca", "xa")]
    [fault] = repo.faults(*brews, manifest("Tap", "bar", "{brew: x, size: 100}"))
    assert fault.code == "cycle"
    assert fault.detail == "Brew/a → Brew/b → Brew/c → Brew/a."
    assert str(fault.place) == "manifests/a.yaml:4:21"


def test_every_cycle_is_told(repo: Repo) -> None:
    brews = [
        manifest("Brew", name, f"{{base: {{brew: {base}}}}}") for name, base in ("ab", "ba", "cc", "de", "ed", "fd")
    ]
    assert [fault.detail for fault in repo.faults(*brews)] == [
        "Brew/a → Brew/b → Brew/a.",
        "Brew/c → Brew/c.",
        "Brew/d → Brew/e → Brew/d.",
    ]


def test_no_account(repo: Repo) -> None:
    (repo.root / "manifests/account.yaml").unlink()
    [fault] = repo.faults(GRAIN, BREW)
    assert (fault.code, str(fault.place)) == ("no-account", "manifests")
    repo.write("manifests/account.yaml", fault.remedy.partition(":\n")[2].replace("\n  ", "\n").removeprefix("  "))
    repo.load()


@pytest.mark.parametrize("broken", ["a: b: c", "specs: 1", "spec: {}"])
def test_an_account_with_faults_is_not_missing(repo: Repo, broken: str) -> None:
    repo.write("manifests/account.yaml", f"{ACCOUNT}{broken}\n")
    assert len(repo.faults(GRAIN)) == 1


def test_an_account_of_a_misspelt_kind_is_not_missing_too(repo: Repo) -> None:
    repo.write("manifests/account.yaml", ACCOUNT.replace("Account", "Acount"))
    assert repo.told(GRAIN) == ["manifests/account.yaml:2:7 unknown-kind"]


def test_data_is_looked_at_even_without_an_account(repo: Repo) -> None:
    (repo.root / "manifests/account.yaml").unlink()
    repo.write("manifests/rye.txt", "rot")
    assert repo.told(GRAIN) == ["manifests no-account", "4:14 rot"]


def test_two_accounts_of_one_name(repo: Repo) -> None:
    [fault] = repo.faults(ACCOUNT)
    assert fault.code == "duplicate-address"


def test_with_several_accounts_each_resource_chooses(repo: Repo) -> None:
    away = ACCOUNT.replace("home", "away")
    tree = repo.load(
        away, manifest("Tap", "a", "{size: 1, account: away}"), manifest("Brew", "b", "{base: rye.txt, account: home}")
    )
    assert [desired.account for desired in tree.desired] == ["away", "home", "home"], (
        "an inline one is where its origin is"
    )
    [fault] = repo.faults(away, manifest("Tap", "a", "{size: 1}"))
    assert (fault.code, str(fault.place)) == ("no-account-chosen", "manifests/a.yaml:9:7")
    assert fault.detail == "There are several Accounts: `away` and `home`."
    [fault] = repo.faults(away, manifest("Tap", "a", "{size: 1, account: hmoe}"))
    assert (fault.code, str(fault.place)) == ("unknown-account", "manifests/a.yaml:9:26")
    assert fault.remedy == "Did you mean `home`?"


def test_only_what_a_field_allows_may_live_in_another_account(repo: Repo) -> None:
    documents = (ACCOUNT.replace("home", "away"), manifest("Brew", "b", "{base: rye.txt, account: home}"))
    [fault] = repo.faults(*documents, manifest("Tap", "a", "{size: 1, account: away, brew: b}"))
    assert fault.code == "other-account"
    assert fault.detail == "Tap/a is in `away`, Brew/b in `home`."


def test_an_account_cannot_be_adopted(repo: Repo) -> None:
    repo.write("manifests/account.yaml", ACCOUNT.replace("name: home", "name: home, adopt: true"))
    assert repo.told() == ["manifests/account.yaml:3:31 not-allowed"]


# Checks that need the rest of the tree


def test_a_kinds_own_check_is_asked(repo: Repo) -> None:
    assert repo.told(GRAIN, BREW, manifest("Tap", "bar", "{brew: stout, size: 10}")) == ["14:27 large"]


def test_what_needs_a_resource_with_faults_is_not_checked_further(repo: Repo) -> None:
    repo.write("manifests/rye.txt", "rot")
    assert repo.told(GRAIN, BREW, manifest("Tap", "bar", "{brew: stout, size: 10}")) == ["4:14 rot"]


def test_two_resources_that_azure_could_not_tell_apart(repo: Repo) -> None:
    [fault] = repo.faults(GRAIN, BREW, BREW.replace("stout", "porter"))
    assert fault.code == "same-digest"
    assert fault.subject == "Brew/porter"
    assert fault.detail == "Brew/porter and Brew/stout (manifests/a.yaml:8:18) have the same data and settings."
    assert fault.remedy.endswith("\n  attempt: 2")
    repo.load(GRAIN, BREW, manifest("Brew", "porter", "{base: {grain: rye}, attempt: 2}"))


def test_equal_resources_in_different_accounts_are_no_conflict(repo: Repo) -> None:
    specs = [("a", "home"), ("b", "away")]
    repo.load(
        ACCOUNT.replace("home", "away"),
        *[manifest("Brew", name, f"{{base: rye.txt, account: {account}}}") for name, account in specs],
    )


# Names that others chose


@given(st.text() | st.sampled_from(["../../../etc/passwd", "/", "..", "\0", "a\\..\\b", "CON", "ﬁ/…", "x" * 5000]))
def test_whatever_a_thing_is_called_at_azure_its_manifest_has_a_name_that_leads_nowhere_else(text: str) -> None:
    """`import` writes files of these names."""
    assert re.fullmatch(NAME, slug(text))
    assert "/" not in slug(text)
    assert not slug(text).startswith(".")

"""From files to a Tree: what is read, and where from."""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.fault import InvalidManifests
from reconciler.core.resource import Address
from reconciler.manifests import load

from .manifests_toys import ACCOUNT, BREW, GRAIN, KINDS, TAP, Grain, Repo, addresses, by_name, manifest


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path)


# What a tree is


def test_resources_are_read_with_their_account_references_and_content(repo: Repo) -> None:
    tree = repo.load(GRAIN, BREW, TAP)
    assert addresses(tree) == ["Grain/rye", "Brew/stout", "Tap/bar"]
    assert {desired.account for desired in tree.desired} == {"home"}
    assert by_name(tree, "Brew/stout").refs == (Address("Grain", "rye"),)
    assert by_name(tree, "Tap/bar").refs == (Address("Brew", "stout"),)
    content = by_name(tree, "Grain/rye").content
    assert content is not None
    assert content.digest == "rye"
    assert tree.warnings == ()


def test_labels_and_adopt_are_kept(repo: Repo) -> None:
    tree = repo.load(
        manifest("Tap", "a", "{size: 1}", ", labels: {team: blue}, adopt: true"),
        manifest("Tap", "b", "{size: 1}", ", adopt: {job: ftjob-1}"),
        manifest("Tap", "c", "{size: 1}"),
    )
    assert [desired.adopt for desired in tree.desired] == [True, {"job": "ftjob-1"}, False]
    assert tree.desired[0].labels == {"team": "blue"}


def test_a_declared_field_is_set_and_another_is_not(repo: Repo) -> None:
    tree = repo.load(manifest("Tap", "a", "{size: 1}"))
    assert tree.desired[0].spec.model_fields_set == {"size"}


def test_fields_know_their_places(repo: Repo) -> None:
    text = "apiVersion: reconciler/v1\nkind: Brew\nmetadata:\n  name: b\n  adopt: true\nspec:\n  base:\n    grain: rye\n  n_epochs: 3\n"
    brew = by_name(repo.load(GRAIN, text), "Brew/b")
    file = "manifests/a.yaml"
    assert str(brew.place) == f"{file}:9:9", "a resource stands where its name stands"
    assert str(brew.place_of("base")) == f"{file}:12:3"
    assert str(brew.place_of("base.grain")) == f"{file}:13:12"
    assert str(brew.place_of("spec.n_epochs")) == f"{file}:14:13"
    assert str(brew.place_of("metadata.adopt")) == f"{file}:10:10"
    assert str(brew.place_of("base.nothing")) == f"{file}:12:3"
    assert brew.place_of("nothing") == brew.place
    assert sorted(brew.places) == ["base", "base.grain", "n_epochs"]
    assert len(brew.places) == 3


def test_an_inline_resource_is_declared_by_its_field(repo: Repo) -> None:
    tree = repo.load(manifest("Brew", "stout", "\n  base: rye.txt"))
    assert addresses(tree) == ["Grain/stout.base", "Brew/stout"], "what is needed stands before what needs it"
    grain = tree.desired[0]
    assert grain.origin == Address("Brew", "stout")
    assert grain.account == "home"
    assert str(grain.place) == "manifests/a.yaml:5:9"
    assert grain.place_of("path") == grain.place
    assert tree.desired[1].refs == (Address("Grain", "stout.base"),)


def test_a_local_path_is_rewritten_relative_to_the_repository(repo: Repo) -> None:
    repo.write("data/oats.txt", "oats")
    repo.write("manifests/deep/b.yaml", manifest("Grain", "oats", "{path: ../../data/./oats.txt}"))
    tree = repo.load(GRAIN)
    assert [desired.spec.path for desired in tree.desired] == ["manifests/rye.txt", "data/oats.txt"]  # type: ignore[attr-defined]


def test_a_file_that_several_resources_share_is_read_once(repo: Repo) -> None:
    repo.load(GRAIN, manifest("Grain", "more", "{path: ./rye.txt}"))
    assert Grain.reads == ["manifests/rye.txt"]


def test_the_given_cache_is_used(repo: Repo) -> None:
    class Cache:
        def get(self, path: Path, data_format: str | None = None) -> Any:
            return f"cached {path.name}"

        def put(self, path: Path, value: Any, data_format: str | None = None) -> None:
            raise AssertionError

    repo.write("manifests/a.yaml", GRAIN)
    tree = load(Path("manifests"), KINDS, {}, Cache(), repo.root)
    content = tree.desired[0].content
    assert content is not None
    assert content.digest == "cached rye.txt"


def test_warnings_do_not_stop_a_tree(repo: Repo) -> None:
    repo.write("manifests/rye.txt", "rye and dust")
    assert [str(fault) for fault in repo.load(GRAIN).warnings] == ["manifests/a.yaml:4:14: There is dust"]


def test_warnings_are_shown_with_errors(repo: Repo) -> None:
    repo.write("manifests/rye.txt", "dust and rot")
    assert [(fault.code, fault.severity) for fault in repo.faults(GRAIN)] == [("dust", "warning"), ("rot", "error")]


def test_references_in_lists_and_mappings_are_found(repo: Repo) -> None:
    spec = "{base: {grain: rye}, more: [{grain: rye}, {grain: b}], notes: {x: {grain: c}}}"
    grains = [manifest("Grain", name, "{path: rye.txt}") for name in ("b", "c")]
    tree = repo.load(GRAIN, *grains, manifest("Brew", "stout", spec))
    assert [ref.name for ref in tree.desired[-1].refs] == ["rye", "b", "c"]
    [fault] = repo.faults(GRAIN, manifest("Brew", "stout", spec.replace("b}", "bb}").replace("grain: c", "grain: rye")))
    assert "`spec.more.1.grain` names `Grain/bb`" in fault.detail


# PATH


def test_one_file_is_a_path(repo: Repo) -> None:
    repo.write("manifests/b.yaml", manifest("Tap", "b", "{size: 1}"))
    tree = repo.load(GRAIN, path="manifests/a.yaml")
    assert addresses(tree) == ["Grain/rye"]
    assert list(tree.accounts) == ["home"], "the Account beside it is known"
    assert not tree.is_whole("home")


def test_a_part_of_a_tree_finds_the_account_above(repo: Repo) -> None:
    repo.write("manifests/team/b.yaml", manifest("Tap", "b", "{size: 1}"))
    repo.write("manifests/broken.yaml", "apiVersion: reconciler/v1\nkind: Tap\na: b: c\n")
    tree = repo.load(path="manifests/team")
    assert addresses(tree) == ["Tap/b"]
    assert str(tree.accounts["home"].place) == "manifests/account.yaml:3:18"
    assert not tree.is_whole("home")


def test_the_nearest_account_above_is_taken(repo: Repo) -> None:
    repo.write("account.yaml", ACCOUNT.replace("home", "far"))
    repo.write("manifests/team/b.yaml", manifest("Tap", "b", "{size: 1}"))
    assert list(repo.load(path="manifests/team").accounts) == ["home"]


def test_faults_of_an_account_above_are_told(repo: Repo) -> None:
    repo.write("manifests/account.yaml", ACCOUNT.replace("owner: brewers", "owner: B"))
    repo.write("manifests/team/b.yaml", manifest("Tap", "b", "{size: 1}"))
    assert repo.told(path="manifests/team") == ["manifests/account.yaml:4:58 not-allowed"]


@pytest.mark.parametrize(
    ("path", "whole"),
    [("manifests", True), (".", True), ("manifests/account.yaml", False), ("manifests/../manifests/", True)],
)
def test_a_tree_is_whole_if_it_holds_the_folder_of_the_account(repo: Repo, path: str, whole: bool) -> None:
    assert repo.load(path=path).is_whole("home") is whole
    assert not repo.load(path=path).is_whole("other")


def test_accounts_alone_are_a_tree(repo: Repo) -> None:
    tree = repo.load()
    assert tree.desired == ()
    assert list(tree.accounts) == ["home"]


def test_files_are_read_in_the_order_of_their_names_and_hidden_ones_are_not(repo: Repo) -> None:
    for name in ("z.yml", "b/a.yaml", "a/UPPER.YAML", ".hidden/x.yaml", ".x.yaml", ".reconciler/y.yaml", "notes.txt"):
        slug = name.lower().replace("/", "-").strip(".")
        repo.write(f"manifests/{name}", manifest("Tap", slug, "{size: 1}"))
    assert addresses(repo.load()) == ["Tap/a-upper.yaml", "Tap/b-a.yaml", "Tap/z.yml"]


def test_a_path_that_does_not_exist(repo: Repo) -> None:
    [fault] = repo.faults(path="nothing")
    assert fault.code == "no-path"
    assert "docs/manifests.md" in fault.remedy


@pytest.mark.parametrize("text", [None, "", "# only a comment\n", "---\n---\n"])
def test_a_folder_without_manifests(repo: Repo, text: str | None) -> None:
    (repo.root / "empty").mkdir()
    if text is not None:
        repo.write("empty/a.yaml", text)
    [fault] = repo.faults(path="empty")
    assert (fault.code, str(fault.place)) == ("no-manifests", "empty")


def test_links_inside_the_repository_are_followed_once(repo: Repo) -> None:
    repo.write("shared/b.yaml", manifest("Tap", "b", "{size: 1}"))
    for name in ("manifests/link", "manifests/again"):
        (repo.root / name).symlink_to(repo.root / "shared")
    (repo.root / "manifests/loop").symlink_to(repo.root)
    (repo.root / "shared/self").symlink_to(".")
    assert addresses(repo.load()) == ["Tap/b"]


def test_links_that_leave_the_repository_or_lead_nowhere_are_faults(
    repo: Repo, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "b.yaml").write_text(TAP)
    (repo.root / "manifests/dir").symlink_to(outside)
    (repo.root / "manifests/file.yaml").symlink_to(outside / "b.yaml")
    (repo.root / "manifests/gone.yaml").symlink_to("nothing.yaml")
    assert repo.told() == [
        "manifests/dir leaves-repository",
        "manifests/file.yaml leaves-repository",
        "manifests/gone.yaml unreadable",
    ]


def test_a_pipe_is_not_waited_for(repo: Repo) -> None:
    os.mkfifo(repo.root / "manifests/pipe.yaml")
    assert repo.told() == ["manifests/pipe.yaml unreadable"]


def test_a_deep_tree_of_folders_is_read_without_recursion(repo: Repo) -> None:
    repo.write("manifests/" + "d/" * 300 + "b.yaml", manifest("Tap", "b", "{size: 1}"))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 120)
    try:
        assert addresses(repo.load()) == ["Tap/b"]
    finally:
        sys.setrecursionlimit(limit)


def test_a_file_name_cannot_write_to_the_terminal(repo: Repo) -> None:
    repo.write("manifests/\x1b[31mred.yaml", "a: b: c")
    assert repo.told() == ["manifests/\\x1b[31mred.yaml:1:5 yaml-syntax"]


def test_places_do_not_depend_on_the_current_directory(repo: Repo, tmp_path: Path) -> None:
    repo.write("manifests/a.yaml", "a: b: c")
    for path, cwd in (("manifests", tmp_path), (".", tmp_path / "manifests"), (str(tmp_path / "manifests"), Path("/"))):
        with pytest.raises(InvalidManifests) as caught:
            load(Path(path), KINDS, {}, cwd=cwd)
        assert str(caught.value.faults[0].place) == "manifests/a.yaml:1:5"

"""`plan --out` and `apply --plan`: what was reviewed is done, and nothing else."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from command import Site, plain
from harness import Azure

from reconciler.cli.plan import write_private

MAKE_ANEW = "Make and review a new plan:\n    reconciler plan --prune --out 'a plan.json'\n"


def saved(site: Site, name: str = "plan.json") -> Path:
    ran = site.run("plan", "--out", name, code=0)
    assert f"Saved: {name}\n" in ran.err
    return site.folder / name


def test_a_reviewed_plan_is_carried_out_to_the_end(site: Site, azure: Azure) -> None:
    saved(site)
    ran = site.run("apply", "--plan", "plan.json", "--wait", "--parallelism", "1", code=0)
    assert (
        plain(ran.out)
        == """\
Account/acme  http://127.0.0.1:PORT/acme  v1  no credential (loopback)
  + Dataset/tone.training  uploaded  (file-ID, 5.8 kB, 0.0 s)
  + Dataset/tone.validation  uploaded  (file-ID, 1.2 kB, 0.0 s)
  + FineTuneJob/tone  trained  (ftjob-ID, seed SEED, 0.0 s)
  … Deployment/tone  waits for FineTuneJob/tone, then create
  + Deployment/tone  created  (tone, 0.0 s)
Apply: 1 training started, 3 created, 0 updated, 0 deleted; 0 in progress at Azure, 0 waiting, 0 failed.
"""
    )
    azure.forget()
    site.run("apply", "--plan", "plan.json", code=0)
    assert azure.writes() == [], "the same plan twice does nothing twice"


def test_the_file_is_private_even_where_one_was_readable(site: Site) -> None:
    site.write("plan.json", "{}").chmod(0o644)
    assert saved(site).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in site.folder.iterdir()) == ["manifests", "plan.json"]


def test_a_link_is_replaced_and_never_followed(tmp_path: Path) -> None:
    for name, target in (("file", "../mine"), ("nothing", "../not-there"), ("itself", "itself")):
        (tmp_path / "mine").write_text("mine")
        out = tmp_path / "checkout" / name
        out.parent.mkdir(exist_ok=True)
        out.symlink_to(target)
        write_private(out, "plan")
        assert not out.is_symlink()
        assert (out.read_text(), out.stat().st_mode & 0o777) == ("plan\n", 0o600)
        assert (tmp_path / "mine").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["checkout", "file", "itself", "mine", "nothing"]


@pytest.mark.parametrize(
    ("reason", "by_hand", "difference"),
    [
        (
            "somebody changed what the plan changes",
            {"do": "edit_deployment", "deployment": "tone", "sku": {"capacity": 20}},
            "update Deployment/tone (sku.capacity was 50 and is 20)",
        ),
        (
            "what was to be changed is gone",
            {"do": "expire_deployment", "deployment": "tone"},
            "create Deployment/tone (approved: update)",
        ),
    ],
)
def test_a_plan_that_the_world_has_overtaken_is_refused(
    site: Site, azure: Azure, reason: str, by_hand: dict[str, object], difference: str
) -> None:
    site.run("apply", "--auto-approve", "--wait", code=0)
    site.edit("manifests/stack.yaml", "capacity: 50", "capacity: 60")
    saved(site, "a plan.json")
    azure.hand(**by_hand)
    azure.forget()
    ran = site.run("apply", "--plan", "a plan.json", "--prune", code=4)
    assert ran.err == (
        "error: The plan is stale: Azure or the manifests are not what they were when it was made [not-approved]\n"
        f"  Not in the approved plan: {difference}.\n"
        f"  Nothing of this was done. {MAKE_ANEW}"
    ), reason
    assert azure.writes() == []


def cut(site: Site, file: Path) -> None:
    file.write_text(file.read_text()[:300])


def edited(site: Site, file: Path) -> None:
    file.write_text(file.read_text().replace('"n_epochs"', '"n_epoch"').replace("n_epochs", "n_epoch"))


def emptied(site: Site, file: Path) -> None:
    file.write_text("")


def a_list(site: Site, file: Path) -> None:
    file.write_text("[]")


def of_the_future(site: Site, file: Path) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), "format_version": "2.0"}))


def of_another_owner(site: Site, file: Path) -> None:
    site.edit("manifests/account.yaml", "owner: team-a", "owner: team-b")


def of_other_settings(site: Site, file: Path) -> None:
    site.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")


def of_other_data(site: Site, file: Path) -> None:
    site.edit("manifests/data/train.jsonl", "row 7?", "row seven?")


def of_the_emulator(site: Site, file: Path) -> None:
    site.run("--emulator", "plan", "--out", str(file), code=0)


def test_what_is_no_file_is_refused_at_once_and_not_named_as_a_place_for_a_plan(site: Site) -> None:
    os.mkfifo(site.folder / "pipe")
    for name, said in (("pipe", "pipe: it is no ordinary file"), ("manifests", "manifests: Is a directory")):
        ran = site.run("apply", "--plan", name, "--prune")
        assert ran.code in {1, 4}
        assert said in ran.err
        assert ran.err.endswith("\n    reconciler plan --prune --out plan.json\n")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut, "The saved plan is not a whole JSON document [plan-unreadable]\n  a plan.json: "),
        (emptied, "The saved plan is not a whole JSON document [plan-unreadable]\n  a plan.json: "),
        (
            edited,
            "The saved plan is not as it was written [plan-damaged]\n  Its content does not agree with its `sha256`.",
        ),
        (a_list, "The file is not a saved plan [plan-unreadable]\n  The document is not an object."),
        (
            of_the_future,
            "The saved plan has a format that this release cannot read [plan-format]\n  It is 2.0; 1.x is read.",
        ),
        (
            of_another_owner,
            "The saved plan is of other accounts [plan-accounts]\n  a plan.json is of acme (/subscriptions/s1/",
        ),
        (
            of_other_settings,
            "The manifests or the data are not those of the saved plan [plan-stale]\n  a plan.json was made from ",
        ),
        (
            of_other_data,
            "The manifests or the data are not those of the saved plan [plan-stale]\n  a plan.json was made from ",
        ),
        (
            of_the_emulator,
            "The saved plan was made for another Azure [plan-elsewhere]\n  a plan.json was made against the emulator, and this would",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_plan_that_is_not_the_reviewed_one_is_refused_before_anything_is_sent(
    site: Site, azure: Azure, spoil: Callable[[Site, Path], None], said: str
) -> None:
    spoil(site, saved(site, "a plan.json"))
    azure.forget()
    ran = site.run("apply", "--plan", "a plan.json", "--prune", code=4)
    assert ran.err.startswith(f"error: {said}")
    assert ran.err.endswith(MAKE_ANEW)
    assert azure.emulator.requests() == []


def test_a_plan_for_azure_is_not_applied_to_the_emulator(site: Site) -> None:
    saved(site)
    ran = site.run("--emulator", "apply", "--plan", "plan.json", code=4)
    assert "plan.json was made against Azure, and this would apply it to the emulator." in ran.err


def test_a_plan_that_does_not_exist(site: Site, azure: Azure) -> None:
    ran = site.run("apply", "--plan", "nowhere.json", code=1)
    assert ran.err.startswith(
        "error: The saved plan cannot be read [plan-missing]\n  nowhere.json: No such file or directory.\n"
    )
    assert ran.err.endswith("\n    reconciler plan --out nowhere.json\n"), "the plan is made where it is looked for"
    assert azure.writes() == []


def no_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))


def test_a_plan_that_cannot_be_written_whole_is_not_written(site: Site) -> None:
    ran = site.run("plan", "--out", "plan.json", env={"RECONCILER_NO_CACHE": "1"}, before=no_room, code=1)
    assert ran.err == (
        "error: The plan could not be written [plan-not-written]\n"
        "  plan.json: File too large.\n"
        "  Nothing was done. Choose another place, or make room there:\n"
        "    --out FILE\n"
    )
    assert [path.name for path in site.folder.iterdir()] == ["manifests"]


def test_a_plan_that_cannot_be_written_is_not_applied(site: Site, azure: Azure) -> None:
    ran = site.run("apply", "--auto-approve", "--out", "nowhere/plan.json", code=1)
    assert ran.err.startswith(
        "error: The plan could not be written [plan-not-written]\n  nowhere/plan.json: No such file or directory."
    )
    assert azure.writes() == []


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no full device")
def test_a_device_is_written_to_and_never_replaced(site: Site) -> None:
    link = site.folder / "plan.json"
    link.symlink_to("/dev/full")
    ran = site.run("plan", "--out", "plan.json", code=1)
    assert "plan.json: No space left on device." in ran.err
    assert Path("/dev/full").is_char_device()
    assert link.is_symlink()


def test_a_saved_plan_and_flags_that_choose_exclude_each_other(site: Site) -> None:
    saved(site)
    ran = site.run("apply", "--plan", "plan.json", "--target", "FineTuneJob/tone", code=64)
    assert "a saved plan already says what is done" in ran.err

"""What users get wrong: every fault at once, with its place and what to do, before anything is sent."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from command import Site
from harness import STACK, Azure, chat, examples

DATA = "manifests/data/train.jsonl"
MANIFEST = "manifests/stack.yaml"
JOB = STACK.partition("---\n")[0]


def edit(old: str, new: str) -> Callable[[Site], None]:
    return lambda site: site.edit(MANIFEST, old, new)


def add(name: str, content: str | bytes) -> Callable[[Site], None]:
    def do(site: Site) -> None:
        site.write(f"manifests/{name}", content)

    return do


def record(*lines: str) -> Callable[[Site], None]:
    """Add records to the training data, which has 60: the first stands in line 61."""

    def do(site: Site) -> None:
        site.write(DATA, examples(60) + "".join(line + "\n" for line in lines))

    return do


def messages(*roles: str) -> str:
    return json.dumps({"messages": [{"role": role, "content": "x"} for role in roles]})


def circle(site: Site) -> None:
    jobs = [
        JOB.replace("{name: tone}", f"{{name: {name}}}").replace("gpt-4.1-mini-2025-04-14", f"{{job: {other}}}")
        for name, other in (("a", "b"), ("b", "c"), ("c", "a"))
    ]
    site.write("manifests/circle.yaml", "---\n".join(jobs))


def link_out(site: Site) -> None:
    outside = site.folder.parent / "secret.jsonl"
    outside.write_text(examples(20))
    (site.folder / DATA).unlink()
    (site.folder / DATA).symlink_to(outside)


def folder_instead(site: Site) -> None:
    (site.folder / DATA).unlink()
    (site.folder / DATA).mkdir()


def unreadable(site: Site) -> None:
    (site.folder / DATA).chmod(0)


def bomb(site: Site) -> None:
    text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for one, other in zip("bcdefghi", "abcdefgh", strict=True):
        text += f"{one}: &{one} [{', '.join([f'*{other}'] * 9)}]\n"
    site.write("manifests/bomb.yaml", text)


@dataclass(frozen=True)
class Row:
    reason: str
    spoil: Callable[[Site], None]
    said: str
    """Where, what and what to do, in this order."""


ROWS = (
    Row("a key that is nearly right", edit("n_epochs", "epochs"), f"{MANIFEST}:9:30: Unknown key (FineTuneJob/tone) … Did you mean `n_epochs`?"),
    Row("a key from the wire", edit("training_file", "trainingFile"), f"{MANIFEST}:6:3: Unknown key … Did you mean `training_file`?"),
    Row("YAML keeps the last of two equal keys in silence", edit("  training_type: global", "  training_type: global\n  training_type: standard"), f"{MANIFEST}:9:3: Duplicate key … in line 8"),
    Row("a word where a number belongs", edit("n_epochs: 2", "n_epochs: two"), f"{MANIFEST}:9:40: Wrong type … `two`, expected a whole number or `auto`"),
    Row("a kind that is nearly right", edit("kind: Deployment", "kind: Deployement"), f"{MANIFEST}:12:7: Unknown kind … Did you mean `Deployment`?"),
    Row("a job that is not declared", edit("{job: tone}", "{job: tonne}"), f"{MANIFEST}:15:16: What is referred to does not exist … `FineTuneJob/tonne` … Did you mean `tone`?"),
    Row("a job where it should be said that it is one", edit("{job: tone}", "tone"), f"{MANIFEST}:15:10: Wrong type … `spec.model` is `tone`, expected a mapping … model: {{job: tone}} … model: {{name: tone}}"),
    Row("a sku by its name alone", edit("{name: GlobalStandard, capacity: 50}", "GlobalStandard"), f"{MANIFEST}:16:8: Wrong type … sku: {{name: GlobalStandard}}"),
    Row("a method by its type alone", edit("{hyperparameters: {n_epochs: 2}}", "dpo"), f"{MANIFEST}:9:11: Wrong type … method: {{type: dpo}}"),
    Row("jobs that each continue the next", circle, "manifests/circle.yaml:5:16: Resources refer to each other in a circle … FineTuneJob/a → FineTuneJob/b → FineTuneJob/c → FineTuneJob/a … Remove one of these references"),
    Row("the same name twice", add("twin.yaml", JOB), "manifests/twin.yaml:3:18: Declared twice … already … Rename or remove one of the two"),
    Row("two jobs that Azure could not tell apart", add("twin.yaml", JOB.replace("{name: tone}", "{name: other}")), "manifests/twin.yaml:3:18: Two resources are the same … attempt: 2"),
    Row("a file that is not there", edit("data/train.jsonl", "data/trian.jsonl"), f"{MANIFEST}:6:18: The data file does not exist … Did you mean `data/train.jsonl`?"),
    Row("a folder instead of a file", folder_instead, f"{MANIFEST}:6:18: A file is expected … Name one file, not a folder"),
    Row("an empty file", add("data/train.jsonl", ""), f"{DATA}: The file holds no examples … Add examples"),
    Row("JSON that breaks off", record('{"messages": ['), f"{DATA}:61:15: The line is not valid JSON … each line is one complete object"),
    Row("the old completion format", record('{"prompt": "x", "completion": "y"}'), f"{DATA}:61: The record has no `messages` … This is the older completion format: write the prompt as a user message"),
    Row("a role that nobody plays", record(messages("usr", "assistant")), f"{DATA}:61: The role is none of … Did you mean user?"),
    Row("nothing to learn", record(messages("system", "user")), f"{DATA}:61: The example has no assistant message … Add the answer to be learned"),
    Row("Azure starts no job with so few", add("data/train.jsonl", examples(9)), f"{MANIFEST}:6:18: Too few training examples … has 9; Azure starts no job with fewer than 10"),
    Row("a suffix that Azure would cut", edit("training_type: global", f"suffix: {'x' * 60}"), f"{MANIFEST}:8:11: Not allowed … `spec.suffix` must have at most"),
    Row("a suffix that Azure refuses", edit("training_type: global", "suffix: v1.2"), f"{MANIFEST}:8:11: Not allowed … `spec.suffix` is `v1.2`"),
    Row("no pass over the data", edit("n_epochs: 2", "n_epochs: 0"), f"{MANIFEST}:9:40: Not allowed … must be at least 1"),
    Row("a learning rate that unlearns", edit("n_epochs: 2", "learning_rate_multiplier: -0.1"), f"{MANIFEST}:9:56: Not allowed … must be more than 0"),
    Row("a path out of the repository", edit("data/train.jsonl", "../../../etc/passwd"), f"{MANIFEST}:6:18: A path leaves the repository … Copy the file into the repository"),
    Row("a link out of the repository", link_out, f"{MANIFEST}:6:18: A path leaves the repository … Copy the file into the repository"),
    Row("an absolute path", edit("data/train.jsonl", "/etc/passwd"), f"{MANIFEST}:6:18: Paths are relative to their manifest"),
    Row("a list of things", add("list.yaml", "- kind: Dataset\n"), "manifests/list.yaml:1:1: Not a manifest … is a list, expected a mapping … apiVersion: reconciler/v1"),
    Row("a word", add("word.yaml", "hello\n"), "manifests/word.yaml:1:1: Not a manifest … is `hello`, expected a mapping"),
    Row("a bracket that is never closed", edit("{job: tone}", "{job: tone"), f"{MANIFEST}:16:6: The YAML cannot be read … Close the bracket"),
    Row("aliases of aliases of aliases", bomb, "manifests/bomb.yaml:5:8: Aliases expand too far … Write the values out"),
    Row("a picture called .yaml", add("picture.yaml", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), "manifests/picture.yaml: The file is not a text in UTF-8 … Save it as UTF-8"),
    Row("a picture called .jsonl", add("data/train.jsonl", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" * 9), f"{DATA}: The file is binary, not text: a PNG image … An image goes into the `image_url` of a message."),
)  # fmt: skip


def in_order(said: str, text: str) -> bool:
    """Whether the parts of a text, between the dots, stand in this order."""
    return bool(re.search(".*".join(re.escape(part.strip(" ")) for part in said.split("…")), text, re.DOTALL))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.reason)
def test_bad_input_is_refused_with_its_place_and_a_way_out(row: Row, site: Site, azure: Azure) -> None:
    (site.folder / ".git").mkdir()
    row.spoil(site)
    ran = site.run("plan", code=1)
    assert in_order(f"error: {row.said}", ran.err), ran.err
    assert ran.out == ""
    assert azure.emulator.requests() == [], "nothing is sent"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(site: Site) -> None:
    unreadable(site)
    assert f"{MANIFEST}:6:18: The data file cannot be read" in site.run("plan", code=1).err


def test_all_faults_of_all_files_at_once_sorted_by_place(site: Site, azure: Azure) -> None:
    site.edit(MANIFEST, "n_epochs: 2", "epochs: 2, batch_size: many")
    site.edit(MANIFEST, "{job: tone}", "{jbo: tone}")
    site.edit(MANIFEST, "capacity: 50", "capacity: 0")
    site.write("manifests/another.yaml", JOB.replace("{name: tone}", "{name: other}").replace("global", "galactic"))
    site.write("manifests/zoo.yaml", "- not a manifest\n")
    site.write(
        "manifests/data.yaml",
        "apiVersion: reconciler/v1\nkind: Dataset\nmetadata: {name: mails}\nspec: {source: {path: data/train.jsonl}}\n",
    )
    site.write(DATA, examples(60) + "{\n" + chat("fine") + "\n" + messages("user") + "\n")
    ran = site.run("plan", code=1)
    heads = re.findall(r"^error: (.+)$", ran.err, re.MULTILINE)
    assert [head.partition(": ")[0] for head in heads] == [
        "manifests/another.yaml:8:18",
        f"{DATA}:61:2",
        f"{DATA}:63",
        f"{MANIFEST}:9:30",
        f"{MANIFEST}:9:53",
        f"{MANIFEST}:15:11",
        f"{MANIFEST}:16:41",
        "manifests/zoo.yaml:1:1",
    ]
    assert ran.err.endswith("\n8 errors\n")
    assert azure.emulator.requests() == []


def test_every_command_that_reads_manifests_says_the_same(site: Site, azure: Azure) -> None:
    site.edit(MANIFEST, "n_epochs", "epochs")
    said = "error: manifests/stack.yaml:9:30: Unknown key (FineTuneJob/tone) [unknown-key]"
    for command in (["validate"], ["apply", "--auto-approve"], ["status"], ["drift"], ["destroy", "--auto-approve"]):
        assert site.run(*command, code=1).err.startswith(said), command
    assert azure.emulator.requests() == []

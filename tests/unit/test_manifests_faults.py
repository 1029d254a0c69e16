"""What can be wrong with a head or a spec: place, words and remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .manifests_toys import KINDS, TAP, Repo, manifest


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path)


# Faults: place and code of each, and why it is one

HEADS = [
    ("a: 1\n", ["1:1 not-a-manifest"], "no manifest at all"),
    ("- a\n", ["1:1 not-a-manifest"], "a list is none"),
    ("text\n", ["1:1 not-a-manifest"], "text is none"),
    (TAP.replace("/v1", "/v2"), ["1:13 unknown-version", "4:14 dangling-reference"], "a version that is not known"),
    (TAP.replace("apiVersion: reconciler/v1\n", ""), ["1:1 missing-key", "3:14 dangling-reference"], "no version"),
    (TAP.replace("apiVersion", "apiversion"), ["1:1 unknown-key", "4:14 dangling-reference"], "one mistake, one fault"),
    (TAP.replace("Tap", "Tapp"), ["2:7 unknown-kind"], "a kind that is not known"),
    (TAP.replace("kind: Tap\n", ""), ["1:1 missing-key"], "no kind"),
    (TAP.replace("kind: Tap", "kind: 5"), ["2:7 unknown-kind"], "a kind is text"),
    (TAP.replace("spec", "specs"), ["4:1 unknown-key"], "a misspelt key is not missing too"),
    (TAP.replace("metadata", "meta_data"), ["3:1 unknown-key"], "same"),
    (manifest("Tap", "Bar", "{size: 1}"), ["3:18 not-allowed"], "names are lower case"),
    (manifest("Tap", "-a", "{size: 1}"), ["3:18 not-allowed"], "names begin with a letter or digit"),
    (manifest("Tap", "a" * 64, "{size: 1}"), ["3:18 not-allowed"], "names are at most 63 long"),
    (manifest("Tap", "5", "{size: 1}"), ["3:18 wrong-type"], "a number is no name"),
    (manifest("Tap", "", "{size: 1}"), ["3:12 wrong-type"], "an empty name"),
    (manifest("Tap", "a, labels: {x: 1}", "{size: 1}"), ["3:33 wrong-type"], "labels are text"),
    (manifest("Tap", "a, label: {}", "{size: 1}"), ["3:21 unknown-key"], "keys of metadata are checked"),
    (manifest("Tap", "a, adopt: yes", "{size: 1}"), ["3:28 wrong-type"], "yes is text"),
    (manifest("Tap", "a, adopt: {}", "{size: 1}"), ["3:28 not-allowed"], "adopt needs an id"),
    (manifest("Tap", "a, adopt: {job: x, file: y}", "{size: 1}"), ["3:28 not-allowed"], "adopt takes one id"),
    (manifest("Tap", "a", "[1]"), ["4:7 wrong-type"], "a spec is a mapping"),
    (manifest("Tap", "a", ""), ["4:1 missing-key"], "an empty spec lacks what is needed"),
    (
        "apiVersion: reconciler/v1\nkind: Tap\nmetadata: x\nspec: {size: 1}\n",
        ["3:11 wrong-type"],
        "metadata is a mapping",
    ),
    ("apiVersion: reconciler/v1\nkind: Tap\nspec: {size: 1}\n", ["1:1 missing-key"], "no metadata"),
    ("apiVersion: reconciler/v1\nkind: Tap\nmetadata: {name: a}\n", ["1:1 missing-key"], "no spec"),
]


@pytest.mark.parametrize(("text", "expected", "reason"), HEADS)
def test_faults_of_a_head(repo: Repo, text: str, expected: list[str], reason: str) -> None:
    assert repo.told(text) == expected, reason


SPECS = [
    ("Tap", "{size: big}", ["14 wrong-type `spec.size` is `big`, expected a whole number."], "text is no number"),
    ("Tap", "{size: '5'}", ['14 wrong-type `spec.size` is `"5"`, expected a whole number.'], "quoted digits are text"),
    ("Tap", "{size: 5.5}", ["14 wrong-type `spec.size` is the number 5.5, expected a whole number."], "no rounding"),
    ("Tap", "{size: true}", ["14 wrong-type `spec.size` is `true`, expected a whole number."], "true is not 1"),
    ("Tap", "{size: }", ["8 wrong-type `spec.size` is empty, expected a whole number."], "nothing is no number"),
    ("Tap", "{size: [1]}", ["14 wrong-type `spec.size` is a list, expected a whole number."], "a list is no number"),
    ("Tap", "{}", ["7 missing-key `spec.size` is needed."], "a field without a default"),
    ("Tap", "{sizes: 1}", ["8 unknown-key `spec.sizes` is not known."], "a misspelt key is not missing too"),
    (
        "Tap",
        "{size: 1, brew: 5}",
        ["23 wrong-type `spec.brew` is the number 5, expected text."],
        "`brew: 5` is no name",
    ),
    (
        "Brew",
        "{base: 5}",
        ["14 wrong-type `spec.base` is the number 5, expected text or a mapping."],
        "one message for a union",
    ),
    ("Brew", "{base: {}}", ["14 missing-key `spec.base.grain` is needed."], "the first branch that could be meant"),
    ("Brew", "{base: {brwe: x}}", ["15 unknown-key `spec.base.brwe` is not known."], "the branch with the nearest key"),
    (
        "Brew",
        "{base: {brew: 1}}",
        ["21 wrong-type `spec.base.brew` is the number 1, expected text."],
        "the branch with this key",
    ),
    (
        "Brew",
        "{base: {brew: x, grain: y}}",
        ["15 unknown-key `spec.base.brew` is not known."],
        "one of the two, not both",
    ),
    (
        "Brew",
        "{base: {brew: x}, steps: {}}",
        ["32 wrong-type `spec.steps` is a mapping, expected a list."],
        "a mapping is no list",
    ),
    (
        "Brew",
        "{base: {brew: x}, steps: [{kind: bake}]}",
        ["40 not-allowed `spec.steps.0.kind` is `bake`, expected `boil` or `rest`."],
        "the key that chooses a branch",
    ),
    (
        "Brew",
        "{base: {brew: x}, steps: [{hours: 2}]}",
        ["33 missing-key `spec.steps.0.kind` is needed."],
        "the key that chooses a branch is missing",
    ),
    (
        "Brew",
        "{base: {brew: x}, steps: [{kind: rest}, {kind: boil, hours: 10, x: 1}]}",
        [
            "67 not-allowed `spec.steps.1.hours` is the number 10, must be at most 9.",
            "71 unknown-key `spec.steps.1.x` is not known.",
        ],
        "inside a branch every fault is told",
    ),
    (
        "Brew",
        "{base: {brew: x}, steps: [{kind: boil, hours: soon}]}",
        ["53 wrong-type `spec.steps.0.hours` is `soon`, expected a whole number or `auto`."],
        "a union of a number and a word",
    ),
    (
        "Brew",
        "{base: {brew: x}, served: {kind: rest, degres: 3}}",
        ["46 unknown-key `spec.served.degres` is not known."],
        "a union in a union",
    ),
    (
        "Brew",
        "{base: {brew: x}, served: {kind: boil, hours: -1}}",
        ["53 not-allowed `spec.served.hours` is the number -1, must be at least 1."],
        "same",
    ),
    (
        "Brew",
        "{base: {brew: x}, served: {shape: mug}}",
        ["41 not-allowed `spec.served.shape` is `mug`, expected `pint` or `flute`."],
        "the branch with this key",
    ),
    (
        "Brew",
        "{base: {brew: x}, served: {etched: x}}",
        ["33 missing-key `spec.served.shape` is needed."],
        "the branch with this key",
    ),
    (
        "Brew",
        "{base: {brew: x}, served: {kind: mug}}",
        ["40 not-allowed `spec.served.kind` is `mug`, expected `boil` or `rest`."],
        "the branch with this key",
    ),
    (
        "Brew",
        "{base: {brew: x}, served: {shape: pint, etched: [x]}}",
        ["55 wrong-type `spec.served.etched` is a list, expected text or a whole number."],
        "a union of scalars in a branch",
    ),
    (
        "Brew",
        "{base: {brew: x}, notes: {a: {grain: 1}}}",
        ["44 wrong-type `spec.notes.a.grain` is the number 1, expected text."],
        "a mapping with free keys",
    ),
    ("Brew", "{base: {brew: x}, title: Hm}", ["32 not-allowed `spec.title` is too quiet."], "the kind's own words"),
    (
        "Brew",
        "{base: {brew: x}, account: 1}",
        ["34 wrong-type `spec.account` is the number 1, expected text."],
        "inherited fields",
    ),
]


@pytest.mark.parametrize(("kind", "spec", "expected", "reason"), SPECS)
def test_faults_of_a_spec(repo: Repo, kind: str, spec: str, expected: list[str], reason: str) -> None:
    found = repo.faults(manifest("Brew", "x", "{base: rye.txt}"), manifest(kind, "a", spec))
    assert all(fault.place and (fault.place.line, fault.subject) == (9, f"{kind}/a") for fault in found)
    assert [f"{fault.place.column} {fault.code} {fault.detail}" for fault in found if fault.place] == expected, reason


REMEDIES = [
    ("{siez: 1}", "Did you mean `size`?", "two letters in the wrong order"),
    ("{size: 1, hours: 2}", "Known keys: `account`, `brew` and `size`.", "nothing is near"),
    ("{size: 1, name: x}", "It belongs at `metadata.name`.", "a key of the head"),
    ("{size: 1, labels: {}}", "It belongs at `metadata.labels`.", "a key of the head"),
    ("{size: 1, brew: 5}", 'Quote it, if it is text:\n  brew: "5"', "a number that was meant as text"),
    ("{size: '1'}", "Remove the quotes.", "text that was meant as a number"),
    ("{}", "Add `size: …`.", "a missing key without a description"),
]


@pytest.mark.parametrize(("spec", "remedy", "reason"), REMEDIES)
def test_remedies(repo: Repo, spec: str, remedy: str, reason: str) -> None:
    assert [fault.remedy for fault in repo.faults(manifest("Tap", "a", spec))] == [remedy], reason


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("nEpochs", "Did you mean `n_epochs`?"),
        ("epochs", "Did you mean `n_epochs`?"),
        ("grain", "It belongs at `spec.base.grain`."),
        (
            "capacity",
            "Known keys: `account`, `attempt`, `base`, `more`, `n_epochs`, `notes`, `served`, `steps` and `title`.",
        ),
    ],
)
def test_keys_that_people_know_from_elsewhere(repo: Repo, key: str, remedy: str) -> None:
    [fault] = repo.faults(manifest("Brew", "a", f"{{base: rye.txt, {key}: 1}}"))
    assert fault.remedy == remedy


def test_a_long_value_is_cut_and_escaped(repo: Repo) -> None:
    [fault] = repo.faults(manifest("Tap", "a", '{size: "\\e]0;' + "x" * 500 + '"}'))
    assert "\\x1b]0;xxx" in fault.detail
    assert len(fault.detail) < 120


# Any input


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_tree_or_faults(repo: Repo, raw: bytes) -> None:
    (repo.root / "manifests/a.yaml").write_bytes(raw)
    assert all(fault.place and fault.summary for fault in repo.outcome())


ANY = st.recursive(
    st.sampled_from(["rye", "rye.txt", "stout", 1, True, None, 1.5, "${env:X}", "../x", "", "boil", "auto"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["base", "grain", "brew", "size", "steps", "kind", "hours", "notes", "more", "x", "name", "path"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from([*KINDS, "Account"]), ANY, ANY, ANY)
def test_any_spec_is_a_tree_or_faults(repo: Repo, kind: str, spec: Any, metadata: Any, labels: Any) -> None:
    heads = [{"name": "a"}, {"name": "a", "labels": labels}, metadata]
    texts = [
        json.dumps({"apiVersion": "reconciler/v1", "kind": kind, "metadata": head, "spec": spec}) for head in heads
    ]
    for text in texts:
        repo.write("manifests/a.yaml", text)
        assert all(fault.summary and fault.detail for fault in repo.outcome())


GOLDEN = """\
manifests/a.yaml:3:41 Wrong type (Brew/porter): `metadata.labels.team` is the number 7, expected text.
  Quote it, if it is text:
    team: "7"
manifests/a.yaml:5:9 Wrong type (Brew/porter): `spec.base` is the number 5, expected text or a mapping.
  Quote it, if it is text:
    base: "5"
manifests/a.yaml:6:3 Unknown key (Brew/porter): `spec.epochs` is not known.
  Did you mean `n_epochs`?
manifests/a.yaml:7:3 Duplicate key (Brew/porter): `epochs` stands in this mapping already, in line 6.
  Keep one of the two.
manifests/a.yaml:8:10 Not allowed (Brew/porter): `spec.title` is too quiet.
manifests/a.yaml:11:7 Unknown kind: `kind` is `Tab`.
  Did you mean `Tap`?
manifests/a.yaml:15:5 The YAML cannot be read: Mapping values are not allowed in this context.
  Quote a value that contains `: `, and indent the keys of one mapping evenly.
manifests/a.yaml:20:14 What is referred to does not exist (Tap/bar): `spec.brew` names `Brew/portr`, which no manifest declares.
  Did you mean `porter`?
"""


def test_a_messy_file_is_told_in_one_go(repo: Repo) -> None:
    found = repo.faults(
        "apiVersion: reconciler/v1\nkind: Brew\nmetadata: {name: porter, labels: {team: 7}}\nspec:\n  base: 5\n"
        "  epochs: 3\n  epochs: 4\n  title: shy\n",
        manifest("Tab", "x", "{}"),
        "a: b: c\n",
        manifest("Tap", "bar", "{brew: portr, size: 1}"),
    )
    told = ""
    for fault in found:
        told += f"{fault.place} {fault.summary}{f' ({fault.subject})' if fault.subject else ''}: {fault.detail}\n"
        told += "".join(f"  {line}\n" for line in fault.remedy.splitlines())
    assert told == GOLDEN

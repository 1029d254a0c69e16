"""Manifests as text: what is written reads back as it was, whatever is in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.manifests.nodes import Document
from reconciler.manifests.yaml import documents
from reconciler.render.manifest import manifest_text

_scalars = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["no", "on", "Null", "2024-10-21", "1e-4", "0x10", "a: b", "#x", "-", "${env:RECONCILER_VAR_X}"]),
    st.booleans(),
    st.integers(-(2**31), 2**31),
)
_keys = st.text("abc_-1 :#", min_size=1, max_size=6)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4), max_leaves=20
)


def read(text: str) -> Any:
    (document,) = list[Document](documents(text, "x.yaml"))
    assert not document.faults, document.faults
    assert document.root is not None
    return document.root.data


@given(st.dictionaries(st.sampled_from(["spec", "kind", "metadata"]), _values, min_size=1), st.text())
def test_what_is_written_reads_back_as_it_was(value: dict[str, Any], note: str) -> None:
    assert read(manifest_text(value, [note])) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            {"metadata": {"name": "tone", "adopt": {"job": "ftjob-1"}}},
            "metadata: {name: tone, adopt: {job: ftjob-1}}\n",
        ),
        ({"spec": {"sku": {"name": "Standard", "capacity": 5}}}, "spec:\n  sku: {name: Standard, capacity: 5}\n"),
        ({"spec": {"version": "1", "rate": 0.00005}}, 'spec:\n  version: "1"\n  rate: 0.00005\n'),
    ],
    ids=["short mappings stay on a line", "a spec is a block", "texts and numbers are told apart"],
)
def test_it_is_written_as_a_person_would(value: dict[str, Any], text: str) -> None:
    assert manifest_text(value) == text


def test_long_mappings_are_blocks_and_notes_are_comments() -> None:
    text = manifest_text({"spec": {"a": {"b": "x" * 90, "c": [{"d": "y" * 90}]}}}, ["one\nspec: two"])
    assert text == f"# one spec: two\nspec:\n  a:\n    b: {'x' * 90}\n    c:\n      - d: {'y' * 90}\n"

"""Diagnostics as text, as annotations and as JSON."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.fault import Fault, Place
from reconciler.render.fault import faults_document, faults_github, faults_text

WRONG = Fault(
    "unknown-key",
    "The key is not known",
    "`epochs` is no setting.",
    "Did you mean `n_epochs`? Show all:\n  reconciler schema",
    Place("manifests/x.yaml", 4, 3),
    "FineTuneJob/tone",
)
FEW = Fault(
    "few-examples",
    "The data has few examples",
    "12 of at least 50.",
    place=Place("data/a,b.jsonl", 12),
    severity="warning",
)
NOWHERE = Fault("no-account", "There is no Account")


def test_text_is_sorted_by_place_and_counted_last():
    assert (
        faults_text([WRONG, FEW, NOWHERE])
        == """\
error: There is no Account [no-account]

warning: data/a,b.jsonl:12: The data has few examples [few-examples]
  12 of at least 50.

error: manifests/x.yaml:4:3: The key is not known (FineTuneJob/tone) [unknown-key]
  `epochs` is no setting.
  Did you mean `n_epochs`? Show all:
    reconciler schema

2 errors, 1 warning"""
    )


def test_what_to_do_is_said_once_for_neighbours_and_in_each_annotation():
    rows = [Fault("c", "Wrong", "at x", "Mend it:\n  mend", Place("a.jsonl", line)) for line in (1, 2, 3)]
    other = Fault("c", "Wrong", "at x", "Mend it otherwise.", Place("a.jsonl", 4))
    text = faults_text([*rows, other])
    assert text.count("Mend it:\n    mend") == 1
    assert text.index("    mend") < text.index("a.jsonl:2")
    assert text.count("at x") == 4
    assert "Mend it otherwise." in text
    assert faults_github(rows).count("Mend it:") == 3


def test_no_faults_are_no_text():
    assert faults_text([]) == ""
    assert faults_github([]) == ""


def test_only_warnings_are_counted_as_such():
    assert faults_text([FEW]).splitlines()[-1] == "1 warning"


def test_colour_is_on_the_severity():
    assert faults_text([FEW], color=True).startswith("\x1b[33mwarning:\x1b[0m data/a,b.jsonl:12:")


def test_annotations_are_escaped_as_github_requires():
    assert faults_github([WRONG, FEW, NOWHERE]).splitlines() == [
        "::error title=There is no Account [no-account]::There is no Account",
        "::warning file=data/a%2Cb.jsonl,line=12,title=The data has few examples [few-examples]::12 of at least 50.",
        (
            "::error file=manifests/x.yaml,line=4,col=3,title=The key is not known (FineTuneJob/tone) [unknown-key]"
            "::`epochs` is no setting.%0ADid you mean `n_epochs`? Show all:%0A  reconciler schema"
        ),
    ]


def test_json_holds_all_of_it():
    assert faults_document([WRONG]) == [
        {
            "severity": "error",
            "code": "unknown-key",
            "summary": "The key is not known",
            "detail": "`epochs` is no setting.",
            "remedy": "Did you mean `n_epochs`? Show all:\n  reconciler schema",
            "subject": "FineTuneJob/tone",
            "place": {"file": "manifests/x.yaml", "line": 4, "column": 3},
        }
    ]


@given(st.text(), st.text() | st.sampled_from(["\n::stop-commands::x", "a\r\n::error::b", "100%"]))
def test_no_text_breaks_out_of_a_diagnostic(short: str, long: str):
    fault = Fault(short, short, long, long, Place(short, 1, 1), short)
    annotation = faults_github([fault])
    assert annotation.isprintable()
    assert annotation.startswith("::error file=")
    for line in faults_text([fault]).split("\n"):
        assert line.isprintable()
        assert not line.lstrip().startswith("::")
    json.dumps(faults_document([fault]))

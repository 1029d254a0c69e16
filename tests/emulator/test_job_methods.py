"""What the emulated service refuses and shows of methods, graders and training types."""

from __future__ import annotations

import pytest

GRADERS = [
    ("no grader", None, "requires a grader"),
    ("an unknown sort", {"type": "label_model"}, "'label_model' is not supported"),
    ("a field that is missing", {"type": "string_check", "name": "g", "input": "x", "operation": "eq"}, "'reference'"),
    (
        "an unknown operation",
        {"type": "string_check", "name": "g", "input": "x", "reference": "y", "operation": "is"},
        "is not one of eq",
    ),
    (
        "a template of nothing",
        {"type": "string_check", "name": "g", "input": "{{ foo.x }}", "reference": "y", "operation": "eq"},
        "namespace 'foo'",
    ),
    ("a source without grade", {"type": "python", "name": "g", "source": "x = 1"}, "the function 'grade'"),
    (
        "a multi grader in another",
        {"type": "multi", "name": "m", "graders": {"a": {"type": "multi"}}, "calculate_output": "a"},
        "'multi' is not supported here",
    ),
    (
        "a formula with an unknown name",
        {
            "type": "multi",
            "name": "m",
            "graders": {"a": {"type": "python", "name": "g", "source": "def grade(sample, item): return 1"}},
            "calculate_output": "min(a, b)",
        },
        "uses 'b'",
    ),
]


@pytest.mark.parametrize(("fact", "grader", "text"), GRADERS, ids=[row[0] for row in GRADERS])
def test_what_is_refused_of_a_grader(direct, fact, grader, text):
    file = direct.ready_file()
    method = {"type": "reinforcement", "reinforcement": {"grader": grader}}
    response = direct.job(training_file=file, validation_file=file, model="o4-mini", method=method)
    assert response.status == 400, fact
    assert text in response.json()["error"]["message"]


def test_settings_of_a_method_are_resolved_when_it_runs(direct):
    file = direct.ready_file()
    grader = {"type": "python", "name": "g", "source": "def grade(sample, item): return 1"}
    method = {"type": "reinforcement", "reinforcement": {"grader": grader, "hyperparameters": {"eval_samples": 7}}}
    made = direct.job(training_file=file, validation_file=file, model="o4-mini", method=method).json()
    shown = made["method"]["reinforcement"]["hyperparameters"]
    assert (shown["eval_samples"], shown["eval_interval"], shown["reasoning_effort"]) == (7, -1, "default")
    assert made["method"]["reinforcement"]["grader"] == grader


def test_data_zone_training_is_a_guess_that_can_be_switched_off(direct):
    assert direct.job(trainingType="dataZoneStandard").json()["trainingType"] == "dataZoneStandard"
    direct.emulator.configure(data_zone_training=False)
    assert (
        "The fineTuningJob field is required" in direct.job(trainingType="dataZoneStandard").json()["error"]["message"]
    )

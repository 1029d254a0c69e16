"""The one number of a training that a gate asks for."""

from __future__ import annotations

import pytest

from reconciler.results.checkpoints import Checkpoint
from reconciler.results.gauge import gauge
from reconciler.results.table import Table, read

FILE = b"""step,train_loss,valid_loss,full_valid_loss,full_valid_mean_token_accuracy
1,2.0,2.1,,
2,1.0,1.2,1.0,0.5
3,0.6,,,
4,0.4,0.9,0.8,0.7
5,0.2,,,
6,0.2,1.1,0.95,0.6
"""
POINTS = (
    Checkpoint(6, "m", "c3", 3, {"full_valid_loss": 0.95}),
    Checkpoint(2, "m:2", "c1", 1, {"full_valid_loss": 1.0}),
    Checkpoint(4, "m:4", "c2", 2, {"full_valid_loss": 0.8}),
)


@pytest.mark.parametrize(
    ("points", "table", "metric", "of", "step", "value", "at", "reason"),
    [
        (POINTS, Table(), "full_valid_loss", "final", None, 0.95, 6, "the last checkpoint is the final model"),
        (POINTS, Table(), "full_valid_loss", "final", 4, 0.8, 4, "a checkpoint is judged by itself"),
        (POINTS, Table(), "full_valid_loss", "best", None, 0.8, 4, "of a loss the lowest is the best"),
        (
            POINTS,
            read([FILE]),
            "full_validation_mean_token_accuracy",
            "final",
            None,
            0.6,
            6,
            "the file adds, in any spelling",
        ),
        (POINTS, read([FILE]), "full_valid_mean_token_accuracy", "best", None, 0.7, 4, "of an accuracy the highest"),
        ((), read([FILE]), "train_loss", "final", None, 0.2, 6, "without checkpoints the file's last value"),
        ((), read([FILE]), "train_loss", "best", None, 0.2, 5, "the first of equals"),
        (POINTS, read([FILE]), "train_loss", "final", 5, None, 0, "there is no checkpoint of that step"),
        (POINTS, Table(), "train_mean_reward", "final", None, None, 0, "nothing carries it"),
        ((), Table(), "full_valid_loss", "best", None, None, 0, "nothing is there"),
        (
            POINTS,
            read([FILE]),
            "overfit_ratio",
            "final",
            None,
            0.95 / 0.2,
            6,
            "over the mean of the epoch's training loss",
        ),
        (POINTS, read([FILE]), "overfit_ratio", "final", 2, 1.0 / 1.5, 2, "of the checkpoint's own epoch"),
        (POINTS, read([FILE]), "overfit_ratio", "best", None, 1.0 / 1.5, 2, "the lowest of all checkpoints"),
        (POINTS, Table(), "overfit_ratio", "final", None, None, 0, "without a training loss there is no ratio"),
        ((), read([FILE]), "overfit_ratio", "final", None, None, 0, "without checkpoints neither"),
    ],
)
def test_a_metric_of_a_training(points, table, metric, of, step, value, at, reason):
    found = gauge(points, table, metric, of=of, step=step)
    assert (found.value, found.step) == (pytest.approx(value) if value is not None else None, at), reason

"""How far an upload is, in one line of the terminal."""

from __future__ import annotations

import pytest

from reconciler.cli.live import sending
from reconciler.core.runtime import Meter

NAME = "Dataset/support-tone.training"


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (120, f"  ↑ {NAME}  ━━━━━━━━             66.0 MB of 165.0 MB, 1.1 MB/s, 1 min left"),
        (90, f"  ↑ {NAME}  ━━━━━         66.0 MB of 165.0 MB, 1.1 MB/s, 1 min left"),
        (76, f"  ↑ {NAME} 66.0 MB of 165.0 MB, 1.1 MB/s, 1 min left"),
        (60, "  ↑ Dataset/suppo… 66.0 MB of 165.0 MB, 1.1 MB/s, 1 min left"),
    ],
)
def test_the_line_fits_the_terminal(width: int, line: str) -> None:
    meter = Meter(done=66_000_000, total=165_000_000, started_at=40.0)
    assert sending(NAME, meter, 100.0, width) == line
    assert len(line) <= width


def test_nothing_is_said_of_what_is_left_before_anything_is_known() -> None:
    assert sending("Dataset/a", Meter(done=0, total=10, started_at=1.0), 1.0, 80).endswith(" 0 B of 10 B, 0 B/s")
    assert sending("Dataset/a", Meter(done=10, total=10, started_at=1.0), 2.0, 80).endswith(" 10 B of 10 B, 10 B/s")

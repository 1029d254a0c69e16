"""The words of the conformance tables: how a thing is known, and the surfaces."""

from __future__ import annotations

from typing import Literal

Known = Literal["documented", "recorded", "assumed"]
GA, PREVIEW, V1, ARM = "2024-10-21", "2025-04-01-preview", "v1", "ARM 2025-09-01"

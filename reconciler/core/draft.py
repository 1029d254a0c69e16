"""A manifest that does not exist yet, for a live object that none declares: what a kind makes of what it observes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.resource import Observed

Named = Mapping[tuple[str, str], str]
"""What manifests can refer to: (kind, id or model in lower case) to the name of the manifest that declares it."""


@dataclass(frozen=True)
class Draft:
    """What is written of one live object. `name` is what people call it, whatever characters are in that.

    `spec` holds only what is known to be wanted: a field that the service may have filled in itself stays unset.
    """

    live: Observed
    name: str
    spec: Mapping[str, Any]
    adopt: bool | Mapping[str, str] = False
    ignore: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    """What a person should know who reads the manifest, line by line."""
    live_name: str = ""
    """The field of `spec` that holds the name at Azure, where the manifest's name cannot be it."""


@dataclass(frozen=True)
class LeftOut:
    """A live object that no manifest is written for, and why."""

    live: Observed
    reason: str

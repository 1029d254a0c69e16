"""THE REGISTRY of resource kinds, in dependency order: what is referred to comes before what refers to it."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.kind import Kind
from reconciler.kinds.dataset import DatasetKind
from reconciler.kinds.deployment import DeploymentKind
from reconciler.kinds.fine_tune_job import FineTuneJobKind

REGISTRY: Mapping[str, Kind] = {kind.name: kind for kind in (DatasetKind(), FineTuneJobKind(), DeploymentKind())}

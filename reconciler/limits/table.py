"""The limits that Azure documents for an account, as dated data. Nothing here decides: it only makes warnings.

Source, read on 2026-11-22 (docs/azure.md, sections 7 and 21): `articles/foundry/openai/quotas-limits.md` of
`MicrosoftDocs/azure-ai-docs`, 2026-02. The page of 2024-11 had 5 fine-tuned deployments, 1 running job and 50 files.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

AS_OF = date(2026, 2, 1)
"""The month of the page; it names no day."""
NEAR = 0.8
"""From this share of a limit on, what adds to it is told."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of an account. `words` is what it counts, after a number; `frees` says how to have less of it."""

    name: str
    value: int
    words: str
    frees: str


_FILES = "Delete files that are not needed: ours are left over when no manifest needs them (`reconciler plan --prune`)."
_DEPLOYMENTS = "Delete deployments that are not needed; each one that is there costs money besides."

LIMITS: tuple[Limit, ...] = (
    Limit("files", 100, "files for fine-tuning", _FILES),
    # Documented as "1 GB"; as for the 512 MB of a file, the binary unit is meant here.
    Limit("bytes", 1024**3, "in files for fine-tuning", _FILES),
    Limit("jobs", 100, "jobs, finished ones included", "Delete finished jobs from the list; what becomes of their models then is not documented."),
    Limit("running_jobs", 3, "jobs running, standard and global together", "They run when others have ended."),
    Limit("running_developer_jobs", 5, "developer jobs running", "They run when others have ended."),
    Limit("queued_jobs", 20, "jobs waiting", "Wait until queued jobs have run, or cancel some."),
    Limit("deployments", 32, "deployments", _DEPLOYMENTS),
    # Whether it is for an account or for a subscription is not documented; an account is what we can count.
    Limit("fine_tuned_deployments", 10, "deployments of fine-tuned models", _DEPLOYMENTS),
)  # fmt: skip

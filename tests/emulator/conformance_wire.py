"""The rest of the table: what requests may hold, what answers say beside their fields, and which words they use.

tests/emulator/test_conformance_wire.py puts every row to the emulator on every surface, the ones that a row does not name too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from emulator.conformance_rows import ARM, GA, PREVIEW, V1, Known

DATED, NEWER, ALL = (GA, PREVIEW), (PREVIEW, V1), (GA, PREVIEW, V1)


@dataclass(frozen=True)
class Row:
    """A field, parameter or header of a route: the surfaces that obey or say it. Elsewhere it changes nothing."""

    route: str
    name: str
    on: tuple[str, ...]
    known: Known = "documented"


PARAMETERS = (
    Row("files", "purpose", ALL),
    Row("files", "limit", NEWER),
    Row("files", "after", NEWER),
    Row("files", "after", (GA,), "assumed"),
    Row("files", "order", NEWER),
    Row("files", "order", (GA,), "assumed"),
    Row("fine_tuning/jobs", "limit", ALL),
    Row("fine_tuning/jobs", "after", ALL),
    Row("fine_tuning/jobs/{job}/events", "limit", ALL),
    Row("fine_tuning/jobs/{job}/events", "after", ALL),
    Row("fine_tuning/jobs/{job}/checkpoints", "limit", ALL),
    Row("fine_tuning/jobs/{job}/checkpoints", "after", ALL),
)
"""Query parameters of lists."""
PAGES: dict[str, int | None] = {
    "fine_tuning/jobs": 20,
    "fine_tuning/jobs/{job}/events": 20,
    "fine_tuning/jobs/{job}/checkpoints": 10,
    "models": None,
}
"""Objects on a page where no `limit` is sent; None: all of them. Documented."""
CREATED = (
    *(Row("POST fine_tuning/jobs", name, ALL) for name in ("model", "training_file", "validation_file")),
    *(Row("POST fine_tuning/jobs", name, ALL) for name in ("hyperparameters", "suffix", "seed")),
    Row("POST fine_tuning/jobs", "trainingType", ALL, "recorded"),
    *(Row("POST fine_tuning/jobs", name, NEWER) for name in ("integrations", "method")),
    Row("POST fine_tuning/jobs", "metadata", (V1,)),
    *(Row("POST files", name, ALL) for name in ("purpose", "filename")),
    Row("POST files", "expires_after.seconds", NEWER),
    *(Row("POST files/import", name, DATED) for name in ("purpose", "filename")),
    *(Row("POST uploads", name, DATED) for name in ("purpose", "filename", "bytes")),
    *(
        Row("PUT deployment", name, (ARM,))
        for name in ("sku", "tags", "model", "versionUpgradeOption", "raiPolicyName")
    ),
    Row("PUT deployment", "spilloverDeploymentName", (ARM,)),
    *(Row("PATCH deployment", name, (ARM,)) for name in ("sku", "tags")),
)
"""What is sent and comes back in the answer; on a surface that a row does not name it is as if it had not been sent."""
REQUIRED = {
    "POST files": ("purpose", "file"),
    "POST files/import": ("purpose", "filename", "content_url"),
    "POST uploads": ("purpose", "filename", "bytes", "mime_type"),
    "POST uploads/{upload}/parts": ("data",),
    "POST uploads/{upload}/complete": ("part_ids",),
    "POST fine_tuning/jobs": ("model", "training_file"),
    "POST chat/completions": ("messages",),
}
"""What a request must hold: without it 400 `invalidPayload`. Documented, but for the code of chat, which is assumed."""
READ_ONLY = ("provisioningState", "capabilities", "rateLimits", "callRateLimit", "dynamicThrottlingEnabled")
"""Properties of a deployment that are not taken from a request. Documented."""
HEADERS = (
    Row("POST files", "location", DATED),
    Row("POST files/import", "location", DATED),
    Row("POST fine_tuning/jobs", "location", DATED),
    Row("GET files", "apim-request-id", (V1,)),
    Row("GET files", "apim-request-id", DATED, "assumed"),
    Row("GET deployment", "x-ms-request-id", (ARM,)),
    Row("PUT deployment", "azure-asyncoperation", (ARM,)),
    Row("PATCH deployment", "azure-asyncoperation", (ARM,)),
    Row("PATCH deployment", "location", (ARM,)),
    Row("DELETE deployment", "azure-asyncoperation", (ARM,)),
    Row("DELETE deployment", "location", (ARM,)),
    *(Row(f"{method} deployment", "retry-after", (ARM,), "assumed") for method in ("PUT", "PATCH", "DELETE")),
    Row("429", "retry-after", ALL, "assumed"),
)
ERRORS: dict[str, tuple[str, ...]] = {
    GA: ("code", "innererror", "message"),
    PREVIEW: ("code", "innererror", "message"),
    V1: ("code", "inner_error", "message", "param", "type"),
    ARM: ("code", "message"),
    "of the gateway": ("code", "message"),
}
"""Fields of `error`; a dated one and one of ARM have `target` besides where a field is to blame. That of the gateway is recorded."""


@dataclass(frozen=True)
class Words:
    """What a field says, and the words that are documented and never said here."""

    field: str
    said: tuple[str, ...]
    known: Known
    never: tuple[str, ...] = ()


WORDS = (
    Words(
        "status of a file",
        ("error", "pending", "processed", "running"),
        "documented",
        ("deleted", "deleting", "uploaded"),
    ),
    Words(
        "status of a job",
        ("cancelled", "failed", "paused", "pausing", "pending", "resuming", "running", "succeeded"),
        "documented",
        ("created",),
    ),
    Words("status of a job on v1, by a switch", ("queued", "validating_files"), "documented"),
    Words("code of the error of a job", ("jsonlValidationFailed",), "documented"),
    Words("status of an upload", ("cancelled", "completed", "pending"), "documented", ("expired",)),
    Words("level of an event", ("error", "info", "warning"), "documented"),
    Words("level of an event on v1", ("error", "info", "warn"), "documented"),
    Words("type of an event", ("message", "metrics"), "documented"),
    Words("trainingType", ("Standard", "developerTier", "globalStandard"), "recorded"),
    Words("trainingType of a data zone", ("dataZoneStandard",), "assumed"),
    Words(
        "provisioningState",
        ("Creating", "Deleting", "Failed", "Succeeded"),
        "documented",
        ("Accepted", "Canceled", "Disabled", "Moving"),
    ),
    Words("status of an operation", ("Failed", "InProgress", "Succeeded"), "documented", ("Canceled",)),
)
NEVER_SAID = (
    *("forbidden", "itemDoesAlreadyExist", "serviceUnavailable", "internalFailure", "tooManyRequests", "unauthorized"),
    *("contentFilter", "FlagMustBeSetForRestore", "AccountProvisioningStateInvalid"),
)
"""Codes that are documented or were recorded, and that nothing here leads to; a fault can say them (docs/emulator.md)."""


def wire_page() -> Iterator[str]:
    """Yield the lines of docs/conformance.md on these tables."""
    yield "## Parameters of lists\n\n| list | parameter | obeyed on | how known |"
    yield "|---|---|---|---|"
    yield from _lines(PARAMETERS)
    pages = ", ".join(f"`{path}` {count or 'all'}" for path, count in PAGES.items())
    yield f"\nElsewhere a parameter changes nothing. Without `limit` a page has (documented): {pages}."
    yield ""
    yield "## What is sent and comes back\n\n| route | field | on | how known |"
    yield "|---|---|---|---|"
    yield from _lines(CREATED)
    yield "\n`metadata` comes back by a switch: recorded answers show null.\n\nRequired (documented), else 400 `invalidPayload`:"
    yield ""
    for route, names in REQUIRED.items():
        yield f"- `{route}`: {', '.join(f'`{name}`' for name in names)}"
    yield f"\nNot taken from a request (documented): {', '.join(f'`{name}`' for name in READ_ONLY)}."
    yield ""
    yield "## Headers of answers\n\n| answer to | header | on | how known |"
    yield "|---|---|---|---|"
    yield from _lines(HEADERS)
    yield ""
    yield "## Fields of an error\n\n| surface | fields |"
    yield "|---|---|"
    for surface, fields in ERRORS.items():
        yield f"| {surface} | {', '.join(f'`{name}`' for name in fields)} |"
    yield "\nDocumented; that of the gateway is recorded. A dated one and one of ARM have `target` besides where a field is to blame."
    yield ""
    yield "## Words\n\n| field | said | documented and never said | how known |"
    yield "|---|---|---|---|"
    for words in WORDS:
        said, never = (", ".join(f"`{word}`" for word in found) for found in (words.said, words.never))
        yield f"| {words.field} | {said} | {never or '–'} | {words.known} |"
    yield f"\nCodes of errors that nothing here leads to; a fault can say them: {', '.join(f'`{code}`' for code in NEVER_SAID)}."


def _lines(rows: tuple[Row, ...]) -> Iterator[str]:
    shared: dict[tuple[str, tuple[str, ...], Known], list[str]] = {}
    for row in rows:
        shared.setdefault((row.route, row.on, row.known), []).append(row.name)
    for (route, on, known), names in shared.items():
        yield f"| `{route}` | {', '.join(f'`{name}`' for name in names)} | {', '.join(on)} | {known} |"

"""What Azure's own list of models says of base models: flags and ends. The dated surface says them, v1 does not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from reconciler.azure.listing import all_pages
from reconciler.azure.session import GA_API, Session
from reconciler.azure.wire import Json, mapping, number, text
from reconciler.core.checkup import ModelSays

_FLAGS = {"standard": "fine_tune", "global": "global_fine_tune", "developer": "devtier_fine_tune"}
"""By training type, the flag in `capabilities`; of data zone training none is known (docs/azure.md, section 21)."""


class Catalog:
    """The base models of one account."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._heard: tuple[float, str] | None = None

    def base_models(self) -> list[ModelSays]:
        """Return what is said of each base model."""
        api = GA_API if self._session.api == "v1" else self._session.api
        clock = self._session.runtime.clock

        def fetch(query: dict[str, Any]) -> bytes:
            # The list of a project says less; the resource around it has the same models.
            models = self._session.data_client(api, at_resource=True).models.with_raw_response
            before = clock.now()
            answer = models.list(extra_query=query)
            self._heard = (before + clock.now()) / 2, answer.headers.get("date", "")
            return bytes(answer.content)

        listed = all_pages(self._session.data_calls, "listing base models", fetch)
        # A list in the shape of v1 tells a model of a job only by its name (docs/azure.md, section 5).
        return [_says(body) for body in listed if not text(body, "fine_tune") and ".ft-" not in text(body, "id")]

    def ahead(self) -> float | None:
        """Return how many seconds Azure's clock was ahead of ours at the last list; None if it did not say the time."""
        if self._heard is None:
            return None
        try:
            theirs = parsedate_to_datetime(self._heard[1]).timestamp()
        except ValueError:
            return None
        # The header has whole seconds, cut off.
        return theirs + 0.5 - self._heard[0]


def _says(body: Json) -> ModelSays:
    flags, ends = mapping(body, "capabilities"), mapping(body, "deprecation")
    trains = {kind: flags[flag] for kind, flag in _FLAGS.items() if isinstance(flags.get(flag), bool)}
    return ModelSays(text(body, "id"), trains, _day(number(ends, "fine_tune")), _day(number(ends, "inference")))


def _day(moment: float | None) -> date | None:
    try:
        return datetime.fromtimestamp(moment, UTC).date() if moment else None
    except (ValueError, OverflowError, OSError):
        return None

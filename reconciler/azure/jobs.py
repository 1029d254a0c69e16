"""Fine-tuning jobs and the models they make. Returns Azure's own objects as mappings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.azure.caller import read_object
from reconciler.azure.listing import PAGE, FreshList, all_pages, pages
from reconciler.azure.session import Session
from reconciler.azure.surfaces import Operation, surface_for
from reconciler.azure.wire import Json, items, moment


class Jobs:
    """The fine-tuning jobs and models of one account."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._calls = session.data_calls
        self.fresh = FreshList(self.all, session.runtime.clock)

    def _client(self, operation: Operation = "jobs") -> Any:
        return self._session.data_client(surface_for(operation, self._session.api))

    def all(self) -> list[Json]:
        """Return all jobs."""

        def fetch(query: dict[str, Any]) -> bytes:
            jobs = self._client().fine_tuning.jobs.with_raw_response
            return bytes(jobs.list(limit=PAGE, extra_query=query).content)

        return all_pages(self._calls, "listing fine-tuning jobs", fetch)

    def models(self) -> list[Json]:
        """Return all models: base models and those that were trained."""
        return all_pages(
            self._calls,
            "listing models",
            lambda query: bytes(self._client("models").models.with_raw_response.list(extra_query=query).content),
        )

    def model(self, name: str) -> Json:
        """Return one model."""
        doing = f"reading model {name}"
        models = self._client("models").models.with_raw_response
        return self._calls.safely(doing, lambda: read_object(models.retrieve(name), doing))

    def create(self, body: dict[str, Any]) -> Json:
        """Create a job, once: the call is never repeated by itself, because it is paid for."""
        known = {key: body[key] for key in ("model", "training_file") if key in body}
        rest = {key: value for key, value in body.items() if key not in known}
        doing = "creating the fine-tuning job"
        jobs = self._client().fine_tuning.jobs.with_raw_response
        return self._calls.once(doing, lambda: read_object(jobs.create(**known, extra_body=rest), doing))

    def get(self, job_id: str) -> Json:
        """Return one job."""
        doing = f"reading {job_id}"
        jobs = self._client().fine_tuning.jobs.with_raw_response
        return self._calls.safely(doing, lambda: read_object(jobs.retrieve(job_id), doing))

    def cancel(self, job_id: str) -> Json:
        """Cancel one job."""
        doing = f"cancelling {job_id}"
        jobs = self._client().fine_tuning.jobs.with_raw_response
        return self._calls.safely(doing, lambda: read_object(jobs.cancel(job_id), doing))

    def pause(self, job_id: str) -> Json:
        """Pause one job; Azure refuses before its first step. Pausing twice is harmless, so the call may be repeated."""
        doing = f"pausing {job_id}"
        jobs = self._client("pause").fine_tuning.jobs.with_raw_response
        return self._calls.safely(doing, lambda: read_object(jobs.pause(job_id), doing))

    def resume(self, job_id: str) -> Json:
        """Resume one job."""
        doing = f"resuming {job_id}"
        jobs = self._client("pause").fine_tuning.jobs.with_raw_response
        return self._calls.safely(doing, lambda: read_object(jobs.resume(job_id), doing))

    def checkpoints(self, job_id: str) -> list[Json]:
        """Return the checkpoints of a job."""

        def fetch(query: dict[str, Any]) -> bytes:
            found = self._client("events").fine_tuning.jobs.checkpoints.with_raw_response
            return bytes(found.list(job_id, limit=PAGE, extra_query=query).content)

        return all_pages(self._calls, f"reading the checkpoints of {job_id}", fetch)

    def event_pages(self, job_id: str) -> Iterator[list[Json]]:
        """Yield the events of a job page by page as Azure lists them, newest first."""

        def fetch(query: dict[str, Any]) -> bytes:
            jobs = self._client("events").fine_tuning.jobs.with_raw_response
            return bytes(jobs.list_events(job_id, limit=PAGE, extra_query=query).content)

        return pages(self._calls, f"reading the events of {job_id}", fetch)

    def events(self, job_id: str) -> list[Json]:
        """Return all events of a job, oldest first; `created_at` in Unix seconds, 0 if it cannot be read."""

        def fetch(query: dict[str, Any]) -> bytes:
            jobs = self._client("events").fine_tuning.jobs.with_raw_response
            return bytes(jobs.list_events(job_id, limit=PAGE, extra_query=query).content)

        # Azure lists the newest first (recorded); within one second the listed order is kept.
        found = all_pages(self._calls, f"reading the events of {job_id}", fetch)
        dated = [{**event, "created_at": moment(event, "created_at") or 0.0} for event in found[::-1]]
        return sorted(dated, key=lambda event: event["created_at"])

    def latest_event(self, job_id: str) -> Json:
        """Return the newest event of a job, or an empty mapping."""
        jobs = self._client("events").fine_tuning.jobs.with_raw_response
        doing = f"reading the events of {job_id}"
        page = self._calls.safely(doing, lambda: read_object(jobs.list_events(job_id, limit=10), doing, key="data"))
        return max(items(page), key=lambda event: moment(event, "created_at") or 0, default={})

    def delete_model(self, name: str) -> None:
        """Delete a trained model; Azure refuses while a deployment of it exists."""
        self._calls.safely(
            f"deleting model {name}", lambda: self._client("delete_model").models.with_raw_response.delete(name)
        )

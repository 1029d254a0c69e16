"""One real account (or the emulator in its place): its clients, what was made in it, and how that is taken away again.

Everything that is made is written down before it is needed again, so that it is cleaned up even when a question fails, and
a run that was killed is cleaned up by the next one: all names begin with `live-`.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from reconciler.azure.deployments import Deployments
from reconciler.azure.errors import AzureError
from reconciler.azure.files import Files
from reconciler.azure.jobs import Jobs
from reconciler.azure.session import Session
from reconciler.core.runtime import Clock, Runtime
from reconciler.manifests import load_accounts

PREFIX = "live-"
MANIFEST = """\
apiVersion: reconciler/v1
kind: Account
metadata: {{name: live}}
spec:
  resource_id: {resource_id}
  owner: {owner}
  api: {api}
{more}"""


@dataclass(frozen=True)
class Wish:
    """What a run is told by its environment."""

    resource_id: str
    owner: str
    model: str = "gpt-4.1-nano-2025-04-14"
    training_type: str = "developer"
    endpoint: str = ""
    management_endpoint: str = ""
    import_url: str = ""
    api: str = "v1"
    """The surface of the journey and of the laws; questions name theirs."""
    max_usd: float = 5.0
    hours: float = 6.0

    def manifest(self) -> str:
        """Return the Account manifest."""
        lines = [("endpoint", self.endpoint), ("management_endpoint", self.management_endpoint)]
        more = "".join(f"  {name}: {value}\n" for name, value in lines if value)
        return MANIFEST.format(resource_id=self.resource_id, owner=self.owner, api=self.api, more=more)


@dataclass
class Made:
    """What a run made and has to take away."""

    files: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    deployments: list[str] = field(default_factory=list)


class Place:
    """The account, by the product's own sessions."""

    def __init__(self, wish: Wish, folder: Path, environ: Mapping[str, str], clock: Clock) -> None:
        from reconciler.kinds import REGISTRY

        self.wish = wish
        self.folder = folder
        self.environ = environ
        self.clock = clock
        self.made = Made()
        manifests = folder / "manifests"
        manifests.mkdir(parents=True, exist_ok=True)
        (manifests / "account.yaml").write_text(wish.manifest(), encoding="utf-8")
        self.account = load_accounts(manifests, REGISTRY, environ, folder)["live"]
        self.session = Session(self.account, Runtime(clock), environ)
        self.files, self.jobs, self.deployments = Files(self.session), Jobs(self.session), Deployments(self.session)

    def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """Upload a file and note it."""
        made = dict(self.files.upload(name, io.BytesIO(content)))  # type: ignore[arg-type]
        self.made.files.append(made["id"])
        return made

    def processed(self, file_id: str) -> dict[str, Any]:
        """Wait until Azure has looked at a file."""
        return self.until(
            lambda: dict(self.files.get(file_id)), lambda file: file.get("status") in {"processed", "error"}, 600
        )

    def create_job(self, body: Mapping[str, Any], api: str = "v1") -> dict[str, Any]:
        """Create a job by a raw request and note it; to be cancelled at once: a job that has not begun is not billed."""
        import httpx2

        answer = self.session.data_client(api).post("/fine_tuning/jobs", body=dict(body), cast_to=httpx2.Response)
        job = json.loads(answer.content)
        self.made.jobs.append(job["id"])
        return dict(job)

    def cancel(self, job_id: str) -> None:
        """Cancel a job; one that has ended already is as good."""
        with suppress(AzureError):
            self.jobs.cancel(job_id)

    def deploy(self, name: str, model: str, **more: Any) -> dict[str, Any]:
        """Put a deployment on the developer tier, which is not billed by the hour, and note it."""
        body = {
            "sku": {"name": "DeveloperTier", "capacity": 1},
            "properties": {"model": {"format": "OpenAI", "name": model, "version": "1"}},
            **more,
        }
        if name not in self.made.deployments:
            self.made.deployments.append(name)
        self.deployments.put(name, body)
        return self.settled(name)

    def settled(self, name: str) -> dict[str, Any]:
        """Wait until ARM is done with a deployment."""
        done = {"succeeded", "failed", "canceled"}
        return self.until(
            lambda: dict(self.deployments.get(name)),
            lambda body: str(body.get("properties", {}).get("provisioningState", "")).lower() in done,
            900,
        )

    def until(self, look: Callable[[], Any], done: Callable[[Any], bool], seconds: float) -> Any:
        """Look again until it is done; raises TimeoutError."""
        began = self.clock.now()
        for pause in self.session.runtime.backoff(first=0.2, longest=30):
            seen = look()
            if done(seen):
                return seen
            if self.clock.now() - began > seconds:
                raise TimeoutError(f"not done within {seconds:.0f} s: {json.dumps(seen)[:300]}")
            self.clock.sleep(pause)
        raise AssertionError("unreachable")

    def clean(self, say: Callable[[str], None]) -> bool:
        """Take away what was made, and what a former run left; returns whether nothing is left.

        What cannot be taken away is tried again, then said. It goes on with the rest.
        """
        left: list[str] = []
        for pause in (10.0, 30.0, 120.0, 0.0):
            left = []
            for take_away in (self._without_deployments, self._without_jobs_and_files):
                try:
                    left += take_away()
                except (AzureError, TimeoutError) as error:
                    left.append(f"{error}")
            if not left:
                return True
            self.clock.sleep(pause)
        for line in left:
            say(f"LEFT BEHIND, take it away by hand (or: make live-clean): {line}")
        return False

    def _without_deployments(self) -> list[str]:
        names = [str(body.get("name")) for body in self.deployments.all()]
        ours = [name for name in names if name in self.made.deployments or name.startswith(PREFIX)]
        left = [said for name in ours if (said := _tried(f"deployment {name}", partial(self.deployments.delete, name)))]
        if ours and not left:
            self.until(self.deployments.all, lambda found: not {str(body.get("name")) for body in found} & {*ours}, 300)
        return left

    def _without_jobs_and_files(self) -> list[str]:
        """Jobs are known by the data that they train on: a suffix may be cut, or not be shown."""
        files = {
            str(file["id"])
            for file in self.files.all()
            if file["id"] in self.made.files or str(file.get("filename", "")).startswith(PREFIX)
        }
        jobs = [job for job in self.jobs.all() if job["id"] in self.made.jobs or job.get("training_file") in files]
        # Its file is gone when it is looked at again, as where it could not be cancelled and a model came of it.
        self.made.jobs += [job["id"] for job in jobs]
        unfinished = [job["id"] for job in jobs if job.get("status") not in {"succeeded", "failed", "cancelled"}]
        there = {str(model.get("id")) for model in self.jobs.models()}
        models = {*self.made.models, *(str(job["fine_tuned_model"]) for job in jobs if job.get("fine_tuned_model"))}
        tasks = [
            *((f"job {one}", partial(self.jobs.cancel, one)) for one in unfinished),
            *((f"model {one}", partial(self.jobs.delete_model, one)) for one in sorted(models & there)),
            *((f"file {one}", partial(self.files.delete, one)) for one in sorted(files)),
        ]
        return [said for what, task in tasks if (said := _tried(what, task))]

    def close(self) -> None:
        """Close the connections."""
        self.session.close()


def _tried(what: str, task: Callable[[], Any]) -> str:
    """Do one deletion; returns what is said of it if it fails, "" if it is done or was done already."""
    try:
        task()
    except AzureError as error:
        return "" if error.is_absent else f"{what}: {error}"
    return ""


class SystemClock:
    """The machine's time."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

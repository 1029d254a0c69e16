"""What is asked before anything is trained: of files, and of jobs that are cancelled at once."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

from live.account import Place
from live.answers import refused, shape
from live.examples import MARK, rows

from reconciler.azure.errors import AzureError
from reconciler.azure.session import GA_API
from reconciler.azure.uploads import Uploads
from reconciler.core.runtime import Meter
from reconciler.kinds.fine_tune_job.spec import TRAINING_TYPES

SUFFIX = "live-suffix0123456789-0123456789"[:31]
PREVIEW = "2025-04-01-preview"


def byte_order_mark(place: Place) -> str:
    """Ask whether a file that begins with one is taken, and given back with it."""
    said = []
    for word, mark in (("with", MARK), ("without", b"")):
        file = place.upload(f"live-{word}-bom.jsonl", mark + rows())
        status = place.processed(file["id"]).get("status")
        back = b"".join(place.files.content(file["id"]))
        kept = "as sent" if back == mark + rows() else "without the mark" if back == rows() else "otherwise"
        said.append(f"{word}: {status}, given back {kept}")
    return "; ".join(said)


def _kept(sent: str, seen: str) -> str:
    return "kept" if sent == seen else f"changed, {len(seen)} of {len(sent)} characters"


_LONG = "live-" + "a-long-name-" * 6 + "abcdefghijklmnopqrstuvwxyz.team-a.jsonl"


def name_of_an_upload(place: Place) -> str:
    """Ask whether the name of a file stays as it was sent."""
    return _kept(_LONG, str(place.upload(_LONG, rows())["filename"]))


def name_of_parts(place: Place) -> str:
    """Ask the same of an upload in parts, and whether there is one."""
    uploads = Uploads(place.session)
    content = rows()
    try:
        upload = uploads.begin(_LONG, len(content))
        if upload is None:
            return "there are no uploads in parts"
        parts = uploads.send(upload, io.BytesIO(content), Meter(len(content)))
        file = uploads.complete(upload, parts)["file"]
    except AzureError as error:
        return f"refused: {error.status}"
    place.made.files.append(str(file["id"]))
    return _kept(_LONG, str(file["filename"]))


def name_of_an_import(place: Place) -> str:
    """Ask the same of an import."""
    if not place.wish.import_url:
        return "not asked: no address was given"
    try:
        file = place.files.import_from(_LONG, place.wish.import_url)
    except AzureError as error:
        return f"refused: {error.status}"
    place.made.files.append(str(file["id"]))
    return _kept(_LONG, str(file["filename"]))


def delay_of_lists(place: Place) -> str:
    """Ask how long a new file is missing from the list."""
    began = place.clock.now()
    file = place.upload("live-list-delay.jsonl", rows())
    place.until(place.files.all, lambda found: file["id"] in {item["id"] for item in found}, 300)
    took = place.clock.now() - began
    return next((f"within {limit} s" for limit in (5, 15, 60) if took <= limit), "more than 60 s")


def _job(place: Place, api: str, **fields: Any) -> Mapping[str, Any] | str:
    """Create a job, cancel it at once, and return it as it was answered; the refusal if it was refused."""
    import openai

    file = place.upload("live-job.jsonl", rows())
    place.processed(file["id"])
    body = {"model": place.wish.model, "training_file": file["id"], "seed": 7, "suffix": SUFFIX, **fields}
    try:
        job = place.create_job(body, api)
    except openai.APIStatusError as error:
        return refused(error)
    place.cancel(str(job["id"]))
    return job


def _echo(job: Mapping[str, Any], sent: str = SUFFIX) -> str:
    shown = [
        f"{key} {'whole' if job[key] == sent else f'cut to {len(str(job[key]))}'}"
        for key in ("suffix", "user_provided_suffix")
        if job.get(key)
    ]
    return ", ".join(shown) or "not echoed"


def suffixes(api: str, training_type: str) -> Callable[[Place], str]:
    """Return the question what becomes of a suffix of 31 characters, and of the training type."""

    def ask(place: Place) -> str:
        job = _job(place, api, trainingType=TRAINING_TYPES[training_type])
        if isinstance(job, str):
            return job
        return f"{_echo(job)}; trainingType {job.get('trainingType') or 'not echoed'}"

    return ask


def metadata(place: Place) -> str:
    """Ask whether metadata of a job is taken and shown."""
    job = _job(place, "v1", trainingType=TRAINING_TYPES[place.wish.training_type], metadata={"live": "yes"})
    if isinstance(job, str):
        return job
    return "echoed" if job.get("metadata") == {"live": "yes"} else "taken, not echoed"


def unset_hyperparameters(place: Place) -> str:
    """Ask what stands for a hyperparameter, and for a method, that was not set."""
    job = _job(place, "v1", trainingType=TRAINING_TYPES[place.wish.training_type])
    if isinstance(job, str):
        return job
    method = "shown" if job.get("method") else "not shown"
    return f"n_epochs {(job.get('hyperparameters') or {}).get('n_epochs')}; method {method}"


def no_training_type(api: str) -> Callable[[Place], str]:
    """Return the question what a job gets that names no training type."""

    def ask(place: Place) -> str:
        job = _job(place, api)
        return job if isinstance(job, str) else f"trainingType {job.get('trainingType') or 'not echoed'}"

    return ask


def spelt_otherwise(place: Place) -> str:
    """Ask whether the older surface takes a training type in lower case."""
    job = _job(place, PREVIEW, trainingType=TRAINING_TYPES[place.wish.training_type].lower())
    return job if isinstance(job, str) else "taken"


def model_without_date(place: Place) -> str:
    """Ask how a job shows a base model that was named in other letters."""
    sent = place.wish.model.upper()
    job = _job(place, "v1", trainingType=TRAINING_TYPES[place.wish.training_type], model=sent)
    if isinstance(job, str):
        return job
    return {sent: "as sent", place.wish.model: "as it is listed"}.get(str(job.get("model")), "otherwise")


def longest_suffix(api: str, length: int) -> Callable[[Place], str]:
    """Return the question what becomes of a suffix of so many characters."""

    def ask(place: Place) -> str:
        sent = (SUFFIX + "-" + "0123456789" * 6)[:length]
        job = _job(place, api, trainingType=TRAINING_TYPES[place.wish.training_type], suffix=sent)
        return job if isinstance(job, str) else _echo(job, sent)

    return ask


def second_page_of_files(place: Place) -> str:
    """Ask whether the older list of files goes on behind a file that is named."""
    import httpx2

    for number in (1, 2):
        place.upload(f"live-page-{number}.jsonl", rows())

    def page(**query: Any) -> list[str]:
        answer = place.session.data_client(GA_API).get(
            "/files", cast_to=httpx2.Response, options={"params": {"purpose": "fine-tune", **query}}
        )
        return [str(file["id"]) for file in json.loads(answer.content)["data"]]

    whole = page()
    after = page(after=whole[0])
    return "goes on" if whole[0] not in after else "`after` is ignored"


def clock_of_answers(place: Place) -> str:
    """Ask how far the Date of answers is from the clock of this machine."""
    place.files.all()
    ahead = place.session.runtime.elsewhere.ahead
    return "within 5 minutes" if not ahead else "ahead" if ahead > 0 else "behind"


def shape_of_a_file(place: Place) -> str:
    """Ask what a file shows."""
    file = place.upload("live-shape.jsonl", rows())
    return ", ".join(shape(place.processed(file["id"]), {"filename": "live-shape.jsonl", "bytes": len(rows())}))


def shape_of_a_job(place: Place) -> str:
    """Ask what a job shows of what it was sent, and in which form the rest."""
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3, "batch_size": 1}}}
    sent = {"trainingType": TRAINING_TYPES[place.wish.training_type], "method": method}
    job = _job(place, "v1", **sent)
    if isinstance(job, str):
        return job
    flat = {"model": place.wish.model, "seed": 7, "suffix": SUFFIX, "hyperparameters": {"n_epochs": 3, "batch_size": 1}}
    return ", ".join(shape(dict.fromkeys((*flat, *sent)) | dict(job), {**flat, **sent}))

"""What is not confirmed of Azure, as questions: each asks an account and gives a short, stable answer.

The same questions are put to the emulator, and the report says where the two differ. An answer names what was seen and no ids,
so that two runs can be compared. Each question says which switch of the emulator stands for what it asks.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from live.account import Place

from reconciler.azure.arm import Arm
from reconciler.azure.errors import AzureError
from reconciler.azure.session import GA_API
from reconciler.azure.uploads import Uploads
from reconciler.core.runtime import Meter
from reconciler.kinds.fine_tune_job.spec import TRAINING_TYPES

SUFFIX = "live-suffix0123456789-0123456789"[:31]
PREVIEW = "2025-04-01-preview"
APIS = ("v1", PREVIEW, GA_API)
JOBS = len(TRAINING_TYPES) * len(APIS) + 10
"""Jobs that the questions and the laws make, and cancel at once."""
EXAMPLES = 12
TURN = '{"messages": [{"role": "user", "content": "Is %d even?"}, {"role": "assistant", "content": "%s."}]}\n'


@dataclass(frozen=True)
class Question:
    """One thing to find out."""

    name: str
    switch: str
    """The emulator's switch, or "" where it has none."""
    ask: Callable[[Place], str]
    needs_model: bool = False
    """Whether it needs a model that was trained in this run."""


def rows(count: int = EXAMPLES) -> bytes:
    """Return training data: short, harmless, and the same in every run."""
    return "".join(TURN % (n, "Yes" if n % 2 == 0 else "No") for n in range(count)).encode()


MARK = b"\xef\xbb\xbf"
BYTE_ORDER_MARK = "a byte order mark in front of data"


def takes_no_mark(answers: Mapping[str, str]) -> bool:
    """Whether an account has refused data with a byte order mark."""
    return answers[BYTE_ORDER_MARK].startswith("with: error")


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


def _refused(error: Exception) -> str:
    return f"refused: {getattr(error, 'status_code', type(error).__name__)}"


def _job(place: Place, api: str, **fields: Any) -> Mapping[str, Any] | str:
    """Create a job, cancel it at once, and return it as it was answered; the refusal if it was refused."""
    import openai

    file = place.upload("live-job.jsonl", rows())
    place.processed(file["id"])
    body = {"model": place.wish.model, "training_file": file["id"], "seed": 7, "suffix": SUFFIX, **fields}
    try:
        job = place.create_job(body, api)
    except openai.APIStatusError as error:
        return _refused(error)
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


def _switches(training_type: str, api: str) -> str:
    of_type = ", data_zone_training" if training_type == "data_zone" else ""
    of_api = ", ga_ignores_training_type" if api == GA_API else ""
    return f"suffix_cut, echo_suffix, echo_training_type{of_type}{of_api}"


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


def _shape(body: Mapping[str, Any], sent: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """Yield what a body shows: each field that is not null, whether it is as it was sent, else of which type it is."""
    for key, value in sorted(body.items()):
        if key in sent:
            same = _holds(value, sent[key])
            yield f"{within}{key} {'as sent' if same else 'not shown' if value is None else 'otherwise'}"
        elif key in {"status", "provisioningState", "object"}:
            yield f"{within}{key} {value}"
        elif isinstance(value, Mapping) and key in {"properties", "sku", "model"}:
            yield from _shape(value, sent.get(key, {}), f"{within}{key}.")
        elif value is not None:
            yield f"{within}{key} {_TYPES.get(type(value), 'object')}"


def _holds(seen: Any, sent: Any) -> bool:
    """Whether what is shown is what was sent; the service may add to it."""
    if isinstance(sent, Mapping):
        return isinstance(seen, Mapping) and all(_holds(seen.get(key), value) for key, value in sent.items())
    return bool(seen == sent)


_TYPES = {bool: "yes or no", int: "number", float: "number", str: "text", list: "list"}


def shape_of_a_file(place: Place) -> str:
    """Ask what a file shows."""
    file = place.upload("live-shape.jsonl", rows())
    return ", ".join(_shape(place.processed(file["id"]), {"filename": "live-shape.jsonl", "bytes": len(rows())}))


def shape_of_a_job(place: Place) -> str:
    """Ask what a job shows of what it was sent, and in which form the rest."""
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3, "batch_size": 1}}}
    sent = {"trainingType": TRAINING_TYPES[place.wish.training_type], "method": method}
    job = _job(place, "v1", **sent)
    if isinstance(job, str):
        return job
    flat = {"model": place.wish.model, "seed": 7, "suffix": SUFFIX, "hyperparameters": {"n_epochs": 3, "batch_size": 1}}
    return ", ".join(_shape(dict.fromkeys((*flat, *sent)) | dict(job), {**flat, **sent}))


def shape_of_a_deployment(place: Place) -> str:
    """Ask what a deployment shows."""
    body = _body(place.made.models[0])
    seen = place.deploy("live-shape", place.made.models[0])
    return ", ".join(_shape(seen, {"sku": body["sku"]} if seen.get("sku") == body["sku"] else {}))


def list_of_models(place: Place) -> str:
    """Ask whether the list of models has those that were trained."""
    ids = {str(model.get("id")) for model in place.jobs.models()}
    return "listed" if place.made.models[0] in ids else "not listed"


def checkpoint_name(place: Place) -> str:
    """Ask which string the control plane takes for a checkpoint."""
    job = next(job for job in place.jobs.all() if job.get("fine_tuned_model") in place.made.models)
    found = place.jobs.checkpoints(job["id"])
    if not found:
        return "there is no checkpoint"
    said = []
    for word, value in (("id", found[-1].get("id")), ("name", found[-1].get("fine_tuned_model_checkpoint"))):
        try:
            state = place.deploy(f"live-ckpt-{word}", str(value))["properties"]["provisioningState"]
        except AzureError as error:
            state = f"refused, {error.status} {error.code}"
        said.append(f"{word}: {state}")
    return "; ".join(said)


def tags_on_patch(place: Place) -> str:
    """Ask whether a PATCH of tags adds to them or replaces them."""
    place.deploy("live-tags", place.made.models[0], tags={"live-a": "1"})
    place.deployments.patch("live-tags", {"tags": {"live-b": "2"}})
    tags = place.settled("live-tags").get("tags") or {}
    return "merged" if {"live-a", "live-b"} <= set(tags) else "replaced" if "live-b" in tags else f"{sorted(tags)}"


def model_change(place: Place) -> str:
    """Ask what a PUT of another model does to a live deployment, and whether it answers meanwhile."""
    name, model = "live-change", place.made.models[0]
    place.deploy(name, model)
    job = next(job for job in place.jobs.all() if job.get("fine_tuned_model") == model)
    others = [value for item in place.jobs.checkpoints(job["id"]) for value in _spellings(item) if value != model]
    for other in others:
        try:
            place.deployments.put(name, _body(other))
        except AzureError as error:
            said = f"refused, {error.status} {error.code}"
            continue
        answers = place.session.data_client()
        try:
            answers.chat.completions.create(model=name, messages=[{"role": "user", "content": "Is 3 even?"}])
            meanwhile = "answers meanwhile"
        except Exception as error:  # noqa: BLE001  (what it says then is the answer)
            meanwhile = f"does not answer meanwhile ({getattr(error, 'status_code', type(error).__name__)})"
        return f"accepted, {place.settled(name)['properties']['provisioningState']}, {meanwhile}"
    return said if others else "there is no other model"


def _trained(place: Place) -> Mapping[str, Any]:
    return next(job for job in place.jobs.all() if job.get("fine_tuned_model") in place.made.models)


def columns_of_results(place: Place) -> str:
    """Ask which columns the file of results has, and whether a byte order mark stands in front."""
    names = [str(name) for name in _trained(place).get("result_files") or ()]
    if not names:
        return "there is no file of results"
    content = b"".join(place.files.content(names[0]))
    mark = "with a byte order mark" if content.startswith(MARK) else "without a mark"
    header = content.removeprefix(MARK).splitlines()[:1]
    return f"{b''.join(header).decode('utf-8', 'replace')}; {mark}"


def shape_of_a_checkpoint(place: Place) -> str:
    """Ask what a checkpoint shows, and whether its model has the name of its job's model and a step."""
    model = place.made.models[0]
    found = place.jobs.checkpoints(str(_trained(place)["id"]))
    if not found:
        return "there is no checkpoint"
    seen = str(found[-1].get("fine_tuned_model_checkpoint"))
    named = (
        "its job's model" if seen == model else "name and step" if seen.startswith(f"{model}:ckpt-step-") else "an id"
    )
    return f"{', '.join(_shape(found[-1], {}))}; named by {named}"


def first_answer(place: Place) -> str:
    """Ask whether a deployment answers once ARM calls it ready, and what it says until then."""
    place.deploy("live-ready", place.made.models[0])
    began, said = place.clock.now(), "at once"

    def answered() -> str:
        return _asked(place, "live-ready", max_completion_tokens=16)

    first = answered()
    if first != "taken":
        place.until(answered, lambda word: word == "taken", 900)
        took = place.clock.now() - began
        limit = next((f"within {limit} s" for limit in (15, 60, 300) if took <= limit), "later than 300 s")
        said = f"{limit}, until then {first}"
    return said


def limits_of_an_answer(place: Place) -> str:
    """Ask by which field an answer may be limited."""
    place.deploy("live-ready", place.made.models[0])
    fields = ("max_completion_tokens", "max_tokens")
    return "; ".join(f"{name}: {_asked(place, 'live-ready', **{name: 16})}" for name in fields)


def _asked(place: Place, name: str, **limits: int) -> str:
    import openai

    messages: Any = [{"role": "user", "content": "Is 3 even?"}]
    try:
        place.session.data_client().chat.completions.create(model=name, messages=messages, **limits)  # type: ignore[call-overload]
    except openai.OpenAIError as error:
        return _refused(error)
    return "taken"


def two_writes_at_once(place: Place) -> str:
    """Ask whether two deployments can be made at the same time."""
    names = ("live-one", "live-two")
    place.made.deployments += names
    arm = Arm(place.session)
    url = f"{arm.account}/deployments/"

    def put(name: str) -> str:
        try:
            # Once: the product's own way tries again what is refused for a while.
            arm.send("PUT", url + name, f"writing {name}", _body(place.made.models[0]))
        except AzureError as error:
            return f"one is refused, {error.status} {error.code}"
        place.settled(name)
        return ""

    with ThreadPoolExecutor(2) as both:
        return max(both.map(put, names)) or "both are taken"


def _spellings(item: Mapping[str, Any]) -> Iterator[str]:
    for key in ("id", "fine_tuned_model_checkpoint"):
        if item.get(key):
            yield str(item[key])


def _body(model: str) -> dict[str, Any]:
    return {
        "sku": {"name": "DeveloperTier", "capacity": 1},
        "properties": {"model": {"format": "OpenAI", "name": model, "version": "1"}},
    }


def deleting_what_serves(place: Place) -> str:
    """Ask how the deletion of a model that a deployment serves is refused."""
    place.deploy("live-in-use", place.made.models[0])
    try:
        place.jobs.delete_model(place.made.models[0])
    except AzureError as error:
        return f"refused, {error.status} {error.code}"
    return "deleted"


QUESTIONS = (
    Question(BYTE_ORDER_MARK, "refuse_bom, keep_bom", byte_order_mark),
    Question("the name of an uploaded file", "filename_cut", name_of_an_upload),
    Question("the name of a file uploaded in parts", "filename_cut, v1_has_uploads, dated_has_uploads", name_of_parts),
    Question("the name of an imported file", "filename_cut", name_of_an_import),
    Question("how late a list is", "list_delay_s", delay_of_lists),
    Question("the second page of the older list of files", "ga_files_ignore_after", second_page_of_files),
    Question("the Date of answers", "clock_ahead_s", clock_of_answers),
    *(
        Question(f"a suffix of 31 characters, {kind}, {api}", _switches(kind, api), suffixes(api, kind))
        for kind in TRAINING_TYPES
        for api in APIS
    ),
    Question("a suffix of 64 characters, v1", "suffix_max_v1, suffix_cut, echo_suffix", longest_suffix("v1", 64)),
    Question(
        "a suffix of 40 characters, preview", "suffix_max_dated, suffix_cut, echo_suffix", longest_suffix(PREVIEW, 40)
    ),
    Question("no training type, v1", "training_type_omitted", no_training_type("v1")),
    Question(
        f"no training type, {GA_API}", "training_type_omitted, ga_ignores_training_type", no_training_type(GA_API)
    ),
    Question("a training type in lower case, preview", "training_type_exact", spelt_otherwise),
    Question("a base model in other letters", "canonical_models", model_without_date),
    Question("metadata of a job", "metadata_echo", metadata),
    Question("a hyperparameter that was not set", "echo_method, echo_hyperparameters", unset_hyperparameters),
    Question("what a file shows", "", shape_of_a_file),
    Question(
        "what a job shows",
        "echo_suffix, echo_training_type, echo_seed, echo_hyperparameters, job_times, v1_status_words",
        shape_of_a_job,
    ),
    Question("what a deployment shows", "model_version, dropped_properties", shape_of_a_deployment, needs_model=True),
    Question("a trained model in the list", "models_route_lists_fine_tuned", list_of_models, needs_model=True),
    Question("the columns of a file of results", "result_columns, result_bom", columns_of_results, needs_model=True),
    Question("what a checkpoint shows", "checkpoint_shown_as", shape_of_a_checkpoint, needs_model=True),
    Question("which string deploys a checkpoint", "checkpoint_deploys_by", checkpoint_name, needs_model=True),
    Question("when a deployment answers first", "ready_delay_s, not_ready_status", first_answer, needs_model=True),
    Question("how an answer is limited", "chat_limits", limits_of_an_answer, needs_model=True),
    Question("two writes at once", "serial_control_plane", two_writes_at_once, needs_model=True),
    Question("tags in a PATCH", "tags_on_patch", tags_on_patch, needs_model=True),
    Question("another model for a live deployment", "model_change", model_change, needs_model=True),
    Question("deleting a model that is deployed", "", deleting_what_serves, needs_model=True),
)
_DURATION = "no unknown that decides anything: how long something takes is waited for"
_LIMIT = "a limit is documented, and to meet it an account has to be filled"
_NONE = "no unknown: what the emulator is told to have, or to do"
_SECOND = "needs a second account"
_GRADED = "a reinforcement job costs $100 an hour if it cannot be cancelled"
NOT_ASKED: dict[str, str] = {
    **dict.fromkeys(("file_processing_seconds", "import_seconds", "pending_seconds", "running_seconds"), _DURATION),
    **dict.fromkeys(("deployment_seconds", "delete_seconds", "latency_s", "page_size"), _DURATION),
    **dict.fromkeys(("max_files", "max_file_bytes", "max_part_bytes", "max_total_bytes", "max_jobs"), _LIMIT),
    **dict.fromkeys(("max_running", "max_running_developer", "max_queued", "max_fine_tuned_deployments"), _LIMIT),
    **dict.fromkeys(("max_deployments", "quota", "quotas", "finetune_capacity", "requests_per_second"), _LIMIT),
    **dict.fromkeys(("limits_off", "location", "accounts", "projects", "keys", "bad_keys", "deny"), _NONE),
    **dict.fromkeys(("dated_versions", "outcomes", "deployment_outcomes", "models", "no_fine_tuning"), _NONE),
    **dict.fromkeys(("model_from", "source_shown"), _SECOND),
    **dict.fromkeys(("echo_grader", "reinforcement_stop_seconds", "pausing_seconds"), _GRADED),
    "quota_release_s": "seen only where a quota is full",
    "result_files_while_running": "seen only while it trains, when the command waits; nothing is decided by it",
    "estimated_finish_noise": "the field is shown to people only",
    "uploads_count_lost_parts": "needs an answer that is lost",
    "import_from": "an import may come from anywhere",
    "import_error_tells_url": "needs an address that fails and holds a secret; whatever it says is searched for secrets",
    "idle_days": "needs 15 days",
    "developer_hours": "needs a day",
}
"""Switches of the emulator that no question is about, and why."""

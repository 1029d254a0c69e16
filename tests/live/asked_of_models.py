"""What is asked once a model is trained: of its deployments, checkpoints and results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from live.account import Place
from live.answers import refused, shape
from live.examples import MARK

from reconciler.azure.arm import Arm
from reconciler.azure.errors import AzureError


def shape_of_a_deployment(place: Place) -> str:
    """Ask what a deployment shows."""
    body = _body(place.made.models[0])
    seen = place.deploy("live-shape", place.made.models[0])
    return ", ".join(shape(seen, {"sku": body["sku"]} if seen.get("sku") == body["sku"] else {}))


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
    return f"{', '.join(shape(found[-1], {}))}; named by {named}"


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
        return refused(error)
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

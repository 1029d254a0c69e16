"""What is wrong with a job in the light of its data, its account and what is documented of its base model.

What the table of models says no to is a warning: the table is dated, and Azure decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime

from reconciler.core.account import Account
from reconciler.core.checkup import nearing
from reconciler.core.fault import Fault, Place
from reconciler.core.resource import Address, Content, Desired, Observed
from reconciler.datasets import LONGEST, TOKEN_ENCODING, shared
from reconciler.kind import READ_EXAMPLES, READ_FORMAT, READ_KEYS
from reconciler.kinds.fine_tune_job.graders import Multi, OneGrader
from reconciler.kinds.fine_tune_job.grading import check_keys
from reconciler.kinds.fine_tune_job.method import BOUNDS, METHOD_FORMATS
from reconciler.kinds.fine_tune_job.pieces import fault_of, method_place
from reconciler.kinds.fine_tune_job.spec import DatasetRef, FineTuneJobSpec, JobRef, training_type
from reconciler.models import base_of, context_of, encoding_of, find, nearest

FILES = ("training_file", "validation_file")
LEAST_EXAMPLES, GOOD_EXAMPLES = 10, 50
LINES_TOLD = 3
MOST_TOKENS = 2_000_000_000
"""Tokens of the training data times epochs that Azure documents as the most of one job (docs/azure.md, section 7)."""
NOTES: Mapping[str, str] = {
    "standard": "standard training (data stays in the region)",
    "global": "global training (data may leave the region)",
    "data_zone": "data zone training (data may leave the region, not its data zone; how Azure is asked for it is a guess)",
    "developer": "developer training (may be interrupted, data may leave the region)",
}
"""What a plan says of each training type: where data and weights may be (docs/azure.md, section 6)."""

ROUTER = "model-router"
"""A model that chooses between models, and that can be trained by rows of another kind than any method's."""
Declared = Mapping[Address, Desired]


def check_job(desired: Desired, declared: Declared, account: Account) -> Iterator[Fault]:
    """Return what is wrong with a job, errors and warnings."""
    job = _job(desired)
    yield from _data(desired, job, declared)
    yield from _surface(desired, job, account)
    yield from _bounds(desired, job)
    yield from _keys(desired, job, declared)
    yield from _too_long(desired, job, declared)
    yield from _too_many(desired, job, declared)
    yield from _in_both(desired, job, declared)
    yield from model_faults(desired, declared)


def _data(desired: Desired, job: FineTuneJobSpec, declared: Declared) -> Iterator[Fault]:
    """Data must be there, of the method's format, and training needs examples enough (docs/azure.md, section 7).

    Of data that is elsewhere the declared format is compared; what it holds is, once it was read (`read_faults`).
    """
    for field in FILES:
        dataset, content = _content(job, field, declared)
        if dataset is None:
            continue
        found = content.format if content else str(getattr(dataset.spec, "format", None) or "")
        if _is_other_format(job, found, declared):
            yield _wrong_format(desired, job, field, dataset.address, found)
        elif field == "training_file" and content:
            yield from _enough(desired, dataset.address, content.examples)


def read_faults(desired: Desired, refs: Mapping[Address, Observed]) -> Iterator[Fault]:
    """Return what is wrong with files that were read back, as `check_job` says it of local ones; only errors."""
    job = _job(desired)
    for field in FILES:
        value = getattr(job, field)
        address = Address("Dataset", value.dataset) if isinstance(value, DatasetRef) else None
        live = refs.get(address) if address else None
        found = str(live.facts.get(READ_FORMAT) or "") if live else ""
        if not address or not live or not found:
            continue
        if _is_other_format(job, found, {}):
            yield _wrong_format(desired, job, field, address, found)
            continue
        examples = int(live.facts.get(READ_EXAMPLES) or 0)
        faults: list[Fault] = []
        if found == METHOD_FORMATS[job.method.type]:
            faults.extend(_missing_keys(desired, job, address, live.facts.get(READ_KEYS) or {}, examples))
        if field == "training_file":
            faults.extend(_enough(desired, address, examples))
        yield from (fault for fault in faults if fault.severity == "error")


def _is_other_format(job: FineTuneJobSpec, found: str, declared: Declared) -> bool:
    needed = METHOD_FORMATS.get(job.method.type, "")
    # A model of this name is reported to take rows of its own, which nothing documents (docs/azure.md, section 17).
    return bool(found and needed and found != needed) and base_model(job, declared) != ROUTER


def _wrong_format(desired: Desired, job: FineTuneJobSpec, field: str, dataset: Address, found: str) -> Fault:
    kind = job.method.type
    needed = METHOD_FORMATS[kind]
    other = next((method for method, data_format in METHOD_FORMATS.items() if data_format == found), "")
    remedy = f"Name a dataset of {needed} examples in `{field}`" + (
        f", or train by the method for these:\n  method: {{type: {other}}}" if other else "."
    )
    detail = f"{dataset} holds {found} examples; the method {kind} trains on {needed} examples."
    place = desired.place_of(f"spec.{field}")
    summary = "The data has another format than the method needs"
    return Fault("format-differs", summary, detail, remedy, place, str(desired.address))


def _enough(desired: Desired, dataset: Address, count: int) -> Iterator[Fault]:
    place = desired.place_of("spec.training_file")
    subject = str(desired.address)
    if count < LEAST_EXAMPLES:
        detail = f"{dataset} has {count}; Azure starts no job with fewer than {LEAST_EXAMPLES}."
        remedy = f"Add examples; {GOOD_EXAMPLES} good ones are a start."
        yield Fault("examples-too-few", "Too few training examples", detail, remedy, place, subject)
    elif count < GOOD_EXAMPLES:
        detail = f"{dataset} has {count}; {GOOD_EXAMPLES} good ones are recommended as a start."
        yield Fault("examples-few", "Few training examples", detail, "", place, subject, "warning")


def _surface(desired: Desired, job: FineTuneJobSpec, account: Account) -> Iterator[Fault]:
    """The dated versions that are no previews have no `method`: they would train by supervision (section 17)."""
    api = account.spec.api
    if api == "v1" or api.endswith("-preview"):
        return
    if job.integrations:
        detail = f"Account/{account.name} uses {api}, which knows no integrations: the training would report nowhere."
        remedy = f"Set in Account/{account.name}:\n  api: v1"
        place = desired.place_of("spec.integrations")
        summary = "This API has no integrations"
        yield Fault("integrations-surface", summary, detail, remedy, place, str(desired.address))
    if job.method.type == "supervised":
        return
    detail = f"Account/{account.name} uses {api}, which knows no method and would train by supervision."
    remedy = f"Set in Account/{account.name}:\n  api: v1"
    place = desired.place_of("spec.method")
    yield Fault("method-surface", "This API has no such method", detail, remedy, place, str(desired.address))


def _bounds(desired: Desired, job: FineTuneJobSpec) -> Iterator[Fault]:
    for name, value in job.method.hyperparameters.chosen().items():
        low, high = BOUNDS.get(name, (None, None))
        if low is None or high is None or low <= value <= high:
            continue
        whose = "Microsoft" if name == "prompt_loss_weight" else "OpenAI"
        detail = f"`{name}` is {value:g}; {whose} documents {low:g} to {high:g}. Azure may refuse it, or not."
        place = method_place(desired, desired.places, f"hyperparameters.{name}")
        summary = "A hyperparameter is outside of what is documented"
        yield Fault("hyperparameter-range", summary, detail, "", place, str(desired.address), "warning")


def _keys(desired: Desired, job: FineTuneJobSpec, declared: Declared) -> Iterator[Fault]:
    """What a grader reads must stand in the examples of both files."""
    for field in FILES:
        dataset, content = _content(job, field, declared)
        if dataset and content and content.format == METHOD_FORMATS[job.method.type]:
            yield from _missing_keys(desired, job, dataset.address, content.item_keys, content.examples)


def _missing_keys(
    desired: Desired, job: FineTuneJobSpec, dataset: Address, keys: Mapping[str, int], examples: int
) -> Iterator[Fault]:
    grader = job.method.grading()
    if not isinstance(grader, OneGrader | Multi):
        return
    for found in check_keys(grader, keys, examples):
        fault = fault_of(desired, desired.places, found)
        about = f"{fault.detail} ({dataset})" if found.code.startswith("grader-key") else fault.detail
        yield Fault(fault.code, fault.summary, about, fault.remedy, fault.place, fault.subject, fault.severity)


def _too_long(desired: Desired, job: FineTuneJobSpec, declared: Declared) -> Iterator[Fault]:
    """Examples longer than what the model trains on at once are cut (docs/azure.md, section 7)."""
    name = base_model(job, declared)
    limit = context_of(name) if name and encoding_of(name) == TOKEN_ENCODING else None
    for field in FILES:
        dataset, content = _content(job, field, declared)
        if dataset is None or content is None or limit is None:
            continue
        long = [(tokens, line) for tokens, line in content.longest if tokens > limit]
        if not long:
            continue
        tokens, line = long[0]
        more = f"at least {len(long)} examples" if len(long) == LONGEST else _many(len(long), "example")
        detail = (
            f"{dataset.address}: {more} of more than {limit:,} tokens; the longest, on line {line}, has {tokens:,}. "
            f"{name} trains on {limit:,} at once."
        )
        place = Place(str(dataset.spec.comparable().get("source", {}).get("path", "")), line)
        yield Fault(
            "examples-too-long",
            "Examples are longer than the model's training context",
            detail,
            "Shorten or split them; what is beyond the limit is not learnt.",
            place if place.file else desired.place_of(f"spec.{field}"),
            str(desired.address),
            "warning",
        )


def _too_many(desired: Desired, job: FineTuneJobSpec, declared: Declared) -> Iterator[Fault]:
    """A job trains on so many tokens at most; where Azure chooses the epochs there is at least one."""
    dataset, content = _content(job, "training_file", declared)
    if dataset is None or content is None or content.tokens is None:
        return
    chosen = job.method.hyperparameters.n_epochs
    epochs = chosen if isinstance(chosen, int) else 1
    total = content.tokens * epochs
    if total <= MOST_TOKENS:
        return
    times = f" times {epochs} epochs: {total:,}" if epochs > 1 else ""
    most = f"Azure documents at most {MOST_TOKENS:,} for a job."
    detail = f"{dataset.address} has {content.tokens:,} tokens{times}. {most}"
    yield Fault(
        "tokens-too-many",
        "The job trains on more tokens than documented",
        detail,
        "Train for fewer epochs, or on fewer examples.",
        method_place(desired, desired.places, "hyperparameters.n_epochs"),
        str(desired.address),
        "warning",
    )


def _in_both(desired: Desired, job: FineTuneJobSpec, declared: Declared) -> Iterator[Fault]:
    """Validation on rows that were trained on tells nothing."""
    _, training = _content(job, "training_file", declared)
    dataset, validation = _content(job, "validation_file", declared)
    if dataset is None or training is None or validation is None:
        return
    both = shared(training.rows, validation.rows)
    if not both:
        return
    lines = ", ".join(f"{first} (training) = {second} (validation)" for first, second in both[:LINES_TOLD])
    more = f" and {len(both) - LINES_TOLD} more" if len(both) > LINES_TOLD else ""
    yield Fault(
        "validation-trained",
        "Rows of the validation data are training data too",
        f"{_many(len(both), 'row')} of {dataset.address}; lines {lines}{more}.",
        "Take them out of one of the two: the validation loss would look better than it is.",
        desired.place_of("spec.validation_file"),
        str(desired.address),
        "warning",
    )


def base_model(job: FineTuneJobSpec, declared: Declared) -> str:
    """Return the base model at the end of a chain of jobs; "" if it cannot be told."""
    seen: set[str] = set()
    model: object = job.model
    while isinstance(model, JobRef) and model.job not in seen:
        seen.add(model.job)
        parent = declared.get(Address("FineTuneJob", model.job))
        model = _job(parent).model if parent else None
    return base_of(model) if isinstance(model, str) else ""


def model_faults(desired: Desired, declared: Declared) -> Iterator[Fault]:
    """Return what the table of models says no to."""
    job = _job(desired)
    name = base_model(job, declared)
    if not name:
        return
    facts = find(name)
    at_model, subject = desired.place_of("spec.model"), str(desired.address)
    if facts is None:
        near = nearest(name)
        remedy = f"Did you mean {near}?" if near else "If it can be trained in your account, nothing needs to be done."
        detail = f"`{name}` is in no table of fine-tunable models that this release knows."
        yield Fault("model-unknown", "The base model is not known", detail, remedy, at_model, subject, "warning")
        return
    if job.method.type not in facts.methods:
        detail = f"{facts.id} is documented to be trained by {' or '.join(facts.methods)}, not by {job.method.type}."
        yield Fault(
            "model-method",
            "The base model is not documented for this method",
            detail,
            "Choose another method or model, unless you know that your account has it.",
            method_place(desired, desired.places, "type"),
            subject,
            "warning",
        )
    kind = training_type(job.training_type)
    if kind not in facts.training_types:
        known = ", ".join(facts.training_types)
        yield Fault(
            "model-training-type",
            "The base model is not documented for this training type",
            f"{facts.id} is documented for {known}; the job is trained as {kind}.",
            f"Write, for example:\n  training_type: {'global' if 'global' in facts.training_types else known}",
            desired.place_of("spec.training_type"),
            subject,
            "warning",
        )


def end_faults(desired: Desired, declared: Declared, today: date, *, makes: bool) -> Iterator[Fault]:
    """Return which announced ends are near: of training, if the job is to be made, and of serving what it makes."""
    facts = find(base_model(_job(desired), declared))
    ends = [("Serving", facts.deployment_ends, "Train a newer base model before.")] if facts else []
    if facts and makes:
        ends.insert(0, ("Training", facts.training_ends, "Choose a newer base model."))
    for what, end, remedy in ends:
        near = nearing(what, end, today) if end else None
        if facts is None or end is None or near is None:
            continue
        detail = (
            f"Microsoft announced {end.isoformat()} or later for {facts.id} ({near[1]}). The date may have moved: "
            "the model catalog of your account says it."
        )
        place, subject = desired.place_of("spec.model"), str(desired.address)
        code = f"model-{what.lower()}-ends"
        yield Fault(code, near[0], detail, remedy, place, subject, "warning")


def plan_faults(desired: Desired, declared: Declared, now: float, *, makes: bool) -> Iterator[Fault]:
    """Return what a plan warns of at a time, in seconds since the epoch."""
    if makes:
        yield from model_faults(desired, declared)
    if now:
        yield from end_faults(desired, declared, datetime.fromtimestamp(now, UTC).date(), makes=makes)


def _many(count: int, one: str) -> str:
    return f"1 {one}" if count == 1 else f"{count:,} {one}s"


def _content(job: FineTuneJobSpec, field: str, declared: Declared) -> tuple[Desired | None, Content | None]:
    value = getattr(job, field)
    dataset = declared.get(Address("Dataset", value.dataset)) if isinstance(value, DatasetRef) else None
    return dataset, dataset.content if dataset else None


def _job(desired: Desired) -> FineTuneJobSpec:
    assert isinstance(desired.spec, FineTuneJobSpec)
    return desired.spec

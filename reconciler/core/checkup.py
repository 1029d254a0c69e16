"""What a look at an account finds: facts as Azure told them go in, lines for people come out. Pure.

A line is ok, a warning, an error, or unknown (it could not be checked). What is wrong has a code and a remedy, as a Fault.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal

from reconciler.core.account import Account
from reconciler.core.charges import Training
from reconciler.core.cost import base_model
from reconciler.core.fault import Fault, Severity
from reconciler.core.quota import FINE_TUNED, Pool, amount, counted, limit_of
from reconciler.core.resource import Address, Desired, Observed, Phase, World
from reconciler.core.rules import Rules
from reconciler.limits import LIMITS, NEAR
from reconciler.models import base_of, find
from reconciler.models.regions import where_trained

Level = Literal["ok", "warning", "error", "unknown"]
Verdict = Literal["allowed", "refused", "unknown"]
SKEW_WARN, SKEW_WRONG = 30.0, 300.0
"""Seconds between this clock and Azure's: from the second on tokens and signatures are refused as not yet or no longer valid."""
EXPIRES_SOON = 600.0
"""Seconds that a token should still hold; it is renewed by itself where a credential can do so."""
WARN_DAYS, URGENT_DAYS = 90, 30
"""How many days ahead an end that is announced is spoken of, and from when on it is called near."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was checked. `topic` is what it is about, in a word or two."""

    level: Level
    topic: str
    words: str
    remedy: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Probed:
    """An action that was tried: with something that does not exist, so that nothing can change."""

    action: str
    writes: bool
    verdict: Verdict
    words: str = ""
    """Why it is not known, or how it was refused."""
    remedy: str = ""
    optional: bool = False
    """A plan and an apply go without it, and know less."""


@dataclass(frozen=True, slots=True)
class ModelSays:
    """What Azure's list of models says of one base model; None for what it does not say."""

    id: str
    trains: Mapping[str, bool] = field(default_factory=dict)
    """By training type, in the words of our manifests."""
    training_ends: date | None = None
    serving_ends: date | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A training that is declared: of which base, in which way."""

    address: Address
    base: str
    training_type: str


def wanted(declared: Mapping[Address, Desired], account: str, kinds: Mapping[str, Rules]) -> list[Wanted]:
    """Return the trainings that manifests declare for an account."""
    found: list[Wanted] = []
    for address, item in declared.items():
        if item.account != account:
            continue
        training: Training | None = kinds[address.kind].charges(item, declared).training
        base = base_model(training.model, declared, kinds) if training else ""
        if training and base:
            found.append(Wanted(address, base, training.training_type))
    return found


def trouble(topic: str, fault: Fault) -> Line:
    """Say that something could not be checked, and why."""
    return Line("unknown", topic, f"not checked: {fault.clause}", fault.remedy, fault.code)


def action_lines(tried: Sequence[Probed]) -> Iterator[Line]:
    """Return what the credential may do. One that may only look is enough for a plan; one that may half of the rest is not."""
    readonly = _only_looks(tried)
    groups: dict[tuple[Verdict, bool, str, str], list[str]] = {}
    for one in tried:
        if one.verdict != "allowed" and not (readonly and one.writes and one.verdict == "refused"):
            groups.setdefault((one.verdict, one.optional, one.words, one.remedy), []).append(_short(one.action))
    for (verdict, optional, words, remedy), names in groups.items():
        listed = ", ".join(names)
        if verdict == "unknown":
            yield Line("unknown", "action", f"not checked: {listed}: {words}", remedy)
        else:
            level: Level = "warning" if optional else "error"
            yield Line(level, "action", f"refused: {listed}: {words}", remedy, "action-missing")
    if readonly:
        listed = ", ".join(_short(one.action) for one in tried if one.writes and one.verdict == "refused")
        yield Line(
            "warning",
            "action",
            f"this credential only looks: plan works, apply does not (refused: {listed})",
            "For apply, use an identity with the role that this prints:\n  reconciler doctor --print-role apply",
            "read-only",
        )
    allowed = [_short(one.action) for one in tried if one.verdict == "allowed"]
    if allowed:
        yield Line("ok", "action", f"allowed: {', '.join(allowed)}")


def _only_looks(tried: Sequence[Probed]) -> bool:
    """Whether a credential is one for plans: it may read all that it must, and is refused each write."""
    writes = {one.verdict for one in tried if one.writes}
    reads = {one.verdict for one in tried if not (one.writes or one.optional)}
    return "refused" in writes and "allowed" not in writes and "refused" not in reads


def region_line(region: str, declared: str | None, jobs: Sequence[Wanted]) -> Iterator[Line]:
    """Return where the account is, and whether what is declared is documented to be trained there."""
    here = region.replace(" ", "").lower()
    if declared and declared.replace(" ", "").lower() != here:
        said = f"{here}, as ARM says; the Account says {declared}: prices are those of the wrong region"
        yield Line("warning", "region", said, f"Write in the Account:\n  location: {here}", "region-differs")
    else:
        yield Line("ok", "region", here)
    away: dict[tuple[str, str], list[Address]] = {}
    for job in jobs:
        regions = where_trained(job.base, job.training_type)
        if regions and here not in regions:
            away.setdefault((job.base, job.training_type), []).append(job.address)
    for (base, kind), addresses in away.items():
        listed = ", ".join(sorted(where_trained(base, kind) or ()))
        words = f"{kind} training of {base} is not documented for {here} ({_names(addresses)})"
        yield Line("warning", "region", words, f"Documented for: {listed}.", "region-not-documented")


def model_lines(jobs: Sequence[Wanted], says: Sequence[ModelSays] | None) -> Iterator[Line]:
    """Return whether the declared base models can be trained: by Azure's list, and by the documented table."""
    together: dict[tuple[str, str], list[Address]] = {}
    for job in jobs:
        together.setdefault((job.base, job.training_type), []).append(job.address)
    for (base, kind), addresses in together.items():
        if not says:
            why = "could not be read" if says is None else "names no base model"
            words = f"{base}, {kind} training: Azure's list of models {why}"
            yield Line("unknown", "model", f"{words} ({_names(addresses)})")
            continue
        level, words, remedy = can_train(base, kind, said_of(base, says))
        code = {"ok": "", "unknown": "", "warning": "model-doubtful", "error": "model-untrainable"}[level]
        yield Line(level, "model", f"{words} ({_names(addresses)})", remedy, code)
    if not jobs:
        yield Line("ok", "model", "no trainings are declared")


def can_train(base: str, kind: str, found: ModelSays | None) -> tuple[Level, str, str]:
    """Return whether a base can be trained in a way, in words, and what to do if not; `found`: what Azure's list says of it.

    The table is dated, and Azure's list was seen to say no of models that it trains (docs/azure.md, section 21): one no is a
    warning, and only both together are an error.
    """
    facts = find(base)
    documented = None if facts is None else kind in facts.training_types
    listed = found.trains.get(kind) if found else False
    remedy = f"Usually another training type is meant, for example:\n  training_type: {_other(base, found)}"
    if _other(base, found) == kind:
        remedy = "Nothing needs to be done: Azure decides when the job is made, and a refusal costs nothing."
    if found is None:
        remedy = "Check the name, and whether the region of the account has the model."
    answer = "Azure's list does not have it" if found is None else "Azure's list says no"
    if listed is False and not documented:
        table = "no table has it" if documented is None else "neither does the documentation say so"
        return "error", f"{base} cannot be trained as {kind}: {answer}, and {table}", remedy
    if listed is False:
        doubt = (
            " (it says so of open-weight models that it trains)" if facts and facts.format != "OpenAI" and found else ""
        )
        return "warning", f"{base}, {kind} training: documented, but {answer}{doubt}", remedy
    if documented is False:
        return "warning", f"{base}, {kind} training: not documented, and Azure's list does not say no", ""
    return "ok", f"{base}, {kind} training", ""


def said_of(base: str, says: Iterable[ModelSays]) -> ModelSays | None:
    """Return what Azure's list says of a base model, by any of its names, with or without its date."""
    facts = find(base)
    names = {base.lower()} | ({facts.id.lower(), facts.name.lower()} if facts else set())
    dated = re.compile(rf"({'|'.join(map(re.escape, names))})(-\d{{4}}-\d{{2}}-\d{{2}})?")
    return next((one for one in says if dated.fullmatch(one.id.lower())), None)


def _other(base: str, found: ModelSays | None) -> str:
    facts = find(base)
    allowed = [kind for kind, yes in (found.trains if found else {}).items() if yes]
    return next(iter([*allowed, *(facts.training_types[-1:] if facts else ())]), "global")


def limit_lines(world: World, account: Account, kinds: Mapping[str, Rules], said: Mapping[str, int]) -> Iterator[Line]:
    """Return how much of each limit is taken. `said` are limits that Azure itself says of the account."""
    unread = {kind for name, kind in world.failures if name == account.name}
    live = counted(world, account.name, kinds)
    if "queued_developer_jobs" in live:
        live["queued_jobs"] += live.pop("queued_developer_jobs")
    for limit in LIMITS:
        if limit.name not in live and unread:
            continue
        most, source = limit_of(limit.name, account)
        own = account.spec.limits is not None and getattr(account.spec.limits, limit.name, None) is not None
        if limit.name in said and not own:
            most, source = said[limit.name], "ARM says so of this account"
        taken = live[limit.name]
        words = f"{amount(limit.name, taken)} of {amount(limit.name, most)} {limit.words} ({source})"
        full, near = taken >= most, taken >= most * NEAR
        queues = limit.name.startswith("running")
        level: Level = "warning" if near and not (queues and not full) else "ok"
        code = "limit-reached" if full else "limit-near"
        yield Line(level, "limit", words, limit.frees if level != "ok" else "", code if level != "ok" else "")


def quota_lines(pools: Sequence[Pool], where: str) -> Iterator[Line]:
    """Return the pools of fine-tuned models that are in use, and how many others there are."""
    tuned = [pool for pool in pools if pool.name.lower().endswith(FINE_TUNED)]
    for pool in tuned:
        if pool.used or not pool.limit:
            words = f"{pool.name}: {pool.used} of {pool.limit} in use in {where}"
            full = pool.left == 0
            yield Line("warning" if full else "ok", "quota", words, _MORE if full else "", "quota-full" if full else "")
    rest = [pool for pool in tuned if not pool.used and pool.limit]
    if rest:
        yield Line("ok", "quota", f"{len(rest)} more pools for fine-tuned models in {where}, none of it in use")
    if not tuned:
        yield Line(
            "warning",
            "quota",
            f"{where} has no pool for fine-tuned models: nothing that is trained can be deployed there",
            "Use an account in another region, or ask for quota.",
            "quota-none",
        )


_MORE = "Delete deployments that are not needed, or ask for more quota."


def retirement_lines(
    world: World, account: str, kinds: Mapping[str, Rules], says: Sequence[ModelSays], today: date
) -> Iterator[Line]:
    """Return the retirement board: each base of what is live, with the ends of training and of serving."""
    board: dict[str, tuple[list[str], list[str]]] = {}
    for kind, rules in kinds.items():
        for live in world.of(account, kind):
            model = str(live.outputs.get("model") or "")
            if live.phase is Phase.GONE or not model or base_of(model) == model:
                continue
            models, deployments = board.setdefault(base_of(model), ([], []))
            (deployments if rules.live_charges(live).hosting else models).append(live.name)
    for base, (models, deployments) in sorted(board.items()):
        yield _retiring(base, models, deployments, said_of(base, says), today)
    if any(name == account for name, _ in world.failures):
        yield Line("unknown", "retirement", "not all that is live could be read")
    elif not board:
        yield Line("ok", "retirement", "nothing that was trained is live")


def _retiring(
    base: str, models: Collection[str], deployments: Sequence[str], said: ModelSays | None, today: date
) -> Line:
    facts = find(base)
    training = (said.training_ends if said else None) or (facts.training_ends if facts else None)
    serving = (said.serving_ends if said else None) or (facts.deployment_ends if facts else None)
    by = "Azure's list" if said and (said.training_ends or said.serving_ends) else "documented, may move"
    ends = ", ".join(
        f"{what} ends {end.isoformat()} ({_in(end, today)})" if end else f"{what}: no end is announced"
        for what, end in (("training", training), ("serving", serving))
    )
    there = [f"{len(models)} models"[: None if len(models) != 1 else -1]] if models else []
    there += [f"deployments {', '.join(sorted(deployments))}"] if deployments else []
    words = f"{base}: {ends}; {' and '.join(there)} ({by})"
    if serving and (serving - today).days <= 0 and deployments:
        return Line(
            "error",
            "retirement",
            words,
            "These deployments answer with errors: train a newer base model.",
            "serving-ended",
        )
    nearest = [end for end in (training, serving) if end and (end - today).days <= WARN_DAYS]
    if nearest:
        return Line("warning", "retirement", words, "Train a newer base model before.", "retires-soon")
    return Line("ok", "retirement", words)


def _in(end: date, today: date) -> str:
    days = (end - today).days
    return f"{-days} days ago" if days < 0 else "today" if not days else f"in {days} days"


def skew_line(ahead: float) -> Line:
    """Return how far Azure's clock is ahead of this one; its Date header says whole seconds."""
    words = f"this clock is {abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} Azure's"
    remedy = "Have this machine's clock set by NTP."
    if abs(ahead) > SKEW_WRONG:
        return Line("error", "clock", f"{words}: tokens and signatures are refused", remedy, "clock-wrong")
    if abs(ahead) > SKEW_WARN:
        return Line("warning", "clock", words, remedy, "clock-off")
    return Line("ok", "clock", words if abs(ahead) >= 2 else "as Azure's")


def job_lines(live: Iterable[Observed]) -> Iterator[Line]:
    """Return the jobs that work on only when a person resumes them."""
    for job in live:
        if job.halted:
            words = f"{job.address} ({job.id}): {job.words or job.status}"
            yield Line(
                "warning",
                "job",
                words,
                "Look at it, then write `suspend: false` to go on, `suspend: true` to keep it so, or cancel it:\n"
                f"  reconciler logs {job.id}",
                "job-halted",
            )


def training_faults(item: Desired, base: str, kind: str, found: ModelSays | None, now: float) -> Iterator[Fault]:
    """Return what Azure's list says against a training that a plan makes: a refusal where the table agrees, else a warning."""
    level, words, remedy = can_train(base, kind, found)
    path = "spec.training_type" if found and "spec.training_type" in item.places else "spec.model"
    if level in {"warning", "error"} and (found is None or found.trains.get(kind) is False):
        severity: Severity = "error" if level == "error" else "warning"
        code = "model-untrainable" if level == "error" else "model-doubtful"
        summary = (
            "The base model cannot be trained in this way" if level == "error" else "Azure's list of models says no"
        )
        yield Fault(code, summary, f"{words}.", remedy, item.place_of(path), str(item.address), severity)
    today = datetime.fromtimestamp(now, UTC).date()
    ends = (("Training", found.training_ends), ("Serving", found.serving_ends)) if found else ()
    for what, end in ends:
        near = nearing(what, end, today) if end else None
        if near and end:
            yield Fault(
                f"model-{what.lower()}-ends",
                near[0],
                f"Azure's list of models says {end.isoformat()} for {base} ({near[1]}).",
                "Choose a newer base model.",
                item.place_of("spec.model"),
                str(item.address),
                "warning",
            )


def nearing(what: str, end: date, today: date) -> tuple[str, str] | None:
    """Return that an end is near or over, and how near, in words; None if it is far."""
    days = (end - today).days
    if days > WARN_DAYS:
        return None
    when = "has ended" if days <= 0 else "ends soon" if days > URGENT_DAYS else f"ends within {URGENT_DAYS} days"
    return f"{what} of the base model {when}", _in(end, today)


def _short(action: str) -> str:
    return action.removeprefix("Microsoft.CognitiveServices/").replace("accounts/OpenAI/", "OpenAI/")


def _names(addresses: Sequence[Address]) -> str:
    more = f" and {len(addresses) - 3} more" if len(addresses) > 3 else ""
    return ", ".join(map(str, addresses[:3])) + more

"""`probe`: ask deployments for one real answer each, with the system message that their models were trained with."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from reconciler.cli.complete import addresses
from reconciler.cli.exits import ERROR, OK
from reconciler.cli.state import GLOBALS, PathOption

if TYPE_CHECKING:
    from reconciler.cli.compose import Workbench
    from reconciler.core.change import Change, Plan
    from reconciler.core.resource import Desired
    from reconciler.render.probe import Asked, Probed

ANSWER_TOKENS = 1024
"""Tokens that an answer may have; a reasoning model spends the first of them on thinking."""
AT_ONCE = 4
"""Deployments that are asked at the same time."""
_HELLO = "Hello."
_Message = Mapping[str, Any]


def probe(
    addresses: Annotated[
        list[str],
        typer.Argument(
            metavar="ADDR...",
            help="Deployment/name (globs); several are asked.",
            autocompletion=addresses("Deployment"),
        ),
    ],
    path: PathOption = Path("manifests"),
    prompt: Annotated[
        str | None,
        typer.Option("--prompt", metavar="TEXT", help="Ask this; else the first question of the training data."),
    ] = None,
    show_answer: Annotated[bool, typer.Option("--show-answer", help="Print the answers too.")] = False,
    output_format: Annotated[Literal["text", "json"], typer.Option("--format", help="How it is printed.")] = "text",
) -> int:
    """Ask deployments for one real answer each (a few tokens): how fast, how long, why it ended."""
    from concurrent.futures import ThreadPoolExecutor

    from reconciler.cli.compose import workbench
    from reconciler.cli.look import print_unread, stamped
    from reconciler.render.probe import probe_text

    with workbench(path, GLOBALS.settings()) as bench:
        made = bench.plan(bench.options())
        changes = named(bench, made, addresses)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            probed = list(pool.map(lambda one: _probe(bench, made, one, prompt, show_answer=show_answer), changes))
        if output_format == "json":
            _print_json(bench, probed)
        else:
            with stamped(bench):
                text = probe_text(probed, color=GLOBALS.color())
                print(GLOBALS.told(text))
        print_unread(made)
    return ERROR if any(one.fault for one in probed) else OK


def named(bench: Workbench, made: Plan, addresses: Sequence[str]) -> list[Change]:
    """Return the changes of the resources that are named and can be asked, each once; raises ReconcilerError."""
    from reconciler.core.fault import Fault, ReconcilerError
    from reconciler.kind import Answering
    from reconciler.manifests.faults import meant, quoted

    answering = {kind for (_, kind), gateway in bench.engine.gateways.items() if isinstance(gateway, Answering)}
    there = {str(change.address): change for change in made.changes if change.address.kind in answering}
    found: dict[str, Change] = {}
    for wanted in addresses:
        matching = {
            name: change
            for name, change in there.items()
            if fnmatch.fnmatchcase(name, wanted) or fnmatch.fnmatchcase(change.address.name, wanted)
        }
        if not matching:
            raise ReconcilerError(
                Fault(
                    "not-a-deployment",
                    "There is no such deployment in these manifests",
                    f"{quoted(wanted)} names nothing that answers.",
                    meant(wanted if "/" in wanted else f"{min(answering)}/{wanted}", there, what="Declared"),
                )
            )
        found |= matching
    return list(found.values())


def _probe(bench: Workbench, made: Plan, change: Change, prompt: str | None, *, show_answer: bool) -> Probed:
    from reconciler.azure.chat import Chat
    from reconciler.core.change import Stuck, Wait, live_of
    from reconciler.core.fault import Fault, ReconcilerError
    from reconciler.core.resource import Phase
    from reconciler.render.probe import Probed

    address, live = str(change.address), live_of(change)
    if isinstance(change, Stuck) and not made.knows(change):
        return Probed(address, fault=change.fault)
    if live is None or live.phase is Phase.GONE:
        waits = f" It waits for {', '.join(map(str, change.on))}." if isinstance(change, Wait) else ""
        none = Fault(
            "not-deployed",
            "It is not deployed",
            f"{address} does not exist at Azure.{waits}",
            "See how far that is:\n  reconciler status" if waits else "To deploy:\n  reconciler apply",
        )
        return Probed(address, fault=none)
    desired = next((item for item in bench.tree.desired if item.address == change.address), None)
    messages, asked = _messages(bench, desired, prompt)
    model = str(live.outputs.get("model", ""))
    about = Probed(address, account=live.account, deployment=live.name, model=model, asked=asked)
    try:
        answer = Chat(bench.sessions[live.account]).ask(live.name, messages, ANSWER_TOKENS)
    except ReconcilerError as error:
        return replace(about, fault=error.faults[0])
    return replace(
        about,
        model=answer.model or model,
        seconds=answer.seconds,
        finish_reason=answer.finish_reason,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        reasoning_tokens=answer.reasoning_tokens,
        characters=len(answer.text),
        answer=answer.text if show_answer else None,
    )


def _messages(bench: Workbench, desired: Desired | None, prompt: str | None) -> tuple[list[_Message], Asked]:
    """Return what is sent, and what to say of it: the model must be asked as it was trained."""
    from reconciler.datasets import opening
    from reconciler.render.probe import Asked

    fixed = {"role": "user", "content": prompt if prompt is not None else _HELLO}
    told = "what --prompt says" if prompt is not None else f"{_HELLO!r}"
    file, why = _training_file(bench, desired)
    if not file:
        return [fixed], Asked(why=why, question=told)
    with (bench.tree.root / file).open("rb") as source:
        found = opening(source)
    question: _Message = fixed
    if prompt is None and found.question is not None:
        question, told = {"role": "user", "content": found.question.get("content")}, f"the first question of {file}"
    if found.system is None:
        return [question], Asked(file=file, why=f"{file} has none", question=told)
    asked = Asked(file, found.having, found.kinds, found.examples, question=told)
    return [found.system, question], asked


def _training_file(bench: Workbench, desired: Desired | None) -> tuple[str, str]:
    """Return the local training data behind a deployment, or why there is none."""
    from reconciler.cli.look import is_job

    declared = {item.address: item for item in bench.tree.desired}
    jobs = [declared[ref] for ref in (desired.refs if desired else ()) if is_job(ref.kind) and ref in declared]
    if not jobs:
        return "", "the manifest names a model and no job, so its training data is not known"
    name = getattr(getattr(jobs[0].spec, "training_file", None), "dataset", "")
    content = next((declared[ref].content for ref in jobs[0].refs if ref.name == name and ref in declared), None)
    if content is None or not content.path:
        return "", f"the training data of {jobs[0].address} is not in this repository"
    return os.path.relpath(bench.tree.root / content.path, bench.tree.root), ""


def _print_json(bench: Workbench, probed: Sequence[Probed]) -> None:
    import time

    from reconciler import __version__
    from reconciler.render.document import dumps
    from reconciler.render.probe import probe_document

    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(bench.runtime.clock.now()))
    print(dumps(probe_document(probed, tool_version=__version__, created_at=at, emulator=bench.emulated)))

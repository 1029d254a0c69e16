"""`github`: what a workflow says on GitHub, so that its steps are one command each.

Each command can be run again: it brings up to date what is there. None of them decides anything about Azure.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from reconciler.cli.exits import ERROR, OK
from reconciler.cli.github_input import as_written, document_of, estimates_of, out_of_plan, read, unusable
from reconciler.cli.state import GLOBALS, ParallelismOption, PathArgument
from reconciler.github import BOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconciler.cli.compose import Workbench
    from reconciler.core.change import Plan
    from reconciler.core.fault import Fault
    from reconciler.github.comments import Comments
    from reconciler.github.event import Event
    from reconciler.github.merged import Awaited

T = TypeVar("T")

app = typer.Typer(
    help="Comments, issues and summaries for workflows on GitHub (needs GITHUB_TOKEN).",
    no_args_is_help=True,
    rich_markup_mode=None,
)

RepositoryOption = Annotated[
    str | None,
    typer.Option("--repository", metavar="OWNER/NAME", help="The repository.", envvar="GITHUB_REPOSITORY"),
]
AuthorOption = Annotated[
    str,
    typer.Option(
        "--author",
        metavar="LOGIN",
        help="Whose comments and issues are brought up to date: who the token belongs to.",
        envvar="RECONCILER_GITHUB_AUTHOR",
    ),
]


TreeOption = Annotated[
    Path,
    typer.Option("--path", metavar="PATH", help="Folder of the manifests that it is about.", envvar="RECONCILER_PATH"),
]


@app.command()
def comment(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The Markdown that `plan` or `validate` printed.")],
    path: TreeOption = Path("manifests"),
    number: Annotated[
        int | None, typer.Option("--number", metavar="N", help="The pull request; that of the event if absent.", min=1)
    ] = None,
    repository: RepositoryOption = None,
    author: AuthorOption = BOT,
) -> int:
    """Put a plan on its pull request, or bring the one that is there up to date.

    A FILE that is empty or missing means that there is no plan: the one that is there is marked as outdated, and so is one
    of other accounts. A run of an older commit than the pull request has by now writes nothing.
    """
    from reconciler.cli.plan import tree_word
    from reconciler.core.fault import Fault, ReconcilerError
    from reconciler.github.merged import PLAN
    from reconciler.github.newest import head
    from reconciler.github.text import marker_of, tree_of

    event, comments = _open(repository, author)
    to = number or event.number()
    body = read(file)
    if number is None and event.head and (now := head(comments.api, to)) != event.head:
        print(f"This is of {event.head[:12]}, and #{to} is at {now[:12]} by now: the run of that one comments.")
        return OK
    if not body.strip():
        note = f"This plan is not of the newest commit (`{event.head[:12]}`), which has none: {_see(event)}."
        count = comments.outdate(to, PLAN, note, tree=tree_word(path))
        print(f"There is no plan. Marked as outdated: {count}.")
        return OK
    if not marker_of(body):
        detail = f"{file} does not begin with the invisible line by which its comment is found again."
        remedy = "Make it with:\n  reconciler plan --format markdown > comment.md"
        raise ReconcilerError(Fault("github-no-marker", "This is no comment of reconciler", detail, remedy))
    print(f"Comment: {comments.write(to, body)}")
    marker = marker_of(body)
    if marker.startswith(PLAN):
        note = f"This plan is not of the newest commit (`{event.head[:12]}`), whose manifests are of other accounts."
        comments.outdate(to, PLAN, note, tree=tree_of(marker), but=marker)
    return OK


@app.command()
def summary(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The Markdown that `plan` printed.")],
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="The saved plan: for annotations and outputs.")
    ] = None,
) -> int:
    """Put a plan on the page of the run, notes beside the manifests, and `changes` and `errored` into the outputs."""
    from reconciler.github.event import Event
    from reconciler.render.annotations import plan_annotations, plan_outputs

    event = Event(os.environ)
    body = read(file)
    if body.strip():
        event.summarise(body)
    if plan is not None and plan.exists():
        notes, outputs = out_of_plan(plan, lambda document: (plan_annotations(document), plan_outputs(document)))
        print("".join(f"{line}\n" for line in notes), end="")
        event.output(outputs)
    return OK


@app.command()
def newest(
    branch: Annotated[
        str,
        typer.Option(
            "--branch", metavar="NAME", help="The branch; that of the run if absent.", envvar="GITHUB_REF_NAME"
        ),
    ] = "",
    repository: RepositoryOption = None,
) -> int:
    """Say whether this run is of the newest commit of its branch, and hand `newest` to the outputs.

    What waited for an approval, or is run again, may be older: what it declares is not to be applied over the newer one.
    """
    from reconciler.core.fault import Fault, ReconcilerError
    from reconciler.github.newest import tip
    from reconciler.render.fault import workflow_command

    event, comments = _open(repository, BOT)
    if not (event.commit and branch):
        detail = "GITHUB_SHA or GITHUB_REF_NAME is empty."
        raise ReconcilerError(Fault("github-event", "The commit of this run is not known", detail))
    now = tip(comments.api, branch)
    event.output({"newest": str(now == event.commit).lower()})
    if now == event.commit:
        print(f"{event.commit[:12]} is the newest commit of {branch}.")
        return OK
    said = (
        f"Nothing is done: {branch} is at {now[:12]} by now, and this run is of {event.commit[:12]}. "
        "The run of the newer commit does what this one would have done, and what came after it; "
        f"where it has none, run the workflow by hand on {branch}."
    )
    event.summarise(said)
    print(workflow_command("notice", {"title": "Overtaken"}, said))
    return OK


@app.command()
def guard(
    path: PathArgument = Path("manifests"),
    policy_from: Annotated[
        Path, typer.Option("--policy-from", metavar="DIR", help="Manifests that were reviewed, of the base branch.")
    ] = Path("../base/manifests"),
) -> int:
    """Refuse manifests whose Accounts are at other places than the reviewed ones: run it before signing in to Azure."""
    from reconciler.cli.compose import KINDS, load_tree
    from reconciler.core.fault import Fault, Refused
    from reconciler.core.policy import judged_by
    from reconciler.manifests import load_accounts
    from reconciler.manifests.repository import root_of

    # Its real place: a link may lead to the other tree, which would then be compared with itself.
    if not path.resolve().is_relative_to(root_of(Path.cwd().resolve(), Path.cwd().resolve())):
        detail = f"{path} is a link that leads out of the repository."
        raise Refused(Fault("github-path-outside", "The manifests are not in the repository", detail))
    tree = load_tree(path)
    _, faults = judged_by(tree.accounts, load_accounts(policy_from, KINDS, os.environ))
    if faults:
        raise Refused(*faults)
    print(f"{', '.join(f'Account/{name}' for name in tree.accounts)}: where the base branch has it.")
    return OK


@app.command()
def applied(
    path: PathArgument = Path("manifests"),
    log: Annotated[Path, typer.Option("--log", metavar="FILE", help="What `apply` printed.")] = Path("apply.log"),
    outcome: Annotated[
        Literal["success", "failure", "cancelled", "skipped"],
        typer.Option("--outcome", help="How the step of `apply` ended.", envvar="RECONCILER_OUTCOME"),
    ] = "success",
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="The saved plan that was applied: for estimates.")
    ] = None,
    repository: RepositoryOption = None,
    author: AuthorOption = BOT,
    parallelism: ParallelismOption = 10,
) -> int:
    """Tell the merged pull requests what `apply` did. Those of runs that told nothing are told too."""
    from reconciler.cli.compose import KINDS, workbench
    from reconciler.cli.plan import tree_word
    from reconciler.github.merged import tell_applied, untold
    from reconciler.render.applied_markdown import applied_markdown, awaited_jobs
    from reconciler.render.escape import comment_word

    event, comments = _open(repository, author)
    with workbench(path, GLOBALS.settings(), parallelism=parallelism) as bench:
        made = bench.plan(bench.options(prune=True))
        body = applied_markdown(
            made,
            read(log).splitlines(),
            worked=outcome == "success",
            kinds=KINDS,
            accounts=list(bench.accounts),
            commit=event.commit,
            run_url=event.run_url,
            emulator=bench.emulated,
        )
        estimates = estimates_of(plan) if plan is not None and plan.exists() else None
        jobs = awaited_jobs(made, estimates, KINDS)
        event.summarise(body)
        accounts = ",".join(comment_word(name) for name in sorted(bench.accounts))
        tree = tree_word(path)
        numbers = untold(comments, event.commit, tree)

        def tell(number: int) -> None:
            told = tell_applied(
                comments, number, accounts, event.commit, jobs, body, tree=tree, worked=outcome == "success"
            )
            print(f"Told: {told}")

        _each(numbers, tell)
    if not numbers:
        print("No merged pull request holds this commit: there is nobody to tell.")
    return OK


@app.command()
def ended(
    path: PathArgument = Path("manifests"),
    repository: RepositoryOption = None,
    author: AuthorOption = BOT,
    parallelism: ParallelismOption = 10,
) -> int:
    """Tell merged pull requests how their trainings ended, each once: result, cost, verdict, what to do next."""
    from reconciler.cli.compose import workbench
    from reconciler.cli.look import print_unread
    from reconciler.cli.plan import tree_word
    from reconciler.github.merged import awaited, tell_ended

    _, comments = _open(repository, author)
    waiting = list(awaited(comments, tree_word(path)))
    if not waiting:
        print("No pull request waits for a training.")
        return OK
    with workbench(path, GLOBALS.settings(), parallelism=parallelism) as bench:
        made = bench.plan(bench.options())

        def tell(one: Awaited) -> None:
            body = _how_it_ended(bench, made, one)
            if body and tell_ended(comments, one, body):
                print(f"Told #{one.number} how {one.job_id} ended.")

        print_unread(made)
        _each(waiting, tell)
    return ERROR if made.errored else OK


@app.command()
def issue(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `drift --format json` printed.")],
    path: TreeOption = Path("manifests"),
    repository: RepositoryOption = None,
    author: AuthorOption = BOT,
) -> int:
    """Open, bring up to date or close the issue of each account that has drifted."""
    from reconciler.cli.plan import tree_word
    from reconciler.github.event import Event
    from reconciler.github.issues import Found, report
    from reconciler.render.drift_markdown import counted, drift_markdown, findings, line_of
    from reconciler.render.escape import comment_word

    document = document_of(file)
    if not isinstance(document, dict) or not isinstance(document.get("accounts"), list):
        raise unusable(f"{file} is not what `drift --format json` prints.")
    tree = tree_word(path)

    def seen(document: Any) -> tuple[str, list[Found]]:
        return drift_markdown(document), [found(document, str(one["name"])) for one in document["accounts"]]

    def found(document: Any, name: str) -> Found:
        drifted = findings(document, name)
        return Found(
            account=comment_word(name),
            title=f"Drift in {name}{f' ({tree})' if tree else ''}: {counted(drifted)}",
            body=drift_markdown(document, name),
            lines=[line_of(group, entry) for group, entry in drifted],
            whole=not document["errored"],
            tree=tree,
        )

    def tell(one: Found) -> None:
        print(f"Account/{one.account}: {report(comments, one)}")

    page, accounts = as_written(file, document, seen)
    Event(os.environ).summarise(page)
    _, comments = _open(repository, author)
    _each(accounts, tell)
    return OK


def _each(items: Iterable[T], act: Callable[[T], None]) -> None:
    """Do something with each, so that one that fails keeps nothing from the others; raises all failures at the end."""
    from reconciler.core.fault import ReconcilerError

    faults: list[Fault] = []
    for item in items:
        try:
            act(item)
        except ReconcilerError as error:
            faults += error.faults
    if faults:
        raise ReconcilerError(*dict.fromkeys(faults))


def _open(repository: str | None, author: str) -> tuple[Event, Comments]:
    import random

    from reconciler.cli.compose import SystemClock
    from reconciler.core.fault import Fault, ReconcilerError
    from reconciler.core.runtime import Runtime
    from reconciler.github.api import API, Api
    from reconciler.github.comments import Comments
    from reconciler.github.event import Event

    event = Event(os.environ)
    token = os.environ.get("GITHUB_TOKEN", "")
    if not token:
        remedy = "In a workflow:\n  env: {GITHUB_TOKEN: ${{ github.token }}}"
        raise ReconcilerError(
            Fault("github-no-token", "There is no token for GitHub", "GITHUB_TOKEN is empty.", remedy)
        )
    url = os.environ.get("GITHUB_API_URL") or API
    api = Api(repository or event.repository, token, Runtime(SystemClock(), random.Random()), url=url)  # noqa: S311
    return event, Comments(api, author, run_url=event.run_url)


def _how_it_ended(bench: Workbench, made: Plan, one: Awaited) -> str:
    """Return what to tell of a training; "" while it goes on, or where it could not be read."""
    from dataclasses import replace

    from reconciler.cli.report import read_run
    from reconciler.core.change import Stuck, live_of
    from reconciler.core.resource import Address, Phase
    from reconciler.render.applied_markdown import ended_markdown
    from reconciler.render.escape import comment_word
    from reconciler.render.report_markdown import report_markdown

    every = [live for change in made.changes if (live := live_of(change)) is not None]
    live = next((live for live in (*every, *made.history) if live.id == one.job_id), None)
    if live is None:
        known = {comment_word(name) for name in bench.accounts}
        if made.errored or not known.issuperset(one.accounts):
            return ""
        return f"### The training `{one.job_id}` is gone\n\nAzure does not list it any more."
    if live.phase in {Phase.WORKING, Phase.SETTLING}:
        return ""
    from reconciler.cli.spent import actual_cost

    run = read_run(bench, made, live)
    report = report_markdown([run], now=bench.runtime.clock.now(), emulator=bench.emulated, headed=False)
    stuck = [
        replace(change.fault, subject=str(change.address))
        for change in made.changes
        if isinstance(change, Stuck) and run.address in map(str, made.needs.get(change.address, ()))
    ]
    actual = actual_cost(bench, live, Address.parse(run.address))
    return ended_markdown(report, live, address=run.address, actual=actual, estimate=one.estimate, stuck=stuck)


def _see(event: Event) -> str:
    return f"[the run says why]({event.run_url})" if event.run_url else "the run says why"

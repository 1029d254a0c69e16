"""docs/reference/cli.md, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer

from reconciler.cli.exits import ALWAYS, MEANINGS
from reconciler.cli.main import app

Parameter = Any
"""An option or an argument; typer's own classes are not public."""


def cli_page() -> str:
    """Return the page."""
    root: Any = typer.main.get_command(app)
    groups: dict[str, list[tuple[str, Any]]] = {}
    for name, command in root.commands.items():
        groups.setdefault(str(command.rich_help_panel), []).append((name, command))
    lines = [*_HEAD]
    for group, members in groups.items():
        links = [f"[{name}](#{_slug(name)})" for name, _ in members]
        lines.append(f"- {group}: {' · '.join(links)}")
    lines += ["- [Options of every command](#options-of-every-command) · [Exit codes](#exit-codes)", ""]
    for members in groups.values():
        for name, command in members:
            lines += _command(name, command, MEANINGS[name])
    lines += [
        "## Options of every command",
        "",
        "They stand before the command; those marked ° may stand after it too.",
        "",
    ]
    lines += [*_options([one for one in root.params if one.name != "help"], anywhere=True), ""]
    lines += ["## Exit codes", "", "The codes of each command are in its section. These hold for all:", ""]
    lines += _codes(ALWAYS)
    return "\n".join(lines).rstrip() + "\n"


def _command(name: str, command: Any, codes: Mapping[int, str]) -> list[str]:
    lines = [f"## {name}", "", *_paragraphs(command.help), ""]
    below: Mapping[str, Any] = getattr(command, "commands", {})
    if below:
        lines += [f"- [{name} {one}](#{_slug(f'{name} {one}')}): {_short(inner)}" for one, inner in below.items()]
        lines += ["", *_codes(codes)]
        for one, inner in below.items():
            lines += [f"### {name} {one}", "", *_paragraphs(inner.help), "", *_usage(f"{name} {one}", inner)]
        return lines
    return [*lines, *_usage(name, command), *_codes(codes)]


def _usage(name: str, command: Any) -> list[str]:
    words = [_metavar(one) for one in command.params if _is_argument(one)]
    options = [one for one in command.params if not _is_argument(one)]
    line = " ".join(["reconciler", name, *(["[OPTIONS]"] if options else []), *words])
    lines = ["```console", f"$ {line}", "```", ""]
    if words:
        lines += ["| argument | |", "|---|---|"]
        lines += [f"| `{_metavar(one)}` | {_about(one)} |" for one in command.params if _is_argument(one)]
        lines.append("")
    return [*lines, *_options(options), ""] if options else lines


def _options(options: list[Parameter], *, anywhere: bool = False) -> list[str]:
    from reconciler.cli.events import OPTION
    from reconciler.cli.main import ANYWHERE

    rows = ["| option | |", "|---|---|"]
    for one in options:
        mark = " °" if anywhere and {*one.opts} & {*ANYWHERE, OPTION} else ""
        value = f" {_metavar(one)}" if not one.is_flag else ""
        rows.append(f"| {', '.join(f'`{flag}{value}`' for flag in one.opts)}{mark} | {_about(one)} |")
    return rows


def _codes(codes: Mapping[int, str]) -> list[str]:
    return ["| exit | |", "|---|---|", *(f"| {code} | {words} |" for code, words in codes.items()), ""]


def _about(one: Parameter) -> str:
    """Return what an option does, and in which ways it can be set."""
    facts = [str(one.help).strip()]
    if one.required:
        facts.append("Required.")
    low, high = getattr(one, "min", None), getattr(one, "max", None)
    if low is not None or high is not None:
        facts.append(f"{low} to {high}." if high is not None else f"At least {low}.")
    if one.default not in (None, False, (), []):
        default = one.default if not isinstance(one.default, Path) else one.default.as_posix()
        facts.append(f"Default: `{default}`.")
    if one.envvar:
        facts.append(f"Variable: `{one.envvar}`.")
    return " ".join(facts).replace("|", "\\|")


def _values(annotation: Any) -> Iterator[str]:
    """Yield the words that an option takes, if these are listed."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    for inner in get_args(annotation) if get_origin(annotation) is not Literal else ():
        yield from _values(inner)


def _metavar(one: Parameter) -> str:
    if one.metavar:
        return str(one.metavar)
    values = list(_values(one.type_descriptor.annotation))
    return "\\|".join(values) if values else str(one.name).upper()


def _is_argument(one: Parameter) -> bool:
    return bool(one.param_type_name == "argument")


def _paragraphs(text: str | None) -> list[str]:
    return [
        " ".join(part.split()) if part.strip() else "" for part in (text or "").split("\n\n") for part in (part, "")
    ][:-1]


def _short(command: Any) -> str:
    return str((command.help or "").partition("\n")[0])


def _slug(heading: str) -> str:
    return heading.replace(" ", "-")


_HEAD = [
    "# Command reference",
    "",
    "<!-- Written by `make docs` from the command line itself. Do not edit. -->",
    "",
    "Every command, every option, generated from the command line itself; `reconciler COMMAND --help` says the same in a",
    "terminal. [manifests.md](manifests.md) is the reference of the manifests, [the README](../../README.md#commands) the",
    "short list.",
    "",
    "An option that has a variable takes its value from there where the option is not given. What approves something",
    "(`--auto-approve`, `--prune`, `--allow-delete`, `--allow-commands`) has none.",
    "",
]

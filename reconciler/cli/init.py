"""`init`: a repository to begin with, which is valid and can be planned on the emulator as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from reconciler import __version__
from reconciler.cli.exits import OK
from reconciler.cli.schema import SCHEMA, schema_text


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to write; made if it is not there.")] = Path(),
    account: Annotated[str, typer.Option("--account", metavar="NAME", help="Name of the Account.")] = "acme",
    owner: Annotated[
        str, typer.Option("--owner", metavar="NAME", help="What marks that something is made from these manifests.")
    ] = "acme-ml",
    code_owner: Annotated[
        str, typer.Option("--code-owner", metavar="@TEAM", help="Who approves changes of Accounts and workflows.")
    ] = "@OWNER/TEAM",
    tool: Annotated[
        str, typer.Option("--tool", metavar="REQUIREMENT", help="What the workflows install with pip.")
    ] = f"azure-finetune-reconciler=={__version__}",
) -> int:
    """Write manifests, example data, workflows, CODEOWNERS and a README; refuse to write over anything."""
    from reconciler.scaffold import tree, workflows

    _check("--account", account, r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "lower-case letters, digits and hyphens")
    _check("--owner", owner, r"[a-z0-9-]{3,20}", "3 to 20 lower-case letters, digits and hyphens")
    _check("--code-owner", code_owner, r"@[A-Za-z0-9-]+(/[A-Za-z0-9._-]+)?", "a user or a team: @NAME or @OWNER/TEAM")
    # It stands in a line of shell, in quotes.
    _check("--tool", tool, r"[A-Za-z0-9][A-Za-z0-9 ._~@:/=<>!,+\[\]-]*", "a requirement for pip")
    values = {"ACCOUNT": account, "OWNER": owner, "CODE_OWNER": code_owner, "TOOL": tool}
    written = {**tree(values), **workflows(account, tool), SCHEMA: schema_text()}
    _refuse_to_overwrite(folder, written)
    for name, text in written.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        print(f"  {name}")
    there = "" if folder == Path() else f"  cd {folder}\n"
    print(f"\nWrote {len(written)} files. Next:\n{there}  reconciler validate\n  reconciler --emulator plan")
    return OK


def _check(option: str, value: str, pattern: str, what: str) -> None:
    if not re.fullmatch(pattern, value):
        raise typer.BadParameter(f"{value!r} is not {what}", param_hint=option)


def _refuse_to_overwrite(folder: Path, names: dict[str, str]) -> None:
    """Refuse before anything is written: all that is in the way is named at once."""
    from reconciler.core.fault import Fault, Refused

    if folder.exists() and not folder.is_dir():
        there = [str(folder)]
    else:
        there = [name for name in names if (folder / name).exists() or (folder / name).is_symlink()]
        there += _no_folders(folder, names)
    # Other manifests would be read together with those that are written.
    manifests = sorted((folder / "manifests").glob("**/*.y*ml"))[:1] if not there else []
    there += [str(path.relative_to(folder)) for path in manifests]
    if there:
        listed = "\n  ".join(there[:10] + ([f"and {len(there) - 10} more"] if len(there) > 10 else []))
        raise Refused(
            Fault(
                "init-not-empty",
                "Something is there already",
                f"Nothing was written. In the way:\n  {listed}",
                "Name a folder without these:\n  reconciler init DIR",
            )
        )


def _no_folders(folder: Path, names: dict[str, str]) -> list[str]:
    """Return what is a file where a folder is needed."""
    needed = {parent for name in names for parent in Path(name).parents if parent != Path()}
    return sorted(str(path) for path in needed if (folder / path).exists() and not (folder / path).is_dir())

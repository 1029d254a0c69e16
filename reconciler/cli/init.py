"""`init`: a repository to begin with, which is valid and can be planned on the emulator as it stands."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from reconciler import __version__
from reconciler.cli.exits import OK
from reconciler.cli.placing import place
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
    # What an earlier run wrote before it was broken off is not in the way.
    missing = {name: text for name, text in written.items() if not _holds(folder / name, text)}
    _refuse_to_overwrite(folder, missing, written)
    for name, text in missing.items():
        _write(folder / name, text)
        print(f"  {name}")
    there = "" if folder == Path() else f"  cd {folder}\n"
    kept = f"; {len(written) - len(missing)} were there already" if len(missing) < len(written) else ""
    print(f"\nWrote {len(missing)} files{kept}. Next:\n{there}  reconciler validate\n  reconciler --emulator plan")
    return OK


def _holds(path: Path, text: str) -> bool:
    try:
        return not path.is_symlink() and path.read_bytes() == text.encode()
    except OSError:
        return False


def _write(path: Path, text: str) -> None:
    """Put a file in its place as a whole, and over nothing: a link fails if something is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        place(part, path)
    finally:
        part.unlink(missing_ok=True)


def _check(option: str, value: str, pattern: str, what: str) -> None:
    if not re.fullmatch(pattern, value):
        raise typer.BadParameter(f"{value!r} is not {what}", param_hint=option)


def _refuse_to_overwrite(folder: Path, names: dict[str, str], ours: Collection[str]) -> None:
    """Refuse before anything is written: all that is in the way is named at once."""
    from reconciler.core.fault import Fault, Refused

    if folder.exists() and not folder.is_dir():
        there = [str(folder)]
    else:
        there = [name for name in names if (folder / name).exists() or (folder / name).is_symlink()]
        there += _no_folders(folder, names)
    # Other manifests would be read together with those that are written.
    manifests = sorted((folder / "manifests").glob("**/*.y*ml")) if not there else []
    there += [name for path in manifests if (name := str(path.relative_to(folder))) not in ours][:1]
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

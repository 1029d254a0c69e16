"""The pages that people read: what they link to and what they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^( *)(```+).*?^\1\2$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)
_ANCHOR = re.compile(r"<a (?:id|name)=\"([^\"]+)\"")
_INLINE = re.compile(r"`[^`\n]+`")
_CODE = re.compile(r"`((?:reconciler|tests|tools|benchmarks)/[\w./-]+\.\w+)`")


def slugs(text: str) -> set[str]:
    """Return the anchors of a page as GitHub makes them."""
    plain = _FENCE.sub("", text)
    words = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in _HEADING.findall(plain))
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in words}
    return made | set(_ANCHOR.findall(plain))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_and_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lost = []
    for link in _LINK.findall(_INLINE.sub("", _FENCE.sub("", text))):
        where, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (page.parent / where).resolve() if where else page
        if not target.exists() or (
            anchor and target.suffix == ".md" and anchor not in slugs(target.read_text("utf-8"))
        ):
            lost.append(link)
    lost += [name for name in _CODE.findall(text) if not (ROOT / name).exists()]
    assert lost == []


def test_a_first_patch_fits_the_code() -> None:
    """Lines that the page shows as context, or takes away, stand in the code as they are shown."""
    shown = (ROOT / "docs/first-patch.md").read_text("utf-8")
    diffs = re.findall(r"^```diff\n(.*?)^```", shown, re.MULTILINE | re.DOTALL)
    context = [line[1:] for diff in diffs for line in diff.splitlines() if line[:1] in {" ", "-"}]
    files = [file for top in ("reconciler", "tests") for file in (ROOT / top).rglob("*.py")]
    code = {line for file in files for line in file.read_text("utf-8").splitlines()}
    assert len(context) > 5
    assert [line for line in context if line not in code] == []

"""What GitHub would make of a text: Markdown parsed by another's parser, and then looked at for what must not be in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token

OURS = {"br", "code", "details", "summary", "wbr"}
"""The HTML that a comment of ours may hold."""
LINKED = re.compile(
    r"(?i)@\w|#\d|\bgh-\d|https?:|www\.|(?<!\w):[\w+-]+:|\b[0-9a-f]{7,40}\b|[\w.+-]+@[\w-]+|\$|\bmailto:|\bxmpp:"
)
"""What GitHub links or draws in running text: mentions, issues, addresses, emoji, commits, formulas."""
_PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.running: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in OURS, tag
        assert not attrs, attrs
        if tag not in {"br", "wbr"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without a beginning"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "code" not in self.open:
            self.running.append(data)


def check(text: str) -> list[Token]:
    """Fail if anything in a comment would be obeyed, linked or drawn that is not ours; return the tokens."""
    assert "\r" not in text
    assert all(line.isprintable() for line in text.split("\n"))
    assert not any(line.lstrip().startswith("::") for line in text.split("\n"))
    tokens = _PARSER.parse(text)
    html = _Html()
    running: list[str] = []
    cells: list[int] = []
    first, *rest = tokens
    assert first.type == "html_block"
    assert re.fullmatch(r"<!-- reconciler:[a-z]+(:[A-Za-z0-9._,-]*)? -->\n?", first.content)
    for token in rest:
        match token.type:
            case "html_block":
                html.feed(token.content)
            case "inline":
                running += _inline(token.children or [], html)
            case "tr_open":
                cells.append(0)
            case "td_open" | "th_open":
                cells[-1] += 1
            case "fence":
                assert token.info in {"diff", "mermaid", "sh", "text"}
            case "hr" | "code_block" | "ordered_list_open" | "lheading_open":
                raise AssertionError(token.type)
    html.close()
    assert html.open == [], f"not closed: {html.open}"
    assert set(cells) <= {2}
    # Some renderers cut a table where others do not; without any bar but those between cells they cannot differ.
    tables = [line for line in outside_fences(text) if line.startswith("|")]
    assert all(line.count("|") == 3 for line in tables)
    said = "\n".join([*running, *html.running])
    assert not (found := LINKED.search(said)), f"{found[0]!r} in {said!r}"
    assert not set(said) & set("<>`"), said
    return tokens


def _inline(children: list[Token], html: _Html) -> list[str]:
    said = []
    for child in children:
        match child.type:
            case "text":
                said.append(child.content)
            case "html_inline":
                html.feed(child.content)
            case "code_inline" | "softbreak" | "strong_open" | "strong_close" | "em_open" | "em_close":
                pass
            case "text_special":
                assert child.content in {"~", "[!CAUTION]"}, child.content
                said.append(child.content)
            case other:
                raise AssertionError(f"{other}: {child.content}")
    return said


def outside_fences(text: str) -> list[str]:
    """Return the lines that stand in no block of code."""
    kept, fence = [], ""
    for line in text.split("\n"):
        opened = re.fullmatch(r"(`{3,})[^`]*", line)
        if fence:
            fence = "" if line == fence else fence
        elif opened:
            fence = opened[1]
        else:
            kept.append(line)
    assert not fence, "a block of code is not closed"
    return kept

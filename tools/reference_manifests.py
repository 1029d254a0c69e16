"""docs/reference/manifests.md, from the JSON Schema that `reconciler schema` prints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

ON_CHANGE = "On change: "
"""How the sentence of a description begins that says what an edit of the field does."""
REF = "#/$defs/"
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}

Schema = Mapping[str, Any]


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@dataclass
class Block:
    """A mapping of the schema, and where in a manifest it stands."""

    kind: str
    path: str
    schema: Schema
    case: str = ""
    """Which of several alternatives it is, for example `type: dpo`."""
    change: str = ""
    """What an edit of the field does that holds it; so does one of its own fields that says nothing else."""

    @property
    def heading(self) -> str:
        """What its section is called."""
        return f"`{self.path}`{f' with `{self.case}`' if self.case else ''} in {self.kind}"

    def anchor(self, name: str) -> str:
        """Return the anchor of one of its fields."""
        parts = [self.kind, *self.path.split("."), *re.findall(r"\w+", self.case), name]
        return re.sub(r"[^\w-]", "", "-".join(part for part in parts if part)).lower()


@dataclass
class Page:
    """The page while it is written."""

    schema: Schema
    lines: list[str] = field(default_factory=list)
    homes: dict[str, str] = field(default_factory=dict)
    """Definition to the anchor of the section that describes it."""

    def write(self) -> str:
        """Return the page."""
        kinds = [one["title"] for one in self.schema["oneOf"]]
        self.lines += [*_HEAD, *(f"- [{kind}](#{slug(kind)}): {_about(one)}" for kind, one in self._kinds()), ""]
        document = self.schema["oneOf"][0]["properties"]
        self.lines += ["## Every manifest", ""]
        version = document["apiVersion"]
        self.lines += [
            f"- **`apiVersion`** · `{version['const']}` · **required**",
            "",
            f"  {version['description']}",
            "",
        ]
        self.lines += [f"- **`kind`** · {_either([f'`{kind}`' for kind in kinds])} · **required**", ""]
        self.lines += ["  What the manifest declares; the sections below are named after it.", ""]
        head = Block("every manifest", "metadata", self._definition("Metadata"))
        self._sections([("Metadata", head)], level="###")
        for kind, one in self._kinds():
            self._kind(kind, one)
        return "\n".join(self.lines).rstrip() + "\n"

    def _kinds(self) -> Iterator[tuple[str, Schema]]:
        for one in self.schema["oneOf"]:
            yield one["title"], one

    def _definition(self, name: str) -> Schema:
        found: Schema = self.schema["$defs"][name]
        return found

    def _kind(self, kind: str, one: Schema) -> None:
        name = one["properties"]["spec"]["$ref"].removeprefix(REF)
        spec = self._definition(name)
        self.lines += [f"## {kind}", "", one["description"], ""]
        document = {"apiVersion": one["properties"]["apiVersion"]["const"], "kind": kind}
        for example in spec.get("examples", [])[:1]:
            whole = {**document, "metadata": {"name": _NAMES.get(kind, "support-tone")}, "spec": example}
            text = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=120)
            self.lines += ["```yaml", text.rstrip(), "```", ""]
        block = Block(kind, "", spec)
        self.homes[name] = slug(kind)
        self.lines += [f"Fields of `spec`: {self._jumps(block)}", ""]
        self._fields(block)
        self._sections(list(self._below(block)), level="###")

    def _sections(self, queue: list[tuple[str, Block]], *, level: str) -> None:
        """Write a section for each block that has none yet, and then for what they hold."""
        new = {name: block for name, block in reversed(queue) if name not in self.homes}
        self.homes |= {name: slug(block.heading) for name, block in new.items()}
        for block in reversed(new.values()):
            self.lines += [f"{level} {block.heading}", "", str(block.schema.get("description", "")), ""]
            self._fields(block)
            self._sections(list(self._below(block)), level=level)

    def _jumps(self, block: Block) -> str:
        return " · ".join(f"[`{name}`](#{block.anchor(name)})" for name in block.schema["properties"])

    def _below(self, block: Block) -> Iterator[tuple[str, Block]]:
        """Yield the blocks that the fields of a block may hold, with the case in which each stands there."""
        for name, one in block.schema["properties"].items():
            refs = list(_refs(one))
            for ref in refs:
                definition = self._definition(ref)
                case = _case(definition) if len(refs) > 1 else ""
                path = f"{block.path}.{name}" if block.path else name
                change = self._words(one)[1] or block.change
                yield ref, Block(block.kind, path, definition, case or block.case, change)

    def _fields(self, block: Block) -> None:
        required = block.schema.get("required", [])
        homes = dict(reversed([(ref, slug(below.heading)) for ref, below in self._below(block)]))
        for name, one in block.schema["properties"].items():
            facts = [self._type(one, {**homes, **self.homes})]
            if name in required:
                facts.append("**required**")
            elif one.get("default") not in (None, [], {}, ()):
                facts.append(f"default {_code(one['default'])}")
            words, own = self._words(one)
            change = own or block.change
            self.lines.append(
                f'- <a id="{block.anchor(name)}"></a>**`{name}`** · {" · ".join(facts)}\n\n  {_prose(words)}'
            )
            if change:
                self.lines.append(f"\n  *On change:* {_prose(change)}")
            if examples := one.get("examples", [])[:2]:
                self.lines.append(f"\n  Example: {'; '.join(_code({name: example}) for example in examples)}")
            self.lines.append("")

    def _words(self, one: Schema) -> tuple[str, str]:
        """Return what a field is, and what an edit of it does."""
        referred = self._definition(next(_refs(one))) if "description" not in one else {}
        words, _, change = str(one.get("description") or referred.get("description", "")).partition(ON_CHANGE)
        return words, change

    def _type(self, one: Schema, homes: Mapping[str, str], *, among: bool = False) -> str:
        """Return in words what a field may hold; `among` others, what tells it from them."""
        if options := list(_options(one)):
            return _either([self._type(option, homes, among=len(options) > 1) for option in options])
        if ref := one.get("$ref", "").removeprefix(REF):
            case = _case(self._definition(ref)) if among else ""
            return f"[{f'`{case}`' if case else 'mapping'}](#{homes[ref]})" if ref in homes else "mapping"
        if "const" in one:
            return _code(one["const"])
        if "enum" in one:
            return _either([_code(value) for value in one["enum"]])
        kind = one.get("type")
        if kind == "array":
            return f"list of {self._type(one['items'], homes) if 'items' in one else 'anything'}"
        if kind == "object":
            values = one.get("additionalProperties")
            return f"mapping of names to {self._type(values, homes)}" if isinstance(values, dict) else "mapping"
        return _scalar(one)


def _scalar(one: Schema) -> str:
    words = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`", "string": "text"}
    said = "date" if one.get("format") == "date" else words.get(str(one.get("type")), "anything")
    bounds = [f"{word} {one[key]}" for key, word in _BOUNDS.items() if key in one]
    if "maxLength" in one:
        bounds.append(f"at most {one['maxLength']} characters")
    if "pattern" in one:
        bounds.append(f"as `{one['pattern']}`")
    return ", ".join([said, *bounds])


def _refs(one: Schema) -> Iterator[str]:
    """Yield the definitions that a field may hold, in the order in which they stand in the schema."""
    if "$ref" in one:
        yield one["$ref"].removeprefix(REF)
    for key in ("anyOf", "oneOf"):
        for option in one.get(key, ()):
            yield from _refs(option)
    for key in ("items", "additionalProperties"):
        if isinstance(one.get(key), dict):
            yield from _refs(one[key])


def _options(one: Schema) -> Iterator[Schema]:
    """Yield the alternatives of a field, those of an alternative in its place; what is absent is none."""
    for option in (*one.get("anyOf", ()), *one.get("oneOf", ())):
        inner = list(_options(option))
        yield from inner or ([option] if option.get("type") != "null" else ())


def _case(definition: Schema) -> str:
    """Return by what a mapping is told from its alternatives: its fixed value, else the key that it needs."""
    properties = definition["properties"]
    for name, one in properties.items():
        if "const" in one:
            return f"{name}: {one['const']}"
    needed = definition.get("required", [])
    return f"{{{needed[0]}: …}}" if needed else ""


def _about(one: Schema) -> str:
    return str(one["description"])


def _either(words: list[str]) -> str:
    kept = list(dict.fromkeys(words))
    return " or ".join([", ".join(kept[:-1]), kept[-1]]) if len(kept) > 1 else kept[0]


def _code(value: Any) -> str:
    return f"`{_flow(value)}`"


def _flow(value: Any) -> str:
    """Return a value as YAML in one line; the outermost mapping without braces."""
    if isinstance(value, dict) and len(value) == 1:
        name, inner = next(iter(value.items()))
        return f"{name}: {_flow_of(inner)}"
    return _flow_of(value)


def _flow_of(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000)
    return text.removesuffix("...\n").strip()


def _prose(text: str) -> str:
    """Return a description as Markdown: what stands in braces as code, pages as links."""
    parts = text.strip().split("`")
    return "`".join(part if index % 2 else _plain(part) for index, part in enumerate(parts))


def _plain(text: str) -> str:
    linked = re.sub(r"docs/(\S+\.md)", r"[\1](../\1)", text)
    return re.sub(r"(\$?\{+[^}]*\}+)", r"`\1`", linked)


_NAMES = {"Account": "acme"}
_HEAD = [
    "# Manifest reference",
    "",
    "<!-- Written by `make docs` from the models that check the manifests. Do not edit. -->",
    "",
    "Every kind, every field, generated from what checks the manifests; `reconciler schema` prints the same for editors.",
    "[manifests.md](../manifests.md) introduces them with examples, [cli.md](cli.md) is the reference of the commands.",
    "",
    "Each field says what it may hold, whether it is required or what holds without it, and under *On change* what an edit",
    "of it makes the next `plan` propose. An unknown key is an error. A field that is not set is left to Azure and never",
    "compared.",
    "",
    "- [Every manifest](#every-manifest): `apiVersion`, `kind`, `metadata`",
]

"""Identity derived from content: canonical values, spec digests, and the marks that carry them on the wire.

A mark is a hint for finding an object again; whether the object is ours is decided by evidence (see `core.plan`).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

FILE_DIGEST_CHARS = 26
"""Base32 characters of the content digest in an uploaded file's name: 130 bits."""
MARK_DIGEST_CHARS = 8
"""Base32 characters of the spec digest in a mark: 40 bits."""
MARK_CHECK_CHARS = 4
"""Base32 characters that check owner and digest in a mark: 20 bits."""
MARK_CHARS = MARK_DIGEST_CHARS + MARK_CHECK_CHARS
SUFFIX_CHARS = 31
"""Longest suffix that we send. Azure's sources say 18, 40 and 64; 34 was seen accepted (docs/azure.md, section 4)."""
TEXT_CHARS = SUFFIX_CHARS - MARK_CHARS - 1
"""What remains of it for the text that people read, after the mark and a hyphen."""

_MARK = re.compile(r"^([a-z2-7]{8})([a-z2-7]{4})(?:-(.*))?$", re.IGNORECASE | re.DOTALL)
_FILE_NAME = re.compile(r"^(?P<name>.+)\.(?P<digest>[a-z2-7]{26})\.(?P<owner>[a-z0-9-]{3,20})\.jsonl$")
_MODEL = re.compile(r"^(?P<base>.+)\.ft-(?P<hex>[0-9a-f]{32})(?:-(?P<suffix>[A-Za-z0-9_-]+))?$", re.IGNORECASE)


def canonical(value: Any) -> Any:
    """Return a value in the one spelling that equal settings share: numbers as shortest decimals, keys sorted.

    Raises ValueError for what JSON cannot say (NaN, infinity).
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float, Decimal)):
        return number(value)
    if isinstance(value, Mapping):
        return {str(key): canonical(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    raise ValueError(f"no canonical form for {type(value).__name__}")


def number(value: float | Decimal) -> str:
    """Return the shortest plain decimal: 1.0 is "1", 1e-4 is "0.0001"."""
    decimal = Decimal(str(value))
    if not decimal.is_finite():
        raise ValueError("not a finite number")
    text = format(decimal.normalize(), "f")
    return "0" if text in {"-0", "0"} else text


def spec_digest(fields: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of the canonical form of what decides a result."""
    text = json.dumps(canonical(fields), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def short(digest: str, chars: int) -> str:
    """Return the first characters of a hex digest in lower-case base32 (5 bits a character)."""
    needed = -(-chars * 5 // 8)  # bytes
    return base64.b32encode(bytes.fromhex(digest[: 2 * needed])).decode().lower()[:chars]


def file_digest(digest: str) -> str:
    """Return the part of a content digest that an uploaded file's name carries."""
    return short(digest, FILE_DIGEST_CHARS)


@dataclass(frozen=True, slots=True)
class FileName:
    """An uploaded file's name, taken apart from the right: `<name>.<digest>.<owner>.jsonl`."""

    name: str
    digest: str
    owner: str

    def __str__(self) -> str:
        """Return the name on the wire."""
        return f"{self.name}.{self.digest}.{self.owner}.jsonl"

    @classmethod
    def parse(cls, filename: str) -> FileName | None:
        """Read a name that we may have given; None for any other."""
        found = _FILE_NAME.match(filename)
        return cls(found["name"], found["digest"], found["owner"]) if found else None


def _check(owner: str, digest_part: str) -> str:
    return short(hashlib.sha256(f"{owner}\0{digest_part}".encode()).hexdigest(), MARK_CHECK_CHARS)


def checked(owner: str, digest_part: str) -> str:
    """Return a mark of 12 characters: the part of the digest that it carries, and what checks it and the owner."""
    return digest_part + _check(owner, digest_part)


def mark(owner: str, digest: str) -> str:
    """Return the 12 characters that stand at the front of a wire suffix."""
    return checked(owner, short(digest, MARK_DIGEST_CHARS))


@dataclass(frozen=True, slots=True)
class Suffix:
    """A wire suffix that begins with a mark: `<8 of digest><4 of check>-<text>`."""

    digest_part: str
    check: str
    text: str

    @classmethod
    def parse(cls, suffix: str | None) -> Suffix | None:
        """Read a suffix that may begin with a mark; None for any other."""
        found = _MARK.match(suffix or "")
        return cls(found[1].lower(), found[2].lower(), found[3] or "") if found else None

    def owner(self, owners: tuple[str, ...]) -> str | None:
        """Return which of these owners made the mark, if one did."""
        return next((owner for owner in owners if _check(owner, self.digest_part) == self.check), None)


def wire_suffix(owner: str, digest: str, text: str) -> str:
    """Return `<mark>-<text>`, at most 31 characters: a service that cuts it cuts the text, not the identity."""
    return f"{mark(owner, digest)}-{text}"[:SUFFIX_CHARS].rstrip("-")


@dataclass(frozen=True, slots=True)
class ModelName:
    """A fine-tuned model's name, taken apart from the right: `<base>.ft-<32 hex>[-<suffix>]`.

    It repeats its job's id (recorded answers; docs/azure.md, section 5). A model that was trained further may hold such
    a part in its base; a checkpoint's name (`…:ckpt-step-10`) is not one.
    """

    base: str
    hex: str
    suffix: str

    @property
    def job_id(self) -> str:
        """The id of the job that made it."""
        return f"ftjob-{self.hex}"

    @classmethod
    def parse(cls, model: str) -> ModelName | None:
        """Read a model's name; None for a base model or a checkpoint."""
        found = _MODEL.match(model)
        return cls(found["base"], found["hex"].lower(), found["suffix"] or "") if found else None

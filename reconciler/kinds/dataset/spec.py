"""What a Dataset manifest can say, and what identifies its content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from reconciler.azure.blobs import variable_in, wrong_with
from reconciler.core.resource import Block, Desired, FromEnvironment, LocalPath, Spec

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_HASH_IT = (
    "needs `sha256`, the digest of the content (64 hexadecimal digits). For a file with LF line ends and without a byte "
    "order mark it is what `sha256sum FILE` prints; for any file, what `reconciler validate FILE.jsonl` prints"
)


class Source(Block):
    """Where the examples come from: exactly one of `path`, `url` and `file_id`."""

    advice: ClassVar[Mapping[str, str]] = {
        "digest": "The digest of the content is called `sha256`.",
        "sas_token": "A SAS stands in an environment variable:\n  sas: ${env:RECONCILER_VAR_NAME}",
    }

    path: Annotated[str, LocalPath()] | None = Field(
        default=None,
        description="Path of a JSONL file, relative to the manifest, inside the repository. On change: nothing, if the "
        "content is the same; other content is uploaded, and its jobs train anew.",
        examples=["data/support.train.jsonl"],
    )
    url: str | None = Field(
        default=None,
        description="https address from which Azure fetches the file itself, without a signature in it; needs `sha256`. "
        "On change: nothing, if `sha256` stays.",
        examples=["https://acme.blob.core.windows.net/training/support.jsonl"],
    )
    file_id: str | None = Field(
        default=None,
        description="Id of a file that is in the account already; it is never deleted by us. With `sha256` its content is "
        "checked. On change: jobs train anew, unless `sha256` says that the content is the same.",
        min_length=1,
        examples=["file-0123456789abcdef0123456789abcdef"],
    )
    sha256: str | None = Field(
        default=None,
        description="SHA-256 of the content, 64 hexadecimal digits: required with `url`, optional with `file_id`; "
        "`reconciler validate FILE.jsonl` prints it. On change: other content: imported, and its jobs train "
        "anew.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    )
    sas: Annotated[str, FromEnvironment()] | None = Field(
        default=None,
        description="The variable that holds a SAS for `url`, exactly ${env:RECONCILER_VAR_NAME}; read when it is needed, "
        "in no plan and no log. On change: nothing at Azure.",
        examples=["${env:RECONCILER_VAR_TRAINING_SAS}"],
    )

    @field_validator("url")
    @classmethod
    def _is_fetchable(cls, value: str | None) -> str | None:
        wrong = wrong_with(value) if value is not None else ""
        if wrong:
            raise ValueError(wrong)
        return value

    @field_validator("file_id")
    @classmethod
    def _is_an_id(cls, value: str | None) -> str | None:
        if value is not None and not _ID.fullmatch(value):
            raise ValueError("must be the id of a file as Azure gives it, such as file-0123…: letters, digits, - and _")
        return value

    @field_validator("sas")
    @classmethod
    def _is_a_variable(cls, value: str | None) -> str | None:
        if value is not None and variable_in(value) is None:
            raise ValueError("must be exactly ${env:RECONCILER_VAR_NAME}: a signature has no place in git")
        return value

    @field_validator("sha256")
    @classmethod
    def _is_a_digest(cls, value: str | None) -> str | None:
        if value is not None and (len(value) != 64 or not set(value.lower()) <= set("0123456789abcdef")):
            raise ValueError(
                "must be 64 hexadecimal digits: what `sha256sum FILE` prints for a file with LF line ends and without a "
                "byte order mark, or `reconciler validate FILE.jsonl` for any"
            )
        return value.lower() if value is not None else None

    @model_validator(mode="after")
    def _is_one_place(self) -> Source:
        given = [name for name in ("path", "url", "file_id") if getattr(self, name) is not None]
        if len(given) != 1:
            said = f"has {' and '.join(f'`{name}`' for name in given)}" if given else "has none"
            raise ValueError(f"needs exactly one of `path`, `url` and `file_id`; it {said}")
        if self.path is not None and self.sha256 is not None:
            raise ValueError("holds `sha256`, which goes with `url` or `file_id`: a local file is hashed by itself")
        if self.url is not None and self.sha256 is None:
            raise ValueError(_HASH_IT)
        if self.url is None and self.sas is not None:
            raise ValueError("holds `sas`, which goes with `url`")
        return self


class DatasetSpec(Spec):
    """A file of training or validation examples, uploaded once for each content."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"source": {"path": "data/support.train.jsonl"}, "format": "chat"}]}
    )

    source: Source = Field(
        description="Where the examples come from: a file of the repository, an address, or the account itself. On "
        "change: other content is uploaded, and its jobs train anew; another place of the same content does "
        "nothing.",
        examples=[{"path": "data/support.train.jsonl"}],
    )
    format: Literal["chat", "preference", "reinforcement"] | None = Field(
        default=None,
        description="What the examples must be; absent: it is detected. On change: nothing at Azure; the next check is by "
        "it.",
        examples=["chat"],
    )
    encoding: Literal["utf-8-bom", "utf-8"] = Field(
        default="utf-8-bom",
        description="How a local file is sent: with a byte order mark, as Microsoft documents it, or without. On change: "
        "nothing; what is uploaded stays, and the next upload is sent so.",
        examples=["utf-8"],
    )


def spec_of(desired: Desired) -> DatasetSpec:
    """Return a declared dataset's spec."""
    assert isinstance(desired.spec, DatasetSpec)
    return desired.spec


def content_digest(desired: Desired) -> str | None:
    """Return the digest of the declared content: of the local file, or as written for one that is elsewhere.

    None for a file in the account that is only named: Azure never changes a file, so its id says which content it is.
    """
    if desired.content:
        return desired.content.digest
    return spec_of(desired).source.sha256

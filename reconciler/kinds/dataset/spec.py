"""What a Dataset manifest can say, and what identifies its content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

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
        default=None, description="Path of a JSONL file, relative to the manifest."
    )
    url: str | None = Field(
        default=None,
        description="https address from which Azure fetches the file itself; needs `sha256`.",
        examples=["https://acme.blob.core.windows.net/training/support.jsonl"],
    )
    file_id: str | None = Field(
        default=None,
        description="Id of a file that is in the account already, never deleted by us; with `sha256` its content is checked.",
        min_length=1,
        examples=["file-…"],
    )
    sha256: str | None = Field(
        default=None, description="Digest of the content, for `url` (needed) and `file_id`: 64 hexadecimal digits."
    )
    sas: Annotated[str, FromEnvironment()] | None = Field(
        default=None,
        description="Environment variable with the SAS for `url`, exactly ${env:RECONCILER_VAR_NAME}.",
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
    """A file of training or validation examples."""

    source: Source = Field(description="Where the examples come from.")
    format: Literal["chat", "preference", "reinforcement"] | None = Field(
        default=None, description="Asserts the format, which is else detected."
    )
    encoding: Literal["utf-8-bom", "utf-8"] = Field(
        default="utf-8-bom",
        description="How a local file is sent. Not part of its identity: it never causes an upload or a training.",
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

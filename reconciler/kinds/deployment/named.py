"""What ARM wants to know of a model beside its name, told from the name."""

from __future__ import annotations

from reconciler.models import base_of, find

TUNED_VERSION = "1"
"""Every fine-tuned model has this one version (docs/azure.md, section 11)."""
_FORMATS = (
    ("gpt-oss", "Microsoft"),
    ("ministral", "Mistral AI"),
    ("mistral", "Mistral AI"),
    ("llama", "Meta"),
    ("qwen", "Alibaba"),
)
"""Start of a base model's name to its `model.format`, where that is not OpenAI (docs/azure.md, section 11)."""


def format_of(base: str) -> str:
    """Return `model.format` for a base model's name; case-sensitive in ARM."""
    return next((name for start, name in _FORMATS if base.lower().startswith(start)), "OpenAI")


def version_of(model: str) -> str:
    """Return `model.version` for a model's name: of a base model the one that is documented, if any is."""
    name = model.strip()
    if base_of(name) != name or name.lower().startswith("ftchkpt-"):
        return TUNED_VERSION
    facts = find(name)
    return facts.version if facts and facts.version else TUNED_VERSION

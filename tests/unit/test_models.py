"""The table of base models: found by any name, and consistent in itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from reconciler.kinds.fine_tune_job.method import METHODS
from reconciler.kinds.fine_tune_job.spec import TRAINING_TYPES
from reconciler.models import base_of, context_of, encoding_of, find, nearest
from reconciler.models.table import HARMONY, MODELS, O200K, OTHER

HEX = "0123456789abcdef" * 2
NAMES = [
    ("the bare name", "gpt-4.1-mini", "gpt-4.1-mini-2025-04-14"),
    ("with its version", "gpt-4.1-mini-2025-04-14", "gpt-4.1-mini-2025-04-14"),
    ("in other capitals", "GPT-4.1-Mini", "gpt-4.1-mini-2025-04-14"),
    ("a fine-tuned model", f"gpt-4.1-mini-2025-04-14.ft-{HEX}", "gpt-4.1-mini-2025-04-14"),
    ("one with a suffix", f"gpt-4.1-mini-2025-04-14.ft-{HEX}-tone", "gpt-4.1-mini-2025-04-14"),
    ("one that was trained further", f"gpt-4.1-mini-2025-04-14.ft-{HEX}-a.ft-{HEX}-b", "gpt-4.1-mini-2025-04-14"),
    ("a checkpoint", f"Ministral-3B.ft-{HEX}:ckpt-step-10", "Ministral-3B"),
    ("another spelling of the documentation", "qwen-32b", "Qwen3-32B"),
    ("another version", "gpt-4.1-mini-2030-01-01", None),
    ("nothing", "", None),
]


@pytest.mark.parametrize(("reason", "name", "known"), NAMES, ids=[row[0] for row in NAMES])
def test_models_are_found_by_any_name(reason: str, name: str, known: str | None) -> None:
    facts = find(name)
    assert (facts.id if facts else None) == known, reason


def test_near_names() -> None:
    assert nearest("gpt-4.1-mni") == "gpt-4.1-mini-2025-04-14"
    assert nearest("claude") is None
    assert base_of("gpt-4.1") == "gpt-4.1"


def test_what_the_data_side_asks() -> None:
    assert (context_of("gpt-4.1-nano"), context_of("gpt-oss-20b"), context_of("?")) == (65_536, None, None)
    assert (encoding_of("o4-mini"), encoding_of("gpt-oss-20b"), encoding_of("?")) == (O200K, HARMONY, OTHER)


@pytest.mark.parametrize("facts", MODELS, ids=lambda facts: facts.id)
def test_the_table_uses_our_words(facts: object) -> None:
    known = next(one for one in MODELS if one is facts)
    assert set(known.methods) <= set(METHODS)
    assert set(known.training_types) <= set(TRAINING_TYPES)
    assert known.methods
    assert known.training_types
    if known.training_ends and known.deployment_ends:
        assert known.training_ends < known.deployment_ends


def test_no_two_models_share_a_name() -> None:
    names = [name.lower() for one in MODELS for name in {one.name, one.id, *one.aliases}]
    assert len(names) == len(set(names))


def test_it_is_there_without_any_sdk() -> None:
    code = "import sys, reconciler.models as m; m.find('x'); print({'openai', 'azure', 'pydantic', 'yaml'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"

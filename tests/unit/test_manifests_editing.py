"""Setting one value in the text of a manifest: every other byte stays, and what cannot be edited safely is refused."""

from __future__ import annotations

import pytest

from reconciler.core.fault import Fault
from reconciler.core.resource import Address
from reconciler.manifests.editing import Setting, edited

MARK, OLD = "6jk5e25go5jk", "aaaabbbbcccc"
HEAD = "# a header: {job: tone}\napiVersion: reconciler/v1\nkind: Deployment\nmetadata: {name: tone}\nspec:\n"
TAIL = "  sku: {name: GlobalStandard, capacity: 50}   # enough\n"
OTHER = "---\napiVersion: reconciler/v1\nkind: FineTuneJob\nmetadata: {name: tone}\nspec: {model: {job: tone}}\n"


def edit(text: str, mark: str = MARK) -> str | Fault:
    return edited(text, "stack.yaml", Setting(Address("Deployment", "tone"), ("spec", "model"), "job", "pin", mark))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  model: {job: tone}\n", f"  model: {{job: tone, pin: {MARK}}}\n"),
        ("  model: { job:  'tone' }  # why\n", f"  model: {{ job:  'tone', pin: {MARK} }}  # why\n"),
        (
            "  model: {job: tone, checkpoint: final}\n",
            f"  model: {{job: tone, pin: {MARK}, checkpoint: final}}\n",
        ),
        ("  model:\n    job: tone   # why\n", f"  model:\n    job: tone   # why\n    pin: {MARK}\n"),
        (
            "  model:\n      # first\n      job: tone\n\n      checkpoint: {step: 3}\n",
            f"  model:\n      # first\n      job: tone\n      pin: {MARK}\n\n      checkpoint: {{step: 3}}\n",
        ),
        (f"  model: {{job: tone, pin: {OLD}}}\n", f"  model: {{job: tone, pin: {MARK}}}\n"),
        (f"  model:\n    pin: '{OLD}'  # x\n    job: tone\n", f"  model:\n    pin: '{MARK}'  # x\n    job: tone\n"),
        (f'  model: {{pin: "{OLD}", job: tone}}\n', f'  model: {{pin: "{MARK}", job: tone}}\n'),
        (
            "  model:\n    job: tone\n    pin:   # to be set\n",
            f"  model:\n    job: tone\n    pin: {MARK}   # to be set\n",
        ),
        ("  model:\n    job: tone\n    pin: null\n", f"  model:\n    job: tone\n    pin: {MARK}\n"),
        ('  "model": {"job": "tone"}\n', f'  "model": {{"job": "tone", "pin": "{MARK}"}}\n'),
        (f"  model: {{job: tone, pin: {MARK}}}\n", f"  model: {{job: tone, pin: {MARK}}}\n"),
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("around", ["", OTHER])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_one_value_is_set_and_every_other_byte_stays(before: str, after: str, ends: str, around: str, bom: str) -> None:
    def whole(part: str) -> str:
        text = around.removeprefix("---\n") + ("---\n" if around else "") + HEAD + part + TAIL + around
        return bom + text.replace("\n", ends)

    assert edit(whole(before)) == whole(after)


def test_a_last_line_without_an_end_is_given_one() -> None:
    assert edit(HEAD + "  model:\n    job: tone") == HEAD + f"  model:\n    job: tone\n    pin: {MARK}"


@pytest.mark.parametrize("mark", ["234567234567", "2222e2222222", "22222e222222"])
def test_a_mark_that_reads_as_a_number_is_quoted(mark: str) -> None:
    changed = edit(HEAD + "  model: {job: tone}\n" + TAIL, mark)
    assert isinstance(changed, str)
    assert f'pin: "{mark}"' in changed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (HEAD + "  model: &m {job: tone}\n  extra: *m\n", "shared by an anchor"),
        (HEAD + "  model:\n    job: >-\n      tone\n", "written in several lines"),
        (HEAD + f"  model: {{job: tone, pin: !!str {OLD}}}\n", "has a tag"),
        (HEAD + "  model: gpt-4.1\n", "is no mapping"),
        (HEAD + "  model: {name: gpt-4.1}\n", "has no `job`"),
        (HEAD + "  model: {job: tone}\n---\n" + HEAD + "  model: {job: tone}\n", "stands 2 times"),
        ("kind: [\n", "cannot be read"),
    ],
)
def test_an_unusual_shape_is_refused_with_the_line_to_write(text: str, why: str) -> None:
    fault = edit(text)
    assert isinstance(fault, Fault)
    assert fault.code == "edit-unsafe"
    assert why in fault.detail
    assert f"\n  pin: {MARK}" in fault.remedy

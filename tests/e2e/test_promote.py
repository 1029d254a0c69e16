"""`promote`: the manifest is edited for a commit, with nothing else of it touched."""

from __future__ import annotations

from command import Site
from harness import Azure

APPLY = ("apply", "--auto-approve", "--wait")


def test_promote_pins_the_newest_model_and_touches_nothing_else(site: Site, azure: Azure) -> None:
    site.run(*APPLY, code=0)
    stack = site.folder / "manifests/stack.yaml"
    before = stack.read_bytes()
    mark = azure.jobs()[0]["suffix"][:12]
    tried = site.run("promote", "Deployment/tone", "--dry-run", code=0).out
    assert stack.read_bytes() == before
    assert "Dry run: nothing was written." in tried
    stack.chmod(0o444)
    assert "The manifest cannot be written" in site.run("promote", "Deployment/tone", code=1).err
    assert stack.read_bytes() == before
    stack.chmod(0o644)
    said = site.run("promote", "Deployment/tone", code=0).out
    assert f"-  model: {{job: tone}}\n+  model: {{job: tone, pin: {mark}}}\n" in said
    assert said.endswith("Written. Next:\n  reconciler plan --target Deployment/tone\n")
    assert stack.read_bytes() == before.replace(b"{job: tone}", f"{{job: tone, pin: {mark}}}".encode())
    assert "nothing was written" in site.run("promote", "tone", "--to", mark, code=0).out
    assert "No changes." in site.run("plan", code=0).out


def test_what_to_run_next_goes_to_the_emulator_too(alone: Site) -> None:
    alone.run("init", ".", code=0)
    alone.run("--emulator", *APPLY, code=0)
    said = alone.run("--emulator", "promote", "first-model", code=0).out
    assert "Written. Next:\n  reconciler --emulator plan --target Deployment/first-model\n" in said

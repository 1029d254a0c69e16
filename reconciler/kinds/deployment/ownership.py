"""Whose a deployment is: what its tags say, of whom, and of which deployment."""

from __future__ import annotations

from reconciler.core.account import Account
from reconciler.core.resource import Observed

DEPLOYMENT = "reconciler-deployment"
"""The tag with the name that a deployment was made under: tags that were copied to another deployment say so themselves."""


def is_marked(live: Observed, account: Account) -> bool:
    """Return whether a deployment bears our tags: one of our owners, this source, and no other deployment's name.

    A template that somebody exported, or a script that copies a deployment, takes the tags along; what it makes is not ours.
    """
    is_ours = live.owner in account.spec.owners and same_source(str(live.facts.get("source", "")), account.source)
    return is_ours and not copied_from(live)


def copied_from(live: Observed) -> str:
    """Return the deployment whose tags another one bears; "" where they are its own, or do not say."""
    named = str(live.facts["tags"].get(DEPLOYMENT, ""))
    return named if named.lower() != live.name.lower() else ""


def same_source(tagged: str, source: str) -> bool:
    """Return whether a tag names this source: `<repository>:<folder>`, where the repository may be new.

    What was applied from a folder without a remote is still ours after the folder was pushed to one.
    """
    repository, colon, folder = tagged.partition(":")
    return tagged == source or (bool(colon) and not repository and folder == source.partition(":")[2])

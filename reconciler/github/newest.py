"""Whether a run is of what is newest: one that waited for an approval, or that was run again, may have been overtaken.

A saved plan lets through only what it shows, but it does not know of later commits: what an older one declares would be
trained and deployed once more, over what the newer one did.
"""

from __future__ import annotations

import urllib.parse

from reconciler.github.answers import commit
from reconciler.github.api import Api


def tip(api: Api, branch: str) -> str:
    """Return the newest commit of a branch; raises GitHubError."""
    return commit(api.get(f"branches/{urllib.parse.quote(branch, safe='')}"), "commit", "sha")


def head(api: Api, number: int) -> str:
    """Return the newest commit of a pull request; raises GitHubError."""
    return commit(api.get(f"pulls/{number}"), "head", "sha")

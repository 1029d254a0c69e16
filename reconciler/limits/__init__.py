"""How much of everything an account may have, as dated data. Needs no SDK and no network.

```
find("jobs")            -> Limit("jobs", 100, …)
find("bytes").value     -> 1073741824
```

The numbers are those of the documentation and will be behind: going beyond one is worth a warning and never an error.
An Account says its own with `limits:`; what Azure answers counts more than either.
"""

from __future__ import annotations

from reconciler.limits.table import AS_OF, LIMITS, NEAR, Limit

__all__ = ["AS_OF", "LIMITS", "NEAR", "Limit", "find"]


def find(name: str) -> Limit:
    """Return a limit by its name; raises KeyError for a name that is not in the table."""
    return _BY_NAME[name]


_BY_NAME = {limit.name: limit for limit in LIMITS}

"""The shortest time that the requests of an apply can take, however they are scheduled, computed from the request log.

Each answer takes the same time, so the path is counted in requests. A request depends on another if it uses its answer,
or if it must not be sent before it:

- A *look* lists everything, all lists at once; a list's next page needs the page before it.
- Each round acts on what its look found, and the next look must see what the round did: looks and rounds alternate.
  A round begins with the account's list of deployments, which only a look asks for.
- In a round an upload comes after a fresh list of files, and the creation of a job after the uploads and a fresh list
  of jobs (both are read again right before, so that nothing is made twice); a file that is read back, and each further
  look at an object that is not ready, adds one.
- The control plane takes one write at a time for each account: all its requests about single deployments are a chain.
- Accounts do not wait for each other.

The path is the sum over the rounds of the longest chain in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Logged = Mapping[str, Any]


def length(log: Sequence[Logged]) -> int:
    """Return the number of requests on the critical path."""
    return sum(_look(part) + max(map(_actions, _by_account(part)), default=0) for part in _rounds(log))


def _rounds(log: Sequence[Logged]) -> list[list[Logged]]:
    """Split the log where a look begins: at the first list after a write."""
    rounds: list[list[Logged]] = [[]]
    looked = 0
    looks = [number for number, item in enumerate(log) if _is_deployment_list(item)]
    for number, item in enumerate(log):
        if looked and _begins_look(log, number, looks) and any(one["write"] for one in rounds[-1]):
            rounds.append([])
            looked = 0
        looked += _is_deployment_list(item)
        rounds[-1].append(item)
    return rounds


def _begins_look(log: Sequence[Logged], number: int, looks: Sequence[int]) -> bool:
    """Whether only lists stand between here and the next list of deployments."""
    following = next((look for look in looks if look >= number), None)
    return following is not None and all(_is_list(item) for item in log[number : following + 1])


def _by_account(log: Iterable[Logged]) -> list[list[Logged]]:
    accounts: dict[str, list[Logged]] = {}
    for item in log:
        accounts.setdefault(str(item["account"]), []).append(item)
    return list(accounts.values())


def _look(log: Sequence[Logged]) -> int:
    """Return the longest chain of pages among the lists of a look."""
    pages = [sum(1 for item in part if _is_deployment_list(item)) for part in _by_account(log)]
    return max(1, *pages)


def _actions(log: Sequence[Logged]) -> int:
    """Return the longest chain of one account's actions in a round."""
    control = sum(1 for item in log if _is_control(item) and not _is_deployment_list(item))
    paths = [f"{item['method']} {item['path'].partition('/openai/')[2]}" for item in log if not _is_control(item)]
    uploaded, created = _ends(paths, "POST", "/files"), _ends(paths, "POST", "/jobs")
    again = _most_often(path for path in paths if path.startswith("GET ") and not path.endswith(_LISTS))
    data = 2 * bool(uploaded) + 2 * bool(created) + again
    return max(control, data)


_LISTS = ("/files", "/jobs", "/models")


def _ends(paths: Iterable[str], method: str, end: str) -> int:
    return sum(1 for path in paths if path.startswith(method) and path.endswith(end))


def _most_often(paths: Iterable[str]) -> int:
    counts: dict[str, int] = {}
    for path in paths:
        counts[path] = counts.get(path, 0) + 1
    return max(counts.values(), default=0)


def _is_control(item: Logged) -> bool:
    return str(item["path"]).startswith("/subscriptions/")


def _is_deployment_list(item: Logged) -> bool:
    return item["method"] == "GET" and str(item["path"]).endswith("/deployments")


def _is_list(item: Logged) -> bool:
    return item["method"] == "GET" and str(item["path"]).endswith((*_LISTS, "/deployments"))

"""The data of a run: short, harmless, and the same in every one."""

EXAMPLES = 12
TURN = '{"messages": [{"role": "user", "content": "Is %d even?"}, {"role": "assistant", "content": "%s."}]}\n'
MARK = b"\xef\xbb\xbf"
"""The byte order mark that a file may begin with."""


def rows(count: int = EXAMPLES) -> bytes:
    """Return training data."""
    return "".join(TURN % (n, "Yes" if n % 2 == 0 else "No") for n in range(count)).encode()

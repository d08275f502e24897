"""How much memory the process that answers questions may take: a SELECT can ask for any amount in a single text, which
DuckDB's own limit does not count.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from lakeflow.core.wording import parse_bytes

_BESIDE: Final = 2 << 30
"""What all else may take: the project, and answers on their way."""


def bounded(memory_limit: str) -> int | None:
    """Let this process take no more than DuckDB's limit and a part besides; what is asked beyond that fails, and it
    answers on. None where the system knows no such bound, or has a lower one already.
    """
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ModuleNotFoundError:
        return None
    if memory_limit.endswith("%"):  # somebody gives it this machine
        return None
    most = parse_bytes(memory_limit) + _BESIDE
    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if any(limit != resource.RLIM_INFINITY and limit <= most for limit in (before, hard)):
        return None
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
        return most
    return None

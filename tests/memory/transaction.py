"""What the ledger in memory wants written when the catalog's commit succeeds."""

from __future__ import annotations

from collections.abc import Callable


class MemoryTransaction:
    """Writes that are held back until the commit; none of them can fail."""

    def __init__(self) -> None:
        self._writes: list[Callable[[], None]] = []

    def then(self, write: Callable[[], None]) -> None:
        self._writes.append(write)

    def commit(self) -> None:
        for write in self._writes:
            write()

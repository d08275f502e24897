"""What every scratch does alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class _Sealed(Protocol):
    def seal(self) -> None: ...

    def discard(self) -> None: ...


@contextmanager
def sealing(scratch: _Sealed) -> Iterator[None]:
    """Seal at the end what was written in the meantime; on any error remove it."""
    try:
        yield
        scratch.seal()
    except BaseException:
        scratch.discard()
        raise

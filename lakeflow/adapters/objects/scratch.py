"""What every scratch does alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager


class Sealing(ABC):
    """Seals by syncing and placing; what was written since an error is removed."""

    @abstractmethod
    def sync(self) -> None: ...

    @abstractmethod
    def place(self) -> None: ...

    @abstractmethod
    def discard(self) -> None: ...

    def seal(self) -> None:
        self.sync()
        self.place()

    @contextmanager
    def all_or_none(self) -> Iterator[None]:
        """Seal at the end what was written in the meantime; on any error remove it."""
        try:
            yield
            self.seal()
        except BaseException:
            self.discard()
            raise

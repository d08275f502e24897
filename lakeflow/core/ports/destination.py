"""The port to where files of this disk are copied to as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol


class Destination(Protocol):
    """Names are relative, with `/` between their parts. AssetError, with what to do, where a file cannot be written."""

    def copy(self, path: Path, name: str) -> int:
        """Copy a file durably; its bytes. 0 for a file that is gone, which is looked for later if it was needed."""
        ...

    def copy_all(self, files: Iterable[tuple[Path, str]]) -> int:
        """Copy all of them; their bytes."""
        ...

    def size(self, name: str) -> int | None:
        """In bytes; None where there is no such file."""
        ...

    def is_filled(self) -> bool:
        """Is there anything yet?"""
        ...

    def keep(self) -> None:
        """Make the names of all that was copied durable."""
        ...

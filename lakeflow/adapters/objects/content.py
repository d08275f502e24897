"""A file that is in memory, as pyiceberg reads one."""

from __future__ import annotations

import io

from pyiceberg.io import InputFile


class Content(InputFile):
    """A whole file's bytes, with the name that it has where it is kept."""

    def __init__(self, location: str, content: bytes) -> None:
        super().__init__(location)
        self._content = content

    def __len__(self) -> int:
        return len(self._content)

    def exists(self) -> bool:
        return True

    def open(self, seekable: bool = True) -> io.BytesIO:
        return io.BytesIO(self._content)

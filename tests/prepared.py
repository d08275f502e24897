"""A lake that is made once and put back before each test: to copy it takes a hundredth of what it takes to make it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path


class Prepared:
    """It stands in the same folder each time, because the paths in Iceberg's metadata are absolute."""

    def __init__(self, folder: Path, make: Callable[[Path], object]) -> None:
        self._root, self._kept = folder / "lake", folder / "kept"
        self._root.mkdir()
        make(self._root)
        shutil.copytree(self._root, self._kept, symlinks=True)

    def again(self) -> Path:
        """The root of the lake, as it was made, wherever a test has moved it."""
        shutil.rmtree(self._root, ignore_errors=True)
        shutil.copytree(self._kept, self._root, symlinks=True)
        return self._root

"""Where lakes lie that are killed hundreds of times, and that their commands are processes of their own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

_MEMORY = Path("/dev/shm")
_ENOUGH = 48 * 2**20
"""Bytes: of a container's 64 MB, and many times what a lake of these tests holds."""


@pytest.fixture(autouse=True)
def _whole(whole_processes: None) -> None:
    pass


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where the system has one: SIGKILL leaves there what it leaves on a disk, but sync is free."""
    if not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _ENOUGH:
        yield tmp_path
        return
    with TemporaryDirectory(dir=_MEMORY, prefix="lakeflow-") as folder:
        yield Path(folder)

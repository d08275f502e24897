"""Folders for what does not fit into memory: each process has its own, and what a dead one left is swept away."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import uuid4


def own_folder(spill: Path, kind: str) -> Path:
    """A name in `spill` that no other process and no other call has. `spill` is made, the folder is not.

    DuckDB makes that one when something has to go there, but none above it. Who may not write there hears so then.
    """
    with suppress(OSError):
        spill.mkdir(parents=True, exist_ok=True)
    return spill / f"{kind}-{os.getpid()}-{uuid4().hex}"


def sweep(spill: Path) -> None:
    """Remove what processes left there that were killed; one that is at work keeps its own."""
    for folder in spill.glob("*-*-*"):
        process = folder.name.split("-")[1]
        if process.isdigit() and not _lives(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

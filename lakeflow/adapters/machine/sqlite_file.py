"""Opens SQLite's file only to read it, even where nothing may be written beside it.

A file in write-ahead mode needs two more beside it, `-wal` and `-shm`, and SQLite makes them where it may. Where it may
not, a file without a log is complete in itself and is opened as immutable. A file with a log that a killed writer left
needs both; where `-shm` is missing, a copy is read.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from urllib.parse import quote


def may_write(path: Path) -> bool:
    """May that file, and others beside it, be written? True where it does not exist: then it either can be made or
    fails.
    """
    return not path.exists() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK))


def open_to_read(path: Path, timeout: float) -> sqlite3.Connection:
    """Open the file; sqlite3.Error as `sqlite3.connect`. A copy that was needed is removed once it is open."""
    log, shared = (path.with_name(f"{path.name}{suffix}") for suffix in ("-wal", "-shm"))
    if os.access(path.parent, os.W_OK | os.X_OK) or (log.exists() and shared.exists()):
        return _open(path, "mode=ro", timeout)
    if not log.exists() or not log.stat().st_size:
        return _open(path, "mode=ro&immutable=1", timeout)
    with tempfile.TemporaryDirectory(prefix="lakeflow-") as directory:
        for file in (path, log):
            shutil.copy(file, directory)
        copy = _open(Path(directory, path.name), "mode=rw", timeout)
        copy.execute("select count(*) from sqlite_master").fetchall()  # only now the log is read
        copy.execute("pragma query_only = on")
        return copy


def _open(path: Path, options: str, timeout: float) -> sqlite3.Connection:
    place = f"file:{quote(str(path.absolute()))}?{options}"
    return sqlite3.connect(place, uri=True, timeout=timeout, isolation_level=None)

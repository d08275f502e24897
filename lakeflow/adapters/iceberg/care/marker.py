"""The file in a warehouse that names its lake. It is made once, however many processes begin at the same time."""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lakeflow.adapters.iceberg.care.ground import MARKER
from lakeflow.adapters.iceberg.disk.fileio import sync_directory
from lakeflow.core.care.ownership import WarehouseMarker
from lakeflow.core.errors import LakeError

_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
_NOT_FILES: Final = frozenset({"lost+found", ".DS_Store", ".gitkeep", ".gitignore", ".keep"})
"""Files that an empty folder of a new disk or a repository has."""


def read_mark(warehouse: Path) -> WarehouseMarker | None:
    """The marker; None where there is none. LakeError for one that cannot be read: then nobody knows whose the
    warehouse is.
    """
    path = warehouse / MARKER
    try:
        if not path.is_symlink():
            said = json.loads(path.read_bytes())
            return WarehouseMarker(str(said["id"]), str(said["name"]), str(said["database"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise _damaged(path, type(error).__name__) from error
    raise _damaged(path, "it is a link")


def make_mark(warehouse: Path, mark: WarehouseMarker) -> bool:
    """Make the marker durably, whole or not at all. False where another process was first."""
    final = warehouse / MARKER
    with _explained(final), _written(warehouse, mark) as temporary:
        try:
            os.link(temporary, final)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if final.exists():
                return False
            temporary.rename(final)
        sync_directory(warehouse)
    return True


def replace_mark(warehouse: Path, mark: WarehouseMarker) -> None:
    """Write the marker in place of whatever is there."""
    final = warehouse / MARKER
    with _explained(final), _written(warehouse, mark) as temporary:
        temporary.replace(final)
        sync_directory(warehouse)


def mark_above(warehouse: Path, id_: str | None) -> WarehouseMarker | None:
    """The nearest marker of another lake in the folders above."""
    for folder in warehouse.resolve().parents:
        if (folder / MARKER).is_file() and (mark := read_mark(folder)) and mark.id != id_:
            return mark
    return None


def is_filled(folder: Path, ignored: frozenset[Path]) -> bool:
    """Does the folder hold any file or link, here or below? Ignored files do not count."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        if not folder.exists():
            return False
        raise LakeError(
            f"cannot read {folder}: {error.strerror}", hint="check that it is a folder, and its rights"
        ) from error
    return any(_counts(entry, ignored) for entry in entries if entry.name not in _NOT_FILES and entry not in ignored)


def _counts(entry: Path, ignored: frozenset[Path]) -> bool:
    if entry.is_dir() and not entry.is_symlink():
        return is_filled(entry, ignored)
    return not (entry.name.startswith(f".{MARKER}.") and entry.name.endswith(".tmp"))


@contextmanager
def _written(warehouse: Path, mark: WarehouseMarker) -> Iterator[Path]:
    """The marker under a temporary name, synced. The temporary file is removed at the end."""
    warehouse.mkdir(parents=True, exist_ok=True)
    temporary = warehouse / f".{MARKER}.{secrets.token_hex(4)}.tmp"
    said = {"format": "lakeflow.lake/1", "id": mark.id, "name": mark.name, "database": mark.database}
    try:
        with temporary.open("x", encoding="utf-8") as file:
            json.dump(said, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _damaged(path: Path, why: str) -> LakeError:
    return LakeError(
        f"{path}, which says whose the warehouse is, cannot be read ({why})",
        hint="put it back from a copy; or `lakeflow adopt --warehouse` makes the warehouse this lake's",
    )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LakeError(
            f"cannot write {path}: {error.strerror}",
            hint="check the folder's permissions, and that its disk has room (`df -h`, and `df -i` for inodes)",
        ) from error

"""Which files of two snapshots can make them differ.

A file that both have holds the same rows for both, unless a delete file that only one of them has may hide some.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from lakeflow.core.model.foreign import FileOrigin
from lakeflow.core.model.table import DeleteFile, Scan

Targets = Callable[[DeleteFile], Collection[str]]
"""The local paths of the data files in which a delete file hides rows by their positions."""


def shared(before: Scan, after: Scan, targets: Targets) -> frozenset[str]:
    """The files that hold the same rows for both. `targets` is asked of a delete file that only one side has and that
    does not say itself whose rows it hides.
    """
    both = frozenset(before.files) & frozenset(after.files)
    if not (before.deletes or after.deletes):
        return both
    one_sided = [*_reaches(before, after, targets), *_reaches(after, before, targets)]
    moved = {path for path in both if _sequences(before, after, path) > 1}
    return frozenset(path for path in both - moved if not any(reaches(path) for reaches in one_sided))


def without(scan: Scan, files: Collection[str]) -> Scan:
    """The scan without these files, and without the deletes that name one of them."""
    kept = tuple(path for path in scan.files if path not in files)
    return replace(scan, files=kept, rows=0, deletes=_deletes_of(scan, kept))


def only(scan: Scan, files: Collection[str]) -> Scan:
    """The scan of these of its files."""
    return without(scan, frozenset(scan.files) - frozenset(files))


def _deletes_of(scan: Scan, files: Iterable[str]) -> tuple[DeleteFile, ...]:
    names = {local(path) for path in files}
    return tuple(delete for delete in scan.deletes if not delete.target or local(delete.target) in names)


def local(path: str) -> str:
    """One spelling for a local path: writers use `file:/x`, `file:///x` and `/x`."""
    return "/" + path[5:].lstrip("/") if path.startswith("file:/") else path


def _sequences(before: Scan, after: Scan, path: str) -> int:
    """How many sequence numbers the file has; a delete hides only rows that are older than it."""
    return len({scan.origins[path].sequence for scan in (before, after) if path in scan.origins})


def _reaches(scan: Scan, other: Scan, targets: Targets) -> Iterable[Callable[[str], bool]]:
    """For each delete that the other side lacks: may it hide a row of a file?"""
    for delete in frozenset(scan.deletes) - frozenset(other.deletes):
        yield _reach(scan, delete, targets)


def _reach(scan: Scan, delete: DeleteFile, targets: Targets) -> Callable[[str], bool]:
    if delete.equality is not None:
        scopes = {delete.equality.scope} if delete.equality.scope else None
        return lambda path: _is_reached(scan.origins.get(path, FileOrigin()), delete.sequence, scopes)
    named = {local(delete.target)} if delete.target else {local(path) for path in targets(delete)}
    return lambda path: local(path) in named


def _is_reached(origin: FileOrigin, sequence: int, scopes: Collection[str] | None) -> bool:
    return origin.sequence < sequence and (scopes is None or origin.scope in scopes)

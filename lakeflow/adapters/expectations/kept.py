"""Suites that were made ready once, kept in a folder of the user: an audit of them does without the library.

What is kept is named by everything that it was made from, so it is never stale; a file that is damaged is as good
as none. Any number of processes may read and write at once.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from lakeflow.adapters.expectations.apart import told_apart
from lakeflow.adapters.expectations.checks import Check
from lakeflow.adapters.expectations.constant import asks_for_library
from lakeflow.adapters.expectations.stored import NotDataError, dumps, loads
from lakeflow.adapters.expectations.table import Audited
from lakeflow.core.model import CheckFile, CheckKind

_MOST_FILES: Final = 1_000
_MOST_BYTES: Final = 64 << 20


class Kept:
    """The folder. Without one nothing is kept; one that cannot be read or written is as good as none."""

    def __init__(self, folder: str | None) -> None:
        self._folder = Path(folder) if folder else None

    def covers(self, file: CheckFile) -> bool:
        """Can it most likely be audited without the library? It does not ask for it, or was ready for some table."""
        if file.kind is not CheckKind.SUITE or not asks_for_library(file.text):
            return True
        return self._folder is not None and any(self._folder.glob(f"{_file_key(file)}-*"))

    def read(self, file: CheckFile, table: Audited, *, allow_empty: bool) -> list[Check] | None:
        """What was made of its expectations; None where that is not known."""
        if self._folder is None:
            return None
        path = self._folder / _name(file, table, allow_empty)
        with suppress(OSError, ValueError):
            digest, _, text = path.read_text("utf-8").partition("\n")
            if digest == _digest(text):
                checks = loads(text)
                os.utime(path)  # the longest unused goes first
                return checks
        return None

    def write(self, file: CheckFile, table: Audited, checks: Sequence[Check], *, allow_empty: bool) -> None:
        """Nothing happens where its expectations may say something else next time, or a check of them is not data."""
        if self._folder is None or told_apart(file.text) is None:
            return
        with suppress(OSError, NotDataError):
            text = dumps(checks)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(self._folder / _name(file, table, allow_empty), f"{_digest(text)}\n{text}")
            _forget_the_oldest(self._folder)


def _name(file: CheckFile, table: Audited, allow_empty: bool) -> str:
    """Everything of a table that goes into a check: a field of `Audited` that does must be named here too."""
    columns = [[field.name, str(field.type)] for field in table.schema.fields]
    personal = [sorted(table.pii), sorted(table.elsewhere), table.guarded]
    made_for = json.dumps([str(table.asset), columns, table.primary_key, personal, allow_empty])
    return f"{_file_key(file)}-{_digest(made_for)}.json"


def _file_key(file: CheckFile) -> str:
    return _digest(json.dumps([_maker(), file.path, file.text, file.allow_empty]))


@cache
def _maker() -> str:
    """What makes checks of files: the versions, and the very text of this package, which moves between releases."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    text = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    return f"{version('great_expectations')} {version('lakeflow-wap')} {text}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _replace(path: Path, text: str) -> None:
    """Whole or not at all, for whoever reads meanwhile."""
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, suffix=".new", delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)


def _forget_the_oldest(folder: Path) -> None:
    held = 0
    for place, (_, size, path) in enumerate(sorted(_files(folder), reverse=True)):
        held += size
        if place >= _MOST_FILES or held > _MOST_BYTES:
            with suppress(OSError):
                path.unlink()


def _files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """When each was used last, and how large it is; others may remove them meanwhile."""
    for path in folder.iterdir():
        with suppress(OSError):
            found = path.stat()
            yield found.st_mtime, found.st_size, path

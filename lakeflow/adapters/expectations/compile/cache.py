"""A cache of compiled suites: the next audit of the same suite does not need the library.

The name of an entry is made from everything that the suite was compiled from, so an entry is never stale. A damaged
entry counts as none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final, Protocol

from lakeflow.adapters.expectations.checks.check import Check
from lakeflow.adapters.expectations.compile.is_constant import asks_for_library, told_apart
from lakeflow.adapters.expectations.compile.serialise import NotDataError, dumps, loads
from lakeflow.adapters.expectations.compile.stand_ins import stand_ins
from lakeflow.adapters.expectations.compile.stated import is_stated
from lakeflow.adapters.expectations.table import Audited
from lakeflow.core.model.check import CheckFile, CheckKind
from lakeflow.core.ports.digests import digest_of


class TextCache(Protocol):
    """Small texts by name that can be made again. A text that is damaged or cannot be read counts as none."""

    def holds(self, prefix: str) -> bool:
        """Is there a text whose name begins with this?"""
        ...

    def read(self, name: str) -> str | None: ...

    def write(self, name: str, text: str) -> None: ...


class SuiteCache:
    """Compiled suites in the user's cache. Without a cache, each suite is compiled again."""

    def __init__(self, texts: TextCache | None = None) -> None:
        self._texts = texts

    def covers(self, file: CheckFile) -> bool:
        """Can the file probably be audited without the library? It does not need it, or its text tells enough, or it is
        cached for some table.
        """
        if file.kind is not CheckKind.SUITE or not asks_for_library(file.text) or stand_ins(file.text) is not None:
            return True
        return self._texts is not None and self._texts.holds(f"{_file_key(file)}-")

    def read(self, file: CheckFile, table: Audited, *, allow_empty: bool) -> list[Check] | None:
        """The compiled checks of the file. None where they are not cached, or do not match the file's text."""
        text = self._texts.read(_name(file, table, allow_empty)) if self._texts else None
        with suppress(ValueError):
            checks = None if text is None else loads(text)
            return checks if checks is not None and is_stated(file, checks) else None
        return None

    def write(self, file: CheckFile, table: Audited, checks: Sequence[Check], *, allow_empty: bool) -> None:
        """Cache the compiled checks, unless the file may give other expectations next time, or a check is not data."""
        if self._texts and told_apart(file.text) is not None:
            with suppress(NotDataError):
                self._texts.write(_name(file, table, allow_empty), dumps(checks))


def _name(file: CheckFile, table: Audited, allow_empty: bool) -> str:
    """The entry's name. A field of `Audited` that goes into a check must be part of it."""
    columns = [[field.name, str(field.type)] for field in table.schema.fields]
    personal = [sorted(table.pii), sorted(table.elsewhere), table.guarded]
    made_for = json.dumps([str(table.asset), columns, table.primary_key, table.version_key, personal, allow_empty])
    return f"{_file_key(file)}-{digest_of(made_for)}.json"


def _file_key(file: CheckFile) -> str:
    return digest_of(json.dumps([_maker(), file.path, file.text, file.allow_empty]))


_PACKAGE: Final = Path(__file__).parents[3]
MAKERS: Final = ("adapters/expectations", "expectations", "core/checks")
"""The rooms that say what a suite becomes: this one, our own expectations, and what the text of a check file tells."""


@cache
def _maker() -> str:
    """What compiles the checks: the versions of the libraries, and all files of the rooms that do, which change between
    releases.
    """
    made_by = " ".join(package_digest(_PACKAGE / room) for room in MAKERS)
    return f"{version('great_expectations')} {version('lakeflow-wap')} {made_by}"


def package_digest(folder: Path) -> str:
    """The digest of every file in the package, its folders included: modules, and tables that they read. What Python
    keeps of a module beside it says nothing new.
    """
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    named = (f"{path.relative_to(folder)}\0".encode() + path.read_bytes() for path in sorted(found))
    return hashlib.sha256(b"\0".join(named)).hexdigest()

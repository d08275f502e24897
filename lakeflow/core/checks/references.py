"""Which tables the Python of a check file reads, by its text: nothing is executed.

A foreign key and the inputs of a check function name other tables, which count as references like those in SQL. A check
that compares with main reads its own asset as readers see it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from lakeflow.core.checks.functions import declared_checks
from lakeflow.core.errors import Fault
from lakeflow.core.keys import AssetKey
from lakeflow.core.values import dataclass

FOREIGN_KEY: Final = "ExpectForeignKeyToExist"
AGAINST_MAIN: Final = frozenset(
    {"ExpectNoKeyToDisappear", "ExpectRowCountToStayNearMain", "ExpectColumnDistributionToStayNearMain"}
)
_BINDS: Final = frozenset({"expectations", "*", "globals", "exec"})
"""Every file with expectations holds one of these names."""
_MODULE: Final = "lakeflow.expectations"
_PUBLISHED: Final = "published."


@dataclass(frozen=True)
class Mention:
    """A table that a check file names; `published` means as readers see it."""

    key: AssetKey
    line: int
    published: bool = False


@dataclass(frozen=True)
class Mentions:
    tables: tuple[Mention, ...] = ()
    against_main: bool = False
    faults: tuple[Fault, ...] = ()


def mentions(tree: ast.Module, path: str) -> Mentions:
    """The tables that the file names, and a fault for each table that its text does not tell."""
    keys = {FOREIGN_KEY, *_renamed(tree)}
    functions = declared_checks(tree, path)
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _last(node.func) in keys)
    found = [
        *(_foreign_key(call, path) for call in calls),
        *(_table(f"input {table!r}", table, line, path) for each in functions for _, table, line in each.inputs),
    ]
    return Mentions(
        tables=tuple(each for each in found if isinstance(each, Mention)),
        against_main=any(each.against_main for each in functions) or any(name in AGAINST_MAIN for name in _names(tree)),
        faults=(
            *(each for each in found if isinstance(each, Fault)),
            *(fault for each in functions for fault in each.faults),
        ),
    )


def without_checks(tree: ast.Module, path: str) -> Iterator[Fault]:
    """A fault for a file that, by its text, neither binds `expectations` nor has a check function."""
    if not _BINDS & set(_bound(tree)) and not declared_checks(tree, path):
        message = "the file defines no `expectations = [...]` and no function with @check"
        yield Fault(path, 1, message, "write one, or remove the file; a helper begins its name with _")


def _bound(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.asname or node.name


def _renamed(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == _MODULE:
            yield from (alias.asname for alias in node.names if alias.name == FOREIGN_KEY and alias.asname)


def _last(node: ast.expr) -> str:
    """`lfx.ExpectX` and `ExpectX` → `ExpectX`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            yield _last(node)
        elif isinstance(node, ast.alias):
            yield node.name


def _foreign_key(call: ast.Call, path: str) -> Mention | Fault:
    given = next((each.value for each in call.keywords if each.arg == "references"), None)
    if not isinstance(given, ast.Constant) or not isinstance(given.value, str):
        message = "the table that the foreign key references cannot be read from the text"
        return Fault(path, call.lineno, message, 'write it as a literal: references="silver.carriers"')
    return _table(f"references={given.value!r}", given.value, given.lineno, path)


def _table(said: str, name: str, line: int, path: str) -> Mention | Fault:
    try:
        return Mention(AssetKey.parse(name.removeprefix(_PUBLISHED)), line, name.startswith(_PUBLISHED))
    except ValueError:
        return Fault(path, line, f"{said} names no table", "tables are named layer.name, such as silver.carriers")

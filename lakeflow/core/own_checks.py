"""Which tables our own expectations name, as the text of a check file tells: nothing is executed.

A foreign key names another table, which counts as a reference like one in SQL; whatever compares with main reads what
readers see of the asset itself.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lakeflow.core.errors import Fault
from lakeflow.core.model import AssetKey

FOREIGN_KEY: Final = "ExpectForeignKeyToExist"
AGAINST_MAIN: Final = frozenset(
    {"ExpectNoKeyToDisappear", "ExpectRowCountToStayNearMain", "ExpectColumnDistributionToStayNearMain"}
)
_MODULE: Final = "lakeflow.expectations"
_PUBLISHED: Final = "published."


@dataclass(frozen=True)
class Mention:
    """A table that a check file names; `published`: as readers see it."""

    key: AssetKey
    line: int
    published: bool = False


@dataclass(frozen=True)
class Mentions:
    tables: tuple[Mention, ...] = ()
    against_main: bool = False
    faults: tuple[Fault, ...] = ()


def mentions(tree: ast.Module, path: str) -> Mentions:
    """What the file says, and a fault for each foreign key whose other table cannot be read from the text."""
    keys = {FOREIGN_KEY, *_renamed(tree)}
    found = [_mention(node, path) for node in ast.walk(tree) if isinstance(node, ast.Call) and _last(node.func) in keys]
    return Mentions(
        tables=tuple(each for each in found if isinstance(each, Mention)),
        against_main=any(name in AGAINST_MAIN for name in _names(tree)),
        faults=tuple(each for each in found if isinstance(each, Fault)),
    )


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


def _mention(call: ast.Call, path: str) -> Mention | Fault:
    given = next((each.value for each in call.keywords if each.arg == "references"), None)
    if not isinstance(given, ast.Constant) or not isinstance(given.value, str):
        message = "the table that the foreign key references cannot be read from the text"
        return Fault(path, call.lineno, message, 'write it as a literal: references="silver.carriers"')
    published = given.value.startswith(_PUBLISHED)
    try:
        key = AssetKey.parse(given.value.removeprefix(_PUBLISHED))
    except ValueError:
        message = f"references={given.value!r} names no table"
        return Fault(path, given.lineno, message, "tables are named layer.name, such as silver.carriers")
    return Mention(key, given.lineno, published)

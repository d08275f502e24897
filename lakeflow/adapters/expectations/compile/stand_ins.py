"""Reads the expectations of a check file of literals and constructors from its text, without Great Expectations."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final

from lakeflow.adapters.expectations.library.signatures import SEVERITIES, NotCoveredError, StandIn, stand_in

_MODULE: Final = "great_expectations.expectations"


def stand_ins(text: str) -> tuple[StandIn, ...] | None:
    """The expectations of a file that imports the library, lists some of its expectations, and does nothing else. None
    for any other.
    """
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError, NotCoveredError):
        found = tuple(_read(ast.parse(text).body))
        return found or None
    return None


def _read(body: list[ast.stmt]) -> Iterator[StandIn]:
    names: dict[str, str] = {}
    *before, last = body
    for place, node in enumerate(before):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= dict(_imported(node))
        elif not (place == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            raise NotCoveredError("a statement")
    if not (
        isinstance(last, ast.Assign)
        and [getattr(target, "id", "") for target in last.targets] == ["expectations"]
        and isinstance(last.value, ast.List)
    ):
        raise NotCoveredError("no list")
    for each in last.value.elts:
        yield _constructed(each, names)


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """The names that an import of the library binds, each with what it means."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom) and not node.level:
            path = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import) and alias.asname:
            path = alias.name
        else:
            raise NotCoveredError("an import")
        if path not in {"great_expectations", _MODULE} and path.rpartition(".")[0] != _MODULE:
            raise NotCoveredError("another module")
        yield alias.asname or alias.name, path


def _constructed(node: ast.expr, names: Mapping[str, str]) -> StandIn:
    if not isinstance(node, ast.Call) or node.args or any(each.arg is None for each in node.keywords):
        raise NotCoveredError("no constructor with named arguments")
    module, _, name = _path(node.func, names).rpartition(".")
    given = {each.arg: ast.literal_eval(each.value) for each in node.keywords if each.arg}
    if module != _MODULE or len(given) != len(node.keywords):
        raise NotCoveredError(module)
    if given.get("severity", SEVERITIES[0]) not in SEVERITIES:
        raise NotCoveredError("severity")
    return stand_in(name, given)


def _path(node: ast.expr, names: Mapping[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_path(node.value, names)}.{node.attr}"
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    raise NotCoveredError("a name")

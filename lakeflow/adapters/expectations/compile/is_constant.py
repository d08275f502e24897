"""What the text of a check file tells without being executed.

Its main question: does the file always give the same expectations? Only then may the result be cached
(docs/decisions/0015).

It does when it consists only of literals, constructors of expectations and dates, and pure functions of Python applied
to these. `date.today()`, the environment, a project module, and a class or function of the file are not allowed.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator
from typing import Final

from lakeflow.core.checks.functions import declared_checks
from lakeflow.core.version.reachable_code import FunctionNode, bound_names, reached_from

_NODES: Final = (
    *(ast.Module, ast.Import, ast.ImportFrom, ast.alias, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr),
    *(ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Starred, ast.JoinedStr, ast.FormattedValue),
    *(ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.unaryop, ast.operator, ast.boolop, ast.cmpop),
    *(ast.ListComp, ast.GeneratorExp, ast.comprehension),
    *(ast.Call, ast.keyword, ast.Attribute, ast.Name, ast.Load, ast.Store),
)
_LIBRARY: Final = ("great_expectations", "lakeflow.expectations")
_MODULES: Final = ("__future__", "datetime", "decimal", *_LIBRARY)
_CONSTRUCTORS: Final = frozenset(
    {*(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")), "decimal.Decimal"}
)
_PURE: Final = frozenset(
    {
        *("dict", "frozenset", "list", "set", "tuple", "enumerate", "range", "sorted", "zip"),
        *("abs", "float", "int", "len", "max", "min", "round", "str", "sum"),
    }
)
_OURS: Final = frozenset({"lakeflow.check", "lakeflow.Relation"})
_OTHERS: Final = sys.stdlib_module_names | {"duckdb", "numpy", "pandas", "polars", "pyarrow"}
_MARK: Final = "$PARAMETER"
_METHODS: Final = frozenset({"is_null", "is_not_null", "is_in", "is_not_in", "items", "keys", "values"})


def is_constant(text: str) -> bool:
    """Does the file always give the same? False also for text that is no Python."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    if _MARK in text and "now" in text:
        return False  # a suite parameter may be an expression, and this one may read the clock
    imported = dict(_imported(nodes))
    bound = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    if not all(isinstance(node, _NODES) for node in nodes) or bound & (imported.keys() | vars(builtins).keys()):
        return False
    return all(_is_library(name) for name in imported.values()) and all(
        _constructs(node, imported) for node in nodes if isinstance(node, ast.Call)
    )


def asks_for_library(text: str) -> bool:
    """May executing this file import Great Expectations? A file with only check functions need not wait for it."""
    try:
        imported = dict(_imported(list(ast.walk(ast.parse(text)))))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return not all(path in _OURS or path.partition(".")[0] in _OTHERS for path in imported.values())


def _imported(nodes: list[ast.AST]) -> Iterator[tuple[str, str]]:
    """Each imported name with what it means, as a dotted path; names of `from . import x` and `*` belong to no
    module.
    """
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                known = node.module and not node.level and alias.name != "*"
                yield alias.asname or alias.name, f"{node.module}.{alias.name}" if known else ""


def _is_library(path: str) -> bool:
    return any(path == module or path.startswith(f"{module}.") for module in _MODULES)


def _constructs(call: ast.Call, imported: dict[str, str]) -> bool:
    path = _path(call.func, imported)
    if path is None:
        return isinstance(call.func, ast.Attribute) and call.func.attr in _METHODS
    if path in _CONSTRUCTORS or path in _PURE:
        return True
    return path.startswith(tuple(f"{module}." for module in _LIBRARY)) and path.rpartition(".")[2][:1].isupper()


def _path(node: ast.expr, imported: dict[str, str]) -> str | None:
    """The dotted path that an expression means; None where it does not begin with a name of another module."""
    if isinstance(node, ast.Name):
        return imported.get(node.id, node.id if node.id in _PURE else None)
    if isinstance(node, ast.Attribute) and (base := _path(node.value, imported)):
        return f"{base}.{node.attr}"
    return None


def told_apart(text: str) -> ast.Module | None:
    """The part of the file that its check functions need to be executed alone; empty where there are no functions.

    None for a file that must be executed as a whole: its expectations may change from day to day, or its functions may
    need the library.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    checks = {declared.line for declared in declared_checks(tree, "")}
    starts = [each for each in tree.body if isinstance(each, FunctionNode) and each.lineno in checks]
    functions = reached_from(tree, starts) if starts else []
    names = bound_names(functions)
    rest = [each for each in tree.body if not bound_names([each]) <= names]
    if not is_constant(_text(reached_from(tree, rest))) or asks_for_library(_text(functions)):
        return None
    future = [each for each in tree.body if isinstance(each, ast.ImportFrom) and each.module == "__future__"]
    return ast.fix_missing_locations(ast.Module([*future, *functions] if functions else [], []))


def _text(statements: list[ast.stmt]) -> str:
    return ast.unparse(ast.Module(statements, []))

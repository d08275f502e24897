"""The line of a file at which the cause of a result stands. It is told by the texts alone; nothing is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Final

from lakeflow.core.declare.sql_header import line_of_select, read_header
from lakeflow.core.model.asset import Asset, PythonCode
from lakeflow.core.sql.tokens import Token, UnclosedError, line_at, tokens
from lakeflow.core.version.reachable_code import FunctionNode, asset_names, is_asset

_EXPECTATIONS: Final = "expectations"
_COLUMN: Final = re.compile(r"\bcolumn \"?(\w+)", re.IGNORECASE)


def place_of(asset: Asset, field: str = "", column: str = "") -> tuple[str, int]:
    """The file of an asset, and the line at which it declares a field, else a column, else its code. Of a function only
    that last one is known.
    """
    code = asset.code
    if isinstance(code, PythonCode):
        return code.path, code.line
    return code.path, line_of_column(code.text, column) if column else line_of_select(code.text, field)


def line_of_column(text: str, column: str) -> int:
    """Where the outermost SELECT of a SQL file names the column that it gives; where it does not, that SELECT."""
    named = [each for each in _given(_cut(read_header(text, "").sql)) if _spelled(each) == column.lower()]
    return line_at(text, named[-1].start) if named else line_of_select(text)


def line_of_fault(text: str, path: str, said: str, otherwise: int) -> int:
    """Where a message about a file says that something is wrong: `path:line`, or in SQL the first use of a column that
    it names.
    """
    if found := re.search(rf"{re.escape(path)}:(\d+)", said):
        return int(found[1])
    named = _COLUMN.search(said) if path.endswith(".sql") else None
    wanted = named[1].lower() if named else ""
    used = (each for each in _cut(read_header(text, "").sql) if wanted and _spelled(each) == wanted)
    return line_at(text, first.start) if (first := next(used, None)) else otherwise


def line_of_function(text: str, name: str, field: str = "") -> int | None:
    """Where a field of a function's `@asset` stands, else that decorator; None where the text has no such function."""
    if (tree := _tree(text)) is None:
        return None
    assets = asset_names(tree)
    for node in tree.body:
        if isinstance(node, FunctionNode) and node.name == name:
            for each in node.decorator_list:
                if is_asset(each, assets):
                    return dict(_fields(each)).get(field, each.lineno)
            return node.lineno
    return None


def lines_of_checks(text: str, names: Sequence[str]) -> tuple[int, ...]:
    """Where each check of a Python file stands, whose results come in the order of its expectations. All stand at the
    list where the text does not tell them one by one.
    """
    if (tree := _tree(text)) is None:
        return (1,) * len(names)
    functions = {node.name: _first_line(node) for node in tree.body if isinstance(node, FunctionNode)}
    given, start = _expectations(tree)
    others = [name for name in names if name not in functions]
    told = iter(given if len(given) == len(others) else [start] * len(others))
    return tuple(functions[name] if name in functions else next(told) for name in names)


def line_of_setting(text: str, key: str) -> int:
    """Where a dotted key, or the longest beginning of it, stands in `[tool.lakeflow]` of a TOML file."""
    parts = ["tool", "lakeflow", *key.split(".")]
    lines = dict(_keys(text))
    places = (lines.get(tuple(parts[:length])) for length in range(len(parts), 1, -1))
    return next((line for line in places if line), 1)


def _cut(sql: str) -> tuple[Token, ...]:
    try:
        return tokens(sql)
    except UnclosedError:
        return ()


def _given(cut: Sequence[Token]) -> Iterator[Token]:
    """The words between the outermost SELECT and its FROM, in no brackets."""
    depth, inside = 0, False
    for each in cut:
        depth += (each.text in {"(", "[", "{"}) - (each.text in {")", "]", "}"})
        if depth == 0 and each.kind == "word" and each.text.lower() in {"select", "from"}:
            inside = each.text.lower() == "select"
        elif depth == 0 and inside and each.kind in {"word", "name"}:
            yield each


def _spelled(each: Token) -> str:
    return each.text[1:-1].replace('""', '"').lower() if each.kind == "name" else each.text.lower()


def _tree(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _fields(decorator: ast.expr) -> Iterator[tuple[str, int]]:
    """The fields of `@asset(…)`, and the columns among them as `columns.NAME`."""
    for each in decorator.keywords if isinstance(decorator, ast.Call) else ():
        yield str(each.arg), each.value.lineno if each.arg is None else each.lineno
        for key in each.value.keys if isinstance(each.value, ast.Dict) else ():
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield f"{each.arg}.{key.value}", key.lineno


def _first_line(node: FunctionNode) -> int:
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def _expectations(tree: ast.Module) -> tuple[list[int], int]:
    """The lines of the expectations, as far as one list names them, and the line where the file binds them."""
    bound = [each for each in tree.body if _EXPECTATIONS in _targets(each)]
    start = bound[-1].lineno if bound else 1
    if len(bound) != 1 or not isinstance(bound[0], ast.Assign | ast.AnnAssign):
        return [], start
    value = bound[0].value
    if isinstance(value, ast.Call):  # ExpectationSuite(name=…, expectations=[…])
        value = next((each.value for each in value.keywords if each.arg == _EXPECTATIONS), None)
    if not isinstance(value, ast.List | ast.Tuple) or any(isinstance(each, ast.Starred) for each in value.elts):
        return [], start
    return [each.lineno for each in value.elts], start


def _targets(statement: ast.stmt) -> set[str]:
    """The names that a statement binds to a value, or adds to one."""
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    return {each.id for each in targets if isinstance(each, ast.Name)}


_TABLE: Final = re.compile(r"\s*\[\[?\s*(?P<table>[^\[\]#]+?)\s*\]")
_KEY: Final = re.compile(r"\s*(?P<key>[\w\"'-]+(?:\s*\.\s*[\w\"'-]+)*)\s*=")


def _keys(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Each table and key of a TOML text with its line, as far as lines tell them; the last of a name counts."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if found := _TABLE.match(line):
            table = _parts(found["table"])
            yield table, number
        elif found := _KEY.match(line):
            yield (*table, *_parts(found["key"])), number


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(each.strip().strip("\"'") for each in dotted.split("."))

"""Reads the check functions of a file from its text: which tables they read, and what is wrong with their
declarations.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from lakeflow.core.declare.check_decorator import BRANCH, PUBLISHED
from lakeflow.core.errors import Fault
from lakeflow.core.model.check import Severity
from lakeflow.core.values import dataclass
from lakeflow.core.version.reachable_code import FunctionNode
from lakeflow.core.wording import did_you_mean

_HOMES: Final = frozenset({"lakeflow", "lakeflow.core.declare.check_decorator"})


@dataclass(frozen=True)
class Declared:
    """One check function: its `inputs` by parameter, and whether it compares with main."""

    line: int
    inputs: tuple[tuple[str, str, int], ...] = ()
    against_main: bool = False
    faults: tuple[Fault, ...] = ()


def declared_checks(tree: ast.Module, path: str) -> tuple[Declared, ...]:
    """Every top-level function of the file under lakeflow's `check`."""
    decorators = set(_decorators(tree))
    return tuple(
        _declared(node, decorator, path)
        for node in tree.body
        if isinstance(node, FunctionNode)
        for decorator in node.decorator_list
        if ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator) in decorators
    )


def _decorators(tree: ast.Module) -> Iterator[str]:
    """The expressions that mean `lakeflow.check` in this file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in _HOMES:
            yield from (alias.asname or alias.name for alias in node.names if alias.name == "check")
        elif isinstance(node, ast.Import):
            yield from (f"{alias.asname or alias.name}.check" for alias in node.names if alias.name == "lakeflow")


def _declared(node: FunctionNode, decorator: ast.expr, path: str) -> Declared:
    said = {each.arg: each.value for each in decorator.keywords} if isinstance(decorator, ast.Call) else {}
    faults = list(_severity_faults(said.get("severity"), path))
    inputs = _inputs(said.get("inputs"))
    if inputs is None:
        hint = 'write it as a literal: inputs={"airports": "silver.airports"}'
        return Declared(
            node.lineno, faults=(Fault(path, decorator.lineno, "inputs cannot be read from the text", hint),)
        )
    names = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    known = {BRANCH, PUBLISHED, *(name for name, _, _ in inputs)}
    faults += [_unknown(path, node, name, known) for name in names if name not in known]
    faults += [_unused(path, node, name, line) for name, _, line in inputs if name not in names]
    return Declared(node.lineno, inputs, PUBLISHED in names, tuple(faults))


def _severity_faults(given: ast.expr | None, path: str) -> Iterator[Fault]:
    if isinstance(given, ast.Constant) and given.value not in list(Severity):
        yield Fault(path, given.lineno, f"unknown severity {given.value!r}", f"{', '.join(Severity)} exist")


def _inputs(given: ast.expr | None) -> tuple[tuple[str, str, int], ...] | None:
    """Each parameter with its table and line; None when they are not written as literals."""
    if given is None:
        return ()
    if not isinstance(given, ast.Dict):
        return None
    pairs = [
        (key.value, value.value, key.lineno)
        for key, value in zip(given.keys, given.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
    ]
    texts = tuple(
        (name, table, line) for name, table, line in pairs if isinstance(name, str) and isinstance(table, str)
    )
    return texts if len(texts) == len(given.keys) else None


def _unknown(path: str, node: FunctionNode, name: str, known: set[str]) -> Fault:
    hint = f"the parameters are {BRANCH}, {PUBLISHED}, and those of inputs"
    return Fault(
        path, node.lineno, f"check {node.name}: nothing is known as {name!r}", did_you_mean(name, sorted(known), hint)
    )


def _unused(path: str, node: FunctionNode, name: str, line: int) -> Fault:
    return Fault(path, line, f"check {node.name} has no parameter {name!r}", "add the parameter, or drop the input")

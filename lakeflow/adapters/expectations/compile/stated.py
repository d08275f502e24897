"""Reads from the text of a check file, without executing it, which expectations it holds: a second check on the
cache.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from lakeflow.adapters.expectations.checks.check import Check
from lakeflow.core.model.check import CheckFile

_NAME = "expectations"


def is_stated(file: CheckFile, checks: Sequence[Check]) -> bool:
    """Do these checks match the expectations in the text, by number, kind and order? Where the text does not spell them
    out, there must at least be some.
    """
    if [(check.unit, check.path) for check in checks] != [
        (f"{file.path}#{at}", file.path) for at in range(len(checks))
    ]:
        return False
    bound, kinds = _stated(ast.parse(file.text))
    if kinds is None or not bound:
        return bool(checks) == bound
    return len(kinds) == len(checks) and all(map(_is_of, checks, kinds))


def _stated(tree: ast.Module) -> tuple[bool, list[str] | None]:
    """Does the file bind `expectations`, and the classes that it lists; None where it does not spell them out."""
    bound, kinds = False, list[str]()
    aliases = {
        each.asname: each.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for each in node.names
        if each.asname
    }
    for node in tree.body:
        if not _binds(node):
            continue
        bound = True
        value = getattr(node, "value", None)
        if not isinstance(value, ast.List | ast.Tuple) or not all(isinstance(each, ast.Call) for each in value.elts):
            return True, None
        found = [_class_of(each) for each in value.elts if isinstance(each, ast.Call)]
        kinds = [*(kinds if isinstance(node, ast.AugAssign) else ()), *(aliases.get(each, each) for each in found)]
    return bound, kinds


def _binds(node: ast.stmt) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return any(isinstance(name, ast.Name) and name.id == _NAME for each in targets if each for name in ast.walk(each))


def _class_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _is_of(check: Check, kind: str) -> bool:
    """The library spells a class in snake case; without its configuration nothing more is known of a check."""
    if check.configuration is None:
        return True
    said = check.configuration.get("type", check.configuration.get("expectation_type", ""))
    return str(said).replace("_", "").lower() == kind.replace("_", "").lower()

"""Reads the expectations that a check file lists from its text, without executing it: a second test of the cache."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from lakeflow.adapters.expectations.checks.check import Check
from lakeflow.core.model.check import CheckFile

_NAME = "expectations"


def is_stated(file: CheckFile, checks: Sequence[Check]) -> bool:
    """Do these checks match the expectations in the text, by number, kind and order? Where the text does not list them,
    there must be at least one.
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
    """Does the file bind `expectations`, and which classes does it list? None where it does not list them."""
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
    """Is the check of that class? The library spells a class in snake case; a check without configuration could be of
    any.
    """
    if check.configuration is None:
        return True
    said = check.configuration.get("type", check.configuration.get("expectation_type", ""))
    return str(said).replace("_", "").lower() == kind.replace("_", "").lower()

"""A check file told apart: its expectations, which always say the same, and its functions, which run at every audit.

Where they can be, only the functions are executed once the expectations are kept, and these seldom need the library:
a file with both would else import it at every audit, for seconds (docs/decisions/0015).
"""

from __future__ import annotations

import ast

from lakeflow.adapters.expectations.compile.is_constant import asks_for_library, is_constant
from lakeflow.core.checks.functions import declared_checks
from lakeflow.core.version.reachable_code import FunctionNode, bound_names, reached_from


def told_apart(text: str) -> ast.Module | None:
    """What the check functions of a file need of it, to be executed alone; empty where there are none.

    None for a file that is executed as a whole: its expectations may say something else tomorrow, or its functions
    may want the library.
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

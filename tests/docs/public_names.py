"""What a user of the package may name: by import, as a method of a lake, or as a value that one answers with."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, Final

import lakeflow
from tests.docs.pages import ROOT

_DIRECTIVE: Final = re.compile(r"^::: (\S+)$", re.MULTILINE)
OUTSIDE: Final = {
    "lakeflow.lake.lake": ("look", "configuration"),
    "lakeflow.lake.care": (
        "doctor",
        "relocate",
        "mend_times",
        "rebuild_catalog",
        "rebuild_ledger",
        "backup",
        "adopt_warehouse",
    ),
}
"""What is offered, and where, for a lake that cannot or need not be opened."""


@cache
def documented() -> frozenset[str]:
    """The names that the pages of `docs/api` give an entry."""
    pages = (ROOT / "docs/api").glob("*.md")
    return frozenset(name for page in pages for name in _DIRECTIVE.findall(page.read_text(encoding="utf-8")))


def resolved(name: str) -> Any:
    """What a dotted name means. AttributeError where there is no such thing."""
    parts = name.split(".")
    for size in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:size]))
        except ModuleNotFoundError:
            continue
        for part in parts[size:]:
            found = getattr(found, part)
        return found
    raise AttributeError(name)


def importable() -> Iterator[str]:
    """What is written with an import: the package's names, expectations of our own, and what needs no open lake."""
    yield from (f"lakeflow.{name}" for name in lakeflow.__all__ if name != "__version__")
    yield from (f"lakeflow.expectations.{name}" for name in own_expectations())
    yield from (f"{module}.{name}" for module, names in OUTSIDE.items() for name in names)


@cache
def own_expectations() -> dict[str, str]:
    """Each with its docstring, read from the text: an import takes seconds, for the library comes with it."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "lakeflow/expectations").glob("*.py")]
    classes = (node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef))
    return {node.name: ast.get_docstring(node) or "" for node in classes if node.name.startswith("Expect")}


def methods_of(class_: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Its public methods and properties, those of our own classes above it included."""
    for name in dir(class_):
        found = inspect.getattr_static(class_, name)
        function = found.fget if isinstance(found, property) else found
        if not name.startswith("_") and inspect.isfunction(function) and function.__module__.startswith("lakeflow"):
            yield name, function


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function and method by its dotted name, those of values that a lake answers with among them."""
    for name in sorted({*documented(), *importable()}):
        if name.startswith("lakeflow.expectations."):
            continue
        found = resolved(name)
        if inspect.isfunction(found):
            yield name, found
        elif inspect.isclass(found):
            yield from ((f"{name}.{method}", function) for method, function in methods_of(found))
        elif isinstance(found, ModuleType):
            yield from ((f"{name}.{each}", getattr(found, each)) for each in OUTSIDE[name])

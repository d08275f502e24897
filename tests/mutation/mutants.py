"""The mutants of a module: mutmut's, of its functions, and ours, of the SQL that it keeps in constants."""

from __future__ import annotations

import ast
import difflib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Final

import sqlglot
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.mutation.trampoline import set_mutant_under_test
from sqlglot import exp

from lakeflow.core.ports.database import Statement

ORIGINAL: Final = "__mutmut_orig"


@dataclass(frozen=True)
class Mutant:
    """`reached_by` are the functions of which one must be called for the change to be met."""

    module: str
    name: str
    reached_by: frozenset[str]
    change: str
    sql: str = ""

    def apply(self) -> None:
        """Make this process the mutant."""
        if self.sql:
            statement = getattr(sys.modules[self.module], self.name.split("#")[0])
            object.__setattr__(statement, "text", self.sql)  # whoever has the value executes it changed
        else:
            set_mutant_under_test(f"{self.module}.{self.name}")


class Mutated(MetaPathFinder, Loader):
    """Imports a module with all of mutmut's mutants in it, each asleep until it is applied."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        source = path.read_text(encoding="utf-8")
        self.made = mutate_file_contents(str(path), source)

    def find_spec(self, name: str, path: Sequence[str] | None = None, _: ModuleType | None = None) -> ModuleSpec | None:
        found = PathFinder.find_spec(name, path) if name == self.name else None
        if found is not None:
            found.loader = self
        return found

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.made.code, str(self.path), "exec"), module.__dict__)

    def mutants(self) -> Iterator[Mutant]:
        lines = self.made.code.splitlines()
        spans = self.made.line_span_by_function_name
        for name in self.made.mutant_names:
            function = name.partition("__mutmut_")[0]
            before, after = (lines[spans[n].start - 1 : spans[n].end] for n in (function + ORIGINAL, name))
            yield Mutant(self.name, name, frozenset({f"{self.name}.{function}"}), _change(before, after))


def of_sql(module: ModuleType, users: Mapping[str, frozenset[str]]) -> Iterator[Mutant]:
    """The statements of a module, each changed in one place; `users` are the functions that name a constant."""
    for constant, clause in vars(module).items():
        if isinstance(clause, Statement):
            before = _parsed(clause.text).sql("sqlite")
            changed = dict.fromkeys(each.sql("sqlite") for each in _changes(_parsed(clause.text)))
            for number, after in enumerate(text for text in changed if text != before):
                name = f"{constant}#{number + 1}"
                yield Mutant(module.__name__, name, users.get(constant, frozenset()), _change([before], [after]), after)


def _parsed(text: str) -> exp.Expr:
    return sqlglot.parse_one(text, read="sqlite")


def _changes(statement: exp.Expr) -> Iterator[exp.Expr]:
    for place, _ in enumerate(statement.walk()):
        for change in (_narrower, _wider, _other_way):
            copy = statement.copy()
            node = list(copy.walk())[place]
            if change(node):
                yield copy


def _narrower(node: exp.Expr) -> bool:
    """A condition turned round."""
    if isinstance(node, exp.In):
        node.replace(exp.Not(this=node.copy()))
    elif isinstance(node, exp.EQ) and node.find_ancestor(exp.Where):
        node.replace(exp.NEQ(this=node.this.copy(), expression=node.expression.copy()))
    elif isinstance(node, exp.GT):
        node.replace(exp.LTE(this=node.this.copy(), expression=node.expression.copy()))
    else:
        return False
    return True


def _wider(node: exp.Expr) -> bool:
    """One condition less, one assignment less, no word on conflicts."""
    if isinstance(node, exp.And):
        node.replace(node.left.copy())
    elif isinstance(node, exp.Where | exp.OnConflict) or (
        isinstance(node, exp.EQ) and isinstance(node.parent, exp.Update | exp.OnConflict) and len(_siblings(node)) > 1
    ):
        node.pop()
    else:
        return False
    return True


def _siblings(node: exp.Expr) -> Sequence[exp.Expr]:
    return node.parent.expressions if node.parent is not None else ()


def _other_way(node: exp.Expr) -> bool:
    """The other order, the other end, the other half of a condition."""
    if isinstance(node, exp.Ordered) and isinstance(node.parent, exp.Order):
        node.set("desc", not node.args.get("desc"))
    elif isinstance(node, exp.Max):
        node.replace(exp.Min(this=node.this.copy()))
    elif isinstance(node, exp.And):
        node.replace(node.right.copy())
    elif isinstance(node, exp.Distinct):
        node.pop()
    else:
        return False
    return True


def users(modules: Iterable[Mutated]) -> Mapping[str, frozenset[str]]:
    """Which functions of these modules use each name."""
    found: dict[str, set[str]] = {}
    for mutated in modules:
        for top in ast.parse(mutated.path.read_text(encoding="utf-8")).body:
            owner = f"xǁ{top.name}ǁ" if isinstance(top, ast.ClassDef) else "x_"
            for function in top.body if isinstance(top, ast.ClassDef) else [top]:
                if isinstance(function, ast.FunctionDef):
                    for name in _names(function):
                        found.setdefault(name, set()).add(f"{mutated.name}.{owner}{function.name}")
    return {name: frozenset(functions) for name, functions in found.items()}


def _names(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def _change(before: Sequence[str], after: Sequence[str]) -> str:
    diff = list(difflib.unified_diff(before, after, lineterm="", n=0))[3:]
    return "\n".join(line for line in diff if "__mutmut_" not in line)


def where(name: str, change: str) -> str:
    """What stays the same of a mutant while other lines of its module change."""
    return name.partition("__mutmut_")[0] + change


def install(path: Path, name: str) -> Mutated:
    assert name not in sys.modules, f"{name} was imported before it could be mutated"
    mutated = Mutated(path, name)
    sys.meta_path.insert(0, mutated)
    return mutated

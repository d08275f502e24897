"""Reads what a Python file declares from its text, so that commands that only look run none of its code.

Of the file we keep

1. its imports from lakeflow and datetime, and its top-level constants,
2. the functions under `@asset`, whose bodies are replaced by an error and whose defaults and annotations are dropped,

and run only that. A file that may define assets in other ways (a factory, a loop, a decorator of the author's own) is
run after all: silently not showing an asset would be worse. `SECURITY.md` says which commands look this way.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from types import ModuleType
from typing import Final, Protocol

from lakeflow.core.version.reachable_code import FunctionNode, asset_names, imports_of, is_asset
from lakeflow.project.modules import Modules
from lakeflow.project.sources import Sources

_HARMLESS: Final = frozenset({"lakeflow", "datetime"})
"""What a declaration may use: `files(…)`, `new_rows(…)`, `date(2024, 1, 1)`."""
_LITERALS: Final = (
    *(ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Load, ast.keyword),
    *(ast.UnaryOp, ast.USub, ast.BinOp, ast.Add, ast.Sub, ast.Mult),
)
_CALLS: Final = (ast.Call, ast.Attribute, ast.Name)
_SAME_AGAIN: Final = frozenset(
    {
        *("asset", "check", "files", "new_keys", "new_rows", "Relation", "lakeflow"),
        *("date", "datetime", "time", "timedelta", "timezone", "utc", "UTC", "fromisoformat", "strptime"),
    }
)
"""What gives the same value whenever it is called; `date.today()` does not."""
_NEVER_RUN: Final = 'raise RuntimeError("this file was read, not run: open the lake to run an asset")'


class Loader(Protocol):
    def load(self, dotted: str) -> ModuleType:
        """The project's module of that name. Raises what its code raises."""
        ...

    @property
    def is_repeatable(self) -> bool:
        """Would loading the same files again give the same?"""
        ...


class Unexecuted:
    """A `Loader` whose functions all raise; files that cannot be read in this way are loaded `otherwise`."""

    def __init__(self, sources: Sources, otherwise: Modules) -> None:
        self._sources, self._otherwise = sources, otherwise
        self._is_repeatable = True

    @property
    def is_repeatable(self) -> bool:
        return self._is_repeatable and self._otherwise.is_repeatable

    def tells(self, dotted: str) -> bool:
        """Does the text of the project's module of that name tell all assets that running it makes, now and later?"""
        place = self._sources.locate(dotted)
        kept = place and place.file and self._kept(self._sources.tree(place.file))
        return kept is not None and self._is_repeatable

    def load(self, dotted: str) -> ModuleType:
        place = self._sources.locate(dotted)
        if place is None or place.file is None:
            return self._otherwise.load(dotted)
        kept = self._kept(self._sources.tree(place.file))
        if kept is None:
            return self._otherwise.load(dotted)
        module = ModuleType(dotted)
        exec(compile(kept, str(place.file), "exec", dont_inherit=True), vars(module))  # noqa: S102 - declarations alone
        return module

    def _kept(self, tree: ast.Module) -> ast.Module | None:
        """The statements that declare the assets; None where the text does not tell all of them."""
        assets, imports = asset_names(tree), [node for node in tree.body if _imports_only(node, _HARMLESS)]
        constants = [node for node in tree.body if _is_constant(node)]
        known = {name for node in imports for name in _bound_by_import(node)} | {_target(node) for node in constants}
        declared = [node for node in tree.body if isinstance(node, FunctionNode) and _is_declared(node, assets)]
        plain = all(_is_plain(node, known) for node in declared)
        if not declared or not plain or self._may_make_more(tree, assets, declared):
            return None
        self._is_repeatable = self._is_repeatable and _gives_the_same(imports, declared)
        body = [*imports, *constants, *map(_without_body, declared)]
        return ast.Module(sorted(body, key=lambda node: node.lineno), [])

    def _may_make_more(self, tree: ast.Module, assets: set[str], declared: Sequence[FunctionNode]) -> bool:
        """Is `asset` used other than on these functions, or may a module of the project have made one?"""
        decorators = {id(part) for node in declared for each in node.decorator_list for part in ast.walk(each)}
        used = (node for node in ast.walk(tree) if isinstance(node, ast.Name | ast.Attribute))
        if any(ast.unparse(node) in assets and id(node) not in decorators for node in used):
            return True
        ours = [each for each in imports_of(tree.body) if each.level or self._sources.locate(each.module.split(".")[0])]
        return bool(ours) and (any("*" in each.names for each in ours) or self._makes_assets(tree, ours))

    def _makes_assets(self, tree: ast.Module, ours: Sequence[object]) -> bool:
        """Does a helper that the file imports use `asset`, or does the file bind the result of a helper?"""
        top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {name for node in top if not _imports_only(node, _HARMLESS) for name in _bound_by_import(node)}
        outside = (node for node in tree.body if not isinstance(node, FunctionNode | ast.ClassDef | ast.Expr))
        bound = any(isinstance(part, ast.Name) and part.id in names for node in outside for part in ast.walk(node))
        return bound or any(self._knows_asset(node) for node in top)

    def _knows_asset(self, node: ast.Import | ast.ImportFrom) -> bool:
        """May the import give access to `asset`? A relative import, which stays within the project, may."""
        if isinstance(node, ast.ImportFrom) and node.level:
            return True
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        places = (self._sources.locate(name) for name in modules if self._sources.locate(name.split(".")[0]))
        return any(
            place is None or place.file is None or bool(asset_names(self._sources.tree(place.file))) for place in places
        )


class Executed:
    """A `Loader` that runs every file, and notes whether running them all again would only give the same."""

    def __init__(self, sources: Sources, modules: Modules) -> None:
        self._modules, self._text = modules, Unexecuted(sources, modules)
        self._is_told = True

    @property
    def is_repeatable(self) -> bool:
        return self._is_told and self._modules.only_defined

    def load(self, dotted: str) -> ModuleType:
        self._is_told = self._is_told and self._text.tells(dotted)
        return self._modules.load(dotted)


def _imports_only(node: ast.stmt, modules: frozenset[str]) -> bool:
    if isinstance(node, ast.ImportFrom):
        return not node.level and node.module in modules and all(alias.name != "*" for alias in node.names)
    return isinstance(node, ast.Import) and all(alias.name in modules for alias in node.names)


def _bound_by_import(node: ast.stmt) -> Iterator[str]:
    for alias in getattr(node, "names", ()):
        yield alias.asname or alias.name.split(".")[0]


def _is_constant(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        one = len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
        return one and all(isinstance(part, _LITERALS) for part in ast.walk(node.value))
    return False


def _target(node: ast.stmt) -> str:
    assert isinstance(node, ast.Assign)
    assert isinstance(node.targets[0], ast.Name)
    return node.targets[0].id


def _is_declared(node: FunctionNode, assets: set[str]) -> bool:
    return any(is_asset(each, assets) for each in node.decorator_list)


def _is_plain(node: FunctionNode, known: Iterable[str]) -> bool:
    """Does the function have one decorator, made only of literals, constants and harmless calls?"""
    names = set(known)
    parts = [part for each in node.decorator_list for part in ast.walk(each)]
    return len(node.decorator_list) == 1 and all(
        isinstance(part, _LITERALS + _CALLS) and (not isinstance(part, ast.Name) or part.id in names) for part in parts
    )


def _gives_the_same(imports: Iterable[ast.stmt], declared: Iterable[FunctionNode]) -> bool:
    """Do the declarations use nothing that looks at a clock?"""
    names = {alias.name for node in imports for alias in getattr(node, "names", ())}
    parts = (part for node in declared for each in node.decorator_list for part in ast.walk(each))
    return names | {part.attr for part in parts if isinstance(part, ast.Attribute)} <= _SAME_AGAIN


def _without_body(node: FunctionNode) -> FunctionNode:
    """The function with the same name, parameters, docstring and place; of a default only its existence stays."""
    stub, arguments, nothing = copy(node), copy(node.args), ast.copy_location(ast.Constant(None), node)
    arguments.defaults = [nothing for _ in arguments.defaults]
    arguments.kw_defaults = [default and nothing for default in arguments.kw_defaults]
    for kind in ("posonlyargs", "args", "kwonlyargs"):
        setattr(arguments, kind, [_unannotated(each) for each in getattr(arguments, kind)])
    arguments.vararg = arguments.vararg and _unannotated(arguments.vararg)
    arguments.kwarg = arguments.kwarg and _unannotated(arguments.kwarg)
    told = node.body[:1] if ast.get_docstring(node) is not None else []
    never = ast.parse(_NEVER_RUN).body[0]
    stub.args, stub.returns = arguments, None
    stub.body = [*told, ast.fix_missing_locations(ast.copy_location(never, node))]
    return stub


def _unannotated(argument: ast.arg) -> ast.arg:
    plain = copy(argument)
    plain.annotation = None
    return plain

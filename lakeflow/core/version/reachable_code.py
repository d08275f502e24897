"""Finds the code of a Python file that can change what one of its functions returns.

It counts the function itself, the statements of its file that bind a name it reaches, the statements that have an
effect instead of binding a name, and the modules that all of these import. Whatever cannot be told apart is counted.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from copy import copy
from typing import Final, TypeAlias

from lakeflow.core.values import dataclass

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_COMPOUND: Final = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.TryStar, ast.Match)


@dataclass(frozen=True, order=True)
class Import:
    """`from <level dots><module> import <names>`; `import module` has no names."""

    level: int
    module: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reached:
    """Source texts in the order of the file, and the imports among them."""

    code: tuple[str, ...]
    imports: tuple[Import, ...]


def whole(text: str, tree: ast.Module) -> Reached:
    """Everything in the file."""
    return Reached((text,), imports_of([tree]))


def reach(text: str, tree: ast.Module, function: FunctionNode) -> Reached:
    """The code that one top-level function of the file reaches. The fields of `@asset` are not in it: they count by
    value.
    """
    assets = asset_names(tree)
    body = [_bare(statement, assets) for statement in tree.body]
    names, chosen = _fixpoint(body, {tree.body.index(function)})
    lines = [line + "\n" for line in text.split("\n")]  # splitlines() also cuts at form feeds, Python does not
    code = tuple(each for statement in chosen for each in _texts(statement, names, lines))
    return Reached(code, imports_of(each for statement in chosen for each in _kept(statement, names)))


def reached_from(tree: ast.Module, starts: Iterable[ast.stmt]) -> list[ast.stmt]:
    """These top-level statements of a file and all that they reach, in the file's order; of an import only the reached
    part.
    """
    names, chosen = _fixpoint(tree.body, {tree.body.index(statement) for statement in starts})
    kept = ((statement, each) for statement in chosen for each in _kept(statement, names))
    return [ast.copy_location(each, statement) for statement, each in kept if getattr(each, "names", True)]


def _bare(statement: ast.stmt, assets: set[str]) -> ast.stmt:
    """The statement without its `@asset`."""
    if not isinstance(statement, FunctionNode):
        return statement
    bare = copy(statement)
    bare.decorator_list = kept_decorators(statement, assets)
    return bare


def _fixpoint(body: list[ast.stmt], starts: set[int]) -> tuple[set[str], list[ast.stmt]]:
    """The names reached from some statements, and the statements chosen for them, until nothing more is reached."""
    facts = [(statement, bound_names([statement]), free_names(statement)) for statement in body]
    chosen, names = set(starts), set[str]().union(*(facts[at][2] for at in starts))
    while found := [at for at, fact in enumerate(facts) if at not in chosen and _matters(*fact, names)]:
        chosen.update(found)
        names = names.union(*(facts[at][2] for at in found))
    return names, [body[at] for at in sorted(chosen)]


def _matters(statement: ast.stmt, bound: set[str], free: set[str], names: set[str]) -> bool:
    if _is_idle(statement):
        return False
    if not bound or "*" in bound or bound & names:
        return True
    return isinstance(statement, _COMPOUND) and bool(free & names)


def _is_idle(statement: ast.stmt) -> bool:
    """Does the statement never change data? A docstring, `pass`, or the block that only runs as a script."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.If) and isinstance(statement.test, ast.Compare):
        return isinstance(statement.test.left, ast.Name) and statement.test.left.id == "__name__"
    return isinstance(statement, ast.Pass)


def _kept(statement: ast.stmt, names: set[str]) -> Iterator[ast.stmt]:
    """The statement, or the reached part of an import."""
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        yield statement
        return
    aliases = [alias for alias in statement.names if alias.name == "*" or _bound_by(alias) in names]
    if isinstance(statement, ast.ImportFrom):
        yield ast.ImportFrom(statement.module, aliases, statement.level)
    else:
        yield ast.Import(aliases)


def _texts(statement: ast.stmt, names: set[str], lines: list[str]) -> Iterator[str]:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (ast.unparse(each) for each in _kept(statement, names))
        return
    nodes: list[ast.expr | ast.stmt] = [statement]
    if isinstance(statement, FunctionNode | ast.ClassDef):
        nodes[:0] = statement.decorator_list
    yield "".join(line for node in nodes for line in lines[node.lineno - 1 : node.end_lineno])


def kept_decorators(node: FunctionNode | ast.ClassDef, assets: set[str]) -> list[ast.expr]:
    """All decorators except `@asset`, whose fields count by value or not at all."""
    return [each for each in node.decorator_list if not is_asset(each, assets)]


def is_asset(decorator: ast.expr, assets: set[str]) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(called) in assets


def asset_names(tree: ast.Module) -> set[str]:
    """The expressions that mean `lakeflow.asset` in this file."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module in ("lakeflow", "lakeflow.core.declare.asset_decorator"):
            found |= {alias.asname or alias.name for alias in node.names if alias.name == "asset"}
        elif isinstance(node, ast.Import):
            found |= {f"{alias.asname or alias.name}.asset" for alias in node.names if alias.name == "lakeflow"}
    return found


def imports_of(nodes: Iterable[ast.AST]) -> tuple[Import, ...]:
    """Every import below these nodes, including those inside functions."""
    found: set[Import] = set()
    for top in nodes:
        for node in ast.walk(top):
            if isinstance(node, ast.ImportFrom):
                names = tuple(sorted(alias.name for alias in node.names))
                found.add(Import(node.level, node.module or "", names))
            elif isinstance(node, ast.Import):
                found |= {Import(0, alias.name) for alias in node.names}
    return tuple(sorted(found))


def free_names(node: ast.AST) -> set[str]:
    """The names that a node takes from the scope around it."""
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    if isinstance(node, _FUNCTIONS):
        return _free_of_function(node)
    if isinstance(node, _COMPREHENSIONS):
        # The first iterable is evaluated outside, so `[x for x in x]` does take `x`.
        first = node.generators[0].iter
        targets = bound_names([generator.target for generator in node.generators])
        return free_names(first) | (_all_free(ast.iter_child_nodes(node), first) - targets)
    return _all_free(ast.iter_child_nodes(node))


def _free_of_function(node: FunctionNode | ast.Lambda) -> set[str]:
    body = node.body if isinstance(node.body, list) else [node.body]
    annotations = [each.annotation for each in _arguments(node) if each.annotation]
    outside: list[ast.AST] = [*node.args.defaults, *(each for each in node.args.kw_defaults if each), *annotations]
    if not isinstance(node, ast.Lambda):
        outside += [*node.decorator_list, *([node.returns] if node.returns else [])]
    local = {each.arg for each in _arguments(node)} | bound_names(body)
    return _all_free(outside) | (_all_free(body) - (local - _declared_global(body)))


def _all_free(nodes: Iterable[ast.AST], without: ast.AST | None = None) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.comprehension):
            found |= _all_free(each for each in ast.iter_child_nodes(node) if each is not without)
        else:
            found |= free_names(node)
    return found


def _arguments(node: FunctionNode | ast.Lambda) -> list[ast.arg]:
    of = node.args
    return [*of.posonlyargs, *of.args, *of.kwonlyargs, *(each for each in (of.vararg, of.kwarg) if each)]


def _declared_global(body: list[ast.stmt] | list[ast.expr]) -> set[str]:
    return {name for top in body for node in ast.walk(top) if isinstance(node, ast.Global) for name in node.names}


def bound_names(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that these nodes bind in their own scope."""
    found: set[str] = set()
    for node in nodes:
        found |= set(_own_names(node))
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef, *_COMPREHENSIONS)):
            found |= bound_names(ast.iter_child_nodes(node))
    return found


def _own_names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.alias():
            yield _bound_by(node)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name


def _bound_by(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]

"""Whether the kept text of a function is all that ran: every name in it is bound in it, every module is kept or is no
part of the project, and nothing in it looks for code or files in another way.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from lakeflow.core.model.asset import Asset
from lakeflow.core.values import dataclass
from lakeflow.core.version.reachable_code import (
    FunctionNode,
    Import,
    asset_names,
    bound_names,
    free_names,
    imports_of,
)

_LOOKS_ELSEWHERE: Final = frozenset(
    {"open", "exec", "eval", "compile", "globals", "locals", "vars", "input", "breakpoint", "__import__"}
) | {f"__{name}__" for name in ("file", "loader", "spec", "path", "builtins", "package")}
"""Names by which code reaches what its text does not name."""
_FINDS_CODE: Final = frozenset({"importlib", "imp", "runpy", "pkgutil", "zipimport", "inspect", "linecache", "code"})
_READS: Final = frozenset({"open", "read_text", "read_bytes", "__globals__", "__builtins__", "f_globals", "modules"})
"""Attributes that do so."""


@dataclass(frozen=True)
class KeptText:
    """The text of a function's file as it is kept: the statements that it reaches, or all of the file (`whole`)."""

    text: str
    modules: Mapping[str, str]
    whole: bool


def kept_text(document: Mapping[str, Any], function: str) -> KeptText:
    """A function that stands plainly in its file is kept without its `@asset`; of any other, the whole file is kept.

    Annotations of then may name what is bound for type checkers alone, so they stay text where no class reads them.
    """
    code = [str(each) for each in document["code"]]
    joined = "".join(each if each.endswith("\n") else f"{each}\n" for each in code)
    tree = ast.parse(joined)
    mine = [node for node in tree.body if isinstance(node, FunctionNode) and node.name == function]
    if len(mine) != 1 or asset_names(tree):
        return KeptText(code[0], document["modules"], whole=True)
    classes = any(isinstance(node, ast.ClassDef) for node in ast.walk(tree))
    return KeptText(joined if classes else f"{_FUTURE}{joined}", document["modules"], whole=False)


_FUTURE: Final = "from __future__ import annotations\n"


def lacks(document: Mapping[str, Any], asset: Asset, is_library: Callable[[str], bool]) -> str:
    """What the kept text of a function needs and the ledger does not keep; empty where it keeps all of it."""
    try:
        kept = kept_text(document, asset.key.name)
        here = asset.code.path.rpartition("/")[0].replace("/", ".")
        texts = {"": (kept.text, here)}
        texts |= {name: (text, _package(name, kept.modules)) for name, text in kept.modules.items()}
        return next((missing for name in texts if (missing := _lacks(*texts[name], kept.modules, is_library))), "")
    except SyntaxError:
        return "the text is no Python of today"


def _package(name: str, modules: Mapping[str, str]) -> str:
    """The package in which a module's relative imports begin: itself, if others of its modules are kept."""
    return name if any(each.startswith(f"{name}.") for each in modules) else name.rpartition(".")[0]


def _lacks(text: str, package: str, modules: Mapping[str, str], is_library: Callable[[str], bool]) -> str:
    tree = ast.parse(text)
    found = (*_by_name(tree), *_by_attribute(tree), *_by_import(tree, package, modules, is_library))
    return found[0] if found else ""


def _by_name(tree: ast.Module) -> Iterator[str]:
    """Names that nothing in the text binds, and those that lead out of it."""
    free = set[str]().union(*map(free_names, tree.body))
    for name in sorted(free & _LOOKS_ELSEWHERE):
        yield f"it says {name}, and what that finds is not kept"
    bound = bound_names(tree.body) | _globals_in(tree) | {"__name__", "__doc__", "__annotations__"}
    for name in sorted(free - bound - set(dir(builtins))):
        yield f"it names {name}, which is not kept"


def _globals_in(tree: ast.Module) -> set[str]:
    return {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}


def _by_attribute(tree: ast.Module) -> Iterator[str]:
    said = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for name in sorted(said & _READS):
        yield f"it says .{name}, and what that finds is not kept"


def _by_import(
    tree: ast.Module, package: str, modules: Mapping[str, str], is_library: Callable[[str], bool]
) -> Iterator[str]:
    for each in imports_of([tree]):
        above = package.split(".")[: len(package.split(".")) - each.level + 1] if each.level else []
        name = ".".join(part for part in (*above, each.module) if part)
        top = name.partition(".")[0]
        if "*" in each.names:
            yield f"it imports * from {name}, and which names that binds is not kept"
        elif top in _FINDS_CODE:
            yield f"it imports {name}, which finds code by other names than its own"
        elif each.level or any(kept.partition(".")[0] == top for kept in modules):
            yield from (f"it imports {one}, which is not kept" for one in _unkept(name, each, modules))
        elif top not in sys.stdlib_module_names and top != "lakeflow" and not is_library(top):
            yield f"it imports {name}, which is neither kept nor installed here"


def _unkept(name: str, each: Import, modules: Mapping[str, str]) -> Iterator[str]:
    """The module, or the names that a folder without code of its own does not have."""
    if name in modules or (not each.names and _is_folder(name, modules)):
        return
    if not _is_folder(name, modules):
        yield name
    else:
        yield from (f"{name}.{one}" for one in each.names if not _is_there(f"{name}.{one}", modules))


def _is_there(name: str, modules: Mapping[str, str]) -> bool:
    return name in modules or _is_folder(name, modules)


def _is_folder(name: str, modules: Mapping[str, str]) -> bool:
    return any(kept.startswith(f"{name}.") for kept in modules)

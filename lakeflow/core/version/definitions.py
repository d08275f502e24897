"""Tells from a Python file's text whether running it does nothing but define names, so that it need not run twice.

Such a file imports, defines functions and classes, and gives names to values that are written out. What else it could
do (read a variable, a clock or a file, open a connection, fail) depends on more than its text, and so does whatever
is not on the lists here.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from lakeflow.core.version.reachable_code import FunctionNode

_DEFINING: Final[Mapping[str, frozenset[str]]] = {
    "lakeflow": frozenset({"asset", "check", "files", "new_keys", "new_rows"}),
    "dataclasses": frozenset({"dataclass", "field"}),
    "datetime": frozenset({"date", "datetime", "time", "timedelta", "timezone"}),
    "decimal": frozenset({"Decimal"}),
    "functools": frozenset({"cache", "lru_cache"}),
    "logging": frozenset({"getLogger"}),
    "pathlib": frozenset({"Path", "PurePath"}),
    "re": frozenset({"compile"}),
    "typing": frozenset({"NewType", "TypeVar", "final", "overload", "override"}),
}
"""What gives the same whenever it is called on the same, by the module that it is imported from."""
_JUDGED: Final = frozenset({*_DEFINING, "", "checks", "enum", "layers", "math", "string"})
"""The packages whose names are what their files say: the project's, each file of which is judged itself, and a few of
Python's. Of others a value may come from a variable, or from the machine.
"""
_BUILTIN: Final = frozenset(
    {"classmethod", "dict", "frozenset", "list", "property", "range", "set", "sorted", "staticmethod", "tuple"}
)
_GENERIC: Final = frozenset({"dict", "frozenset", "list", "set", "tuple", "type"})
_VALUES: Final = (
    *(ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Name, ast.Attribute, ast.Load, ast.keyword),
    *(ast.UnaryOp, ast.unaryop, ast.BinOp, ast.operator),
)


def only_defines(tree: ast.Module) -> bool:
    """Would running the file once more, with the same libraries, do nothing and give the same names the same values?"""
    return _Definitions(tree).only(tree.body)


class _Definitions:
    def __init__(self, tree: ast.Module) -> None:
        self._imported = dict(_imported(tree))
        stored = {
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        }
        defined = {node.name for node in ast.walk(tree) if isinstance(node, FunctionNode | ast.ClassDef)}
        self._shadowed = stored | defined
        if any(
            alias.name == "*" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
        ):
            self._shadowed |= {*self._imported, *vars(builtins)}

    def only(self, body: list[ast.stmt]) -> bool:
        return all(map(self._defines, body))

    def _defines(self, statement: ast.stmt) -> bool:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self._defines_function(statement)
            case ast.ClassDef():
                return self._defines_class(statement)
            case ast.If(test, body, []):
                return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"} and self.only(body)
        return self._defines_values(statement)

    def _defines_values(self, statement: ast.stmt) -> bool:
        match statement:
            case ast.Assign(targets, value):
                return all(isinstance(each, ast.Name) for each in targets) and self._is_value(value)
            case ast.AnnAssign(ast.Name(), annotation, value):
                return _is_annotation(annotation) and (value is None or self._is_value(value))
            case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Expr(ast.Constant()):
                return True
        return False

    def _defines_class(self, node: ast.ClassDef) -> bool:
        plain = all(isinstance(each.value, ast.Constant) for each in node.keywords)
        decorated = all(map(self._decorates, node.decorator_list))
        return plain and decorated and all(map(self._is_base, node.bases)) and self.only(node.body)

    def _defines_function(self, node: FunctionNode) -> bool:
        arguments = node.args
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
        annotations = [node.returns, *(each.annotation for each in every if each)]
        defaults = (*arguments.defaults, *filter(None, arguments.kw_defaults))
        plain = all(map(self._is_value, defaults)) and all(map(self._decorates, node.decorator_list))
        return plain and all(each is None or _is_annotation(each) for each in annotations)

    def _decorates(self, node: ast.expr) -> bool:
        return self._is_value(node) if isinstance(node, ast.Call) else self._is_known(node)

    def _is_base(self, node: ast.expr) -> bool:
        """A class of the standard library: what another class does with those below it is not known here."""
        name = ast.unparse(node)
        module = self._imported.get(name.partition(".")[0], "")
        known = module.partition(".")[0] in sys.stdlib_module_names or name in vars(builtins)
        return known and name.partition(".")[0] not in self._shadowed

    def _is_value(self, node: ast.expr) -> bool:
        match node:
            case ast.Call(func, arguments, keywords):
                return self._is_known(func) and all(map(self._is_value, [*arguments, *(k.value for k in keywords)]))
            case ast.Subscript(ast.Name(name), _):
                return name in _GENERIC and name not in self._shadowed and _is_annotation(node)
        if not isinstance(node, _VALUES) or (isinstance(node, ast.Name) and not self._is_judged(node.id)):
            return False
        return all(self._is_value(each) for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr))

    def _is_judged(self, name: str) -> bool:
        return name not in self._imported or self._imported[name].partition(".")[0] in _JUDGED

    def _is_known(self, called: ast.expr) -> bool:
        """Is it a function on the lists, by the name that it is imported under and nothing else?"""
        match called:
            case ast.Name(name):
                module, _, attribute = self._imported.get(name, name if name in _BUILTIN else "").rpartition(".")
            case ast.Attribute(ast.Name(name), attribute):
                module = self._imported.get(name, "")
            case _:
                return False
        return name not in self._shadowed and attribute in (_DEFINING.get(module, ()) if module else _BUILTIN)


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The names that imports bind, with what they mean, as `module` or `module.name`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = f"{'.' * node.level}{node.module or ''}"
            yield from ((alias.asname or alias.name, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Import):
            tops = ((alias, alias.name.partition(".")[0]) for alias in node.names)
            yield from ((alias.asname or top, alias.name if alias.asname else top) for alias, top in tops)


def _is_annotation(node: ast.expr) -> bool:
    """Is it a type as it is usually written? It may be evaluated."""
    plain = (*_VALUES, ast.Subscript, ast.Slice)
    return all(isinstance(each, plain) for each in ast.walk(node))

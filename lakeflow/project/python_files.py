"""Reads the assets of a Python file: imports it, takes its decorated functions, and finds the code that they reach."""

from __future__ import annotations

import ast
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from lakeflow.core.declare.asset_decorator import ATTRIBUTE
from lakeflow.core.declare.declaration import Declaration, read_declaration
from lakeflow.core.declare.laws import AssetDraft, ParsedFile, write_mode
from lakeflow.core.errors import Fault
from lakeflow.core.keys import AssetKey, ExternalKey, Layer
from lakeflow.core.model.asset import Computer, PythonCode
from lakeflow.core.time.timeline import BOUNDS
from lakeflow.core.values import dataclass
from lakeflow.core.version.fingerprint import data_fields, fingerprint, python_source
from lakeflow.core.version.reachable_code import FunctionNode, Reached, asset_names, is_asset, reach, whole
from lakeflow.project.sources import Sources, UnreadableError
from lakeflow.project.unexecuted import Loader

_TAKES_ANY_KEYWORD: Final = inspect.CO_VARKEYWORDS
_LONGEST: Final = 200


@dataclass(frozen=True)
class _DecoratedFunction:
    """A decorated function with its line, and its node if it is a plain top-level function."""

    function: Callable[..., Any]
    line: int
    node: FunctionNode | None


@dataclass(frozen=True)
class PythonFile:
    """One file below `layers/<layer>/`; `name` is its path relative to the root."""

    path: Path
    layer: Layer
    sources: Sources
    modules: Loader

    @property
    def name(self) -> str:
        return self.sources.name(self.path)

    def read(self) -> ParsedFile:
        """The assets of the file, and every fault that can be told without other files."""
        try:
            tree = self.sources.tree(self.path)
            with redirect_stdout(sys.stderr):  # stdout is reserved for the data that a command prints
                module = self.modules.load(".".join(self.path.relative_to(self.sources.root).with_suffix("").parts))
        except UnreadableError as error:
            return self._broken(error.fault)
        except (Exception, SystemExit) as error:  # noqa: BLE001  the user's code may raise anything at all
            return self._broken(self._not_imported(error))
        drafts: list[AssetDraft] = []
        faults: list[Fault] = []
        for found in self._functions(vars(module), tree):
            draft, wrong = self._draft(found, tree)
            drafts += [draft] if draft else []
            faults += wrong
        if not drafts and not faults:
            hint = "decorate a function with @asset, or begin the file's name with _ if it only helps others"
            faults.append(Fault(self.name, 1, "the file defines no asset", hint))
        return ParsedFile(tuple(drafts), tuple(faults))

    def _broken(self, fault: Fault) -> ParsedFile:
        """The result for a file that cannot be loaded. The assets that it may define are its decorated functions,
        otherwise one with the file's name.
        """
        names = {self.path.stem}
        with suppress(UnreadableError):
            tree = self.sources.tree(self.path)
            nodes = [node for node in ast.walk(tree) if isinstance(node, FunctionNode) and node.decorator_list]
            names |= {node.name for node in nodes}
        return ParsedFile((), (fault,), frozenset(AssetKey(self.layer, name) for name in names))

    def _not_imported(self, error: BaseException) -> Fault:
        """The fault of a failed import, at the last line of the project's own code in the traceback."""
        name, line = self.name, 1
        for frame, at in traceback.walk_tb(error.__traceback__):
            file = Path(frame.f_code.co_filename)
            if file.is_relative_to(self.sources.root) and not file.is_relative_to(_PACKAGE) and _is_source(file):
                name, line = self.sources.name(file), at
        if isinstance(error, SystemExit):
            hint = "a file that defines assets is imported: keep what it does inside functions"
            return Fault(name, line, f"the file exits with {error.code!r} when it is imported", hint)
        text = str(error).strip().partition("\n")[0][:_LONGEST]
        message = f"the file cannot be imported: {type(error).__name__}{': ' * bool(text)}{text}"
        return Fault(name, line, message, _import_hint(error))

    def _functions(self, names: Mapping[str, Any], tree: ast.Module) -> Iterator[_DecoratedFunction]:
        """The functions that are defined here or made by a helper; one imported from another asset file belongs to that
        file.
        """
        assets = asset_names(tree)
        nodes = {node.name: node for node in tree.body if isinstance(node, FunctionNode)}
        seen: set[int] = set()
        for name, value in names.items():
            if ATTRIBUTE not in getattr(value, "__dict__", {}) or not callable(value) or id(value) in seen:
                continue
            seen.add(id(value))
            if (code := getattr(inspect.unwrap(value), "__code__", None)) is None:
                continue
            here = code.co_filename == str(self.path)
            node = nodes.get(value.__name__) if here else None
            if node is not None and code.co_firstlineno != _first_line(node):
                node = None
            if here or not _is_asset_file(Path(code.co_filename), self.sources.root):
                line = node.lineno if node else code.co_firstlineno if here else _binding_line(tree, name)
                yield _DecoratedFunction(
                    value, line, node if node and any(is_asset(d, assets) for d in node.decorator_list) else None
                )

    def _draft(self, found: _DecoratedFunction, tree: ast.Module) -> tuple[AssetDraft | None, list[Fault]]:
        declaration, flaws = read_declaration(getattr(found.function, ATTRIBUTE))
        declaration = self.sources.engines.over(declaration, self.layer)
        draft = AssetDraft(
            key=AssetKey(self.layer, found.function.__name__),
            declaration=declaration,
            code=PythonCode(found.function, self.name, found.line, engine=declaration.engine or Computer.DUCKDB),
            inputs={name: key for name, upstream in declaration.inputs.items() if (key := AssetKey.find(upstream))},
            externals=_externals(declaration),
            lines=dict(_field_lines(found.node, asset_names(tree))) if found.node else {},
            description=declaration.description or _summary(found.function),
        )
        misfits = (*_contradictions(declaration, self.layer), *_misfits(found.function, declaration))
        faults = [draft.fault(flaw.message, flaw.hint, flaw.field) for flaw in flaws]
        faults += [draft.fault(message, hint, at) for message, hint, at in misfits]
        try:
            source = self._source(found, tree, declaration)
            return replace(draft, source=source, code_version=fingerprint(source)), faults
        except UnreadableError as error:
            return None, [*faults, error.fault]
        except RecursionError:
            hint = "split the long expression into several"
            return None, [*faults, draft.fault("the code is nested too deeply to be fingerprinted", hint)]

    def _source(self, found: _DecoratedFunction, tree: ast.Module, declaration: Declaration) -> str:
        """The source of a function that is not written plainly in the file: the whole file, and the values of its
        closure.
        """
        text = self.sources.text(self.path)
        reached = reach(text, tree, found.node) if found.node else whole(text, tree)
        code, modules = list(reached.code), self.sources.modules(reached.imports, self.path)
        if found.node is None:
            self._add_maker(found.function, code, modules)
        texts = {name: self.sources.text(path) for name, path in modules.items()}
        bound = {} if found.node else _bound(found.function)
        return python_source(data_fields(declaration, write_mode(declaration, self.layer)), code, texts, bound)

    def _add_maker(self, function: Callable[..., Any], code: list[str], modules: dict[str, Path]) -> None:
        """Add the file of the helper that contains the function's code."""
        path = Path(inspect.unwrap(function).__code__.co_filename)
        if path != self.path and path.is_relative_to(self.sources.root) and path.suffix == ".py":
            reached: Reached = whole(self.sources.text(path), self.sources.tree(path))
            code += reached.code
            modules |= self.sources.modules(reached.imports, path)


_PACKAGE: Final = Path(__file__).parent.parent


def _is_source(file: Path) -> bool:
    """Is the file the project's own? Libraries in a virtual environment below the root are not."""
    return file.suffix == ".py" and "site-packages" not in file.parts


def _is_asset_file(file: Path, root: Path) -> bool:
    return file.is_relative_to(root / "layers") and not file.name.startswith("_")


def _first_line(node: FunctionNode) -> int:
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def _binding_line(tree: ast.Module, name: str) -> int:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            return node.lineno
    return 1


def _field_lines(node: FunctionNode, assets: set[str]) -> Iterator[tuple[str, int]]:
    """The line of each field of `@asset`, of each input by its name, of each column as `columns.<name>`, and of each
    example as `examples.<number>`.
    """
    yield "name", node.lineno
    calls = [each for each in node.decorator_list if isinstance(each, ast.Call) and is_asset(each, assets)]
    for keyword in (keyword for call in calls for keyword in call.keywords if keyword.arg):
        yield str(keyword.arg), keyword.lineno
        if keyword.arg == "examples" and isinstance(keyword.value, ast.List):
            yield from ((f"examples.{at}", each.lineno) for at, each in enumerate(keyword.value.elts, 1))
        if isinstance(keyword.value, ast.Dict):
            prefix = "" if keyword.arg == "inputs" else f"{keyword.arg}."
            for key in keyword.value.keys:
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield f"{prefix}{key.value}", key.lineno


def _externals(declaration: Declaration) -> dict[str, ExternalKey]:
    """The external tables that a parameter receives, under its name, and the others, under their own, for SQL that is
    returned.
    """
    by_name = {str(key): key for key in declaration.external}
    bound = {name: by_name[upstream] for name, upstream in declaration.inputs.items() if upstream in by_name}
    return {name: key for name, key in by_name.items() if key not in bound.values()} | bound


def _contradictions(declaration: Declaration, layer: Layer) -> Iterator[tuple[str, str, str]]:
    """Fields that contradict each other: message, hint, and the field concerned."""
    if declaration.layer and declaration.layer != layer:
        message = f"layer {declaration.layer!r} contradicts the folder {layer}/"
        yield message, "drop layer=: the folder says it", "layer"
    external = set(map(str, declaration.external))
    for name, upstream in declaration.inputs.items():
        if AssetKey.find(upstream) is None and upstream not in external:
            hint = "an input is written layer.name, such as bronze.weather"
            hint = f'declare it: external=["{upstream}"]' if upstream.count(".") == 2 else hint
            yield f"input {name!r}: {upstream!r} is not layer.name", hint, name


def _misfits(function: Callable[..., Any], declaration: Declaration) -> Iterator[tuple[str, str, str]]:
    """Where parameters and inputs do not match: message, hint, and the field concerned."""
    plain = inspect.unwrap(function)
    code, kept = plain.__code__, len(plain.__defaults__ or ())
    positional = code.co_varnames[: code.co_argcount]
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    optional = {*positional[len(positional) - kept :], *(plain.__kwdefaults__ or ())}
    if declaration.source is not None and not declaration.inputs:
        yield from _misfit_source(plain.__name__, [name for name in names if name not in optional])
        return
    bounds = BOUNDS if declaration.partition else ()
    if declaration.partition and not set(bounds) & set(names):
        hint = f"take {' and '.join(BOUNDS)} as parameters, and filter by them"
        yield f"{plain.__name__}() does not take the bounds of its partitions", hint, "partition"
    for name in names:
        if name not in declaration.inputs and name not in optional and name not in bounds:
            hint = f'name what it receives: inputs={{"{name}": "bronze.{name}"}}'
            yield f"parameter {name!r} of {plain.__name__}() has no input", hint, "inputs"
    for name in declaration.inputs:
        if name not in names and not code.co_flags & _TAKES_ANY_KEYWORD:
            hint = f"add the parameter {name}, or take the input away"
            yield f"{plain.__name__}() has no parameter for input {name!r}", hint, name
    for name in positional[: code.co_posonlyargcount]:
        if name in declaration.inputs:
            hint = "drop the / from the parameters: inputs are passed by name"
            yield f"parameter {name!r} of {plain.__name__}() cannot be passed by name", hint, name


def _misfit_source(function: str, required: list[str]) -> Iterator[tuple[str, str, str]]:
    if len(required) != 1:
        hint = f"write def {function}(landed): the one parameter receives the rows of the new files"
        yield f"{function}() lands files and takes {len(required)} parameters, not one", hint, "source"


def _bound(function: Callable[..., Any]) -> dict[str, str]:
    """Plain values in the closure of a function that another function made: they change what it does."""
    plain = inspect.unwrap(function)
    cells = inspect.getclosurevars(plain).nonlocals
    defaults = {f"default {at}": value for at, value in enumerate(plain.__defaults__ or ())}
    return {name: text for name, value in {**cells, **defaults}.items() if (text := _plain(value)) is not None}


def _plain(value: object) -> str | None:
    """The text of a value made only of literals; None for any other value, which the file's code accounts for."""
    if value is None or isinstance(value, str | bytes | int | float):
        return type(value).__name__ + ":" + ascii(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(sorted(f"{_plain(key)}={_plain(held)}" for key, held in value.items())) + "}"
    if isinstance(value, set | frozenset):
        return "{" + ",".join(sorted(str(_plain(each)) for each in value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(str(_plain(each)) for each in value) + "]"
    return None


def _summary(function: Callable[..., Any]) -> str:
    """The first paragraph of the docstring."""
    return " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())


def _import_hint(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return "install the module, or check its name; the project's own files are found from the root"
    if isinstance(error, TypeError) and "asset()" in str(error):
        return "mend the fields of @asset"
    return "the file is imported to find its assets: mend the line, or move what it does into a function"

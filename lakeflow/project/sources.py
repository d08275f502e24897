"""The project's files, each read and parsed once for each load, and which file an import means."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from lakeflow.core.declare.particular.engine_laws import DUCKDB_RUNS, EngineDefaults
from lakeflow.core.errors import Fault
from lakeflow.core.keys import Layer
from lakeflow.core.values import dataclass
from lakeflow.core.version.reachable_code import Import, whole

_OURS: Final = frozenset({"layers", "checks"})
_SUFFIXES: Final = (".py", ".sql")
_LAYERS: Final = frozenset(map(str, Layer))


def files_of(folder: Path) -> Iterator[str]:
    """The paths of Python and SQL files, in order, without helpers (`_x.py`), hidden folders, and folders that begin
    with `_`.
    """
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] not in "._")
        for name in sorted(names):
            if name.endswith(_SUFFIXES) and name[0] != "." and not (name[0] == "_" and name.endswith(".py")):
                yield f"{place}/{name}"


def read_content(path: str) -> bytes:
    """What `Path.read_bytes` gives, for one file out of thousands."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as said
        return file.read()


def digest_of_content(content: bytes) -> bytes:
    return sha256(content).digest()


def in_a_layer(path: Path, folder: Path) -> bool:
    """Does the file stand in `bronze/`, `silver/` or `gold/` of that folder?"""
    layer, slash, _ = _below(path, folder).partition("/")
    return bool(slash) and layer in _LAYERS


def _below(path: Path, folder: Path) -> str:
    """How the path goes on below the folder, with forward slashes; nothing where it is not below. Of thousands of
    files `relative_to` takes longer than to read them.
    """
    said, above = path.as_posix(), f"{folder.as_posix().rstrip('/')}/"
    return said[len(above) :] if said.startswith(above) else ""


class UnreadableError(Exception):
    """A file cannot be read or parsed; `fault` says where and why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass
class Sources:
    """The content of the files below `root` during one load, and what runs assets that do not say so."""

    root: Path
    engines: EngineDefaults = DUCKDB_RUNS
    _texts: dict[Path, str] = field(default_factory=dict)
    _trees: dict[Path, ast.Module] = field(default_factory=dict)
    _places: dict[str, ModuleLocation | None] = field(default_factory=dict)
    _imported: dict[Path, tuple[tuple[str, Path], ...]] = field(default_factory=dict)
    _digests: dict[str, bytes] = field(default_factory=dict)
    _listed: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def name(self, path: Path) -> str:
        """The path relative to the root, with forward slashes."""
        return _below(path, self.root) or path.relative_to(self.root).as_posix()

    def text(self, path: Path) -> str:
        """The text without byte order mark. Line ends of Python files become line feeds, as in Python's own parser."""
        if path not in self._texts:
            self._texts[path] = self._read(path)
        return self._texts[path]

    def tree(self, path: Path) -> ast.Module:
        if path not in self._trees:
            try:
                self._trees[path] = ast.parse(self.text(path), str(path))
            except (SyntaxError, ValueError, RecursionError) as error:
                line = (error.lineno if isinstance(error, SyntaxError) else None) or 1
                what = error.msg if isinstance(error, SyntaxError) else type(error).__name__
                raise self._unreadable(path, line, f"not Python: {what}", "mend the syntax") from error
        return self._trees[path]

    def modules(self, imports: Iterable[Import], path: Path) -> dict[str, Path]:
        """The project's modules that these imports of a file run, directly or not, by their dotted names.

        A package on the way counts with its `__init__.py`. Unparsable modules raise UnreadableError.
        """
        found: dict[str, Path] = {}
        waiting = list(self._named(imports, path))
        while waiting:
            name, module = waiting.pop()
            if name not in found and module != path:
                found[name] = module
                waiting += self._imports_of(module)
        return dict(sorted(found.items()))

    def locate(self, dotted: str) -> ModuleLocation | None:
        """The project's module of that name (see the function `locate`), looked up once for each load."""
        if dotted not in self._places:
            self._places[dotted] = locate(self.root, dotted)
        return self._places[dotted]

    def files(self, folder: str) -> tuple[str, ...]:
        """The files of a folder of the root (see `files_of`), listed once for each load."""
        if folder not in self._listed:
            self._listed[folder] = tuple(files_of(self.root / folder))
        return self._listed[folder]

    @property
    def digests(self) -> Mapping[str, bytes]:
        """The digest of each file that was read, as it was then, by its path."""
        return self._digests

    @property
    def places(self) -> Mapping[str, ModuleLocation | None]:
        """The answer to each `locate`."""
        return self._places

    def _imports_of(self, module: Path) -> tuple[tuple[str, Path], ...]:
        if module not in self._imported:
            imports = whole(self.text(module), self.tree(module)).imports
            self._imported[module] = tuple(self._named(imports, module))
        return self._imported[module]

    def _named(self, imports: Iterable[Import], path: Path) -> Iterator[tuple[str, Path]]:
        for each in imports:
            module = self._absolute(each, path)
            if not self.locate(module.partition(".")[0]) and module:
                continue
            for name in (module, *(f"{module}.{name}" if module else name for name in each.names)):
                yield from self._files(name)

    def _absolute(self, each: Import, path: Path) -> str:
        if each.level == 0:
            return each.module
        folder = path
        for _ in range(each.level):
            folder = folder.parent
        package = ".".join(folder.relative_to(self.root).parts) if folder.is_relative_to(self.root) else ""
        return f"{package}.{each.module}".strip(".")

    def _files(self, dotted: str) -> Iterator[tuple[str, Path]]:
        parts = dotted.split(".")
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[:length])
            place = self.locate(name)
            if place is None:
                return
            if place.file is not None:
                yield name, place.file

    def _read(self, path: Path) -> str:
        try:
            content = read_content(str(path))
            self._digests[str(path)] = digest_of_content(content)
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = path.read_bytes().count(b"\n", 0, error.start) + 1
            raise self._unreadable(path, line, "not UTF-8", "save the file as UTF-8") from error
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
            raise self._unreadable(path, 1, message, "mend the file or its permissions") from error
        return text.replace("\r\n", "\n").replace("\r", "\n") if path.suffix == ".py" else text

    def _unreadable(self, path: Path, line: int, message: str, hint: str) -> UnreadableError:
        return UnreadableError(Fault(self.name(path), line, message, hint))


@dataclass(frozen=True)
class ModuleLocation:
    """Where a module of the project is. `file` is None for a folder without `__init__.py`, `folder` for a file."""

    file: Path | None
    folder: Path | None


def locate(root: Path, dotted: str) -> ModuleLocation | None:
    """The project's module of that name; None when there is none, or when it belongs to another distribution.

    The project's own `x.py` and `x/__init__.py`, at the root or in `src/`, win over installed modules, but not over the
    standard library and lakeflow. A folder without `__init__.py` comes after all of them.
    """
    parts = dotted.split(".")
    if not all(parts) or parts[0] == "lakeflow" or parts[0] in sys.stdlib_module_names:
        return None
    for base in (root, root / "src"):
        place = _place(base.joinpath(*parts))
        top = _place(base / parts[0])
        if place and top and (top.file or parts[0] in _OURS or not _is_installed(parts[0])):
            return place
    return None


def _place(path: Path) -> ModuleLocation | None:
    init, file = path / "__init__.py", path.with_name(path.name + ".py")
    if init.is_file():
        return ModuleLocation(init, path)
    if file.is_file():
        return ModuleLocation(file, None)
    return ModuleLocation(None, path) if path.is_dir() else None


@cache
def _is_installed(name: str) -> bool:
    """Is there a module of that name outside the project? A plain folder on the path does not count."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return True
    return spec is not None and spec.origin is not None

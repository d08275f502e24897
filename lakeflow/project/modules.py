"""Imports the project's Python files without installing the project and without touching `sys.path`.

Every module gets its own builtins, whose `__import__` looks in the project first. So `from layers.silver._helpers
import f` and `import my_package` mean the files of this root, at load and later inside a function. Two lakes in one
process may use the same names, and a new load sees changed files. In `sys.modules` the modules have names that only
this load uses, for libraries that look there (dataclasses, pickle); the next load of the root removes them. Not
covered: `importlib.import_module` with a name of the project.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.machinery import ModuleSpec
from itertools import count
from threading import RLock
from types import ModuleType
from typing import Any, Final

from lakeflow.core.version.definitions import only_defines
from lakeflow.project.sources import ModuleLocation, Sources

_LOADS: Final = count(1)


class Modules:
    """The modules of one load of one root."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        family = f"_lakeflow_{sha256(str(sources.root).encode()).hexdigest()[:8]}_"
        # Asked for as a list, since a thread may import meanwhile what the next commits need.
        # Modules of an earlier load of the same root; who still holds their functions can go on using them.
        for name in [name for name in list(sys.modules) if name.startswith(family)]:
            sys.modules.pop(name, None)
        self._prefix = f"{family}{next(_LOADS)}"
        self._loaded: dict[str, ModuleType] = {}
        self._has_run, self._only_defined = False, True
        self._lock = RLock()
        self._builtins = {**vars(builtins), "__import__": self._import}

    @property
    def is_repeatable(self) -> bool:
        """Is what was loaded told by the files alone? What a file does that runs depends on more."""
        return not self._has_run

    @property
    def only_defined(self) -> bool:
        """Would every file that ran do nothing and define the same, if it ran again with the same libraries?"""
        return self._only_defined

    def load(self, dotted: str) -> ModuleType:
        """The project's module of that name, which runs once. Raises what its code raises."""
        with self._lock:
            if dotted in self._loaded:
                return self._loaded[dotted]
            parent, _, leaf = dotted.rpartition(".")
            above = self.load(parent) if parent else None
            if dotted in self._loaded:  # a package may have imported it
                return self._loaded[dotted]
            module = self._run(dotted)
            if above is not None:
                setattr(above, leaf, module)
            return module

    def _run(self, dotted: str) -> ModuleType:
        place = self._sources.locate(dotted)
        if place is None:
            raise ModuleNotFoundError(f"No module named {dotted!r}", name=dotted)
        module = self._new(dotted, place)
        self._loaded[dotted] = sys.modules[module.__name__] = module
        if place.file is not None:
            self._has_run = True
            try:
                tree = self._sources.tree(place.file)
                self._only_defined = self._only_defined and only_defines(tree)
                code = compile(tree, str(place.file), "exec", dont_inherit=True)
                exec(code, vars(module))  # noqa: S102  running the user's project is what we are for
            except BaseException:
                del self._loaded[dotted], sys.modules[module.__name__]
                raise
        return module

    def _new(self, dotted: str, place: ModuleLocation) -> ModuleType:
        name = f"{self._prefix}.{dotted}"
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None, origin=str(place.file), is_package=place.folder is not None)
        module.__package__ = name if place.folder else name.rpartition(".")[0]
        if place.file is not None:
            module.__file__ = str(place.file)
        if place.folder is not None:
            module.__path__ = [str(place.folder)]
        vars(module)["__builtins__"] = self._builtins
        return module

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002  the signature of builtins.__import__
        locals: Mapping[str, Any] | None = None,  # noqa: A002  the same
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """What `import` means inside the project."""
        dotted = self._absolute(name, globals or {}, level)
        top = dotted.partition(".")[0]
        if level == 0 and self._sources.locate(top) is None:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        module = self.load(dotted)
        if not fromlist:
            return self.load(top)
        for member in fromlist:
            self._load_member(module, dotted, member)
        return module

    def _absolute(self, name: str, of: Mapping[str, Any], level: int) -> str:
        if level == 0:
            return name
        package = str(of.get("__package__") or "").removeprefix(self._prefix).strip(".").split(".")
        if level > len(package):
            raise ImportError("attempted relative import beyond the project")
        return ".".join(part for part in (*package[: len(package) - level + 1], name) if part)

    def _load_member(self, module: ModuleType, dotted: str, member: str) -> None:
        """`from package import module` loads that module; for a name that is no module the import statement raises."""
        for each in getattr(module, "__all__", ()) if member == "*" else (member,):
            below = f"{dotted}.{each}"
            if not hasattr(module, each) and hasattr(module, "__path__") and self._sources.locate(below):
                self.load(below)

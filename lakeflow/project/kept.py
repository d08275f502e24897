"""The project as it was loaded last, kept beside the lake's state: while nothing has changed, one file is read for all.

What is kept is as true as the files, because it is used only while everything that it was made from is as it was: the
modules of lakeflow and the libraries that read the files, which files there are, the content of each that was read, and
the file that each import means. It is sealed by the user's key, so what somebody else wrote, or what is damaged, counts
as none. Of a function it holds the name alone, so who calls functions loads the project. A project with a fault is not
kept, nor one of which a file had to be run that may do more than define names: that depends on more than files.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any, Final, NoReturn

from lakeflow.adapters.machine.sealed import read_sealed_bytes, write_sealed_bytes
from lakeflow.core.declare.particular.engine_laws import DUCKDB_RUNS, EngineDefaults
from lakeflow.core.model.asset import Project
from lakeflow.project.sources import ModuleLocation, Sources, digest_of_content, files_of, locate, read_content

KEPT: Final = "project.kept"
"""The name of the file in the folder of the lake's state."""

_PACKAGE: Final = Path(__file__).parents[1]
_MAKERS: Final = ("core", "project", "adapters/duckdb/code")
"""The rooms whose code decides what a project's files mean; they change between releases."""
_LIBRARIES: Final = ("duckdb", "pydantic", "sqlglot")
_FOLDERS: Final = ("layers", "checks")
_MISSING: Final = b"missing"


class Unread:
    """A function that was read and not run, by its name."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *_: object, **__: object) -> NoReturn:
        raise RuntimeError("this file was read, not run: open the lake to run an asset")


class KeptProject:
    """What is kept of the project at `root`, in the file `place`; nothing without one, or where its folder is not
    there: a look makes no lake.
    """

    def __init__(self, root: Path, place: Path | None, engines: EngineDefaults = DUCKDB_RUNS) -> None:
        self.root = root
        self.engines = engines
        self._place = place if place is not None and place.parent.is_dir() else None

    def read(self, *, having_run: bool = False) -> Project | None:
        """The project; None where none is kept, or anything has changed since. With `having_run` also where its
        Python files have not run since then, with the libraries that are there now.
        """
        content = None if self._place is None else read_sealed_bytes(self._place)
        if content is None:
            return None
        head, _, body = content.partition(b"\n")
        with suppress(ValueError, LookupError, TypeError, OSError):
            known = json.loads(head)
            ran = known.pop("ran")
            if having_run and ran != libraries():
                return None
            if known == self._with_engines(_as_it_is(self.root, known["read"], known["places"])):
                return _unpacked(body)
        return None

    def write(self, project: Project, sources: Sources, *, has_run: bool = False) -> None:
        """Keep a project that these sources gave, and whether its Python files have run. One that cannot be kept
        exactly is not.
        """
        if self._place is None:
            return
        with suppress(pickle.PicklingError, TypeError, AttributeError, ValueError, OSError):
            body = _packed(project)
            if _unpacked(body) == project:
                made_from = self._with_engines(_as_it_was(sources))
                head = json.dumps({**made_from, "ran": libraries() if has_run else None})
                write_sealed_bytes(self._place, head.encode() + b"\n" + body)

    def _with_engines(self, made_from: dict[str, Any]) -> dict[str, Any]:
        return {**made_from, "engines": [sorted(self.engines.layers), sorted(self.engines.tags), self.engines.audits]}


def _as_it_is(root: Path, read: Iterable[str], places: Iterable[str]) -> dict[str, Any]:
    """Everything that a load rests on, as it is now, where it reads these files and looks for these modules."""
    listed = (path for folder in _FOLDERS for path in files_of(root / folder))
    digests = {path: _digest(path) for path in read}
    return _made_from(root, listed, digests, {dotted: locate(root, dotted) for dotted in places})


def _as_it_was(sources: Sources) -> dict[str, Any]:
    """Everything that a load rested on, as it found it."""
    listed = (path for folder in _FOLDERS for path in sources.files(folder))
    return _made_from(sources.root, listed, sources.digests, sources.places)


def _made_from(
    root: Path, listed: Iterable[str], digests: Mapping[str, bytes], places: Mapping[str, ModuleLocation | None]
) -> dict[str, Any]:
    files = sha256()
    for path in listed:
        files.update(f"{path}\0".encode("utf-8", "surrogateescape"))
    for path, digest in digests.items():
        files.update(f"{path}\0".encode("utf-8", "surrogateescape") + digest)
    return {
        "root": str(root),
        "makers": _makers(),
        "files": files.hexdigest(),
        "read": list(digests),
        "places": {dotted: _spelled(place) for dotted, place in places.items()},
    }


def _digest(path: str) -> bytes:
    try:
        return digest_of_content(read_content(path))
    except OSError:
        return _MISSING


def _spelled(place: ModuleLocation | None) -> list[str] | None:
    return None if place is None else [str(place.file), str(place.folder)]


@cache
def _makers() -> str:
    """Which code reads the files: the file system tells of each module when it was written."""
    digest = sha256(f"{sys.version}\0{_PACKAGE}".encode())
    for path in (*_modules(), *map(_origin, _LIBRARIES)):
        found = os.stat(path) if path else None  # noqa: PTH116 - as above
        times = (found.st_size, found.st_mtime_ns, found.st_ctime_ns) if found else ()
        digest.update(f"{path}\0{times}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def libraries() -> list[list[object]]:
    """What imports of libraries give: where they are looked for, and when something was last put there or taken away.
    The folder of the command, where Python looks first, is the project's or has none of its libraries.
    """
    return [[sys.version], *([path, *_times(path)] for path in sys.path if path and Path(path) != Path.cwd())]


def _times(path: str) -> tuple[int, ...]:
    with suppress(OSError):
        found = os.stat(path)  # noqa: PTH116 - as above
        return found.st_mtime_ns, found.st_ctime_ns
    return ()


def _modules() -> Iterator[str]:
    for room in _MAKERS:
        for place, folders, names in os.walk(_PACKAGE / room):
            folders[:] = sorted(folders)
            yield from (f"{place}/{name}" for name in sorted(names) if name.endswith(".py"))


def _origin(library: str) -> str:
    spec = find_spec(library)
    return (spec and spec.origin) or ""


class _Pickler(pickle.Pickler):
    def reducer_override(self, found: Any) -> Any:
        return (Unread, (found.__name__,)) if isinstance(found, FunctionType) else NotImplemented


_PLAIN: Final[Mapping[tuple[str, str], type]] = {
    (each.__module__, each.__name__): each for each in (date, datetime, time, timedelta, timezone, Decimal, Unread)
}
"""What a project holds besides values of the core."""


class _Unpickler(pickle.Unpickler):
    """Makes values of a project and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _PLAIN:
            return _PLAIN[module, name]
        if module.startswith("lakeflow.core."):
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a project")


def _packed(project: Project) -> bytes:
    packed = io.BytesIO()
    _Pickler(packed, pickle.HIGHEST_PROTOCOL).dump(project)
    return packed.getvalue()


def _unpacked(body: bytes) -> Project | None:
    try:
        found = _Unpickler(io.BytesIO(body)).load()
    except Exception:  # noqa: BLE001 - bytes that are no pickle raise whatever they lead to
        return None
    return found if isinstance(found, Project) else None

"""The outside files that a root reads or lands: their content counts, not their names and times.

A hash is valid as long as the file system reports the same `ctime`. It changes with every write, and no program can set
it, so a file that changed under its old size and modification time is noticed. If a file changed just before it was
hashed, this proves nothing, since one tick of the clock may hide the next change. Such a hash is not remembered, and
the file is hashed again after its rows were read.

Globs follow the rules of a shell, in code of our own: `pathlib` silently skips a folder that it may not read, and the
meaning of a trailing `**` depends on Python's release, so a file could be left out without a word.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from fnmatch import translate
from functools import cache
from itertools import takewhile
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Final

from lakeflow.adapters.machine.sealed import read_sealed, write_sealed
from lakeflow.core.errors import AssetError
from lakeflow.core.plan.landing import FoundFile

_SETTLED: Final = 2.0
"""Seconds without a change after which any file system shows the next change in a file's times."""
_REMEMBERED: Final = 200_000
"""How many hashes are kept; the latest ones stay."""
_OUT: Final = "it is a link to outside its folder: put the file itself there, or name the folder in which it lies"
_WILD: Final = re.compile(r"[*?\[]")


def read_digest(root: Path, globs: Sequence[str]) -> str:
    """The digest over names and content of all files that the globs match under `root`, in hexadecimal.

    Empty when a glob matches nothing: the asset then runs, and reports what it misses. AssetError when a file cannot be
    read.
    """
    digest = hashlib.sha256()
    for pattern in globs:
        found = _matches(root, pattern)
        if not found:
            return ""
        for path in found:
            digest.update(f"{path.relative_to(root) if path.is_relative_to(root) else path}\0".encode())
            digest.update(_content(path))
    return digest.hexdigest()


def bytes_of(root: Path, globs: Sequence[str]) -> int:
    """How much the files are that the globs match; nothing of those that cannot be told."""
    sizes: dict[tuple[int, int], int] = {}
    for pattern in globs:
        with suppress(OSError, ValueError):  # a name that no file can have
            for path in _matches(root, pattern):
                with suppress(OSError):
                    found = path.stat()
                    sizes[found.st_dev, found.st_ino] = found.st_size
    return sum(sizes.values())


def places(root: Path, pattern: str, near: str) -> Iterator[Path]:
    """The folder in which a glob looks. Where that contains or lies in the folder `near`, the files themselves."""
    names = list(takewhile(lambda name: not _WILD.search(name), Path(pattern).parts))
    folder = root.joinpath(*names).resolve()
    beside = Path(near).resolve()
    if beside.is_relative_to(folder):
        yield from _matches(root, pattern)
        return
    yield folder
    if folder.is_relative_to(beside):
        yield from _matches(root, pattern)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise AssetError(f"cannot read {path}: {error.strerror}", hint="check the file's permissions") from error


class Hashes:
    """Content hashes of files by their identity in the file system, stored in `path`.

    Losing them costs only time. Hashes that somebody else wrote are not believed: they could make new files count as
    landed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()

    def of(self, files: Sequence[tuple[str, Path]]) -> tuple[FoundFile, ...]:
        """Each named file with its present content; several files are read at a time."""
        known = self.known()
        with ThreadPoolExecutor(thread_name_prefix="hash") as pool:
            found = tuple(pool.map(lambda file: _found(file[0], file[1], known), files))
        self.keep([(file.identity, file.hash) for file in found if file.identity and file.identity not in known])
        return found

    def keep(self, fresh: Sequence[tuple[str, str]]) -> None:
        """Remember these hashes, each by what tells its content apart."""
        if fresh:
            with self._lock:  # read again: other threads have hashed other sources meanwhile
                self._save([*self.known().items(), *fresh])

    def known(self) -> dict[str, str]:
        text = read_sealed(self._path)
        known = {} if text is None else json.loads(text)
        return known if isinstance(known, dict) else {}

    def _save(self, hashes: Sequence[tuple[str, str]]) -> None:
        with suppress(OSError):  # it only saves time
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_sealed(self._path, json.dumps(dict(hashes[-_REMEMBERED:])))


def find_files(root: Path, hashes: Hashes, globs: Sequence[str]) -> tuple[FoundFile, ...]:
    """All files that the globs match, by name, with their content hashes; a name that begins with a dot is hidden.

    A file that two globs spell differently (`in/../in/a.csv`) gets the shorter name.
    """
    found = {
        path: _leads_out(path, root, pattern)
        for pattern in globs
        for path in _matches(root, pattern)
        if not _is_hidden(path, root, pattern)
    }
    shortest = sorted(found, key=lambda path: (-len(path.parts), str(path)))
    paths = {os.path.normpath(path): path for path in shortest}.values()
    # Who may put a file into a landing folder must not choose among all files that this user may read.
    out = [FoundFile(_name(root, path), 0, "", _OUT) for path in paths if found[path]]
    inside = hashes.of(sorted((_name(root, path), path) for path in paths if not found[path]))
    return tuple(sorted((*inside, *out), key=lambda file: file.name))


def changed_files(root: Path, files: Sequence[FoundFile]) -> tuple[str, ...]:
    """The names of the files whose content is another one now, or that are gone."""
    return tuple(file.name for file in files if _has_changed(root / file.name, file))


def _has_changed(path: Path, file: FoundFile) -> bool:
    known = {file.identity: file.hash} if file.identity else {}
    return _found(file.name, path, known).hash != file.hash


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _found(name: str, path: Path, known: Mapping[str, str]) -> FoundFile:
    """The file as it is now; `known` are the hashes of files by their identity."""
    try:
        name.encode()
        with path.open("rb") as file:  # a network file system asks its server again only when a file is opened
            status = os.fstat(file.fileno())
            if not status.st_size:
                return FoundFile(name, 0, "", "the file is empty")
            parts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            identity = "/".join([*map(str, parts), str(path)])
            digest = known.get(identity) or hashlib.file_digest(file, "sha256").hexdigest()
    except UnicodeEncodeError:
        return FoundFile(ascii(name), 0, "", "its name is not UTF-8")
    except OSError as error:
        return FoundFile(name, 0, "", f"it cannot be read: {error.strerror}")
    is_settled = identity in known or status.st_ctime < time.time() - _SETTLED
    return FoundFile(name, status.st_size, digest, identity=identity if is_settled else "")


def _matches(root: Path, pattern: str) -> list[Path]:
    """The files, in the order of their paths. A folder that cannot be read stands for the files that it hides."""
    parts = _parts(pattern)
    base = Path("/") if pattern.startswith("/") else root
    return sorted(set(_below(base, parts)))


def _is_hidden(path: Path, root: Path, pattern: str) -> bool:
    """Does its name begin with a dot, or the name of a folder that a wildcard matched?"""
    parts = _parts(pattern)
    base = Path("/") if pattern.startswith("/") else root
    said = next((number for number, part in enumerate(parts) if _WILD.search(part)), len(parts) - 1)
    return any(part.startswith(".") for part in path.parts[len(base.parts) + said :])


def _leads_out(path: Path, root: Path, pattern: str) -> bool:
    """Is it, or a folder on the way to it, a link to a place outside the pattern's folder?"""
    parts = _parts(pattern)
    base = Path("/") if pattern.startswith("/") else root
    said = next((number for number, part in enumerate(parts) if _WILD.search(part)), len(parts) - 1)
    return not path.resolve().is_relative_to(base.joinpath(*parts[:said]).resolve())


def _parts(pattern: str) -> tuple[str, ...]:
    parts = tuple(part for part in PurePosixPath(pattern).parts if part != "/")
    return (*parts, "*") if parts and parts[-1] == "**" else parts


def _below(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    if not parts:
        return
    part, rest = parts[0], parts[1:]
    try:
        if part == "**":
            for entry in _entries(folder):
                if entry.is_dir(follow_symlinks=False):
                    yield from _below(folder / entry.name, parts)
            yield from _below(folder, rest)
            return
        names = [entry.name for entry in _entries(folder)] if _WILD.search(part) else [part]
        for name in names:
            if name == part or _pattern(part).match(name):
                yield from _below(folder / name, rest) if rest else _file(folder / name)
    except PermissionError:
        yield folder


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _file(path: Path) -> Iterator[Path]:
    if path.is_file() or (path.is_symlink() and not path.exists()):  # a broken link is reported, not left out
        yield path


@cache
def _pattern(part: str) -> re.Pattern[str]:
    return re.compile(translate(part))

"""Source files that lie in an object store: their content counts, as that of files on the disk does.

What the store says of an object (size, ETag, version, time) tells whether its content may be another one, so that no
object is read twice for its hash. It never tells that two contents are the same: only their hashes do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from typing import Final, TypeVar

from lakeflow.adapters.machine.files.source_files import Hashes
from lakeflow.core.plan.landing import FoundFile
from lakeflow.core.ports.store_files import SeenFile, StoreFiles

_AT_ONCE: Final = 16
_ASKED: Final = 64
"""Of how many objects at most the size is asked."""
_WILD: Final = re.compile(r"[*?\[]")
Item = TypeVar("Item")
Found = TypeVar("Found")


def find_in_store(stores: StoreFiles, hashes: Hashes, pattern: str) -> tuple[FoundFile, ...]:
    """All objects that the pattern matches, by location, with their content hashes; a name that begins with a dot is
    hidden. Where the store does not say what it has, the pattern stands for what it hides.
    """
    try:
        names = [name for name in stores.matching(pattern) if not _is_hidden(name, pattern)]
    except OSError as error:
        return (FoundFile(pattern, 0, "", _unreadable(error)),)
    known = hashes.known()
    found = _each(names, lambda name: _found(stores, name, known))
    hashes.keep([(file.identity, file.hash) for file in found if file.identity and file.identity not in known])
    return tuple(found)


def has_changed(stores: StoreFiles, file: FoundFile) -> bool:
    """Is its content another one than it was, or gone?"""
    known = {file.identity: file.hash} if file.identity else {}
    return _found(stores, file.name, known).hash != file.hash


def bytes_in_store(stores: StoreFiles, pattern: str) -> int:
    """How much the objects are that the pattern matches. Of more than a few, some tell of all: each costs a request."""
    try:
        names = stores.matching(pattern)
        asked = names[:: -(-len(names) // _ASKED) or 1]
        sizes = [seen.size for seen in _each(asked, stores.seen)]
    except OSError:
        return 0
    return sum(sizes) * len(names) // len(asked) if asked else 0


def place_of(pattern: str) -> str:
    """The part of the store in which a pattern looks."""
    scheme, _, rest = pattern.partition("://")
    return f"{scheme}://{'/'.join(takewhile(lambda name: not _WILD.search(name), rest.split('/')))}"


def _each(items: Sequence[Item], work: Callable[[Item], Found]) -> list[Found]:
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="objects") as pool:
        return list(pool.map(work, items))


def _found(stores: StoreFiles, name: str, known: dict[str, str]) -> FoundFile:
    """The object as it is now. Where it changed while it was read, nothing is said about later looks at it."""
    try:
        seen = stores.seen(name)
        if not seen.size:
            return FoundFile(name, 0, "", "the file is empty")
        identity = _identity(seen)
        if digest := known.get(identity):
            return FoundFile(name, seen.size, digest, identity=identity)
        digest, after = stores.digest(name), stores.seen(name)
    except OSError as error:
        return FoundFile(name, 0, "", _unreadable(error))
    return FoundFile(name, after.size, digest, identity=identity if after == seen else "")


def _identity(seen: SeenFile) -> str:
    return f"{seen.location}/{seen.size}/{seen.version}" if seen.version else ""


def _unreadable(error: OSError) -> str:
    return f"it cannot be read: {error.strerror or error}"


def _is_hidden(name: str, pattern: str) -> bool:
    """Does its name begin with a dot, or the name of a folder that a wildcard matched?"""
    return any(part.startswith(".") for part in _said(name, pattern))


def _said(name: str, pattern: str) -> Iterator[str]:
    """The parts of the name that a wildcard matched, and the last one."""
    parts, wanted = name.split("/"), pattern.split("/")
    first = next((number for number, part in enumerate(wanted) if _WILD.search(part)), len(parts) - 1)
    yield from parts[min(first, len(parts) - 1) :]

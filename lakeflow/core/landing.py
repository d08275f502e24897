"""Which files land: each content exactly once, by what main's own history says has landed.

Nothing here is remembered in the ledger. The set of landed files hangs on the snapshots of main, so a rollback makes
files land again, a held run that is discarded leaves no trace, and the set expires with its snapshots.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from lakeflow.core.errors import LakeError
from lakeflow.core.provenance import provenance_of
from lakeflow.core.table import Table

FORMAT: Final = "lakeflow.landed/1"
KIND: Final = "landed"
"""The kind of the sidecar that holds the set."""


@dataclass(frozen=True)
class Found:
    """A file that a source's globs match now. `name` is relative to the root, `hash` is SHA-256 of its bytes.

    `problem` says why it cannot be read; it then has no hash. As long as `identity` is what the file system says of
    it, it holds what it held; empty: it changed a moment before it was read, and that proves nothing.
    """

    name: str
    size: int
    hash: str
    problem: str = ""
    identity: str = ""


@dataclass(frozen=True)
class Landed:
    """A file whose rows are in a table: how many, and the content that it had."""

    name: str
    hash: str
    size: int
    rows: int


@dataclass(frozen=True)
class Landing:
    """What a load would do: `new` files land on top of what landed `before`, unless there are `faults`.

    `copies` are files that hold what landed, or lands now, under another name; `matched` counts all files found.
    """

    new: tuple[Found, ...] = ()
    before: tuple[Landed, ...] = ()
    faults: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    matched: int = 0
    lost: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of the names and contents that land: a retry keeps what it wrote while they are the same."""
        content = "\0".join(f"{file.name}\0{file.hash}" for file in self.new)
        return hashlib.sha256(content.encode(errors="surrogateescape")).hexdigest() if self.new else ""


def to_land_again(found: Iterable[Found], before: Iterable[Landed]) -> Landing:
    """Everything as if nothing had landed; `lost` names what did and is not there to land again."""
    files = tuple(found)
    there = {file.hash for file in files}
    lost = tuple(file.name for file in before if file.hash not in there)
    return replace(to_land(files, ()), lost=lost)


def to_land(found: Iterable[Found], before: Iterable[Landed]) -> Landing:
    """Every content lands once, under the first name that brought it; a name keeps the content that it landed."""
    landed = tuple(before)
    named, seen = {file.name: file.hash for file in landed}, {file.hash for file in landed}
    new, faults, copies = list[Found](), list[str](), list[str]()
    files = sorted(found, key=lambda file: file.name)
    for file in files:
        if problem := file.problem or _changed(file, named):
            faults.append(f"{file.name}: {problem}")
        elif file.hash not in seen:
            seen.add(file.hash)
            new.append(file)
        elif file.name not in named:
            copies.append(file.name)
    return Landing(tuple(new), landed, tuple(faults), tuple(copies), len(files))


def _changed(file: Found, named: dict[str, str]) -> str:
    return "its content changed after it landed" if named.get(file.name, file.hash) != file.hash else ""


def landed_set(table: Table | None) -> str:
    """The name of the set of files whose rows are on main; empty when no file ever landed.

    LakeError when main's history is cut off before any snapshot of ours, so that nobody can tell.
    """
    snapshot, ours = None, False
    for snapshot in table.ancestry(table.main) if table else ():
        made = provenance_of(snapshot.summary)
        if made and made.landed:
            return made.landed
        ours = ours or made is not None
    if table and snapshot and snapshot.parent_id is not None and not ours:
        raise LakeError(
            f"{table.key}: which files landed cannot be told any more, because its older snapshots have expired",
            hint="roll main back to a snapshot that a run wrote, with the engine that wrote the later ones",
            asset=table.key,
        )
    return ""


def to_json(landed: Sequence[Landed]) -> str:
    """The set as it stands in a file beside the table (a public format, see docs/how-it-works.md)."""
    entries = [{"name": each.name, "sha256": each.hash, "bytes": each.size, "rows": each.rows} for each in landed]
    return json.dumps({"format": FORMAT, "files": entries}, separators=(",", ":"))


def from_json(text: str) -> tuple[Landed, ...]:
    """ValueError for any other text."""
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"not a {FORMAT} document")
    return tuple(_entries(document["files"]))


def _entries(files: list[dict[str, Any]]) -> Iterator[Landed]:
    for each in files:
        yield Landed(str(each["name"]), str(each["sha256"]), int(each["bytes"]), int(each["rows"]))

"""Which files land: each file name exactly once, with the content that it had. Main's own snapshots say what has
landed.

The ledger remembers nothing of it. The set of landed files belongs to the snapshots of main, so a rollback makes files
land again, a held run that is discarded leaves no trace, and the set expires with its snapshots.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Final

from lakeflow.core.column_names import FILE, OLD_NAMES
from lakeflow.core.contract.drift import NO_DRIFT, Drift
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import EMPTY
from lakeflow.core.model.file_source import Once
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.table import Table
from lakeflow.core.plan.reasons import Cause, Reason
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

FORMAT: Final = "lakeflow.landed/1"
TAKEN_OUT: Final = "taken_out"
"""Where the document names files that landed once and were taken out."""
KIND: Final = "landed"
"""The kind of the sidecar that holds the set."""
_SHOWN: Final = 5


@dataclass(frozen=True)
class FoundFile:
    """A file that a source's globs match now. `name` is relative to the root, `hash` is SHA-256 of its bytes.

    `problem` says why it cannot be read; then it has no hash. While the file system reports the same `identity`, the
    file has the same content. An empty `identity` proves nothing: the file changed a moment before it was read.
    """

    name: str
    size: int
    hash: str
    problem: str = ""
    identity: str = ""


@dataclass(frozen=True)
class Landed:
    """A file whose rows are in a table: how many rows it gave, and the hash of its content."""

    name: str
    hash: str
    size: int
    rows: int


@dataclass(frozen=True)
class TakenOut:
    """A file that landed and was taken out: with these bytes it does not land again unless somebody asks."""

    name: str
    hash: str


@dataclass(frozen=True)
class LandedSet:
    """Files whose rows are in a table, and the columns that landed from them although nobody declares them, each with
    its type: later files bring them too, or leave them NULL. `out` are files whose rows were taken out again.
    """

    files: tuple[Landed, ...] = ()
    undeclared: Mapping[str, str] = EMPTY
    out: tuple[TakenOut, ...] = ()


NOTHING_LANDED: Final = LandedSet()


@dataclass(frozen=True)
class Delivery:
    """The files that land together. `undeclared` are columns that landed before although nobody declares them."""

    files: tuple[FoundFile, ...]
    undeclared: Mapping[str, str] = EMPTY


@dataclass(frozen=True)
class Copy:
    """A file with the same bytes as another file, whose name is `of`."""

    name: str
    of: str


@dataclass(frozen=True)
class Landing:
    """What a load would do: `new` files land on top of what landed `before`, unless there are `faults`.

    Among the new files, `again` have the bytes of a file that landed under another name or lands with them. `skipped`
    have such bytes too, and do not land because the source counts files by content. `matched` counts all files found.
    `lost` are files that landed before and whose rows would not come again. `undeclared` are columns that landed before
    although nobody declares them. `drift` says how the new files differ from the contract, once somebody looked. `out`
    are files that were taken out, and `withheld` what is there of them, which does not land; `found` are all files that
    were found.
    """

    new: tuple[FoundFile, ...] = ()
    before: tuple[Landed, ...] = ()
    faults: tuple[str, ...] = ()
    again: tuple[Copy, ...] = ()
    skipped: tuple[Copy, ...] = ()
    matched: int = 0
    lost: tuple[str, ...] = ()
    undeclared: Mapping[str, str] = EMPTY
    drift: Drift = NO_DRIFT
    out: tuple[TakenOut, ...] = ()
    withheld: tuple[FoundFile, ...] = ()
    found: tuple[FoundFile, ...] = field(default=(), repr=False)

    @property
    def delivery(self) -> Delivery:
        return Delivery(self.new, self.undeclared)

    @property
    def digest(self) -> str:
        """A digest of the names and contents that land. While it is the same, a retry keeps what it wrote."""
        content = "\0".join(f"{file.name}\0{file.hash}" for file in self.new)
        return hashlib.sha256(content.encode(errors="surrogateescape")).hexdigest() if self.new else ""


def told(copies: Sequence[Copy]) -> str:
    """`2 files: b.csv has the content of a.csv, c.csv …`."""
    shown = ", ".join(f"{copy.name} has the content of {copy.of}" for copy in copies[:_SHOWN])
    shown = f"{counted(len(copies), 'file')}: {shown}"
    return shown + (f", and {len(copies) - _SHOWN:,} more" if len(copies) > _SHOWN else "")


def to_land_again(found: Iterable[FoundFile], before: Iterable[Landed], once: Once) -> Landing:
    """All files land, as if none had landed before. `lost` names those that landed before and whose rows do not come
    again.
    """
    landing = to_land(found, (), once)
    return replace(landing, lost=tuple(_lost(landing.new, before)))


def _lost(new: Iterable[FoundFile], before: Iterable[Landed]) -> Iterator[str]:
    """The files that landed before and whose rows do not come again. A renamed file brings its rows again under its new
    name; of two files with the same bytes, one does not.
    """
    left = Counter(file.hash for file in new)
    for file in before:
        if not left[file.hash]:
            yield file.name
        left[file.hash] -= bool(left[file.hash])


def to_land(found: Iterable[FoundFile], before: Iterable[Landed], once: Once) -> Landing:
    """Each name lands once, and keeps the content that it had then. A file of another name lands too, whatever it
    holds.

    Where the source counts by content, each content lands once, under the first name that brought it.
    """
    landed = tuple(before)
    named, brought = {file.name: file.hash for file in landed}, {file.hash: file.name for file in landed}
    new, faults, copies = list[FoundFile](), list[str](), list[Copy]()
    files = sorted(found, key=lambda file: file.name)
    for file in files:
        changed = "its content changed after it landed" if named.get(file.name, file.hash) != file.hash else ""
        if problem := file.problem or changed:
            faults.append(f"{file.name}: {problem}")
        elif file.name not in named:
            if file.hash in brought:
                copies.append(Copy(file.name, brought[file.hash]))
            if file.hash not in brought or once is Once.NAME:
                new.append(file)
            brought.setdefault(file.hash, file.name)
    again, skipped = (copies, []) if once is Once.NAME else ([], copies)
    return Landing(tuple(new), landed, tuple(faults), tuple(again), tuple(skipped), len(files), found=tuple(files))


def landed_set(table: Table | None) -> str:
    """The name of the set of files whose rows are on main; empty when no file ever landed.

    LakeError when the snapshots of main that are kept include none of ours, so that nobody can tell.
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


def old_names(table: Table | None) -> tuple[str, ...]:
    """The provenance columns on main that still have the names of an early release."""
    if table is None or table.main is None:
        return ()
    names = table.schema_of(table.main).names
    return tuple(name for name in OLD_NAMES if name in names and FILE not in names)


def to_json(landed: LandedSet) -> str:
    """The set as it stands in a file beside the table (a public format, see docs/how-it-works.md). A file that landed
    again is not out any more.
    """
    entries = [{"name": each.name, "sha256": each.hash, "bytes": each.size, "rows": each.rows} for each in landed.files]
    undeclared = {"undeclared": dict(landed.undeclared)} if landed.undeclared else {}
    names = {each.name for each in landed.files}
    gone = [{"name": each.name, "sha256": each.hash} for each in landed.out if each.name not in names]
    out = {TAKEN_OUT: gone} if gone else {}
    return json.dumps({"format": FORMAT, "files": entries, **undeclared, **out}, separators=(",", ":"))


def from_json(text: str) -> LandedSet:
    """ValueError for any other text."""
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"not a {FORMAT} document")
    undeclared = {str(name): str(type_) for name, type_ in document.get("undeclared", {}).items()}
    out = tuple(TakenOut(str(each["name"]), str(each["sha256"])) for each in document.get(TAKEN_OUT, ()))
    return LandedSet(tuple(_entries(document["files"])), undeclared, out)


def _entries(files: list[dict[str, Any]]) -> Iterator[Landed]:
    for each in files:
        yield Landed(str(each["name"]), str(each["sha256"]), int(each["bytes"]), int(each["rows"]))


def landing_reasons(landing: Landing) -> list[Reason]:
    """Why files are a reason to write: new ones, or ones that cannot land."""
    refused = [Reason(Cause.FILES_REFUSED, after=fault) for fault in landing.faults]
    return refused or ([Reason(Cause.NEW_FILES, after=str(len(landing.new)))] if landing.new else [])


def renaming_reasons(table: Table | None) -> Iterator[Reason]:
    """Why columns that an early release called otherwise are a reason to write."""
    if olds := old_names(table):
        spelled = ", ".join(f"{old} → {OLD_NAMES[old]}" for old in olds)
        yield Reason(Cause.COLUMNS_RENAMED, after=spelled)

"""Metadata files → core tables, with the standard library alone (Iceberg spec, "Table Metadata").

A metadata file never changes, so each is parsed once. Only tables without a catalog number their files alone, so that
another file may take an old name. `plan`, `status` and `list` live on this module.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from datetime import UTC, datetime
from itertools import takewhile
from operator import itemgetter
from os import PathLike, fspath
from threading import Lock
from typing import Any, Final, Generic, TypeAlias
from uuid import uuid4

from lakeflow.adapters.iceberg.disk.fileio import hint_of
from lakeflow.adapters.iceberg.disk.proof import is_proof
from lakeflow.adapters.iceberg.metadata.types import Json, schema_from_json
from lakeflow.adapters.objects import DISK
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import TableKey
from lakeflow.core.model.table import Key, Snapshot, Table, UnmadeSnapshots
from lakeflow.core.ports.locations import path_of
from lakeflow.core.ports.objects import Objects, StoreError
from lakeflow.core.values import dataclass

_NAMES_CODE: Final = re.compile(r"(.+\.)?py-.+")
_GZIP: Final = b"\x1f\x8b"
_NUMBERED: Final = re.compile(r"v\d+(\.gz)?\.metadata\.json(\.gz)?")
_Stamp: TypeAlias = tuple[str | int, ...] | None
"""What tells a file from another of its name, where a name may be used again."""
_SEAL: Final = "lakeflow.sha256"
"""The property that holds the SHA-256 of the whole file."""
_ZEROS: Final = "0" * 64
_Snapshots: TypeAlias = Callable[[Iterable[Mapping[str, Any]]], Mapping[int, Snapshot]]
"""How the snapshots of a metadata file are made: at once, or when they are asked for."""
_DAMAGES: Final = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, AttributeError),
    *(ArithmeticError, RecursionError, StopIteration, zlib.error),
)
"""The exceptions of a reader that meets something else than metadata."""


@dataclass(frozen=True)
class LoadedTable(Generic[Key]):
    """A table as one read of its pointer found it, with the JSON from which a commit starts."""

    table: Table[Key]
    json: Mapping[str, Any] = field(repr=False)

    @property
    def updated_ms(self) -> int:
        return int(self.json["last-updated-ms"])


class MetadataFiles:
    """A cache of parsed metadata by location, which drops the least recently used first. Safe to share between
    threads.
    """

    def __init__(self, warehouse: str | PathLike[str], objects: Objects = DISK, size: int = 4096) -> None:
        self._warehouse = fspath(warehouse)
        self._objects = objects
        self._size = size
        self._parsed: OrderedDict[str, tuple[_Stamp, LoadedTable[Any]]] = OrderedDict()
        self._lock = Lock()

    def find(self, key: Key, location: str) -> LoadedTable[Key]:
        """LakeError when the file is missing, damaged, or asks to run code."""
        stamp = self._stamp(location)
        with self._lock:
            known, found = self._parsed.get(location, (None, None))
            if found is not None:
                self._parsed.move_to_end(location)
        if found is not None and found.table.key == key and known == stamp:
            return found
        content = self._read(key, location)
        is_ours = writer_of(path_of(location).rpartition("/")[2], content) == "ours"
        return self._keep(key, location, content, stamp, _made_when_asked if is_ours else _made_at_once)

    def remember(self, key: Key, location: str, content: Mapping[str, Any]) -> LoadedTable[Key]:
        """Cache metadata that a catalog sent along."""
        return self._keep(key, location, content, self._stamp(location), _made_at_once)

    def _keep(
        self, key: Key, location: str, content: Mapping[str, Any], stamp: _Stamp, snapshots: _Snapshots
    ) -> LoadedTable[Key]:
        found = LoadedTable(_parse(key, location, content, snapshots), content)
        with self._lock:
            self._parsed[location] = stamp, found
            self._parsed.move_to_end(location)
            while len(self._parsed) > self._size:
                self._parsed.popitem(last=False)
        return found

    def _read(self, key: TableKey, location: str) -> Json:
        path = path_of(location)
        try:
            content = self._objects.get(location)
            text = gzip.decompress(content) if content.startswith(_GZIP) else content
            found = dict(json.loads(text))
            intact = _is_as_sealed(path.rpartition("/")[2], text, found)
        except FileNotFoundError:
            raise self._missing(key, path) from None
        except StoreError as error:
            raise _damaged(key, path, f"cannot be read: {error.strerror}", hint_of(error, "")) from error
        except _DAMAGES as error:
            raise _damaged(key, path, f"cannot be read: {error}") from error
        if not intact:
            raise _damaged(
                key,
                path,
                "is damaged: its content is not what was written",
                f"restore it from a copy; if you changed it on purpose, take `{_SEAL}` out of its properties",
            )
        return found

    def _missing(self, key: TableKey, path: str) -> LakeError:
        was, *below = path.rsplit("/", 4)  # <warehouse>/<layer>/<name>/metadata/<file>
        if was != self._warehouse and self._objects.exists("/".join((self._warehouse, *below))):
            return LakeError(
                f"the lake was moved: {key} stands in the catalog under {was}, its files under {self._warehouse}; "
                "Iceberg paths are absolute",
                hint=f"`lakeflow doctor --relocate` gives it its new place; or move the folder back to {was}",
                asset=key,
            )
        return LakeError(f"{key}: its metadata file {path} is missing", hint="restore it from a copy", asset=key)

    def _stamp(self, location: str) -> _Stamp:
        """The stamp of a file; None for a file that is never replaced, and for one that does not exist."""
        if not _NUMBERED.fullmatch(location.rpartition("/")[2]):
            return None
        try:
            now = self._objects.find(location)
        except (OSError, LakeError):
            return None
        return now.seen if now else None


def _damaged(key: TableKey, path: str, what: str, hint: str = "restore it from a copy") -> LakeError:
    return LakeError(f"{key}: its metadata file {path} {what}", hint=hint, asset=key)


def metadata_directory(table: Table[Any]) -> str:
    return table.properties.get("write.metadata.path", f"{table.location}/metadata").rstrip("/")


def next_location(table: Table) -> str:
    """A new name for the next metadata file, numbered as Iceberg's libraries number them."""
    name = table.version.rpartition("/")[2]
    number = re.match(r"v?(\d+)", name)
    return f"{metadata_directory(table)}/{int(number[1]) + 1 if number else 0:05d}-{uuid4()}.metadata.json"


def sealed(location: str, content: Mapping[str, Any]) -> tuple[Json, bytes]:
    """The metadata with its seal, and its bytes.

    The seal is a property with the file's name and the SHA-256 of the whole file, taken with zeros in the place of the
    digits. An engine that commits later keeps the property, but the name in it is another file's then, so it says
    nothing.
    """
    name = location.rpartition("/")[2]
    blank = _seal(name, _ZEROS)
    text = json.dumps(_with_seal(content, blank), separators=(",", ":"), ensure_ascii=False).encode()
    seal = _seal(name, hashlib.sha256(text).hexdigest())
    return _with_seal(content, seal), text.replace(blank.encode(), seal.encode())


def _seal(name: str, digest: str) -> str:
    return f"{name} {digest}"


def _with_seal(content: Mapping[str, Any], seal: str) -> Json:
    return {**content, "properties": {**(content.get("properties") or {}), _SEAL: seal}}


def _is_as_sealed(name: str, text: bytes, content: Mapping[str, Any]) -> bool:
    """Does the file hold what was written? Yes where no seal says what that was. A seal that was damaged itself is no
    missing one: no other metadata names this file, and no name of chance is almost that of this file.
    """
    seal = str((content.get("properties") or {}).get(_SEAL, ""))
    of, _, digest = seal.partition(" ")
    if of != name:
        return name.encode() not in text and not _is_almost(name, seal)
    blank = text.replace(seal.encode(), _seal(of, _ZEROS).encode())
    return hashlib.sha256(blank).hexdigest() == digest


def _is_almost(name: str, other: str) -> bool:
    """Does the other begin with the name, but for a letter or two?"""
    return _alike(name, other) + _alike(name[::-1], other[: len(name)][::-1]) >= len(name) - 2


def _alike(one: str, other: str) -> int:
    """How many letters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def writer_of(name: str, content: Mapping[str, Any]) -> str:
    """Who wrote the metadata file of that name: `ours` where its seal names it, `theirs` where it names another file,
    which they began from, `unknown` without a seal.
    """
    seal = str((content.get("properties") or {}).get(_SEAL, ""))
    return "unknown" if not seal else "ours" if seal.startswith(f"{name} ") else "theirs"


def _parse(key: Key, location: str, content: Mapping[str, Any], snapshots: _Snapshots) -> Table[Key]:
    try:
        table = _table(key, location, content, snapshots)
    except _DAMAGES as error:
        raise LakeError(
            f"{key}: {location} is not Iceberg table metadata ({error!r})", hint="restore it from a copy", asset=key
        ) from error
    _refuse_code(table)
    return table


def _table(key: Key, location: str, content: Mapping[str, Any], snapshots: _Snapshots) -> Table[Key]:
    # v1 tables may know only one schema
    parsed = map(schema_from_json, content.get("schemas") or [content["schema"]])
    schemas = {schema.id: schema for schema in parsed}
    return Table(
        key=key,
        uuid=str(content["table-uuid"]),
        location=str(content["location"]).rstrip("/"),
        version=location,
        format_version=int(content["format-version"]),
        schema_id=int(content.get("current-schema-id", next(iter(schemas)))),
        schemas=schemas,
        last_column_id=int(content["last-column-id"]),
        snapshots=snapshots(content.get("snapshots") or ()),
        refs=_refs(content),
        tags=frozenset(name for name, ref in (content.get("refs") or {}).items() if ref.get("type") == "tag"),
        proofs=_proofs(content),
        log=tuple((_time(entry), int(entry["snapshot-id"])) for entry in content.get("snapshot-log") or ()),
        properties=dict(content.get("properties") or {}),
    )


def _made_at_once(entries: Iterable[Mapping[str, Any]]) -> Mapping[int, Snapshot]:
    """Nobody proved what others wrote: a snapshot that is none shows where the table is read."""
    return {int(entry["snapshot-id"]): _snapshot(entry) for entry in entries}


def _made_when_asked(entries: Iterable[Mapping[str, Any]]) -> Mapping[int, Snapshot]:
    """A file whose seal was proved says of a snapshot what we wrote, so that it can be made later."""
    by_id = {int(entry["snapshot-id"]): entry for entry in entries}
    parents = {id_: entry.get("parent-snapshot-id") for id_, entry in by_id.items()}
    last = sorted(by_id.values(), key=itemgetter("timestamp-ms"))[-1:]
    return UnmadeSnapshots(parents, lambda id_: _snapshot(by_id[id_]), tuple(map(_time, last)))


def _snapshot(entry: Mapping[str, Any]) -> Snapshot:
    summary = dict(entry.get("summary") or {})
    return Snapshot(
        id=int(entry["snapshot-id"]),
        parent_id=entry.get("parent-snapshot-id"),
        committed_at=_time(entry),
        operation=summary.pop("operation", "overwrite"),
        summary=summary,
        schema_id=entry.get("schema-id"),
    )


def _time(entry: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(entry["timestamp-ms"] / 1000, UTC)


def _refs(content: Mapping[str, Any]) -> dict[str, int]:
    refs = {name: int(ref["snapshot-id"]) for name, ref in (content.get("refs") or {}).items()}
    current = content.get("current-snapshot-id")
    return refs if current in {None, -1} else {"main": int(current or 0)} | refs


def _proofs(content: Mapping[str, Any]) -> dict[int, str]:
    files = {int(entry["snapshot-id"]): str(entry["statistics-path"]) for entry in content.get("statistics") or ()}
    return {snapshot: path for snapshot, path in files.items() if is_proof(path, snapshot)}


def _refuse_code(table: Table[Any]) -> None:
    """Metadata may name a Python module that other readers would import and run (trap T14)."""
    if keys := sorted(key for key in table.properties if _NAMES_CODE.fullmatch(key)):
        raise LakeError(
            f"{table.key}: its metadata asks to run code: {', '.join(keys)}",
            hint="remove those table properties with the engine that set them, if you trust it",
            asset=table.key,
        )

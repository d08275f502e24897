"""Makes a catalog out of the tables' own metadata: finds the tables of a warehouse, and the metadata of each that
counts.

1. The newest metadata file of a table counts.
2. A process that was killed in a commit may have left one that was never committed. What it would publish tells that
   (`is_settled`); then the metadata that it was planned on counts.
3. A run has published all its tables or none, also here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from os import PathLike, fspath
from typing import Final

from lakeflow.adapters.iceberg.care.ground import ground_of
from lakeflow.adapters.iceberg.disk.proof import proof_location, read_proof
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, MetadataFiles, metadata_directory
from lakeflow.adapters.objects import DISK
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.table import Table
from lakeflow.core.ports.locations import path_of, to_location
from lakeflow.core.ports.objects import Objects
from lakeflow.core.values import dataclass
from lakeflow.core.view.rebuilt import Proven, is_settled

_NUMBERED: Final = re.compile(r"v?(\d+)(-[^/]*)?(\.gz)?\.metadata\.json(\.gz)?")
_BESIDE: Final = re.compile(r"-[0-9a-f]{8}$")
_NOBODY: Final = AssetKey.parse("bronze.unknown")
_TOGETHER: Final = 10_000
"""Milliseconds within which the metadata of one publish is written."""


@dataclass(frozen=True)
class Stands:
    """A table as it stands in a folder. `newest` is its newest metadata, `before` what that was planned on."""

    folder: str
    newest: LoadedTable[AssetKey]
    before: LoadedTable[AssetKey] | None
    settled: bool

    @property
    def counts(self) -> LoadedTable[AssetKey]:
        return self.newest if self.settled or self.before is None else self.before

    @property
    def publishes(self) -> str:
        """The run whose snapshot the newest metadata makes main. Empty where it moves main to no snapshot of ours."""
        table = self.newest.table
        head = table.published
        moved = self.before is not None and self.before.table.main != table.main
        made = provenance_of(head.summary) if head and moved else None
        return made.run if made else ""


def tables_in(
    warehouse: str | PathLike[str], objects: Objects = DISK
) -> tuple[dict[AssetKey, LoadedTable[AssetKey]], dict[AssetKey, Proven], tuple[str, ...]]:
    """Every table below the warehouse by the name of its asset, once for the catalog and once with its proofs; and what
    was left out, with the reason.
    """
    notes: list[str] = []
    listed = _folders(fspath(warehouse), objects)
    standing = [one for folder, names in listed.items() if (one := _look(folder, names, notes, objects))]
    whole = list(_all_or_nothing(standing))
    found: dict[AssetKey, LoadedTable[AssetKey]] = {}
    proofs: dict[AssetKey, Proven] = {}
    for one in sorted(whole, key=lambda one: (one.counts.table.main is not None, one.counts.updated_ms), reverse=True):
        key = _key_of(one)
        if key is None:
            notes.append(f"{one.folder}: neither its folder nor its snapshots name an asset")
        elif key in found:
            notes.append(f"{one.folder}: another folder holds {key}, and is newer")
        else:
            found[key] = _called(one.counts, key)
            proofs[key] = _proven(found[key].table, one.folder, objects)
    return found, proofs, tuple(notes)


def _proven(table: Table, folder: str, objects: Objects) -> Proven:
    """The table with the proofs of its snapshots, read where the folder stands now."""
    proofs: dict[int, str] = {}
    for id_ in table.snapshots:
        with suppress(LakeError):  # a damaged one proves nothing
            proof = read_proof(replace(table, proofs={}), id_, f"{folder}/metadata", objects)
            proofs |= {id_: proof.text} if proof else {}
    return Proven(table, proofs)


def newer_runs(
    locations: Mapping[AssetKey, str], warehouse: str | PathLike[str], objects: Objects = DISK
) -> dict[AssetKey, str]:
    """The tables whose metadata is newer than the catalog's was, and the run that it publishes."""
    place = fspath(warehouse)
    ground = ground_of(place, objects)
    found: dict[AssetKey, str] = {}
    for key, location in sorted(locations.items()):
        directory, _, name = path_of(location).rpartition("/")
        names = _names(directory, objects)
        is_old = number_of(name) < max(map(number_of, names), default=-1)
        if is_old and ground.is_below(path_of(location), place):
            one = _look(directory.rpartition("/")[0], names, [], objects)
            if one and one.settled and one.publishes:
                found[key] = one.publishes
    return found


def _folders(warehouse: str, objects: Objects) -> dict[str, list[str]]:
    """The folders of tables, each with the names of its metadata files. Links are left out, and tables in tables."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in objects.listed(warehouse):
        directory, _, name = one.location.rpartition("/")
        home, _, last = directory.rpartition("/")
        if last == "metadata" and _NUMBERED.fullmatch(name):
            found[home].append(name)
    ground = ground_of(warehouse, objects)
    within = {home for home in found if any(above in found for above in _above(home, warehouse))}
    return {home: found[home] for home in sorted(found) if home not in within and ground.is_below(home, warehouse)}


def _above(home: str, warehouse: str) -> Iterator[str]:
    while home.startswith(f"{warehouse}/"):
        home = home.rpartition("/")[0]
        yield home


def _names(directory: str, objects: Objects) -> list[str]:
    return [name for name in objects.names(directory) if _NUMBERED.fullmatch(name)]


def number_of(name: str) -> int:
    """The number in the name of a metadata file; -1 for any other file."""
    match = _NUMBERED.fullmatch(name)
    return int(match[1]) if match else -1


def _look(folder: str, names: Iterable[str], notes: list[str], objects: Objects) -> Stands | None:
    """None where no metadata can be read."""
    readable = _readable(f"{folder}/metadata", names, notes, objects)
    parsed = {found.table.version.rpartition("/")[2]: found for found in readable}
    if not parsed:
        return None
    newest = max(parsed.values(), key=_rank)
    log = newest.json.get("metadata-log") or ()
    before = parsed.get(str(log[-1]["metadata-file"]).rpartition("/")[2]) if log else None
    proof = newest.table.main is not None and _has_proof(newest.table, objects)
    return Stands(folder, newest, before, is_settled(newest.table, before.table if before else None, proven=proof))


def _readable(
    directory: str, names: Iterable[str], notes: list[str], objects: Objects
) -> Iterator[LoadedTable[AssetKey]]:
    files = MetadataFiles(directory, objects)
    for name in sorted(names):
        try:
            yield files.find(_NOBODY, to_location(f"{directory}/{name}"))
        except LakeError as error:
            notes.append(f"{directory}/{name} was left out: {error.message}")


def _rank(found: LoadedTable[AssetKey]) -> tuple[int, int, int]:
    """The order in which metadata files count: by number, and of one number, which a killed commit may leave twice, by
    the newest published rows.
    """
    head = found.table.published
    entries = found.json.get("snapshots") or ()
    sequence = next((e.get("sequence-number", 0) for e in entries if head and e["snapshot-id"] == head.id), 0)
    return number_of(found.table.version.rpartition("/")[2]), int(sequence), found.updated_ms


def _has_proof(table: Table, objects: Objects) -> bool:
    location = table.proofs.get(table.main or 0) or proof_location(metadata_directory(table), table.main or 0)
    beside = f"{table.version.rpartition('/')[0]}/{location.rpartition('/')[2]}"  # where a moved lake has it
    return bool(objects.find(location) or objects.find(beside))


def _all_or_nothing(standing: list[Stands]) -> Iterator[Stands]:
    """A publish that did not happen in one table did not happen in the others."""
    failed = [(one.publishes, one.newest.updated_ms) for one in standing if not one.settled]
    for one in standing:
        with_it = any(
            one.publishes == run and abs(one.newest.updated_ms - at) <= _TOGETHER for run, at in failed if run
        )
        yield replace(one, settled=False) if with_it else one


def _key_of(one: Stands) -> AssetKey | None:
    """The asset of a table: its latest snapshot of ours says it, or else the name of its folder."""
    table = one.counts.table
    latest = sorted(table.snapshots.values(), key=lambda snapshot: snapshot.committed_at, reverse=True)
    made = (provenance_of(snapshot.summary) for snapshot in latest)
    said = next((each.asset for each in made if each and each.asset), "")
    layer, name = one.folder.rsplit("/", 2)[-2:]
    named = f"{layer}.{_BESIDE.sub('', name)}"
    return AssetKey.find(said) or AssetKey.find(named)


def _called(found: LoadedTable[AssetKey], key: AssetKey) -> LoadedTable[AssetKey]:
    """The table under its asset's name, at the location that its metadata says; in a moved lake, that is the
    old one.
    """
    name = found.table.version.rpartition("/")[2]
    said = f"{metadata_directory(found.table)}/{name}"
    return LoadedTable(replace(found.table, key=key, version=said), found.json)

"""Which files a table needs, by the metadata alone, and which of them are not there (Iceberg spec, "Manifests").

Reads manifests with the standard library: a look at a lake's health should not wait for an import.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lakeflow.adapters.iceberg.disk.avro import Container, unpack
from lakeflow.adapters.iceberg.disk.fileio import local_path, read_bytes
from lakeflow.adapters.iceberg.metadata.metadata import Found, MetadataFiles
from lakeflow.core.errors import LakeError
from lakeflow.core.model.table import Table
from lakeflow.core.view.consistency import Stock

_DELETED: Final = 2  # the status of a manifest entry
_DAMAGES: Final = (ValueError, IndexError, KeyError, TypeError, zlib.error, RecursionError)


def take_stock(table: Table) -> Stock:
    """Every file that a kept snapshot needs, and what is missing or damaged of them."""
    directory = local_path(table.location)
    return Walk().stock(MetadataFiles(directory).find(table.key, table.version))


def read_container(location: str) -> Container:
    """LakeError for a file that is missing or damaged."""
    try:
        return unpack(read_bytes(location))
    except _DAMAGES as error:
        raise LakeError(
            f"{local_path(location)} is damaged ({error})", hint="restore the table's metadata folder from a copy"
        ) from error


@dataclass
class Walk:
    """From metadata to data files, each file once however many snapshots share it."""

    damaged: dict[str, str] = field(default_factory=dict)
    below: dict[str, tuple[str, ...]] = field(default_factory=dict)
    there: dict[str, bool] = field(default_factory=dict)

    def stock(self, found: Found) -> Stock:
        lacking: dict[str, set[int]] = defaultdict(set)
        for snapshot in found.json.get("snapshots") or ():
            for location in self.files(snapshot):
                if not self.exists(location):
                    lacking[str(local_path(location))].add(int(snapshot["snapshot-id"]))
        missing = {path: frozenset(snapshots) for path, snapshots in lacking.items()}
        return Stock(found.table.key, len(self.there), missing, dict(self.damaged))

    def files(self, snapshot: Mapping[str, Any]) -> Iterator[str]:
        listed = snapshot.get("manifest-list")
        if listed is None:  # an early v1 table names its manifests itself
            manifests = tuple(snapshot.get("manifests") or ())
        else:
            yield listed
            manifests = self._inside(listed, "manifest_path")
        for manifest in manifests:
            yield manifest
            yield from self._inside(manifest, "file_path")

    def _inside(self, location: str, name: str) -> tuple[str, ...]:
        """The paths that a manifest list or manifest names; none when it cannot be read, which is noted."""
        if location not in self.below:
            self.below[location] = self._read(location, name) if self.exists(location) else ()
        return self.below[location]

    def _read(self, location: str, name: str) -> tuple[str, ...]:
        try:
            records = read_container(location).records
            if name == "manifest_path":
                return tuple(record[name] for record in records)
            return tuple(record["data_file"][name] for record in records if record["status"] != _DELETED)
        except (LakeError, *_DAMAGES) as error:
            self.damaged[str(local_path(location))] = str(error)
            return ()

    def exists(self, location: str) -> bool:
        if location not in self.there:
            self.there[location] = Path(local_path(location)).exists()
        return self.there[location]

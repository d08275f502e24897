"""A manifest is decoded once, and again only where more files are kept in mind than were asked for."""

from __future__ import annotations

from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from pyiceberg.manifest import ManifestFile

from lakeflow.adapters.iceberg.disk.pyiceberg_io import ObjectFiles
from lakeflow.adapters.iceberg.manifests import manifests as module
from lakeflow.adapters.iceberg.manifests.manifests import Manifests
from lakeflow.adapters.iceberg.manifests.snapshots import live_manifests
from lakeflow.adapters.objects import DISK
from lakeflow.core.model.table import ColumnStats, Table
from lakeflow.core.ports.objects import Objects
from tests.iceberg.lab import COLUMNS, FLIGHTS, Lab, staging


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The manifests that were decoded, in order."""
    seen: list[str] = []
    read = module._read

    def counting(manifest: ManifestFile, objects: Objects) -> object:
        seen.append(manifest.manifest_path)
        return read(manifest, objects)

    monkeypatch.setattr(module, "_read", counting)
    return seen


def test_an_append_costs_one_manifest_more_however_many_there_are(lab: Lab, decoded: list[str]) -> None:
    for number in range(5):
        lab.land([number], f"r{number}")
        table = lab.catalog.load((FLIGHTS,))[FLIGHTS]
        for _ in range(2):
            scan = lab.catalog.scan(table, table.main)
        lab.catalog.statistics(table, table.main or 0)
        assert (len(scan.files), len(decoded)) == (number + 1, number + 1)


def test_what_was_used_longest_ago_is_forgotten_first(lab: Lab, decoded: list[str]) -> None:
    for number in range(3):
        lab.land([number], f"r{number}")
    table = lab.table()
    found = lab.catalog._files.find(FLIGHTS, table.version)
    entry = next(each for each in found.json["snapshots"] if each["snapshot-id"] == table.main)
    manifests = live_manifests(entry, ObjectFiles(DISK))
    kept = Manifests(most=2)
    for manifest in (manifests[0], manifests[1], manifests[0], manifests[2], manifests[0], manifests[1]):
        assert len(kept.live(manifest)) == 1
    assert decoded == [manifests[place].manifest_path for place in (0, 1, 2, 1)]


def bounded(lab: Lab, ids: list[int | None], run: str) -> Table:
    """Rows of these ids, written with their bounds."""
    table = lab.catalog.create(FLIGHTS, COLUMNS)
    (file,) = lab.write(table, {"id": ids, "name": ["x"] * len(ids)}, table.schema)
    known = [each for each in ids if each is not None]
    low, high = (str(min(known)), str(max(known))) if known else (None, None)
    facts = {**file.columns, ("id",): ColumnStats(len(ids), len(ids) - len(known), low=low, high=high)}
    return lab.catalog.stage(table, staging(table, (replace(file, columns=facts),), run=run))


def near(lab: Lab, ids: list[int | None], *columns: str) -> list[int]:
    """The ids in files that may have one of these, which are staged on top."""
    staged = bounded(lab, ids, "last")
    scan = lab.catalog.scan_near(staged, staged.refs["audit_last"], columns)
    return sorted(id_ for file in scan.files for id_ in pq.read_table(file)["id"].to_pylist() if id_ is not None)


@pytest.mark.parametrize(
    ("ids", "columns", "found"),
    [
        ([12], ("id",), [10, 12, 19]),
        ([5], ("id",), [5]),
        ([5, 25], ("id",), [5, 10, 19, 20, 25, 29]),
        ([20], ("id", "name"), [20, 20, 29]),
        ([None], ("id",), []),
        ([12], (), [0, 4, 10, 12, 19, 20, 29, 30]),
    ],
)
def test_near_are_the_files_whose_bounds_do_not_rule_a_value_out(
    lab: Lab, ids: list[int | None], columns: tuple[str, ...], found: list[int]
) -> None:
    files: tuple[list[int | None], ...] = ([0, 4], [10, 19], [20, 29], [30], [None])
    for number, each in enumerate(files):
        lab.publish(bounded(lab, each, f"r{number}"), f"r{number}")
    assert near(lab, ids, *columns) == found

"""A manifest is decoded once, and again only where more files are kept in mind than were asked for."""

from __future__ import annotations

import pytest

from lakeflow.adapters.iceberg import manifests as module
from lakeflow.adapters.iceberg.avro import LocalFiles
from lakeflow.adapters.iceberg.fileio import Scratch
from lakeflow.adapters.iceberg.manifests import Manifests
from lakeflow.adapters.iceberg.snapshots import live_manifests
from tests.iceberg.lab import FLIGHTS, Lab


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The manifests that were decoded, in order."""
    seen: list[str] = []
    read = module._read

    def counting(manifest: module.ManifestFile) -> object:
        seen.append(manifest.manifest_path)
        return read(manifest)

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
    manifests = live_manifests(entry, LocalFiles(Scratch()))
    kept = Manifests(most=2)
    for manifest in (manifests[0], manifests[1], manifests[0], manifests[2], manifests[0], manifests[1]):
        assert len(kept.live(manifest)) == 1
    assert decoded == [manifests[place].manifest_path for place in (0, 1, 2, 1)]

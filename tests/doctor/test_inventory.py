"""The stock of one table, file by file: what its kept snapshots need, and which of it is missing or damaged."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.manifest import read_manifest_list
from pyiceberg.table import StaticTable
from pyiceberg.table.snapshots import Snapshot

from lakeflow.adapters.iceberg.care.inventory import Walk, open_through, read_container, read_through, take_stock
from lakeflow.adapters.iceberg.disk.avro import Container, pack, unpack
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, MetadataFiles
from lakeflow.core.errors import LakeError
from lakeflow.core.model.table import Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.digests import with_digest
from lakeflow.core.ports.locations import local_path
from lakeflow.core.view.consistency import Stock
from tests.iceberg.lab import COLUMNS, FLIGHTS, Lab, staging


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture
def table(lab: Lab) -> Table:
    """Two snapshots: the second appends to the first."""
    lab.land([1, 2], "r1")
    return lab.land([3], "r2")


def snapshots(table: Table) -> list[Snapshot]:
    return list(StaticTable.from_metadata(table.version).metadata.snapshots)


def below(table: Table, snapshot: Snapshot) -> list[Path]:
    """A snapshot's manifest list, its manifests and its data files, as another library reads them."""
    io = StaticTable.from_metadata(table.version).io
    manifests = list(read_manifest_list(io.new_input(snapshot.manifest_list)))
    data = [entry.data_file.file_path for each in manifests for entry in each.fetch_manifest_entry(io)]
    return [local_path(at) for at in (snapshot.manifest_list, *(each.manifest_path for each in manifests), *data)]


def every(table: Table) -> set[Path]:
    proofs = local_path(table.location).glob("metadata/proof-*")
    return {*proofs}.union(*(below(table, snapshot) for snapshot in snapshots(table)))


def data_of(paths: list[Path]) -> list[Path]:
    return [path for path in paths if path.suffix == ".parquet"]


def rewritten(path: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """The same container with other records."""
    container = unpack(path.read_bytes())
    records = list(container.records)
    change(records)
    path.write_bytes(pack(Container(container.header, container.sync, tuple(records))))


def test_each_file_of_every_snapshot_is_counted_once(table: Table) -> None:
    assert take_stock(table) == Stock(FLIGHTS, len(every(table)))


def test_a_missing_file_is_missing_in_each_snapshot_that_needs_it(table: Table) -> None:
    first, second = snapshots(table)
    old, new = data_of(below(table, first)), data_of(below(table, second))
    (added,) = {*new} - {*old}
    for path in (old[0], added):
        path.unlink()
    assert take_stock(table) == Stock(
        FLIGHTS,
        len(every(table)),
        {
            str(old[0]): frozenset({first.snapshot_id, second.snapshot_id}),
            str(added): frozenset({second.snapshot_id}),
        },
    )


def test_a_missing_list_is_told_and_the_other_snapshots_are_walked_all_the_same(table: Table) -> None:
    first, second = snapshots(table)
    path = local_path(first.manifest_list)
    path.unlink()
    expected = {path, *local_path(table.location).glob("metadata/proof-*"), *below(table, second)}
    assert take_stock(table) == Stock(FLIGHTS, len(expected), {str(path): frozenset({first.snapshot_id})})


def change_last_byte(path: Path) -> None:
    """To another one, whatever it is: that of an Avro file is drawn by lot."""
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize("level", [0, 1])
def test_a_list_or_manifest_that_cannot_be_read_is_damaged_and_the_rest_is_told(table: Table, level: int) -> None:
    first, _ = snapshots(table)
    path = below(table, first)[level]
    change_last_byte(path)
    stock = take_stock(table)
    assert dict(stock.damaged) == {str(path): f"{path} is damaged: its content is not what was written"}
    assert dict(stock.missing) == {}


def test_a_container_that_was_cut_says_which_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "m.avro").write_bytes(b"Obj\x01")
    with pytest.raises(LakeError) as caught:
        read_container(f"file://{tmp_path}/m.avro")
    assert caught.value.message.startswith(f"{tmp_path}/m.avro is damaged (")
    assert caught.value.hint == "restore the table's metadata folder from a copy"


def test_a_file_of_another_size_says_both_sizes(lab: Lab) -> None:
    table = lab.land([*range(2000)])
    at_list, manifest, data = below(table, snapshots(table)[0])
    was = data.stat().st_size
    data.write_bytes(data.read_bytes() + b"\0")
    assert was > 1000
    assert dict(take_stock(table).damaged) == {str(data): f"{data} has {was + 1:,} bytes, and {was:,} were written"}
    walk = Walk()
    assert {*walk.files({"manifest-list": f"file://{at_list}"})} == {*walk.sizes, f"file://{at_list}"}
    assert walk.sizes[f"file://{manifest}"] == manifest.stat().st_size


COUNTS = [f"{status}_{what}_count" for status in ("added", "existing", "deleted") for what in ("files", "rows")]


def listed(manifest: Path, counts: dict[str, Any]) -> tuple[Walk, set[str]]:
    """A walk from a list that counts this of its one manifest, and the files that it found."""
    walk = Walk(below={"/list": (str(manifest),)}, there={"/list": 1}, counts={str(manifest): counts})
    return walk, {str(local_path(at)) for at in walk.files({"manifest-list": "/list"})} - {"/list", str(manifest)}


@pytest.mark.parametrize("count", COUNTS)
def test_a_manifest_that_does_not_hold_what_its_list_counts_is_damaged(lab: Lab, count: str) -> None:
    table = lab.land([1, 2])
    at_list, manifest, data = below(table, snapshots(table)[0])
    (right,) = ({name: record[name] for name in COUNTS} for record in unpack(at_list.read_bytes()).records)
    wrong = f"{manifest} is damaged: it does not hold what its list counts in it"
    for counts, said in (
        (right, {}),
        ({**right, count: None}, {}),
        ({name: right[name] for name in COUNTS if name != count}, {}),
        ({**right, count: 7}, {str(manifest): wrong}),
    ):
        walk, found = listed(manifest, counts)
        assert (walk.damaged, found) == (said, {str(data)})


def test_rows_of_several_files_are_counted_together_and_each_status_for_itself(lab: Lab) -> None:
    table = lab.catalog.create(FLIGHTS, COLUMNS)
    files = tuple(
        file
        for ids in ([1, 2], [3], [4, 5, 6])
        for file in lab.write(table, {"id": ids, "name": ["n"] * len(ids)}, table.schema)
    )
    lab.publish(lab.catalog.stage(table, staging(table, files)))
    table = lab.land([7], "r2", WriteMode.REPLACE)
    assert take_stock(table) == Stock(FLIGHTS, len(every(table)))


def test_what_a_manifest_calls_deleted_is_not_needed_and_what_exists_is(lab: Lab) -> None:
    table = lab.land([1, 2])
    _, manifest, data = below(table, snapshots(table)[0])
    plain = Path(shutil.copy(manifest, lab.root / "m0.avro"))
    for status, needed in ((0, {str(data)}), (2, set()), (1, {str(data)})):
        rewritten(plain, lambda records, status=status: records[0].update(status=status))  # type: ignore[misc]
        walk, found = listed(plain, {})
        assert (found, {str(local_path(at)) for at in walk.data}) == (needed, needed)


def test_a_table_of_old_names_its_manifests_itself(table: Table) -> None:
    _, *rest = below(table, snapshots(table)[-1])
    manifests = [str(path) for path in rest if path.suffix == ".avro"]
    assert {str(local_path(at)) for at in Walk().files({"manifests": manifests})} == {str(path) for path in rest}
    assert list(Walk().files({"manifests": None})) == []
    assert list(Walk().files({})) == []


def test_a_table_without_snapshots_needs_nothing(lab: Lab) -> None:
    assert take_stock(lab.catalog.create(FLIGHTS, COLUMNS)) == Stock(FLIGHTS, 0)


def test_a_file_is_looked_at_once(table: Table) -> None:
    walk = Walk()
    at = str(below(table, snapshots(table)[0])[-1])
    assert walk.exists(at)
    assert walk.there[at] == Path(at).stat().st_size
    Path(at).unlink()
    assert walk.exists(at)
    assert not walk.exists(at + "x")
    assert walk.there[at + "x"] is None


def named_by_content(lab: Lab, run: str, *, honest: bool = True) -> Path:
    """A data file whose name holds its SHA-256, or another, landed."""
    table = lab.catalog.create(FLIGHTS, COLUMNS)
    (file,) = lab.write(table, {"id": [1], "name": [run]}, table.schema)
    digest = hashlib.sha256(Path(file.path).read_bytes()).hexdigest() if honest else "0" * 64
    path = Path(file.path).rename(with_digest(file.path, digest))
    staged = lab.catalog.stage(table, staging(table, (replace(file, path=str(path)),), run=run))
    lab.publish(staged, run)
    return path


def test_content_is_compared_with_the_name_where_the_name_says_it(lab: Lab) -> None:
    lab.land([1], "r1")
    good, bad = named_by_content(lab, "r2"), named_by_content(lab, "r3", honest=False)
    missing, longer = named_by_content(lab, "r4"), named_by_content(lab, "r5")
    missing.unlink()
    was = longer.stat().st_size
    longer.write_bytes(longer.read_bytes() + b"\0")
    stock = read_through(lab.table())
    assert (stock.read, stock.unknown, [*stock.missing]) == (2, 1, [str(missing)])
    assert dict(stock.damaged) == {
        str(bad): f"{bad} is damaged: its content is not what was written",
        str(longer): f"{longer} has {was + 1:,} bytes, and {was:,} were written",
    }
    assert str(good) not in stock.damaged
    assert take_stock(lab.table()).read == 0


def test_a_table_whose_metadata_is_gone_is_an_error_that_names_it(table: Table) -> None:
    local_path(table.version).unlink()
    with pytest.raises(LakeError, match=local_path(table.version).name):
        take_stock(table)


# in a deep look


def walked(table: Table) -> tuple[Walk, LoadedTable]:
    """All metadata of the table, walked through once."""
    walk, found = Walk(), MetadataFiles(local_path(table.location)).find(table.key, table.version)
    walk.stock(found)
    return walk, found


def lists_of(table: Table) -> list[tuple[Path, int]]:
    """The manifest list of each snapshot, oldest first, and the rows that its table holds then."""
    return [(local_path(each.manifest_list), rows) for each, rows in zip(snapshots(table), (2, 3), strict=True)]


def test_a_deep_look_at_a_sound_table_opens_every_file_and_has_nothing_to_say(table: Table) -> None:
    assert open_through(table) == replace(read_through(table), read=2)


def test_a_file_that_is_gone_is_not_opened_and_one_that_cannot_be_read_is_told_with_what_needs_it(table: Table) -> None:
    """What is gone is told as missing alone; what is there and cannot be read, by its content."""
    one, *_ = first = data_of(below(table, snapshots(table)[0]))
    (other,) = set(data_of(list(every(table)))) - set(first)
    one.unlink()
    change_last_byte(other)
    found = open_through(table)
    assert (set(found.missing), set(found.damaged), set(found.content)) == ({str(one)}, set(), {str(other)})
    assert found.concerns[str(other)] == {snapshots(table)[1].snapshot_id}


def test_every_live_file_is_described_once_however_many_snapshots_share_it(table: Table) -> None:
    walk, found = walked(table)
    described = [str(local_path(each["file_path"])) for each in walk.entries(found)]
    assert sorted(described) == sorted(map(str, data_of(list(every(table)))))
    assert sum(each["record_count"] for each in walk.entries(found)) == 3
    assert list(Walk().entries(replace(found, json={"snapshots": None}))) == []


def test_a_summary_that_counts_other_rows_than_its_files_hold_is_told_with_its_list(table: Table) -> None:
    walk, found = walked(table)
    assert dict(walk.totals(found)) == {}
    for number, (listed, rows) in enumerate(lists_of(table)):
        said = json.loads(json.dumps(found.json))
        said["snapshots"][number]["summary"]["total-records"] = "1234"
        told = f"{listed} lists {rows} rows, and the summary says 1234"
        assert dict(walk.totals(replace(found, json=said))) == {str(listed): told}
    for summary in (None, {}, {"total-records": None}):
        assert dict(walk.totals(replace(found, json=changed(found.json, summary)))) == {}


def changed(json_: Mapping[str, Any], summary: object) -> dict[str, Any]:
    """All snapshots with that summary."""
    return {**json_, "snapshots": [{**each, "summary": summary} for each in json_["snapshots"]]}


def test_rows_are_not_counted_where_a_manifest_cannot_be_read(table: Table) -> None:
    wrong = {"total-records": "1234"}
    walk, found = walked(table)
    said = replace(found, json=changed(found.json, wrong))
    assert len(dict(walk.totals(said))) == 2
    manifests = {manifest for each in found.json["snapshots"] for manifest in walk.below[each["manifest-list"]]}
    shared = set.intersection(*(set(walk.below[each["manifest-list"]]) for each in found.json["snapshots"]))
    assert len(manifests) > 1
    for manifest in shared:
        damaged = replace(walk, damaged={str(local_path(manifest)): "damaged"})
        assert dict(damaged.totals(said)) == {}
        assert len(list(damaged.entries(found))) < 2
        gone = replace(walk, there={**walk.there, manifest: None})
        assert dict(gone.totals(said)) == {}

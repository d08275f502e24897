"""Which files of one table are garbage, file by file, and what a collection does with each."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.manifest import read_manifest_list
from pyiceberg.table import StaticTable

from lakeflow.adapters.iceberg.care.garbage import Estate, garbage_of, remains, remove, together
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable
from lakeflow.adapters.objects.disk import DISK, seen_as
from lakeflow.core.care.garbage import Dropped
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Garbage, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.locations import local_path
from tests.iceberg.lab import COLUMNS, FLIGHTS, Lab

LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
"""Everything on disk is older."""
DAMAGED = re.compile(r"/\S+ is (missing|damaged)( and \d+ more)?; `lakeflow doctor` says which snapshots need it")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def replaced(lab: Lab, *values: int, key: AssetKey = FLIGHTS) -> Table:
    """One row that replaces the other; one snapshot is kept."""
    for value in values:
        run = f"r{value}"
        table = lab.publish(lab.stage([value], run, WriteMode.REPLACE, key), run, keep=1)
    return table


def home(table: Table) -> Path:
    return local_path(table.location)


def on_disk(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*") if path.is_file()}


def lists(table: Table) -> list[Path]:
    """The manifest lists that no snapshot of the table names any more, in the order of their writing."""
    kept = {local_path(snapshot.manifest_list) for snapshot in pyiceberg(table).metadata.snapshots}
    return sorted({*home(table).glob("metadata/snap-*.avro")} - kept, key=lambda path: path.stat().st_mtime_ns)


def pyiceberg(table: Table) -> StaticTable:
    return StaticTable.from_metadata(table.version)


def below(table: Table, manifest_list: object) -> set[str]:
    """A manifest list and all that it leads to, as another library reads it."""
    io = pyiceberg(table).io
    found = {str(local_path(str(manifest_list)))}
    for manifest in read_manifest_list(io.new_input(str(manifest_list))):
        found |= {str(local_path(manifest.manifest_path))}
        found |= {str(local_path(entry.data_file.file_path)) for entry in manifest.fetch_manifest_entry(io)}
    return found


def needed(table: Table, *also: Path) -> set[str]:
    """What the kept snapshots and these manifest lists need, with metadata and statistics that the table remembers."""
    metadata = pyiceberg(table).metadata
    also_named = {str(local_path(one.statistics_path)) for one in metadata.statistics}
    found = {str(local_path(table.version)), *(str(local_path(one.metadata_file)) for one in metadata.metadata_log)}
    every = (*also, *(each.manifest_list for each in metadata.snapshots))
    return (found | also_named).union(*(below(table, at) for at in every))


def loaded(lab: Lab, key: AssetKey = FLIGHTS) -> LoadedTable[Any]:
    return lab.catalog._commits.read((key,))[key]


def estate(lab: Lab, *, held: bool = True) -> Estate:
    found = lab.catalog._surveyor.estate(FLIGHTS)
    return found if held else replace(found, locations=frozenset())


def aged(path: Path, at: datetime) -> None:
    os.utime(path, (at.timestamp(), at.timestamp()))


def test_all_that_no_kept_snapshot_and_no_reader_of_the_last_one_needs_is_garbage(lab: Lab) -> None:
    table = replaced(lab, 1, 2, 3, 4)
    (home(table) / "metadata/version-hint.text").write_text("7")
    files = on_disk(home(table))
    found = lab.catalog.garbage(FLIGHTS, LATER)
    assert {*found.files} == files - needed(table, lists(table)[-1]) - {str(home(table) / "metadata/version-hint.text")}
    assert any(path.endswith(".parquet") for path in found.files)
    assert dict(found.files) == {path: Path(path).stat().st_size for path in found.files}
    assert dict(found.seen) == {path: seen_as(Path(path).lstat()) for path in found.files}
    assert found.total == sum(Path(path).stat().st_size for path in files)
    assert (found.key, found.version, found.kept) == (FLIGHTS, table.version, "")
    lab.catalog.collect(found)
    assert on_disk(home(table)) == files - {*found.files}
    assert lab.ids(table, table.main) == [4]


def test_a_table_that_is_not_there_has_no_garbage(lab: Lab) -> None:
    assert lab.catalog.garbage(FLIGHTS, LATER) == Garbage(FLIGHTS)


def test_the_readers_since_then_keep_each_snapshot_that_was_main_meanwhile(lab: Lab) -> None:
    table = replaced(lab, 1, 2, 3, 4, 5, 6, 7)
    gone = lists(table)
    assert len(gone) == 5
    before = LATER - timedelta(minutes=30)
    oldest, *others = gone
    aged(oldest, before - timedelta(days=1))
    aged(others[0], before - timedelta(days=2))  # whatever its name, it is older than the one before it
    for path in others[1:3]:
        aged(path, before)
    for path in others[3:]:
        aged(path, before - timedelta(days=3))
    unlogged = replace(loaded(lab), table=replace(table, log=()))
    found = garbage_of(unlogged, estate(lab), before)
    assert {*found.files} == on_disk(home(table)) - needed(table, oldest, *others[1:3])
    # By its log the table has main of then: of what expired, only the last may have been seen while that came.
    known = lab.catalog.garbage(FLIGHTS, before)
    assert {*known.files} == on_disk(home(table)) - needed(table, gone[-1], *others[1:3])


def test_a_file_that_was_touched_at_that_moment_is_young(lab: Lab) -> None:
    table = replaced(lab, 1)
    left = [home(table) / "data" / f"{name}.parquet" for name in ("younger", "then", "older")]
    for path, seconds in zip(left, (1, 0, -1), strict=True):
        path.write_bytes(b"left")
        aged(path, LATER + timedelta(seconds=seconds))
    assert dict(lab.catalog.garbage(FLIGHTS, LATER).files) == {str(left[2]): 4}


@pytest.mark.parametrize("suffix", [".parquet", ".avro", ".orc", ".json", ".puffin", ".stats", ".gz", ".crc", ".tmp"])
def test_only_what_a_writer_of_tables_makes_is_garbage(lab: Lab, suffix: str) -> None:
    table = replaced(lab, 1)
    for name in (f"f{suffix}", f"f{suffix}.xlsx", "notes"):
        (home(table) / "data" / name).write_bytes(b"left")
    assert {*lab.catalog.garbage(FLIGHTS, LATER).files} == {str(home(table) / "data" / f"f{suffix}")}


def test_a_needed_file_is_needed_under_its_other_name_too(lab: Lab) -> None:
    table = replaced(lab, 1)
    (data,) = home(table).glob("data/**/*.parquet")
    os.link(data, home(table) / "data/other.parquet")
    assert not lab.catalog.garbage(FLIGHTS, LATER).files


@pytest.mark.parametrize("name", ["statistics", "partition-statistics"])
def test_statistics_that_the_metadata_names_are_needed(lab: Lab, name: str) -> None:
    table = replaced(lab, 1)
    left = [home(table) / "metadata" / f"{which}.stats" for which in ("named", "other")]
    for path in left:
        path.write_bytes(b"x")
    found = loaded(lab)
    named = replace(found, json={**found.json, name: [{"statistics-path": f"file://{left[0]}", "snapshot-id": 1}]})
    assert {*garbage_of(named, estate(lab), LATER).files} == {str(left[1])}


def test_metadata_without_any_log_or_snapshot_is_read(lab: Lab) -> None:
    table = lab.catalog.create(FLIGHTS, COLUMNS)
    found = loaded(lab)
    bare = {name: value for name, value in found.json.items() if name not in {"metadata-log", "snapshots"}}
    assert garbage_of(replace(found, json=bare), estate(lab), LATER).kept == ""
    assert on_disk(home(table)) == {str(local_path(table.version))}


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


@pytest.mark.parametrize("damage", [_cut, Path.unlink])
@pytest.mark.parametrize("which", ["kept", "recent"])
def test_nothing_of_a_table_is_garbage_while_its_metadata_is_not_whole(
    lab: Lab, damage: Callable[[Path], None], which: str
) -> None:
    table = replaced(lab, 1, 2, 3, 4)
    metadata = pyiceberg(table).metadata
    at = {str(local_path(metadata.snapshots[-1].manifest_list))} if which == "kept" else {str(lists(table)[-1])}
    damage(Path(next(path for path in sorted(below(table, *at) - at) if path.endswith(".avro"))))
    found = lab.catalog.garbage(FLIGHTS, LATER)
    if which == "recent" and damage is Path.unlink:  # a reader of it fails anyway
        assert found.kept == ""
    else:
        assert DAMAGED.fullmatch(found.kept)
        assert (dict(found.files), found.key) == ({}, FLIGHTS)
        assert found.total == sum(Path(path).stat().st_size for path in on_disk(home(table)))


def test_a_missing_data_file_stops_the_collection_too(lab: Lab) -> None:
    table = replaced(lab, 1, 2, 3)
    gone = Path(next(path for path in needed(table) if path.endswith(".parquet")))
    gone.unlink()
    assert lab.catalog.garbage(FLIGHTS, LATER).kept == (
        f"{gone} is missing; `lakeflow doctor` says which snapshots need it"
    )


OUTSIDE = "it was adopted where it stands; its files may be another catalog's as well"


def test_a_table_whose_files_or_metadata_stand_outside_of_the_warehouse_has_no_garbage(lab: Lab) -> None:
    table = replaced(lab, 1, 2, 3)
    found = loaded(lab)
    elsewhere = shutil.copytree(home(table), lab.root / "elsewhere")
    version = f"file://{elsewhere}/metadata/{Path(table.version).name}"
    for other in (replace(table, location=f"file://{elsewhere}"), replace(table, version=version)):
        kept = garbage_of(replace(found, table=other), estate(lab), LATER)
        assert kept == Garbage(FLIGHTS, kept=OUTSIDE)


def _named(content: bytes) -> bytes:
    return content.replace(json.loads(content)["table-uuid"].encode(), b"00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize("name", ["9-x.metadata.json", "9-x.metadata.json.gz", "9-x.gz.metadata.json"])
def test_a_folder_with_metadata_of_another_table_is_left_alone(lab: Lab, name: str) -> None:
    table = replaced(lab, 1, 2, 3)
    other = home(table) / "metadata" / name
    content = local_path(table.version).read_bytes()
    pack: Callable[[bytes], bytes] = gzip.compress if "gz" in name else bytes
    other.write_bytes(pack(_named(content)))
    found = lab.catalog.garbage(FLIGHTS, LATER)
    assert (found.key, found.kept, dict(found.files)) == (FLIGHTS, f"{other} is another table's", {})
    other.write_bytes(pack(content))
    assert lab.catalog.garbage(FLIGHTS, LATER).files


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\x1f\x8bxx", gzip.compress(b"{}", mtime=0)[:-9]])
def test_a_folder_with_metadata_that_cannot_be_read_is_left_alone(lab: Lab, content: bytes) -> None:
    table = replaced(lab, 1, 2, 3)
    other = home(table) / "metadata/9-x.metadata.json"
    other.write_bytes(content)
    assert lab.catalog.garbage(FLIGHTS, LATER).kept == f"{other} is damaged, so that nobody knows whose it is"


def test_a_table_in_another_tables_folder_is_left_alone(lab: Lab) -> None:
    table = replaced(lab, 1, 2, 3)
    above = lab.warehouse / "silver"
    (above / "metadata").mkdir()
    (above / "metadata/1-x.metadata.json").write_text("{}")
    found = lab.catalog.garbage(FLIGHTS, LATER)
    assert (found.kept, dict(found.files)) == (f"it stands in the folder of another table, {above}", {})
    shutil.move(above / "metadata", lab.root / "metadata")  # above the warehouse: no table of ours
    (lab.warehouse / "metadata").mkdir()
    (lab.warehouse / "metadata/1-x.metadata.json").write_text("{}")
    assert lab.catalog.garbage(FLIGHTS, LATER).files, table


def dropped(lab: Lab, table: Table, **changes: Any) -> Garbage:
    said = replace(Dropped(table.key, table.uuid, table.version, "r", LATER), **changes)
    return remains(said, estate(lab, held=False), LATER, loaded(lab))


@pytest.mark.parametrize("known", [True, False])
def test_all_files_of_a_dropped_table_are_garbage_once_all_are_old(lab: Lab, known: bool) -> None:
    table = replaced(lab, 1, 2)
    files = on_disk(home(table))
    (home(table) / "data/notes.xlsx").write_bytes(b"12345")
    found = dropped(lab, table) if known else dropped(lab, table, uuid="")
    assert {*found.files} == files
    assert found.total == sum(Path(path).stat().st_size for path in files) + 5
    assert (found.key, found.version, found.kept) == (None, "", "")
    aged(home(table) / "data/notes.xlsx", LATER)
    assert dropped(lab, table) == Garbage(None, total=found.total)


def test_a_dropped_table_that_is_held_or_another_or_elsewhere_is_left_alone(lab: Lab) -> None:
    table = replaced(lab, 1, 2)
    said = Dropped(table.key, table.uuid, table.version, "r", LATER)
    assert remains(said, estate(lab), LATER, loaded(lab)) == Garbage(None)
    assert remains(said, estate(lab, held=False), LATER, None) == Garbage(None)
    assert dropped(lab, table, uuid="another") == Garbage(None)
    elsewhere = shutil.copytree(home(table), lab.root / "elsewhere")
    assert dropped(lab, table, version=f"{elsewhere}/metadata/{Path(table.version).name}") == Garbage(None)
    found = loaded(lab)
    outside = replace(found, table=replace(found.table, location=f"file://{elsewhere}"))
    assert remains(said, estate(lab, held=False), LATER, outside) == Garbage(None)
    shutil.rmtree(home(table))
    assert remains(said, estate(lab, held=False), LATER, found) == Garbage(None)


@pytest.mark.parametrize("place", ["metadata/1.metadata.json", "1.metadata.json", "a/metadata/1.metadata.json"])
def test_a_dropped_table_whose_folder_any_table_uses_is_left_alone(lab: Lab, place: str) -> None:
    table = replaced(lab, 1, 2)
    said = Dropped(table.key, table.uuid, table.version, "r", LATER)
    used = replace(estate(lab), locations=frozenset({f"{table.location}/{place}"}))
    assert remains(said, used, LATER, loaded(lab)) == Garbage(None)
    beside = replace(estate(lab), locations=frozenset({f"{table.location}x/{place}"}))
    assert remains(said, beside, LATER, loaded(lab)).files


def test_a_dropped_table_to_which_others_wrote_or_that_holds_anothers_metadata_is_left_alone(lab: Lab) -> None:
    old = replaced(lab, 1)
    table = replaced(lab, 2)
    total = sum(Path(path).stat().st_size for path in on_disk(home(table)))
    said = f"{FLIGHTS}, which was dropped: "
    written = dropped(lab, table, version=old.version)
    assert written == Garbage(None, kept=f"{said}others have written to it since", total=total)
    other = home(table) / "metadata/9-x.metadata.json"
    other.write_text("{}")
    found = dropped(lab, table)
    assert found == Garbage(None, kept=f"{said}{other} is damaged, so that nobody knows whose it is")


def test_the_garbage_of_several_dropped_tables_is_one_value() -> None:
    one = Garbage(None, {"/a": 1}, kept="one stays", seen={"/a": (1,)}, total=5)
    two = Garbage(None, {"/b": 2}, seen={"/b": (2,)}, total=6)
    three = Garbage(None, kept="three stays", total=7)
    kept = "one stays; three stays"
    assert together([one, two, three]) == Garbage(
        None, {"/a": 1, "/b": 2}, kept=kept, seen={"/a": (1,), "/b": (2,)}, total=18
    )
    assert together(()) == Garbage(None)


def test_a_drop_makes_the_files_young_and_does_not_mind_their_absence(tmp_path: Path) -> None:
    path = tmp_path / "x.metadata.json"
    path.write_text("{}")
    aged(path, LATER - timedelta(days=9))
    DISK.touch(f"file://{path}")
    assert path.stat().st_mtime > (LATER - timedelta(days=1)).timestamp()
    path.unlink()
    DISK.touch(f"file://{path.parent / 'missing'}/x.metadata.json")
    assert not (path.parent / "missing").exists()


def seen(*paths: Path, key: AssetKey | None = FLIGHTS) -> Garbage:
    return Garbage(
        key,
        {str(path): path.stat().st_size for path in paths},
        seen={str(path): seen_as(path.lstat()) for path in paths},
    )


def files(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"old")
    return paths


def test_what_changed_or_went_since_it_was_seen_is_left_alone_and_the_rest_goes(tmp_path: Path) -> None:
    gone, changed, old = files(tmp_path, "gone/f", "changed/f", "old/f")
    found = seen(gone, changed, old)
    gone.unlink()
    changed.write_bytes(b"new content")
    remove(found)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["changed", "changed/f", "gone"]


def test_folders_that_are_empty_without_the_garbage_go_the_deepest_first(tmp_path: Path) -> None:
    deep, upper, beside = files(tmp_path / "t", "data/a/b/f", "data/a/f", "data/c/f")
    remove(seen(deep, upper))
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["t", "t/data", *_names(beside)]


def _names(path: Path) -> list[str]:
    return [f"t/data/{path.parent.name}", f"t/data/{path.parent.name}/{path.name}"]


def test_the_folder_of_a_table_stays_and_that_of_a_dropped_one_goes(tmp_path: Path) -> None:
    for key, left in ((FLIGHTS, ["t"]), (None, [])):
        remove(seen(*files(tmp_path / "s", "t/metadata/f", "t/data/f"), key=key))
        assert [path.name for path in (tmp_path / "s").rglob("*")] == left


def test_data_behind_a_link_is_not_followed_and_stops_the_collection(lab: Lab) -> None:
    table = replaced(lab, 1, 2, 3)
    shutil.rmtree(home(table) / "data")
    (home(table) / "data").symlink_to(lab.root)
    assert DAMAGED.fullmatch(lab.catalog.garbage(FLIGHTS, LATER).kept)

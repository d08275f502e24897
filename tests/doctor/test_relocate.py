"""A lake that was moved or copied, with real tables, and pyiceberg as the witness."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from lakeflow.adapters.iceberg import Home, moved_tables, relocate
from lakeflow.core.errors import LakeError
from lakeflow.core.model.write_mode import WriteMode
from tests.iceberg.lab import FLIGHTS, WEATHER, Lab, same_start

ROWS = dict[tuple[str, int], list[int]]


def lake(root: Path, rounds: int = 3) -> Path:
    """Two tables of many snapshots, appended and replaced, with a branch that is held."""
    root.mkdir(parents=True)
    lab = Lab(root)
    for number in range(rounds):
        lab.land([number, 100 + number], f"f{number}", key=FLIGHTS)
        lab.land([number], f"w{number}", WriteMode.REPLACE, key=WEATHER)
    lab.stage([7], "held", key=FLIGHTS)
    lab.database.close()
    return root


def home(root: Path) -> Home:
    return Home(root, str(root / "warehouse"))


def relocated(root: Path) -> list[str]:
    database = same_start(root)
    try:
        return [str(key) for key in relocate(database, home(root), Lab(root).clock)]
    finally:
        database.close()


def pointers(root: Path) -> list[str]:
    with sqlite3.connect(root / "catalog.db") as connection:
        found = [row[0] for row in connection.execute("select metadata_location from iceberg_tables order by 1")]
    connection.close()
    return found


def rows(root: Path) -> ROWS:
    """The ids in every snapshot of every table, as pyiceberg reads them."""
    catalog = SqlCatalog("lakeflow", uri=f"sqlite:///{root / 'catalog.db'}", warehouse=str(root / "warehouse"))
    found: ROWS = {}
    for key in (FLIGHTS, WEATHER):
        table = catalog.load_table(str(key))
        for snapshot in table.snapshots():
            read = table.scan(snapshot_id=snapshot.snapshot_id).to_arrow()
            found[str(key), snapshot.snapshot_id] = sorted(read["id"].to_pylist())
    catalog.close()
    return found


def digests(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith("catalog.db"))
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.long
def test_every_snapshot_of_a_moved_lake_reads_as_before(tmp_path: Path) -> None:
    before = rows(lake(tmp_path / "old"))
    assert len(before) == 7
    new = (tmp_path / "old").rename(tmp_path / "new")
    old_files = digests(new)
    assert relocated(new) == [str(FLIGHTS), str(WEATHER)]
    assert rows(new) == before
    assert old_files.items() <= digests(new).items()


def test_nothing_that_is_in_use_names_the_old_place(tmp_path: Path) -> None:
    """Properties, statistics and the metadata log included: a later commit deletes what stands in that log."""
    lake(tmp_path / "old")
    for pointer in pointers(tmp_path / "old"):
        path = Path(pointer.removeprefix("file://"))
        content = json.loads(path.read_text())
        assert content["statistics"]
        del content["properties"]["lakeflow.sha256"]
        content["properties"] |= {
            "write.data.path": f"file:{tmp_path}/old/elsewhere",
            "write.metadata.path": content["location"] + "/metadata/",
            "comment": "/old is only a word",
        }
        path.write_text(json.dumps(content))
    new = (tmp_path / "old").rename(tmp_path / "new")
    relocated(new)
    for pointer in pointers(new):
        text = Path(pointer.removeprefix("file://")).read_text()
        assert f"{tmp_path}/old" not in text
        properties = json.loads(text)["properties"]
        assert properties["write.data.path"] == f"file:{new}/elsewhere"
        assert properties["comment"] == "/old is only a word"
        assert all(
            Path(entry["metadata-file"].removeprefix("file://")).exists() for entry in json.loads(text)["metadata-log"]
        )


@pytest.mark.long
def test_a_second_relocation_finds_nothing_to_do(tmp_path: Path) -> None:
    lake(tmp_path / "old")
    new = (tmp_path / "old").rename(tmp_path / "new")
    relocated(new)
    seen = pointers(new)
    assert relocated(new) == []
    assert pointers(new) == seen


@pytest.mark.long
def test_a_lake_that_moves_twice_and_back_is_whole(tmp_path: Path) -> None:
    place = lake(tmp_path / "old")
    before = rows(place)
    for name in ("a", "a-b", "old"):
        place = place.rename(tmp_path / name)
        assert relocated(place)
        assert rows(place) == before


@pytest.mark.long
def test_a_relocated_lake_is_written_on_as_ever(tmp_path: Path) -> None:
    lake(tmp_path / "old")
    new = (tmp_path / "old").rename(tmp_path / "new")
    relocated(new)
    lab = Lab(new)
    lab.clock.now = lab.clock.now.replace(year=2027)  # type: ignore[attr-defined]
    table = lab.land([9], "later", key=FLIGHTS)
    assert lab.ids(table, table.main) == [0, 1, 2, 9, 100, 101, 102]
    assert table.location == f"file://{new}/warehouse/silver/flights"


@pytest.mark.long
def test_a_copy_comes_free_of_its_original(tmp_path: Path) -> None:
    """Before, the copy reads, and would write, the original's files."""
    original = lake(tmp_path / "original")
    untouched = digests(original)
    copy = Path(shutil.copytree(original, tmp_path / "copy"))
    database = same_start(copy)
    assert set(moved_tables(database, home(copy))) == {FLIGHTS, WEATHER}
    database.close()
    before = rows(original)
    relocated(copy)
    assert digests(original) == untouched
    shutil.rmtree(original)
    assert rows(copy) == before


def test_a_lake_that_stands_where_it_was_made_is_left_alone(tmp_path: Path) -> None:
    root = lake(tmp_path / "old")
    (tmp_path / "alias").symlink_to(root)
    assert relocated(root) == []
    assert relocated(tmp_path / "alias") == []


def test_a_damaged_manifest_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    lake(tmp_path / "old")
    manifest = next((tmp_path / "old/warehouse/silver/weather/metadata").glob("*-m0.avro"))
    manifest.write_bytes(manifest.read_bytes()[:-20])
    new = (tmp_path / "old").rename(tmp_path / "new")
    before, seen = digests(new), pointers(new)
    with pytest.raises(LakeError, match="is damaged"):
        relocated(new)
    assert (digests(new), pointers(new)) == (before, seen)


RELOCATE = """
import sys
from pathlib import Path
from tests.doctor.test_relocate import relocated
print(relocated(Path(sys.argv[1])), flush=True)
"""


@pytest.mark.long
@pytest.mark.parametrize("written", [1, 20, 60])
def test_a_relocation_that_is_killed_has_not_happened(tmp_path: Path, written: int) -> None:
    lake(tmp_path / "old", rounds=15)
    before = rows(tmp_path / "old")
    new = (tmp_path / "old").rename(tmp_path / "new")
    seen, there = pointers(new), set(digests(new))
    process = subprocess.Popen([sys.executable, "-c", RELOCATE, str(new)], stdout=subprocess.DEVNULL)
    while process.poll() is None and sum(1 for _ in new.rglob("*.*")) < len(there) + written:
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    moved = [str(new) in pointer for pointer in pointers(new)]
    assert all(moved) or pointers(new) == seen
    relocated(new)
    assert rows(new) == before

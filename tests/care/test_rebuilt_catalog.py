"""Which tables a warehouse holds, by their own metadata, and which metadata of each counts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lakeflow.adapters.iceberg.care.rebuild import newer_runs, number_of, tables_in
from lakeflow.adapters.iceberg.disk.proof import pack
from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import Provenance
from tests.core.samples import key

A, B = key("silver.a"), key("silver.b")
AT = 1_800_000_000_000
SCHEMA: dict[str, Any] = {"type": "struct", "schema-id": 0, "fields": []}


@dataclass
class Folder:
    """A table's folder, whose metadata says that it stands at `place`. Commit `n` of it is made at second `n`."""

    path: Path
    place: str = ""
    asset: str = ""

    def __post_init__(self) -> None:
        self.place = self.place or str(self.path)
        self.asset = self.asset or f"silver.{self.path.name}"
        (self.path / "metadata").mkdir(parents=True)
        self.now: dict[str, Any] = u.new_metadata("u", f"file://{self.place}", SCHEMA, 0, AT)

    def file(self, number: int, text: str = "a") -> Path:
        return self.path / "metadata" / f"{number:05d}-{text}.metadata.json"

    def commit(self, number: int, *updates: u.Update, text: str = "a", at: int | None = None) -> Folder:
        when = AT + 1000 * (number if at is None else at)
        location = f"file://{self.place}/metadata/{self.file(number - 1).name}"
        self.now = u.applied(self.now, updates, location, when)
        self.file(number, text).write_text(json.dumps(self.now))
        return self

    def wrote(self, id_: int, run: str, asset: str = "") -> u.AddSnapshot:
        summary = Provenance(run=run, attempt=1, asset=asset or self.asset, code_version="c").summary() if run else {}
        snapshot = {
            "snapshot-id": id_,
            "sequence-number": self.now["last-sequence-number"] + 1,
            "timestamp-ms": AT + id_,
            "manifest-list": "",
            "summary": {"operation": "append", **summary},
            "schema-id": 0,
        }
        return u.AddSnapshot(snapshot)

    def publish(self, number: int, id_: int, run: str, *, proven: bool = True, at: int | None = None) -> Folder:
        """Write a snapshot in one commit, and make it main in the next."""
        self.commit(number - 1, self.wrote(id_, run), u.SetBranch(f"audit_{run}", id_))
        if proven:
            (self.path / "metadata" / f"proof-{id_}.puffin").write_bytes(pack(f'{{"run": "{run}"}}', id_, 1, ""))
        return self.commit(number, u.SetBranch("main", id_), u.RemoveRef(f"audit_{run}"), at=at)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "warehouse"


def found(root: Path) -> dict[AssetKey, str]:
    """The number of the metadata that counts, by asset."""
    return {name: one.table.version.rpartition("/")[2][:5] for name, one in tables_in(str(root))[0].items()}


def notes(root: Path) -> tuple[str, ...]:
    return tables_in(str(root))[2]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("00012-a-b.metadata.json", 12),
        ("v3.metadata.json", 3),
        ("v3.gz.metadata.json", 3),
        ("00004-x.metadata.json.gz", 4),
        ("7.metadata.json", 7),
        ("x7.metadata.json", -1),
        ("00001-a.json", -1),
        ("00001-a.metadata.json.tmp", -1),
        ("version-hint.text", -1),
    ],
)
def test_the_number_stands_in_the_name_of_a_metadata_file(name: str, number: int) -> None:
    assert number_of(name) == number


# which metadata counts


def test_the_newest_metadata_counts_with_its_proofs(root: Path) -> None:
    Folder(root / "silver" / "a").publish(2, 1, "r1").publish(4, 2, "r2")
    tables, proofs, said = tables_in(str(root))
    (one,) = tables.values()
    assert (one.table.key, one.table.main) == (A, 2)
    assert one.table.version == f"file://{root}/silver/a/metadata/00004-a.metadata.json"
    assert proofs[A].proofs == {1: '{"run": "r1"}', 2: '{"run": "r2"}'}
    assert (proofs[A].table, said) == (one.table, ())


def test_a_publish_without_its_proof_was_never_committed(root: Path) -> None:
    Folder(root / "silver" / "a").publish(2, 1, "r1").publish(4, 2, "r2", proven=False)
    assert found(root) == {A: "00003"}


def test_what_moves_no_main_and_what_others_moved_needs_no_proof(root: Path) -> None:
    one = Folder(root / "silver" / "a").publish(2, 1, "r1")
    assert found(root) == {A: "00002"}
    one.commit(3, one.wrote(2, "r2"), u.SetBranch("audit_r2", 2))
    assert found(root) == {A: "00003"}
    one.commit(4, one.wrote(3, ""), u.SetBranch("main", 3))
    assert found(root) == {A: "00004"}
    one.commit(5, u.SetBranch("main", 1))
    assert found(root) == {A: "00005"}


def test_a_main_of_which_nothing_tells_what_came_before_counts(root: Path) -> None:
    one = Folder(root / "silver" / "a").publish(2, 1, "r1", proven=False)
    one.file(1).unlink()
    assert found(root) == {A: "00002"}


def test_of_one_number_the_newest_published_rows_count(root: Path) -> None:
    """A killed commit may leave a number twice."""
    one = Folder(root / "silver" / "a").publish(2, 1, "r1")
    before = one.now
    one.publish(4, 2, "r2")
    one.now = before
    one.commit(4, text="b", at=9)
    assert tables_in(str(root))[0][A].table.main == 2


def test_of_the_same_rows_the_metadata_that_changed_last_counts(root: Path) -> None:
    one = Folder(root / "silver" / "a").publish(2, 1, "r1")
    before = one.now
    for text, at in (("b", 9), ("a", 7)):
        one.now = before
        one.commit(3, text=text, at=at)
    assert tables_in(str(root))[0][A].table.version.endswith("00003-b.metadata.json")


def test_an_unborn_table_counts_as_it_stands(root: Path) -> None:
    Folder(root / "silver" / "a").commit(1)
    assert found(root) == {A: "00001"}


def test_a_publish_of_several_tables_happened_in_all_of_them_or_in_none(root: Path) -> None:
    Folder(root / "silver" / "a").publish(2, 1, "r1").publish(4, 2, "r2", proven=False)
    Folder(root / "silver" / "b").publish(2, 1, "r1").publish(4, 2, "r2")
    Folder(root / "silver" / "c").publish(2, 1, "r1").publish(4, 2, "r3")
    assert found(root) == {A: "00003", B: "00003", key("silver.c"): "00004"}


@pytest.mark.parametrize(("later", "number"), [(10, "00003"), (11, "00004"), (-10, "00003"), (-11, "00004")])
def test_what_a_retry_of_the_run_published_at_another_time_is_another_publish(
    root: Path, later: int, number: str
) -> None:
    Folder(root / "silver" / "a").publish(2, 1, "r1").publish(4, 2, "r2", proven=False, at=50)
    Folder(root / "silver" / "b").publish(2, 1, "r1").publish(4, 2, "r2", at=50 + later)
    assert found(root)[B] == number


def test_a_table_that_no_run_moved_is_not_drawn_into_one_that_failed(root: Path) -> None:
    one = Folder(root / "silver" / "a").publish(2, 1, "r1").publish(4, 2, "r2", proven=False)
    other = Folder(root / "silver" / "b").publish(2, 1, "r1")
    other.commit(3).commit(4)
    assert one.now["last-updated-ms"] == other.now["last-updated-ms"]
    assert found(root)[B] == "00004"


# which table it is


def test_a_table_is_called_as_its_latest_snapshot_of_ours_says(root: Path) -> None:
    Folder(root / "silver" / "folder", asset="silver.a").publish(2, 1, "r1")
    Folder(root / "gold" / "c-0a1b2c3d").commit(1)
    Folder(root / "gold" / "d-0a1b2c3dd").commit(1)
    renamed = Folder(root / "silver" / "old").publish(2, 1, "r1")
    renamed.asset = "silver.b"
    renamed.publish(4, 2, "r2")
    renamed.commit(5, renamed.wrote(3, ""), u.SetBranch("main", 3))
    assert found(root) == {A: "00002", key("gold.c"): "00001", B: "00005"}
    assert notes(root) == (f"{root}/gold/d-0a1b2c3dd: neither its folder nor its snapshots name an asset",)


def test_of_two_tables_of_one_name_the_published_and_the_newer_one_is_it(root: Path) -> None:
    Folder(root / "silver" / "x", asset="silver.a").publish(2, 1, "r1")
    Folder(root / "silver" / "a").commit(9)
    assert tables_in(str(root))[0][A].table.location == f"file://{root}/silver/x"
    assert notes(root) == (f"{root}/silver/a: another folder holds silver.a, and is newer",)
    Folder(root / "silver" / "y", asset="silver.a").publish(3, 1, "r1")
    assert tables_in(str(root))[0][A].table.location == f"file://{root}/silver/y"


def test_a_table_of_a_lake_that_moved_is_known_by_its_old_place(root: Path) -> None:
    one = Folder(root / "silver" / "a", place="/once/silver/a").publish(2, 1, "r1")
    table = tables_in(str(root))[0][A].table
    assert table.version == "file:///once/silver/a/metadata/00002-a.metadata.json"
    one.publish(4, 2, "r2")
    assert found(root) == {A: "00004"}, "its proof stands where its folder stands now"
    assert tables_in(str(root))[1][A].proofs.keys() == {1, 2}


def test_a_damaged_proof_proves_nothing_and_stops_nobody(root: Path) -> None:
    Folder(root / "silver" / "a").publish(2, 1, "r1").publish(4, 2, "r2")
    (root / "silver/a/metadata/proof-1.puffin").write_bytes(b"damaged")
    assert tables_in(str(root))[1][A].proofs.keys() == {2}


def test_metadata_that_cannot_be_read_is_left_out_and_told(root: Path) -> None:
    one = Folder(root / "silver" / "a").publish(2, 1, "r1")
    one.file(3).write_text("{")
    (alone := Folder(root / "silver" / "b")).file(1).write_text("{")
    assert found(root) == {A: "00002"}
    first, second = notes(root)
    assert first.startswith(f"{one.file(3)} was left out: ")
    assert second.startswith(f"{alone.file(1)} was left out: ")


def test_links_tables_in_tables_and_other_folders_are_left_out(root: Path, tmp_path: Path) -> None:
    Folder(root / "silver" / "a").commit(1)
    Folder(root / "silver" / "a" / "data" / "inner").commit(1)
    Folder(tmp_path / "elsewhere" / "b").commit(1)
    (root / "silver" / "b").symlink_to(tmp_path / "elsewhere" / "b")
    (root / "silver" / "c" / "meta").mkdir(parents=True)
    (root / "silver" / "c" / "meta" / "00001-a.metadata.json").write_text("{}")
    (root / "silver" / "d" / "metadata").mkdir(parents=True)
    (root / "silver" / "d" / "metadata" / "notes.json").write_text("{}")
    assert (found(root), notes(root)) == ({A: "00001"}, ())


# is the database an old copy?


def at(loaded: LoadedTable[AssetKey] | Path) -> str:
    return f"file://{loaded}" if isinstance(loaded, Path) else loaded.table.version


def test_tables_whose_metadata_is_newer_than_the_catalog_s_tell_which_run_published_it(root: Path) -> None:
    one = Folder(root / "silver" / "a").publish(2, 1, "r1").publish(4, 2, "r2")
    assert newer_runs({A: at(one.file(2))}, str(root)) == {A: "r2"}
    assert newer_runs({A: at(one.file(4))}, str(root)) == {}
    assert newer_runs({A: at(one.file(5))}, str(root)) == {}
    elsewhere = Folder(root.parent / "elsewhere" / "b").publish(2, 1, "r1").publish(4, 2, "r2")
    assert newer_runs({B: at(elsewhere.file(2)), A: at(one.file(2))}, str(root)) == {A: "r2"}


def test_what_was_never_committed_or_moved_no_main_tells_nothing(root: Path) -> None:
    one = Folder(root / "silver" / "a").publish(2, 1, "r1").publish(4, 2, "r2", proven=False)
    other = Folder(root / "silver" / "b").publish(2, 1, "r1")
    other.commit(3, other.wrote(2, "r2"), u.SetBranch("audit_r2", 2))
    theirs = Folder(root / "silver" / "c").publish(2, 1, "r1")
    theirs.commit(3, theirs.wrote(3, ""), u.SetBranch("main", 3))
    places = {A: at(one.file(2)), B: at(other.file(2)), key("silver.c"): at(theirs.file(2))}
    assert newer_runs(places, str(root)) == {}


def test_a_folder_without_metadata_tells_nothing(root: Path) -> None:
    root.mkdir()
    assert newer_runs({A: f"file://{root}/silver/a/metadata/00001-a.metadata.json"}, str(root)) == {}
    assert tables_in(str(root)) == ({}, {}, ())

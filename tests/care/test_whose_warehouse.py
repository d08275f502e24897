"""The facts by which a warehouse is this lake's, and what a claim and an adoption write, over a real database."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from lakeflow.adapters.database.connected import Connected
from lakeflow.adapters.database.database import Database
from lakeflow.adapters.iceberg.care.marker import make_mark, read_mark
from lakeflow.adapters.iceberg.care.ownership import Ownership, give_id
from lakeflow.core.care.ownership import Holds, WarehouseFacts, WarehouseMarker
from lakeflow.core.errors import LakeError
from lakeflow.lake.assembly import MIGRATIONS


@dataclass
class House:
    """A database beside a warehouse, both maybe empty, as one lake sees them."""

    root: Path
    name: str = "shop"

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.warehouse = self.root / "wh"
        self.path = self.root / "catalog.db"
        self.database = Database(f"sqlite:///{self.path}", timeout=5)
        self.ownership = Ownership(self.database, self.warehouse, self.name, [self.warehouse / "logs"])

    def made(self) -> House:
        self.database.initialise(MIGRATIONS)
        return self

    def table(self, place: str, name: str = "a") -> Path:
        """A row of the catalog, and its metadata where it says if that is below the root."""
        with self.database.transaction() as connection:
            connection.execute(
                text(
                    "insert into iceberg_tables (catalog_name, table_namespace, table_name, metadata_location, "
                    "iceberg_type) values ('lakeflow', 'silver', :name, :at, 'TABLE')"
                ),
                {"name": name, "at": place},
            )
        return Path(place)

    def ids(self) -> list[str]:
        with closing(sqlite3.connect(self.path)) as connection:
            return [row[0] for row in connection.execute("select id from lakeflow_lake")]

    def look(self) -> WarehouseFacts:
        return self.ownership.facts()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "one").made()


def filled(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    return path


def marked(house: House, id_: str, database: Path | str) -> WarehouseMarker:
    mark = WarehouseMarker(id_, "other", str(database))
    house.warehouse.mkdir(exist_ok=True)
    assert make_mark(str(house.warehouse), mark)
    return mark


def test_a_database_that_is_not_there_is_blank_and_stays_away(tmp_path: Path) -> None:
    house = House(tmp_path)
    assert house.look() == WarehouseFacts(str(house.warehouse), str(house.path), None, True, None)
    assert not house.path.exists()


def test_a_database_without_layout_is_blank(tmp_path: Path) -> None:
    house = House(tmp_path)
    sqlite3.connect(house.path).close()
    house.path.touch()
    assert house.look() == WarehouseFacts(str(house.warehouse), str(house.path), None, True, None)


def test_a_claim_writes_the_id_then_the_marker_and_another_claim_changes_neither(house: House) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    house.ownership.claim()
    (id_,) = house.ids()
    assert str(UUID(id_)) == id_, "no two lakes have the same"
    mark = WarehouseMarker(id_, "shop", str(house.path))
    assert read_mark(str(house.warehouse)) == mark
    assert house.look() == WarehouseFacts(str(house.warehouse), str(house.path), id_, False, mark)
    with closing(sqlite3.connect(house.path)) as connection:
        (said,) = connection.execute("select made_at from lakeflow_lake").fetchone()
    assert began <= datetime.fromisoformat(said) <= datetime.now(UTC) + timedelta(seconds=1)
    assert datetime.fromisoformat(said).microsecond == 0
    before = (house.warehouse / "lakeflow-lake.json").stat().st_ino
    house.ownership.claim()
    assert ((house.warehouse / "lakeflow-lake.json").stat().st_ino, house.ids()) == (before, [id_])


def test_a_lake_that_has_an_id_marks_a_new_warehouse_with_it(house: House) -> None:
    with house.database.transaction() as connection:
        give_id(connection, "known")
    house.ownership.claim()
    assert (house.ids(), read_mark(str(house.warehouse))) == (
        ["known"],
        WarehouseMarker("known", "shop", str(house.path)),
    )


def test_an_id_takes_the_place_of_another_and_the_same_one_stays(house: House) -> None:
    for id_ in ("one", "two", "two"):
        with house.database.transaction() as connection:
            give_id(connection, id_)
        assert house.ids() == [id_]


def test_a_marker_that_names_the_place_before_a_move_is_written_anew(house: House, tmp_path: Path) -> None:
    house.ownership.claim()
    moved = House(house.root.rename(tmp_path / "two"))
    moved.ownership.claim()
    assert read_mark(str(moved.warehouse)) == WarehouseMarker(moved.ids()[0], "shop", str(moved.path))


def test_a_database_with_a_run_or_a_table_is_not_blank(tmp_path: Path) -> None:
    one, two, three = (House(tmp_path / name).made() for name in ("one", "two", "three"))
    one.table("/elsewhere/metadata/1.metadata.json")
    with two.database.transaction() as connection:
        columns = connection.execute(text("select name from pragma_table_info('lakeflow_runs')")).scalars().all()
        values = ", ".join(f"'{name}'" for name in columns)
        connection.execute(text(f"insert into lakeflow_runs ({', '.join(columns)}) values ({values})"))
    assert [each.look().is_blank for each in (one, two, three)] == [False, False, True]


def test_a_view_or_a_table_without_metadata_is_no_table(house: House) -> None:
    house.table("/elsewhere/metadata/1.metadata.json")
    with house.database.transaction() as connection:
        connection.execute(text("update iceberg_tables set metadata_location = null"))
    assert house.look().is_blank


@pytest.mark.parametrize("change", ["catalog_name = 'another'", "iceberg_type = 'VIEW'"])
def test_a_table_of_another_catalog_in_the_database_and_a_view_are_none_of_this_lake(house: House, change: str) -> None:
    at = filled(house.warehouse / "silver/a/metadata/1.metadata.json")
    house.table(str(at))
    assert house.look().holds is Holds.TABLES
    with house.database.transaction() as connection:
        connection.execute(text(f"update iceberg_tables set {change}"))
    assert (house.look().holds, house.look().is_blank) == (Holds.OTHERS, True)


def test_a_marker_names_the_database_where_it_truly_stands(house: House, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(house.root)
    linked = House(tmp_path / "link")
    linked.ownership.claim()
    said = read_mark(str(house.warehouse))
    assert said is not None
    assert said.database == str(house.path.resolve())


def test_files_without_a_marker_are_others_unless_the_catalog_names_them(house: House) -> None:
    assert house.look().holds is Holds.NOTHING
    at = filled(house.warehouse / "silver/a/metadata/1.metadata.json")
    assert house.look().holds is Holds.OTHERS
    house.table(str(house.warehouse / "silver/a/metadata/2.metadata.json"))
    assert house.look().holds is Holds.OTHERS, "a name that is not there proves nothing"
    house.table(f"file://{at}", "b")
    assert house.look().holds is Holds.TABLES


@pytest.mark.parametrize("place", ["/once/silver/a/metadata/1.metadata.json", "s3://b/a/metadata/1.json"])
def test_a_table_is_known_by_its_place_below_a_warehouse_that_moved(house: House, place: str) -> None:
    filled(house.warehouse / "silver/a/metadata/1.metadata.json")
    house.table(place)
    assert house.look().holds is (Holds.TABLES if place.startswith("/") else Holds.OTHERS)


def test_a_table_that_stands_elsewhere_proves_nothing(house: House) -> None:
    at = filled(house.root / "elsewhere/silver/a/metadata/1.metadata.json")
    filled(house.warehouse / "file")
    house.table(str(at))
    assert house.look().holds is Holds.OTHERS
    (house.warehouse / "file").unlink()
    assert house.look().holds is Holds.NOTHING


def test_a_catalog_that_names_tables_in_an_empty_warehouse_lost_them(house: House) -> None:
    house.warehouse.mkdir()
    house.table("/elsewhere/silver/a/metadata/1.metadata.json", "b")
    assert house.look().holds is Holds.NOTHING
    house.table(str(house.warehouse / "silver/a/metadata/1.metadata.json"))
    assert house.look().holds is Holds.LOST
    with pytest.raises(LakeError, match="is empty, and the catalog names tables in it"):
        house.ownership.claim()
    house.ownership.refuse_other()
    assert read_mark(str(house.warehouse)) is None


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal", ".lock"])
def test_the_database_and_what_a_lake_keeps_may_stand_in_the_warehouse(tmp_path: Path, suffix: str) -> None:
    house = House(tmp_path)
    house.ownership = Ownership(house.database, tmp_path, "shop", [tmp_path / "logs"])
    filled(tmp_path / "logs/today.log")
    filled(tmp_path / f"catalog.db{suffix}")
    if suffix:
        house.database.initialise(MIGRATIONS)
    else:
        (tmp_path / "catalog.db").write_bytes(b"")
    assert house.look().holds is Holds.NOTHING
    filled(tmp_path / f"other.db{suffix}")
    assert house.look().holds is Holds.OTHERS


def test_a_marker_of_the_folder_above_is_told_unless_it_is_ours_or_the_warehouse_has_its_own(house: House) -> None:
    above = WarehouseMarker("above", "big", "")
    assert make_mark(str(house.root), above)
    assert house.look().above == above
    with pytest.raises(LakeError, match="is inside the warehouse of"):
        house.ownership.claim()
    with house.database.transaction() as connection:
        give_id(connection, "above")
    assert house.look().above is None
    with house.database.transaction() as connection:
        give_id(connection, "ours")
    mark = marked(house, "ours", house.path)
    assert house.look() == WarehouseFacts(str(house.warehouse), str(house.path), "ours", False, mark)


def test_a_marked_warehouse_is_not_searched_and_the_marker_of_another_lake_is_told(house: House) -> None:
    filled(house.warehouse / "silver/a/metadata/1.metadata.json")
    mark = marked(house, "theirs", "/gone/catalog.db")
    assert house.look() == WarehouseFacts(str(house.warehouse), str(house.path), None, True, mark)
    with house.database.transaction() as connection:
        give_id(connection, "ours")
    assert house.look() == WarehouseFacts(str(house.warehouse), str(house.path), "ours", True, mark)
    for act in (house.ownership.claim, house.ownership.refuse_other):
        with pytest.raises(LakeError):
            act()


def lake_at(path: Path, id_: str | None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table lakeflow_lake (id text primary key, made_at text not null)")
        if id_ is not None:
            connection.execute("insert into lakeflow_lake values (?, 'then')", (id_,))
    return path


def ours(house: House, database: Path | str) -> str:
    """The rival, where the marker has our id and names that database."""
    with house.database.transaction() as connection:
        give_id(connection, "ours")
    shutil.rmtree(house.warehouse, ignore_errors=True)
    marked(house, "ours", database)
    return house.look().rival


def test_a_database_that_claims_the_same_id_is_a_rival(house: House, tmp_path: Path) -> None:
    other = tmp_path / "a b?c%20#d"
    assert ours(house, lake_at(other / "same.db", "ours")) == str(other / "same.db")
    assert ours(house, lake_at(other / "another.db", "theirs")) == ""
    assert ours(house, lake_at(other / "none.db", None)) == ""
    assert ours(house, other / "gone.db") == ""
    assert not (other / "gone.db").exists()


def test_a_database_that_cannot_be_asked_is_a_rival_and_one_that_is_none_is_not(house: House, tmp_path: Path) -> None:
    filled(tmp_path / "text.db").write_bytes(b"no database at all" * 100)
    assert ours(house, tmp_path / "text.db") == ""
    sqlite3.connect(tmp_path / "empty.db").close()
    (tmp_path / "empty.db").touch()
    assert ours(house, tmp_path / "empty.db") == ""
    (tmp_path / "folder.db").mkdir()
    assert ours(house, tmp_path / "folder.db") == str(tmp_path / "folder.db")


def test_a_database_under_another_name_is_no_rival_and_neither_is_a_place_on_a_server(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link.db").symlink_to(house.path)
    assert ours(house, tmp_path / "link.db") == ""
    lake_at(tmp_path / "server/lake", "ours")
    monkeypatch.chdir(tmp_path)
    assert ours(house, "server/lake") == ""


def test_a_rival_of_another_lakes_marker_is_none_of_ours(house: House, tmp_path: Path) -> None:
    lake_at(tmp_path / "same.db", "theirs")
    with house.database.transaction() as connection:
        give_id(connection, "ours")
    marked(house, "theirs", tmp_path / "same.db")
    assert house.look().rival == ""
    (tmp_path / "same.db").unlink()
    lake_at(tmp_path / "same.db", "ours")
    assert house.look().rival == ""


def test_adoption_takes_a_warehouse_and_gives_a_new_id_only_where_a_rival_has_it_too(
    house: House, tmp_path: Path
) -> None:
    house.ownership.claim()
    (id_,) = house.ids()
    (house.warehouse / "lakeflow-lake.json").unlink()
    marked(house, "theirs", "/gone")
    house.ownership.adopt()
    assert (house.ids(), read_mark(str(house.warehouse))) == ([id_], WarehouseMarker(id_, "shop", str(house.path)))
    (house.warehouse / "lakeflow-lake.json").unlink()
    marked(house, id_, lake_at(tmp_path / "same.db", id_))
    house.ownership.adopt()
    (new,) = house.ids()
    assert str(UUID(new)) == new != id_
    assert read_mark(str(house.warehouse)) == WarehouseMarker(new, "shop", str(house.path))


@pytest.mark.parametrize("content", ["", "{", json.dumps({"id": "x"})])
def test_a_marker_that_cannot_be_read_is_replaced_by_adoption_and_by_nothing_else(house: House, content: str) -> None:
    house.warehouse.mkdir()
    (house.warehouse / "lakeflow-lake.json").write_text(content)
    for act in (house.ownership.claim, house.ownership.refuse_other, house.ownership.facts):
        with pytest.raises(LakeError):
            act()
    assert (house.warehouse / "lakeflow-lake.json").read_text() == content
    house.ownership.adopt()
    assert read_mark(str(house.warehouse)) == WarehouseMarker(house.ids()[0], "shop", str(house.path))


def test_a_claim_that_another_lake_was_faster_with_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real = house.ownership._made_id

    def overtaken(known: str | None) -> str:
        marked(house, "theirs", "/gone")
        return real(known)

    monkeypatch.setattr(house.ownership, "_made_id", overtaken)
    with pytest.raises(LakeError):
        house.ownership.claim()
    said = read_mark(str(house.warehouse))
    assert said is not None
    assert said.id == "theirs"


@pytest.mark.parametrize("looks", ["before the database is read", "after the database was read"])
def test_a_first_writer_that_claims_between_two_looks_is_no_stranger(
    house: House, looks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several processes open a new lake at once: one has looked for a marker and found none, and before it looks at the
    warehouse another has claimed it and written a table's files there.
    """
    other = House(house.root)
    read = house.database.read

    @contextmanager
    def overtaken() -> Iterator[Connected]:
        monkeypatch.setattr(house.database, "read", read)
        if looks.startswith("after"):
            with read() as connection:
                yield connection
        other.ownership.claim()
        filled(house.warehouse / "bronze" / "a" / "metadata" / "00000-a.metadata.json")
        if looks.startswith("before"):
            with read() as connection:
                yield connection

    monkeypatch.setattr(house.database, "read", overtaken)
    house.ownership.refuse_other()
    assert house.look().mark == other.look().mark
    house.ownership.claim()
    assert house.ids() == [other.look().id]


def without_id(house: House) -> None:
    """Somebody lost the record of the lake's id, and nothing else of the database."""
    with house.database.transaction() as connection:
        connection.execute(text("delete from lakeflow_lake"))


def test_an_id_that_its_database_lost_is_the_marker_s_where_that_names_this_database_and_its_tables_stand_here(
    house: House,
) -> None:
    house.ownership.claim()
    (id_,) = house.ids()
    filled(house.table(str(house.warehouse / "silver" / "a" / "metadata" / "00000-a.metadata.json")))
    without_id(house)
    assert house.look().id == id_
    house.ownership.claim()
    assert house.ids() == [id_]


def test_a_marker_alone_gives_no_database_its_id(house: House) -> None:
    """No table of its catalog stands here: the warehouse may be anybody's."""
    house.ownership.claim()
    house.table(str(house.warehouse / "silver" / "a" / "metadata" / "00000-gone.metadata.json"))
    without_id(house)
    assert house.look().id is None


def test_a_marker_that_names_another_database_gives_this_one_no_id(house: House) -> None:
    marked(house, "theirs", "/gone/catalog.db")
    filled(house.table(str(house.warehouse / "silver" / "a" / "metadata" / "00000-a.metadata.json")))
    assert house.look().id is None
    with pytest.raises(LakeError):
        house.ownership.claim()
    assert house.ids() == []

"""Where the locations of a moved table stand afterwards, what of it is written again, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.iceberg.care import relocate as module
from lakeflow.adapters.iceberg.care.inventory import read_container
from lakeflow.adapters.iceberg.care.relocate import Home, Move, moved_tables, relocate
from lakeflow.adapters.iceberg.commit import pointers
from lakeflow.adapters.iceberg.disk.avro import Container, pack
from lakeflow.adapters.objects import DISK, Disk
from lakeflow.core.errors import ConflictError, LakeError, LakeflowError
from lakeflow.core.ports.database import sql
from lakeflow.core.ports.locations import path_of
from lakeflow.core.ports.objects import Objects
from tests.iceberg.lab import FLIGHTS, WEATHER, Lab, same_start


@dataclass
class Stored:
    """Objects by their locations."""

    there: frozenset[str] = frozenset()

    def exists(self, location: str) -> bool:
        return any(one == location or one.startswith(f"{location}/") for one in self.there)


def stored(*there: str) -> Objects:
    return cast("Objects", Stored(frozenset(there)))


# locations

PLACES = {
    "file:///old/a/f": "file:///new/a/f",
    "file:/old/a/f": "file:/new/a/f",
    "file://localhost/old/a/f": "file://localhost/new/a/f",
    "/old/a/f": "/new/a/f",
    "/old": "/new",
    "/old/a/": "/new/a/",
    "file:///old/": "file:///new/",
    "/older/a": "/older/a",
    "file:///old-er/a": "file:///old-er/a",
    "old/a": "old/a",
    "a word": "a word",
    "": "",
    "s3://bucket/old/a": "s3://bucket/old/a",
}


@pytest.mark.parametrize("text", PLACES)
def test_a_location_keeps_its_spelling(text: str) -> None:
    assert Move("/old", "/new", stored()).location(text) == PLACES[text]


def test_a_place_that_ends_with_a_slash_is_the_same_place() -> None:
    assert Move("/old/", "/old/deep", stored()).location("/old/a") == "/old/deepa"
    assert Move("/old", "/old/deep", stored()).location("/old/deep/a") == "/old/deep/a", "it is there already"
    assert Move("/old", "/old/deep", stored()).location("/old/deeper/a") == "/old/deep/deeper/a"


def test_what_the_old_folder_alone_holds_stays_there() -> None:
    move = Move("/old", "/new", stored("/old/kept", "/old/both", "/new/both"))
    assert move.location("file:///old/kept") == "file:///old/kept"
    assert move.location("file:///old/both") == "file:///new/both"
    assert move.location("file:///old/gone") == "file:///new/gone"


def test_between_disk_and_store_a_location_is_spelled_as_its_new_place_is() -> None:
    assert Move("/old", "s3://bucket/lake", stored()).location("file:///old/a/") == "s3://bucket/lake/a/"
    assert Move("s3://bucket/lake", "/new", stored()).location("s3a://bucket/lake/a") == "file:///new/a"
    assert Move("s3://bucket/lake", "gs://other/l", stored()).location("s3://bucket/lake/a/") == "gs://other/l/a/"


META = "silver/flights/metadata/1.json"


@pytest.mark.parametrize(
    ("location", "was"),
    [
        (f"file:///was/warehouse/{META}", ("/was", "/lake")),
        (f"/was/tables/{META}", ("/was/tables", "/lake/warehouse")),
        (f"/lake/warehouse/{META}", None),
        (f"/lake/warehouse-2/{META}", ("/lake/warehouse-2", "/lake/warehouse")),
        (f"/{META}", None),
        ("/flights/metadata/1.json", None),
        ("/was/warehouse/silver/other/metadata/1.json", None),
        (f"s3://bucket/warehouse/{META}", ("s3://bucket", "/lake")),
        (f"/warehouse/{META}", ("", "/lake")),
    ],
)
def test_a_move_is_found_by_what_is_here(location: str, was: tuple[str, str] | None) -> None:
    objects = stored(f"/lake/warehouse/{META}")
    found = Home(Path("/lake"), "/lake/warehouse", objects).move_of(location)
    assert found == (was and Move(*was, objects))


def test_a_warehouse_that_is_not_in_the_project_moves_alone() -> None:
    for place in ("s3://bucket/lake", "/lakes/warehouse", "/lake"):
        objects = stored(f"{place}/{META}")
        found = Home(Path("/lake"), place, objects).move_of(f"/was/warehouse/{META}")
        assert found == Move("/was/warehouse", place, objects)


def test_one_folder_under_two_names_has_not_moved(tmp_path: Path) -> None:
    file = tmp_path / "warehouse" / META
    file.parent.mkdir(parents=True)
    file.touch()
    (tmp_path / "alias").symlink_to(tmp_path / "warehouse")
    assert Home(tmp_path, str(tmp_path / "warehouse")).move_of(f"{tmp_path}/alias/{META}") is None
    assert Home(tmp_path, str(tmp_path / "warehouse")).move_of(f"{tmp_path}/gone/{META}") is not None


# tables

_PREVIOUS = "select previous_metadata_location from iceberg_tables order by table_namespace, table_name"


@dataclass
class Moved:
    """A lake of two tables that stands under another name now."""

    root: Path
    old: Path
    now: datetime = datetime(2030, 1, 1, tzinfo=UTC)

    @property
    def home(self) -> Home:
        return Home(self.root, str(self.root / "warehouse"))

    def relocate(self, objects: Objects = DISK) -> list[str]:
        with closing(same_start(self.root)) as database:
            return [str(key) for key in relocate(database, replace(self.home, objects=objects), lambda: self.now)]

    def pointers(self) -> dict[str, str]:
        with closing(same_start(self.root)) as database, database.read() as connection:
            return {str(key): at for key, at in pointers.locations(connection, pointers.all_keys(connection)).items()}

    def metadata(self, name: str = "silver.flights") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(Path(path_of(self.pointers()[name])).read_text())
        return found

    def files(self) -> set[Path]:
        return {path for path in self.root.rglob("*") if path.is_file() and not path.name.startswith("catalog.db")}

    def rewrite(self, change: Callable[[dict[str, Any]], None], name: str = "silver.flights") -> None:
        """The metadata that the moved catalog names, changed by hand."""
        path = self.here(self.pointers()[name])
        content = json.loads(path.read_text())
        content["properties"].pop("lakeflow.sha256", None)
        change(content)
        path.write_text(json.dumps(content))

    def here(self, location: str) -> Path:
        return self.root / Path(path_of(location)).relative_to(self.old)

    def containers(self, name: str = "silver.flights") -> list[tuple[str, Container]]:
        """The manifest list of each snapshot, and the manifests in them."""
        found = []
        for snapshot in self.metadata(name)["snapshots"]:
            at = snapshot["manifest-list"]
            found.append((at, read_container(at)))
            found += [(one["manifest_path"], read_container(one["manifest_path"])) for one in found[-1][1].records]
        return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Where the lake was made, which is no more, and where it is kept."""
    root = tmp_path_factory.mktemp("lake")
    (root / "old").mkdir()
    lab = Lab(root / "old")
    for number in (1, 2):
        lab.land([number], f"f{number}")
    lab.land([3], "w3", key=WEATHER)
    lab.database.close()
    return root / "old", (root / "old").rename(root / "kept")


@pytest.fixture
def moved(made: tuple[Path, Path], tmp_path: Path) -> Moved:
    old, kept = made
    return Moved(Path(shutil.copytree(kept, tmp_path / "new")), old)


def test_all_tables_that_moved_are_told(moved: Moved) -> None:
    with closing(same_start(moved.root)) as database:
        found = moved_tables(database, moved.home)
    assert found == dict.fromkeys((FLIGHTS, WEATHER), Move(str(moved.old), str(moved.root)))


def test_each_file_that_names_places_is_written_once_more_beside_the_old_one(moved: Moved) -> None:
    before, seen = moved.files(), moved.pointers()
    assert moved.relocate() == ["silver.flights", "silver.weather"]
    new = moved.files() - before
    kinds = sorted(path.name.partition("-sha256-")[0].split("-")[0] for path in new if path.suffix == ".avro")
    assert before < moved.files()
    assert kinds.count("snap") == 3
    assert len([path for path in new if path.suffix == ".json"]) == 2
    assert len([path for path in new if "-m" in path.name and path.suffix == ".avro"]) == 3, "shared ones once"
    assert {path.parent.name for path in new} == {"metadata"}
    for name, at in moved.pointers().items():
        assert path_of(at).startswith(str(moved.root))
        assert int(at.rpartition("/")[2][:5]) == int(seen[name].rpartition("/")[2][:5]) + 1
        log = moved.metadata(name)["metadata-log"]
        assert path_of(log[-1]["metadata-file"]) == str(moved.here(seen[name]))
    with closing(same_start(moved.root)) as database, database.read() as connection:
        previous = connection.execute(sql(_PREVIOUS)).scalars().all()
    assert [path_of(one) for one in previous] == [str(moved.here(at)) for _, at in sorted(seen.items())]


def test_lists_and_manifests_name_what_is_here_under_names_that_hold_their_digest(moved: Moved) -> None:
    lengths = {}
    moved.relocate()
    for at, container in moved.containers():
        assert path_of(at).startswith(f"{moved.root}/warehouse/silver/flights/metadata/")
        assert "-sha256-" in at
        lengths[at] = Path(path_of(at)).stat().st_size
        for record in container.records:
            place = record["manifest_path"] if "manifest_path" in record else record["data_file"]["file_path"]
            assert path_of(place).startswith(f"{moved.root}/")
            assert Path(path_of(place)).is_file()
    for _, container in moved.containers():
        for record in container.records:
            if "manifest_path" in record:
                assert record["manifest_length"] == lengths[record["manifest_path"]]
    assert len({at for at, _ in moved.containers()}) == 4, "two lists, and two manifests of which both name one"


def test_a_proof_still_says_under_which_name_its_list_was_audited(moved: Moved) -> None:
    audited = [one["manifest-list"].rpartition("/")[2] for one in _before(moved)["snapshots"]]
    kept = _before(moved)["snapshots"]
    moved.relocate()
    after = moved.metadata()["snapshots"]
    assert [one["summary"]["lakeflow.proven-list"] for one in after] == audited
    for old, new in zip(kept, after, strict=True):
        assert {**new["summary"], "lakeflow.proven-list": None} == {**old["summary"], "lakeflow.proven-list": None}
        assert new["manifest-list"].rpartition("/")[2].startswith(f"snap-{new['snapshot-id']}-1-")
    there = moved.root.rename(moved.root.parent / "third")
    again = Moved(there, moved.root)
    again.relocate()
    assert [one["summary"]["lakeflow.proven-list"] for one in again.metadata()["snapshots"]] == audited


def _before(moved: Moved) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(moved.here(moved.pointers()["silver.flights"]).read_text())
    return found


def test_what_another_engine_wrote_has_no_proof_to_keep(moved: Moved) -> None:
    def theirs(content: dict[str, Any]) -> None:
        content["snapshots"][0]["summary"] = {"operation": "append"}
        del content["snapshots"][1]["summary"]

    moved.rewrite(theirs)
    moved.relocate()
    first, second = moved.metadata()["snapshots"]
    assert first["summary"] == {"operation": "append"}
    assert "summary" not in second


def test_the_time_of_the_last_change_never_goes_back(moved: Moved) -> None:
    moved.relocate()
    assert moved.metadata()["last-updated-ms"] == int(moved.now.timestamp() * 1000)
    moved.root = moved.root.rename(moved.root.parent / "third")
    before, moved.now = moved.now, datetime(2020, 1, 1, tzinfo=UTC)
    moved.relocate()
    assert moved.metadata()["last-updated-ms"] == int(before.timestamp() * 1000)


def test_a_table_without_snapshots_or_properties_is_moved_too(moved: Moved) -> None:
    def bare(content: dict[str, Any]) -> None:
        for name in ("snapshots", "refs", "statistics", "metadata-log", "snapshot-log", "current-snapshot-id"):
            content.pop(name, None)
        content["properties"] = {}

    moved.rewrite(bare)
    moved.relocate()
    found = moved.metadata()
    assert path_of(found["location"]) == f"{moved.root}/warehouse/silver/flights"
    assert found["snapshots"] == []


def test_a_table_whose_metadata_stands_elsewhere_keeps_it_there(moved: Moved) -> None:
    def elsewhere(content: dict[str, Any]) -> None:
        content["properties"]["write.metadata.path"] = f"file://{moved.old}/meta/"

    moved.rewrite(elsewhere)
    moved.relocate()
    assert moved.pointers()["silver.flights"].startswith(f"file://{moved.root}/meta/")
    assert {at.rpartition("/")[0] for at, _ in moved.containers()} == {f"file://{moved.root}/meta"}


def test_all_values_that_are_locations_are_translated_wherever_they_stand() -> None:
    move = Move("/old", "/new", stored())
    json = {"a": ["/old/x", {"b": "file:///old/y", "n": 7}], "c": None, "/old/k": True}
    assert module._translated(json, move) == {
        "a": ["/new/x", {"b": "file:///new/y", "n": 7}],
        "c": None,
        "/old/k": True,
    }


def test_a_data_file_is_translated_with_the_file_that_it_deletes_from(moved: Moved) -> None:
    rewriter = module._Rewriter(cast("Any", None), Move("/old", "/new", stored()), cast("Any", None))
    file = {"file_path": "/old/d", "referenced_data_file": "/old/e", "note": "/old/f"}
    assert rewriter._data_file(file) == {"file_path": "/new/d", "referenced_data_file": "/new/e", "note": "/old/f"}
    assert rewriter._data_file({"file_path": "/old/d", "referenced_data_file": None})["referenced_data_file"] is None


# refusals


def assert_refused(moved: Moved, message: str) -> LakeflowError:
    before, seen = moved.files(), moved.pointers()
    with pytest.raises(LakeflowError) as caught:
        moved.relocate()
    assert message in caught.value.message
    assert (moved.files(), moved.pointers()) == (before, seen), "nothing was changed"
    return caught.value


def test_another_format_is_refused(moved: Moved) -> None:
    moved.rewrite(lambda content: content.update({"format-version": 3}), "silver.weather")
    error = assert_refused(moved, "silver.weather cannot be relocated: its format is v3, this release writes v2")
    assert (error.hint, error.asset) == ("move the folder back", WEATHER)


def test_a_snapshot_that_names_its_manifests_itself_is_refused(moved: Moved) -> None:
    moved.rewrite(lambda content: content["snapshots"][0].pop("manifest-list"))
    error = assert_refused(
        moved,
        "silver.flights cannot be relocated: a snapshot names its manifests itself (an early v1 table); nothing was "
        "changed",
    )
    hint = f"move the folder back to {moved.old}, rewrite the table with the engine that wrote it, try again"
    assert (error.hint, error.asset) == (hint, FLIGHTS)


@pytest.mark.parametrize(
    ("content", "added", "existing", "is_refused"),
    [(1, 1, 0, True), (1, 0, 1, True), (1, 0, 0, False), (0, 1, 0, False)],
)
def test_manifests_that_have_delete_files_are_refused(
    moved: Moved, content: int, added: int, existing: int, *, is_refused: bool
) -> None:
    """Their content names data files by absolute paths, so that rewriting manifests would lose the deletes."""

    def other(table: dict[str, Any]) -> None:
        entry = table["snapshots"][-1]
        path = moved.here(entry["manifest-list"])
        container = read_container(str(path))
        container.records[0].update(content=content, added_files_count=added, existing_files_count=existing)
        there = path.with_name("snap-other.avro")
        there.write_bytes(pack(container))
        entry["manifest-list"] = f"{moved.old}/{there.relative_to(moved.root)}"

    moved.rewrite(other)
    if is_refused:
        assert_refused(moved, "it has delete files, whose content names data files by their old place; nothing")
    else:
        assert moved.relocate()


def test_a_writer_that_came_between_is_told_of(moved: Moved, monkeypatch: pytest.MonkeyPatch) -> None:
    original = pointers.relocate

    def late(connection: Any, key: Any, at: tuple[str, str], previous: str) -> bool:
        return original(connection, key, ("elsewhere", at[1]) if key == WEATHER else at, previous)

    monkeypatch.setattr(pointers, "relocate", late)
    error = assert_refused(moved, "silver.weather: another writer came between; nothing was changed")
    assert isinstance(error, ConflictError)
    assert (error.hint, error.asset) == ("`lakeflow doctor --relocate` tries again", WEATHER)


def test_new_files_stay_where_nobody_knows_whether_they_are_named(
    moved: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, original = moved.files(), Database.transaction

    @contextmanager
    def lost(self: Database) -> Iterator[Any]:
        with original(self) as connection:
            yield connection
        raise LakeError("the answer was lost")

    with closing(same_start(moved.root)) as database:
        monkeypatch.setattr(Database, "transaction", lost)
        with pytest.raises(LakeError, match="the answer was lost"):
            relocate(database, moved.home, lambda: moved.now)
    monkeypatch.undo()
    assert before < moved.files()
    assert all(path_of(at).startswith(str(moved.root)) for at in moved.pointers().values())


@pytest.mark.parametrize("which", ["snap-", "-m0.avro", ".metadata.json"])
def test_what_was_written_is_read_before_it_is_named(moved: Moved, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    original = module._verify

    def torn(steps: Any, home: Home) -> None:
        made = max((path for path in moved.files() if which in path.name), key=lambda path: path.stat().st_mtime_ns)
        made.write_bytes(made.read_bytes()[:-20])
        original(steps, home)

    monkeypatch.setattr(module, "_verify", torn)
    assert_refused(moved, "is damaged" if which != ".metadata.json" else "cannot be read")


class Noted(Disk):
    """Notes what is read."""

    def __init__(self) -> None:
        self.read: set[Path] = set()

    def get(self, location: str) -> bytes:
        self.read.add(Path(path_of(location)))
        return super().get(location)


def test_every_new_file_is_read_back_where_it_was_written(moved: Moved) -> None:
    before, noted = moved.files(), Noted()
    moved.relocate(noted)
    assert moved.files() - before <= noted.read

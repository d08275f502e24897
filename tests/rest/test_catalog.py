"""What the catalog port asks of a REST server, what it makes of the answers, and what readers see meanwhile: with no
server.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pytest

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.iceberg import MIGRATIONS as CATALOG_LAYOUT
from lakeflow.adapters.iceberg.metadata.updates import new_metadata
from lakeflow.adapters.iceberg.rest import catalog as module
from lakeflow.adapters.iceberg.rest.catalog import RestCatalog
from lakeflow.adapters.iceberg.rest.client import RefusedError
from lakeflow.adapters.iceberg.rest.commits import Ledgers
from lakeflow.adapters.iceberg.rest.sessions import table_path
from lakeflow.adapters.ledger import MIGRATIONS as LEDGER_LAYOUT
from lakeflow.core.care.garbage import Dropped
from lakeflow.core.errors import BusyError, ConflictError, LakeError, LakeflowError
from lakeflow.core.intents.intent import Intent, Intents
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.changes import Adopt, Discard, Drop, Registration, Rename
from lakeflow.core.model.table import Garbage
from lakeflow.core.ports.objects import StoredObject
from tests.contracts.suites.examples import SCHEMA
from tests.core.samples import NOON, key
from tests.rest.doubles import LOST, UNSENT, Record, refused

A, B, C = key("silver.a"), key("silver.b"), key("gold.c")
LATER = NOON + timedelta(days=36500)
"""Everything on disk is older."""


@dataclass
class Bucket:
    """A store's objects by their locations, all of them old."""

    files: dict[str, bytes] = field(default_factory=dict)

    def get(self, location: str) -> bytes:
        if location not in self.files:
            raise FileNotFoundError(location)
        return self.files[location]

    def opened(self, location: str) -> BytesIO:
        return BytesIO(self.get(location))

    def find(self, location: str) -> StoredObject | None:
        found = self.files.get(location)
        return None if found is None else StoredObject(location, len(found), 0.0, ("1",))

    def size(self, location: str) -> int | None:
        return len(self.files[location]) if location in self.files else None

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        yield from (one for at in self.files if at.startswith(f"{prefix}/") and (one := self.find(at)))

    def names(self, folder: str) -> list[str]:
        return [at.removeprefix(f"{folder}/") for at in self.files if at.rpartition("/")[0] == folder]

    def exists(self, location: str) -> bool:
        return location in self.files or any(self.listed(location))


@dataclass
class Server:
    """Tables by their paths, in folders below `root`. `faults` are met in turn by requests that change something; each
    says whether the request takes effect all the same.
    """

    root: Path | str
    bucket: Bucket | None = None
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[tuple[Exception | None, bool]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    listed: bool | None = True
    place = "the REST catalog prod"

    def get(self, path: str) -> dict[str, Any] | None:
        if not path.endswith("/tables"):
            return self.tables.get(path)
        return {"identifiers": [{"name": one.rpartition("/")[2]} for one in self.tables if one.startswith(f"{path}/")]}

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        self.asked.append((method, path))
        self.bodies.append(body)
        fault, made = self.faults.pop(0) if self.faults else (None, True)
        answer = self._changed(method, path, body) if made else {}
        if fault is not None:
            raise fault
        return answer

    repeat = call

    def _changed(self, method: str, path: str, body: Any) -> dict[str, Any]:
        if method == "DELETE":
            del self.tables[path.partition("?")[0]]
        elif path == "/tables/rename":
            self.tables[_path(body["destination"])] = self.tables.pop(_path(body["source"]))
        elif path.endswith("/register"):
            at = body["metadata-location"]
            content = json.loads(Path(at).read_text())
            self.tables[f"{path.removesuffix('register')}tables/{body['name']}"] = _answer(at, content)
        elif body.get("stage-create"):
            return {"metadata": {"location": f"{self.root}/{body['name']}/"}}
        elif "updates" in body:
            self._create(path, {one["action"]: one for one in body["updates"]})
        return {}

    def _create(self, path: str, said: dict[str, Any]) -> None:
        schema = said["add-schema"]
        content = new_metadata(
            said["assign-uuid"]["uuid"],
            said["set-location"]["location"],
            {**schema["schema"], "schema-id": 0},
            schema["last-column-id"],
            1000,
        )
        self.put(path, {**content, "properties": said["set-properties"]["updates"]})

    def put(self, path: str, content: dict[str, Any], number: int = 0) -> str:
        """Write the table's metadata, and have it."""
        at = f"{content['location']}/metadata/{number:05d}-aaaa.metadata.json"
        if self.bucket is not None:
            self.bucket.files[at] = json.dumps(content).encode()
        else:
            Path(at).parent.mkdir(parents=True, exist_ok=True)
            Path(at).write_text(json.dumps(content))
        self.tables[path] = _answer(at, content)
        return at

    def moved(self, name: AssetKey) -> str:
        """The table's next state, which names the one before; its place."""
        now = self.tables[table_path(name)]
        log = [*now["metadata"]["metadata-log"], {"metadata-file": now["metadata-location"], "timestamp-ms": 1}]
        return self.put(table_path(name), {**now["metadata"], "metadata-log": log}, len(log))

    def lists(self, _method: str, _path: str) -> bool | None:
        return self.listed

    def rest(self, _attempt: int) -> None:
        """No time passes."""

    def failed(self, refused: RefusedError) -> LakeError:
        return LakeError(f"failed: {refused.code}")

    def away(self, lost: Exception) -> LakeError:
        return LakeError(f"away: {lost}")


def _path(named: dict[str, Any]) -> str:
    return table_path(AssetKey.parse(f"{named['namespace'][0]}.{named['name']}"))


def _answer(at: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"metadata-location": at, "metadata": content}


@dataclass
class Lab:
    server: Server
    catalog: RestCatalog
    intents: Callable[[], Intents] = Intents
    looks: int = 0

    def look(self) -> Intents:
        self.looks += 1
        return self.intents()

    def version(self, name: AssetKey = A) -> str:
        return self.catalog.load((name,))[name].version


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    made = Database("sqlite://")
    made.initialise((CATALOG_LAYOUT, *LEDGER_LAYOUT))
    yield made
    made.close()


def opened(server: Server, database: Database, *keep_out: str, **said: Any) -> Lab:
    made = Lab(server, cast("Any", None))
    ledgers = Ledgers(database, made.look)
    made.catalog = RestCatalog(cast("Any", server), ledgers, lambda: NOON, lambda: keep_out, **said)
    return made


@pytest.fixture
def lab(tmp_path: Path, database: Database) -> Lab:
    return opened(Server(tmp_path / "warehouse" / "silver"), database)


@pytest.fixture
def two(lab: Lab) -> Lab:
    for name in (A, B):
        lab.catalog.create(name, SCHEMA)
    lab.server.asked.clear()
    lab.server.bodies.clear()
    lab.looks = 0
    return lab


# tables that are made


def test_a_table_is_made_in_a_folder_of_its_own_with_our_ids_of_columns(lab: Lab) -> None:
    made = lab.catalog.create(A, SCHEMA)
    assert lab.server.asked == [
        *[("POST", "/namespaces")] * 3,
        ("POST", "/namespaces/silver/tables"),
        ("POST", "/namespaces/silver/tables/a"),
    ]
    *layers, staged, committed = lab.server.bodies
    assert [one["namespace"] for one in layers] == [["bronze"], ["silver"], ["gold"]]
    assert (staged["name"], staged["stage-create"]) == ("a", True)
    assert [(one["id"], one["name"]) for one in staged["schema"]["fields"]] == [(1, "n"), (2, "word")]
    assert committed["identifier"] == {"namespace": ["silver"], "name": "a"}
    assert committed["requirements"] == [{"type": "assert-create"}]
    home, _, tail = made.location.rpartition("-")
    assert (home, len(tail)) == (f"{lab.server.root}/a", 8)
    lake, _, place = made.properties["lakeflow.home"].partition(" ")
    assert (len(lake), place) == (36, made.location)
    assert [(one.id, one.name) for one in made.schema.fields] == [(1, "n"), (2, "word")]
    assert made.last_column_id == 2
    other = lab.catalog.create(B, SCHEMA)
    assert other.properties["lakeflow.home"].startswith(f"{lake} "), "one lake"
    assert other.location != made.location


def test_a_table_that_is_there_is_not_made_again(two: Lab) -> None:
    assert two.catalog.create(A, SCHEMA) == two.catalog.load((A,))[A]
    assert two.server.asked == []


def test_a_name_that_no_table_may_have_is_asked_of_no_server(lab: Lab) -> None:
    with pytest.raises(LakeError, match="cannot name a table"):
        lab.catalog.create(AssetKey(Layer.SILVER, "a-b"), SCHEMA)
    assert lab.server.asked == []


LAYERS: list[tuple[Exception | None, bool]] = [(None, True)] * 3


@pytest.mark.parametrize("before", [0, 1], ids=["staged", "committed"])
@pytest.mark.parametrize(
    ("fault", "said"), [(refused(403), "failed: 403"), (UNSENT, "away: no route"), (LOST, "away: the line is dead")]
)
def test_a_table_that_was_not_made_is_an_error(lab: Lab, before: int, fault: Exception, said: str) -> None:
    lab.server.faults = [*LAYERS, *[(None, True)] * before, (fault, False)]
    with pytest.raises(LakeError, match=said):
        lab.catalog.create(A, SCHEMA)
    assert lab.catalog.load((A,)) == {}


def test_a_table_whose_answer_was_lost_is_there_all_the_same(lab: Lab) -> None:
    lab.server.faults = [*LAYERS, (None, True), (LOST, True)]
    assert lab.catalog.create(A, SCHEMA).key == A


def test_a_table_that_another_made_first_is_the_one(lab: Lab) -> None:
    lab.server.faults = [*LAYERS, (None, True), (refused(409), True)]
    assert lab.catalog.create(A, SCHEMA).key == A


def test_a_server_that_forgets_a_table_that_it_made_is_found_out(lab: Lab) -> None:
    """What was made is known to be there: an absence is an older state."""
    lab.server.faults = [*LAYERS, (None, True), (None, False)]
    with pytest.raises(LakeError, match="keeps answering with an older state"):
        lab.catalog.create(A, SCHEMA)


# names that are given and taken


def _registrations(lab: Lab) -> dict[str, tuple[Registration, list[tuple[str, str]], Any, set[str]]]:
    """What is asked for each, and which tables are there then."""
    found = lab.catalog.load((A,))[A]
    there = lab.server.moved(B)
    del lab.server.tables[table_path(B)]
    silver, gold = "/namespaces/silver", "/namespaces/gold/tables/c"
    makes = [("POST", "/namespaces")] * 3
    names = {"source": {"namespace": ["silver"], "name": "a"}, "destination": {"namespace": ["gold"], "name": "c"}}
    registered = {"name": "b", "metadata-location": there}
    return {
        "adopt": (
            Adopt(B, there, "u"),
            [*makes, ("POST", f"{silver}/register")],
            registered,
            {f"{silver}/tables/a", f"{silver}/tables/b"},
        ),
        "rename": (Rename(A, C, found.version, found.uuid), [*makes, ("POST", "/tables/rename")], names, {gold}),
        "drop": (Drop(A, found.version), [("DELETE", f"{silver}/tables/a?purgeRequested=false")], None, set()),
    }


@pytest.mark.parametrize("what", ["adopt", "rename", "drop"])
def test_a_name_is_given_or_taken_and_then_recorded(two: Lab, what: str) -> None:
    change, asked, body, there = _registrations(two)[what]
    entry = Record(Intent("i1", "token", (change,), ()))
    entry.during = two.server.asked.clear if what == "drop" else lambda: None
    two.catalog.register([change], entry)
    assert two.server.asked == asked
    assert two.server.bodies[-1] == body
    assert two.server.tables.keys() == there
    assert entry.seen == {change.key: change.version}
    assert entry.told == [("after", entry.intent)]


def test_what_a_name_stood_for_before_is_forgotten_with_it(two: Lab) -> None:
    """Another table may come under it, in any state."""
    first = two.version()
    two.server.moved(A)
    table = two.catalog.load((A,))[A]
    two.catalog.register([Rename(A, C, table.version, table.uuid)], Record(None))
    assert two.version(C) == table.version
    two.server.tables[table_path(A)] = _answer(first, json.loads(Path(first).read_text()))
    assert two.version() == first


def test_one_after_the_other_is_asked_for(two: Lab) -> None:
    tables = two.catalog.load((A, B))
    drops = [Drop(name, tables[name].version) for name in (B, A)]
    two.catalog.register(drops, Record(None))
    assert [path for _, path in two.server.asked] == [f"{table_path(name)}?purgeRequested=false" for name in (B, A)]


def _drops(lab: Lab) -> tuple[list[Drop], Record]:
    tables = lab.catalog.load((A, B))
    drops = [Drop(name, tables[name].version, tables[name].uuid) for name in (A, B)]
    return drops, Record(Intent("i1", "token", tuple(drops), ()))


ENDS: dict[str, tuple[list[tuple[Exception | None, bool]], bool, type[LakeflowError] | None, str]] = {
    "the first was refused": ([(refused(403), False)], True, ConflictError, "withdrawn"),
    "the second was refused": ([(None, True), (refused(403), False)], True, None, "settled"),
    "the second was refused, and settling finds nothing": (
        [(None, True), (refused(403), False)],
        False,
        LakeError,
        "settled",
    ),
    "the first was not sent": ([(UNSENT, False)], True, LakeError, "withdrawn"),
    "the second was not sent": ([(None, True), (UNSENT, False)], True, None, "settled"),
    "the answer was lost": ([(LOST, True)], True, None, "settled"),
    "the answer was lost, and settling finds nothing": ([(LOST, False)], False, LakeError, "settled"),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_registration_that_fails_is_brought_to_one_end(two: Lab, how: str) -> None:
    faults, ends, error, told = ENDS[how]
    drops, entry = _drops(two)
    entry.ends, two.server.faults = ends, list(faults)
    if error is None:
        two.catalog.register(drops, entry)
    else:
        with pytest.raises(error) as caught:
            two.catalog.register(drops, entry)
        assert caught.type is error
    assert entry.told == [(told, entry.intent)]


def test_what_a_failed_registration_says(two: Lab) -> None:
    drops, entry = _drops(two)
    two.server.faults = [(refused(403), False)]
    with pytest.raises(ConflictError) as caught:
        two.catalog.register(drops, entry)
    error = caught.value
    assert (error.message, error.hint, error.asset) == ("silver.a: the catalog refused (403)", "run it again", A)
    two.server.faults = [(UNSENT, False)]
    with pytest.raises(LakeError, match="away: no route"):
        two.catalog.register(drops, entry)
    entry.ends, two.server.faults = False, [(LOST, False)]
    with pytest.raises(LakeError, match="away: the line is dead"):
        two.catalog.register(drops, entry)
    two.server.faults = [(None, True), (UNSENT, False)]
    with pytest.raises(LakeError, match="away: no route"):
        two.catalog.register(drops, entry)


def test_a_part_that_was_refused_is_told_as_it_is(two: Lab) -> None:
    drops, entry = _drops(two)
    entry.ends, two.server.faults = False, [(None, True), (refused(403), False)]
    with pytest.raises(LakeError, match="failed: 403"):
        two.catalog.register(drops, entry)


def test_without_an_intent_a_refusal_is_a_conflict(two: Lab) -> None:
    drops, _ = _drops(two)
    entry = Record(None)
    two.server.faults = [(None, True), (refused(404), False)]
    with pytest.raises(ConflictError):
        two.catalog.register(drops, entry)
    assert entry.told == [("withdrawn", None)]


def _required(lab: Lab) -> list[tuple[Registration, str, str, AssetKey]]:
    at, other = lab.version(), lab.version(B)
    free = f"silver.b: expected no table of that name, found {other}"
    nothing = "nothing was changed; run it again"
    return [
        (Adopt(B, at, "u"), free, "run it again", B),
        (Rename(A, B, at, "u"), free, "run it again", B),
        (Rename(A, C, "v0", "u"), f"silver.a: expected its metadata at v0, found {at}", nothing, A),
        (Drop(A, "v0"), f"silver.a: expected its metadata at v0, found {at}", nothing, A),
        (Drop(C, "v0"), "gold.c: expected its metadata at v0, found no table", nothing, C),
    ]


@pytest.mark.parametrize("case", range(5))
def test_a_catalog_that_is_not_as_it_was_said_to_be_is_a_conflict(two: Lab, case: int) -> None:
    change, message, hint, asset = _required(two)[case]
    fine = Drop(A, two.version())
    entry = Record(None)
    with pytest.raises(ConflictError) as caught:
        two.catalog.register([fine, change], entry)
    assert (caught.value.message, caught.value.hint, caught.value.asset) == (message, hint, asset)
    assert (entry.told, two.server.asked) == ([], [])


def test_what_of_an_intent_is_there_is_asked_of_both_names(two: Lab) -> None:
    table = two.catalog.load((A,))[A]
    intent = Intent("i1", "token", (Rename(A, C, table.version, table.uuid),), ())
    assert two.catalog.landed(intent) == {A: False}
    two.server.tables[table_path(C)] = two.server.tables.pop(table_path(A))
    assert two.catalog.landed(intent) == {A: True}


# what readers see


def test_an_intent_that_comes_or_goes_meanwhile_lets_a_reader_look_again(two: Lab) -> None:
    numbers = iter([1, 2, 2])
    two.intents = lambda: Intents(next(numbers))
    assert two.catalog.load((A, B)).keys() == {A, B}
    assert two.looks == 3


def test_one_table_is_never_torn(two: Lab) -> None:
    numbers = iter([1, 2])
    two.intents = lambda: Intents(next(numbers))
    assert two.catalog.load((A,)).keys() == {A}
    assert two.looks == 2


def test_a_reader_who_never_finds_an_end_is_told(two: Lab) -> None:
    two.intents = lambda: Intents(two.looks)
    with pytest.raises(BusyError) as caught:
        two.catalog.look((A, B))
    assert caught.value.message == "other publishes kept coming while the tables were read"
    assert caught.value.hint == "run it again"
    assert two.looks == 21


def _open(lab: Lab) -> tuple[str, str]:
    """An adoption that is under way; where the table stood before it, and stands."""
    before = lab.catalog.load((A,))[A]
    after = lab.server.moved(A)
    intent = Intent("i1", "token", (Adopt(A, after, before.uuid),), (), seen={A: before.version})
    lab.intents = lambda: Intents(1, (intent,))
    return before.version, after


def test_tables_of_an_open_intent_are_as_they_were_before_it(two: Lab) -> None:
    before, _ = _open(two)
    assert two.catalog.load((A, B))[A].version == before
    assert two.catalog.look((A, B)).tables[A].version == before
    seen_there = two.catalog.seen_by(lambda: "pr")
    assert seen_there is not two.catalog
    assert seen_there.load((A,))[A].version == before, "a registration is hidden from everybody"


def test_what_changes_for_readers_of_an_environment_is_hidden_from_them_alone(two: Lab) -> None:
    before, after = _open(two)
    (intent,) = two.look().open
    theirs = replace(intent, changes=(Discard(A, "env_pr__audit_r1", 7),))
    two.intents = lambda: Intents(1, (theirs,))
    for reader, version in {"": after, "pr": before, "other": after}.items():
        catalog = two.catalog.seen_by(partial(str, reader))
        assert catalog.load((A, B))[A].version == version
        assert catalog.look((A, B)).tables[A].version == version


def test_an_intent_that_changed_nothing_yet_hides_nothing(two: Lab) -> None:
    before, after = _open(two)
    (intent,) = two.look().open
    late = replace(intent, changes=(Adopt(A, after, "another"),))
    two.intents = lambda: Intents(1, (late,))
    assert two.version() == after != before


def test_a_look_tells_which_table_cannot_be_read_and_where_it_stands(two: Lab) -> None:
    two.server.tables[table_path(B)] = {"metadata-location": "x"}
    looked = two.catalog.look((A, B, C))
    assert looked.tables.keys() == {A}
    assert looked.broken.keys() == {B}


# what is garbage


def _garbage(lab: Lab, name: AssetKey = A) -> Garbage:
    return lab.catalog.garbage(name, LATER)


def _left_behind(lab: Lab) -> str:
    """A file that some writer of ours made beside the table, and that nothing names."""
    at = Path(lab.catalog.load((A,))[A].location, "data", "f.parquet")
    at.parent.mkdir()
    at.write_bytes(b"rows")
    return str(at)


def test_what_nothing_names_in_a_folder_of_ours_is_garbage(two: Lab) -> None:
    at = _left_behind(two)
    found = _garbage(two)
    assert (found.key, found.kept, set(found.files)) == (A, "", {at})
    assert two.catalog.garbage(A, NOON - timedelta(days=36500)).files == {}


def test_a_table_that_is_not_there_has_no_garbage(two: Lab) -> None:
    assert _garbage(two, C) == Garbage(C)


def test_a_table_that_is_being_changed_keeps_its_files(two: Lab) -> None:
    _left_behind(two)
    _open(two)
    assert _garbage(two) == Garbage(A, kept="a commit on it is under way, or was cut off; the next run settles it")
    renamed = Intent("i1", "token", (Rename(C, A, "v0", "u"),), ())
    two.intents = lambda: Intents(1, (renamed,))
    assert _garbage(two).kept
    two.intents = lambda: Intents(1, (replace(renamed, changes=(Drop(B, "v0"),)),))
    assert _garbage(two).kept == ""


def test_a_table_that_another_lake_made_keeps_its_files(two: Lab) -> None:
    _left_behind(two)
    two.server.tables[table_path(A)]["metadata"]["properties"] = {}
    two.catalog._files._parsed.clear()
    found = _garbage(two)
    assert found == Garbage(A, kept="it was adopted where it stands; its files may be another catalog's as well")


def test_an_answer_that_is_older_than_the_folder_keeps_all_files(two: Lab) -> None:
    _left_behind(two)
    older = two.server.tables[table_path(A)]
    two.server.moved(A)
    two.server.tables[table_path(A)] = older
    assert _garbage(two) == Garbage(
        A, kept="the catalog answers with an older state than its folder holds: a cache, or a copy that lags behind"
    )


def _dropped(lab: Lab) -> tuple[Dropped, set[str]]:
    table = lab.catalog.load((A,))[A]
    del lab.server.tables[table_path(A)]
    return Dropped(A, table.uuid, table.version, "r1", NOON), {
        str(one) for one in Path(table.location).rglob("*") if one.is_file()
    }


def test_all_files_of_a_table_that_was_dropped_are_garbage(two: Lab) -> None:
    dropped, files = _dropped(two)
    found = two.catalog.remains([dropped], LATER)
    assert (found.key, set(found.files)) == (None, files)
    assert two.catalog.remains([dropped], NOON - timedelta(days=36500)).files == {}


def test_a_dropped_table_whose_metadata_is_gone_or_that_is_not_ours_leaves_nothing(two: Lab) -> None:
    gone, _ = _dropped(two)
    other = two.server.put("/elsewhere", {**json.loads(Path(gone.version).read_text()), "properties": {}}, 7)
    two.server.tables.clear()
    for one in (replace(gone, version=other), replace(gone, version=f"{gone.version}.x")):
        assert two.catalog.remains([one], LATER) == Garbage(None)


def test_the_files_of_a_table_that_is_there_under_another_name_are_no_remains(two: Lab) -> None:
    table = two.server.tables[table_path(A)]
    dropped, _ = _dropped(two)
    two.server.tables[table_path(C)] = table
    assert two.catalog.remains([dropped], LATER) == Garbage(None)


def test_tables_of_a_store_are_read_and_collected_there(database: Database) -> None:
    bucket = Bucket()
    lab = opened(Server("s3://bucket/silver", bucket), database, objects=bucket)
    made = lab.catalog.create(A, SCHEMA)
    assert made.location.startswith("s3://bucket/silver/a-")
    left = f"{made.location}/data/f.parquet"
    bucket.files[left] = b"rows"
    assert set(_garbage(lab).files) == {left}
    dropped = Dropped(A, made.uuid, made.version, "r1", NOON)
    lab.server.tables.clear()
    lab.catalog._files._parsed.clear()
    assert set(lab.catalog.remains([dropped], LATER).files) == {left, made.version}


def test_what_is_kept_out_is_no_garbage(two: Lab, database: Database) -> None:
    at = _left_behind(two)
    careful = opened(two.server, database, at.rpartition("/")[0])
    assert careful.catalog.garbage(A, LATER).files == {}
    assert set(_garbage(two).files) == {at}


def test_tables_are_changed_one_by_one_only_where_that_is_asked_for(two: Lab, database: Database) -> None:
    two.server.listed = False
    with pytest.raises(LakeError, match="cannot change several tables"):
        two.catalog._tables.require_together(2)
    plain = RestCatalog(cast("Any", two.server), Ledgers(database, two.look), lambda: NOON)
    with pytest.raises(LakeError, match="cannot change several tables"):
        plain._tables.require_together(2)
    opened(two.server, database, non_atomic=True).catalog._tables.require_together(2)

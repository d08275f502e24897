"""What is made of a REST catalog's answers: names, tables as they stand now, and commits of several tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, MetadataFiles
from lakeflow.adapters.iceberg.metadata.updates import new_metadata
from lakeflow.adapters.iceberg.rest.client import LostError, RefusedError, UnsentError
from lakeflow.adapters.iceberg.rest.sessions import TRANSACTIONS, Tables, table_path
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.log.recorded import PROPERTY, moves_text
from lakeflow.core.model.run import RecordedMove
from tests.core.samples import NOON, key

A, B = key("silver.a"), key("gold.b")
AT = "/namespaces/silver/tables/a"


def refused(code: int = 409, kind: str = "CommitFailedException") -> RefusedError:
    return RefusedError(code, kind, "no")


@dataclass
class Server:
    """Answers in turn; without an answer left, it takes what it is asked for. `asked` notes each request."""

    answers: list[Any] = field(default_factory=list)
    listed: bool | None = True
    asked: list[tuple[str, ...]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    rests: list[int] = field(default_factory=list)
    place = "the REST catalog prod"

    def _answer(self, *asked: str) -> Any:
        self.asked.append(asked)
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        return answer

    def get(self, path: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._answer("GET", path)
        return found

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        self.bodies.append(body)
        found: dict[str, Any] = self._answer(method, path)
        return found

    def repeat(self, method: str, path: str, body: object) -> dict[str, Any]:
        self.bodies.append(body)
        found: dict[str, Any] = self._answer("repeat", method, path)
        return found

    def lists(self, method: str, path: str) -> bool | None:
        self.asked.append(("lists", method, path))
        return self.listed

    def rest(self, attempt: int) -> None:
        self.rests.append(attempt)

    def failed(self, refused: RefusedError) -> LakeError:
        return LakeError(f"failed: {refused.code}")

    def away(self, lost: Exception) -> LakeError:
        return LakeError(f"away: {lost}")


def tables(server: Server, *, non_atomic: bool = False) -> Tables:
    return Tables(cast("Any", server), MetadataFiles("/"), non_atomic=non_atomic)


def answer(version: str, *before: str, **more: Any) -> dict[str, Any]:
    """A table whose metadata stands at `version`, and stood at others before."""
    made = new_metadata("uuid", "s3://lake/a", {"type": "struct", "schema-id": 0, "fields": []}, 0, 1000)
    log = [{"metadata-file": each, "timestamp-ms": 1} for each in before]
    return {"metadata-location": version, "metadata": {**made, "metadata-log": log, **more}}


# names


def test_the_tables_of_all_layers_are_told_page_by_page() -> None:
    server = Server(
        [
            {"identifiers": [{"name": "a"}], "next-page-token": "x&y/z"},
            {"identifiers": [{"name": "b"}, {"name": "No Asset"}]},
            {"identifiers": [{"name": "c"}], "next-page-token": ""},
            None,
        ]
    )
    assert tables(server).keys() == {key("bronze.a"), key("bronze.b"), key("silver.c")}
    assert server.asked == [
        ("GET", "/namespaces/bronze/tables"),
        ("GET", "/namespaces/bronze/tables?pageToken=x%26y%2Fz"),
        ("GET", "/namespaces/silver/tables"),
        ("GET", "/namespaces/gold/tables"),
    ]


def test_a_layer_without_tables_is_empty() -> None:
    assert tables(Server([{"identifiers": None}, {}, {}])).keys() == frozenset()


# tables


def test_a_table_is_read_as_the_server_has_it() -> None:
    server = Server([answer("s3://lake/a/metadata/1.json")])
    found = tables(server).load(A)
    assert found is not None
    assert (found.table.key, found.table.version) == (A, "s3://lake/a/metadata/1.json")
    assert (server.asked, server.rests) == ([("GET", AT)], [])


def test_a_table_that_is_not_there_is_none() -> None:
    assert tables(Server([None])).load(A) is None


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"metadata-location": "at"},
        {"metadata-location": 5, "metadata": {}},
        {"metadata": {}},
        {"metadata-location": "at", "metadata": []},
    ],
)
def test_an_answer_without_metadata_is_refused(said: Mapping[str, Any]) -> None:
    with pytest.raises(LakeError, match=r"^silver\.a: the REST catalog prod answers with no metadata of it$") as caught:
        tables(Server([said])).load(A)
    assert caught.value.asset == A


def test_what_a_server_leaves_out_or_says_by_minus_one_is_nothing() -> None:
    said = answer("v1")
    del said["metadata"]["snapshots"]
    said["metadata"].pop("refs", None)
    said["metadata"]["current-snapshot-id"] = -1
    found = tables(Server([said])).load(A)
    assert found is not None
    assert (found.json["refs"], found.json["snapshots"]) == ({}, [])
    assert "current-snapshot-id" not in found.json


def test_our_own_times_take_the_place_of_the_servers() -> None:
    move = RecordedMove(1, 7, NOON, 1, None)
    theirs = round((NOON + timedelta(seconds=9)).timestamp() * 1000)
    log = [{"snapshot-id": 7, "timestamp-ms": theirs}]
    said = answer("v1", **{"snapshot-log": log, "properties": {PROPERTY: moves_text([move])}})
    found = tables(Server([said])).load(A)
    assert found is not None
    assert found.json["snapshot-log"] == [{"snapshot-id": 7, "timestamp-ms": round(NOON.timestamp() * 1000)}]


def test_an_answer_older_than_one_that_is_known_is_asked_for_again() -> None:
    server = Server([answer("v2", "v1"), answer("v1"), answer("v1"), answer("v3", "v1", "v2")])
    read = tables(server)
    read.load(A)
    found = read.load(A)
    assert found is not None
    assert (found.table.version, server.rests) == ("v3", [1, 2])
    server.answers = [answer("v2", "v1"), answer("v3", "v1", "v2")]
    again = read.load(A)
    assert again is not None
    assert again.table.version == "v3"


def test_after_six_older_answers_it_is_told_and_the_next_time_begins_anew() -> None:
    server = Server([answer("v2", "v1"), *(answer("v1") for _ in range(7))])
    read = tables(server)
    read.load(A)
    with pytest.raises(LakeError) as caught:
        read.load(A)
    assert caught.value.message == (
        "silver.a: the REST catalog prod keeps answering with an older state of the table than one that is known"
    )
    assert caught.value.hint == (
        "let no cache, and no copy that lags behind, stand between; where another engine registered an older state, "
        "repeat the command"
    )
    assert caught.value.asset == A
    assert (len(server.asked), server.rests) == (7, [1, 2, 3, 4, 5])
    found = read.load(A)
    assert found is not None
    assert found.table.version == "v1"


def test_what_is_known_of_a_table_is_known_of_no_other() -> None:
    server = Server([answer("v2", "v1"), answer("v1")])
    read = tables(server)
    read.load(A)
    assert read.load(B) is not None
    assert server.asked[1] == ("GET", "/namespaces/gold/tables/b")


def seen(version: str) -> LoadedTable:
    found = tables(Server([answer(version)])).load(A)
    assert found is not None
    return found


def there(found: LoadedTable) -> bool:
    return bool(found.json.get("properties", {}).get("done"))


def test_after_a_commit_the_table_is_asked_for_until_it_shows() -> None:
    server = Server([answer("v1"), answer("v1"), answer("v2", "v1")])
    found = tables(server).after(seen("v1"), there)
    assert found is not None
    assert (found.table.version, server.rests) == ("v2", [1, 2])


@pytest.mark.parametrize("said", [None, answer("v1", properties={"done": "yes"})])
def test_what_is_gone_or_shows_the_commit_is_new(said: dict[str, Any] | None) -> None:
    server = Server([said])
    found = tables(server).after(seen("v1"), there)
    assert (found is None) == (said is None)
    assert server.rests == []


def test_after_a_commit_an_older_state_is_not_taken_for_its_own() -> None:
    server = Server([answer("v2", "v1"), answer("v1"), answer("v3", "v2")])
    read = tables(server)
    read.load(A)
    found = read.after(seen("v2"), there)
    assert found is not None
    assert found.table.version == "v3"


# layers


def test_layers_are_made_and_those_that_are_there_stay() -> None:
    server = Server([{}, refused(409), {}])
    tables(server).make_layers()
    assert server.asked == [("repeat", "POST", "/namespaces")] * 3
    assert server.bodies == [{"namespace": [layer], "properties": {}} for layer in ("bronze", "silver", "gold")]


def test_a_layer_whose_answer_was_lost_is_looked_for() -> None:
    server = Server([LostError("the line is dead"), {}, {}, {}])
    tables(server).make_layers()
    assert server.asked[1] == ("GET", "/namespaces/bronze")


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([refused(403)], "failed: 403"),
        ([UnsentError("no route"), {}], "away: no route"),
        ([LostError("the line is dead"), None], "away: the line is dead"),
    ],
)
def test_a_layer_that_cannot_be_made_is_told(answers: list[Any], told: str) -> None:
    with pytest.raises(LakeError, match=f"^{told}$"):
        tables(Server(answers)).make_layers()


# commits


def change(name: AssetKey, *updates: str) -> dict[str, Any]:
    return {
        "identifier": {"namespace": [str(name.layer)], "name": name.name},
        "requirements": [],
        "updates": [{"action": each} for each in updates],
    }


def test_one_table_is_changed_by_its_own_request() -> None:
    server = Server(listed=False)
    tables(server).send([change(A, "x")])
    assert (server.asked, server.bodies) == ([("POST", AT)], [change(A, "x")])


def test_several_tables_are_changed_in_one_request() -> None:
    server = Server(listed=True)
    tables(server).send((change(A, "x"), change(B, "y")))
    assert server.asked == [("lists", "POST", TRANSACTIONS), ("POST", "/transactions/commit")]
    assert server.bodies == [{"table-changes": [change(A, "x"), change(B, "y")]}]


def test_without_such_a_request_what_is_only_required_comes_first() -> None:
    server = Server(listed=False)
    tables(server, non_atomic=True).send([change(A, "x"), change(B), change(key("gold.c"), "z")])
    assert [path for _, path in server.asked[1:]] == [
        "/namespaces/gold/tables/b",
        AT,
        "/namespaces/gold/tables/c",
    ]


@pytest.mark.parametrize("no", [refused(), UnsentError("no route")])
def test_a_table_that_is_refused_after_another_was_changed_leaves_it_unknown(no: Exception) -> None:
    with pytest.raises(LostError, match=r"^some of the tables were changed$") as caught:
        tables(Server([{}, no], listed=False)).send([change(A, "x"), change(B, "y")])
    assert not isinstance(caught.value, UnsentError)


@pytest.mark.parametrize("no", [refused(), UnsentError("no route")])
def test_a_table_that_is_refused_before_another_was_changed_has_changed_nothing(no: Exception) -> None:
    with pytest.raises(type(no)) as caught:
        tables(Server([{}, no], listed=False)).send([change(A, "x"), change(B)])
    assert caught.value is no


def test_what_a_server_can_is_asked_once() -> None:
    server = Server(listed=False)
    read = tables(server)
    assert (read.together, read.together) == (False, False)
    assert server.asked == [("lists", "POST", TRANSACTIONS)]


PROBE = {
    "identifier": {"namespace": ["bronze"], "name": "lakeflow_probe_that_is_no_table"},
    "requirements": [{"type": "assert-table-uuid", "uuid": "00000000-0000-0000-0000-000000000000"}],
    "updates": [],
}


@pytest.mark.parametrize(
    ("said", "can"),
    [(refused(404, "NoSuchTableException"), True), (refused(404, "NotFoundException"), False), ({}, True)],
)
def test_where_it_does_not_say_it_shows(said: Any, can: bool) -> None:
    server = Server([said], listed=None)
    assert tables(server).together is can
    assert server.asked[-1] == ("repeat", "POST", "/transactions/commit")
    assert server.bodies == [{"table-changes": [PROBE]}]


def test_where_it_does_not_answer_nothing_is_known() -> None:
    with pytest.raises(LakeError, match=r"^away: the line is dead$"):
        _ = tables(Server([LostError("the line is dead")], listed=None)).together


@pytest.mark.parametrize(("number", "listed", "non_atomic"), [(1, False, False), (2, True, False), (2, False, True)])
def test_so_many_tables_may_be_changed(number: int, listed: bool, non_atomic: bool) -> None:
    tables(Server(listed=listed), non_atomic=non_atomic).require_together(number)


def test_a_publish_of_which_readers_could_see_a_part_is_refused() -> None:
    with pytest.raises(LakeError) as caught:
        tables(Server(listed=False)).require_together(2)
    assert caught.value.message == (
        "the REST catalog prod cannot change several tables in one request, so that readers could see a part of a "
        "publish"
    )
    assert caught.value.hint == "publish one asset at a time, or accept that: `--non-atomic`"


def test_the_path_of_a_table_names_its_layer() -> None:
    assert table_path(A) == AT

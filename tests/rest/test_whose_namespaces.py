"""Whose a server's namespaces are, and what is asked of it to make them a lake's: with no server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

import pytest

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.iceberg import MIGRATIONS as CATALOG_LAYOUT
from lakeflow.adapters.iceberg.rest.client import LostError, RefusedError, UnsentError
from lakeflow.adapters.iceberg.rest.ownership import Namespaces
from lakeflow.adapters.ledger import MIGRATIONS as LEDGER_LAYOUT
from lakeflow.adapters.ledger import SqlLedger
from lakeflow.core.errors import LakeError
from lakeflow.core.model.run import RunRecord, RunState
from lakeflow.core.ports.database import sql
from tests.core.samples import NOON
from tests.rest.doubles import LOST, UNSENT, refused

LAYERS = ("bronze", "silver", "gold")


@dataclass
class Server:
    """Namespaces with their properties; `faults` are met in turn by what changes one, before or after it does."""

    spaces: dict[str, dict[str, str]] = field(default_factory=dict)
    tables: dict[str, list[str]] = field(default_factory=dict)
    faults: list[tuple[Exception | None, bool]] = field(default_factory=list)
    asked: list[tuple[str, str, str, Any]] = field(default_factory=list)
    reads: int = 0
    then: Callable[[], object] = lambda: None
    place = "the REST catalog prod"

    def get(self, path: str) -> dict[str, Any] | None:
        self.reads += 1
        _, _, name, *tables = path.split("/")
        if name not in self.spaces:
            return None
        return {"identifiers": self.tables.get(name)} if tables else {"properties": self.spaces[name] or None}

    def call(self, method: str, path: str, body: Any) -> None:
        self._change("call", method, path, body, path.split("/")[2], body["updates"])

    def repeat(self, method: str, path: str, body: Any) -> None:
        self._change("repeat", method, path, body, body["namespace"][0], body["properties"])

    def _change(self, how: str, method: str, path: str, body: Any, name: str, said: dict[str, str]) -> None:
        self.asked.append((how, method, path, body))
        fault, made = self.faults.pop(0) if self.faults else (None, True)
        if made:
            self.spaces.setdefault(name, {}).update(said)
        self.then()
        if fault is not None:
            raise fault

    def failed(self, refused: RefusedError) -> LakeError:
        return LakeError(f"failed: {refused.code}")

    def away(self, lost: LostError | UnsentError) -> LakeError:
        return LakeError(f"away: {lost}")


@pytest.fixture
def database() -> Iterator[Database]:
    made = Database("sqlite://")
    made.initialise((CATALOG_LAYOUT, *LEDGER_LAYOUT))
    with made.transaction() as connection:
        connection.execute(sql("insert into lakeflow_lake (id, made_at) values (:id, :at)"), {"id": "L1", "at": "now"})
    yield made
    made.close()


def claim(server: Server, database: Database, times: int = 1) -> None:
    spaces = Namespaces(cast("Any", server), database, "ours")
    for _ in range(times):
        spaces.claim()


OURS = {"lakeflow.lake": "L1 ours"}


def test_namespaces_that_are_not_there_are_made_and_bear_the_lake_s_id(database: Database) -> None:
    server = Server()
    claim(server, database, times=2)
    assert server.spaces == dict.fromkeys(LAYERS, OURS)
    assert server.asked == [
        ("repeat", "POST", "/namespaces", {"namespace": [layer], "properties": OURS}) for layer in LAYERS
    ], "once for a process"


def test_a_lake_without_an_id_is_given_one_that_no_other_has(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(sql("delete from lakeflow_lake"))
    server = Server()
    claim(server, database, times=2)
    (said,) = {owner["lakeflow.lake"] for owner in server.spaces.values()}
    assert len(said) == len(f"{uuid4()} ours")


def test_namespaces_that_are_nobody_s_are_marked_once(database: Database) -> None:
    server = Server({layer: {} for layer in LAYERS})
    claim(server, database)
    change = {"removals": [], "updates": OURS}
    assert server.asked == [("call", "POST", f"/namespaces/{layer}/properties", change) for layer in LAYERS]


def test_what_is_ours_is_left_as_it_is(database: Database) -> None:
    server = Server({layer: {**OURS} for layer in LAYERS})
    claim(server, database, times=3)
    assert server.asked == []
    assert server.reads == 6
    del server.spaces["gold"]
    claim(server, database)
    assert [path for _, _, path, _ in server.asked] == ["/namespaces"]


@pytest.mark.parametrize(("owner", "name"), [("L2 theirs", "theirs"), ("L2", "L2"), ("L1x ours", "ours")])
def test_what_is_another_lake_s_is_refused_and_nothing_is_marked(database: Database, owner: str, name: str) -> None:
    server = Server({"bronze": {}, "silver": {"lakeflow.lake": owner}})
    with pytest.raises(LakeError) as caught:
        claim(server, database)
    assert caught.value.message == f"the namespace silver of the REST catalog prod is the lake {name}'s, not ours's"
    assert caught.value.hint == (
        "give each project a warehouse, or a server, of its own; the ledger of that lake would be needed to write "
        "there (here it is sqlite://)"
    )
    assert server.asked == []


def test_tables_that_no_lake_made_are_nobody_s_to_claim(database: Database) -> None:
    server = Server({layer: {} for layer in LAYERS}, {"silver": ["t"]})
    with pytest.raises(LakeError) as caught:
        claim(server, database)
    assert caught.value.message == "the namespace silver of the REST catalog prod holds tables that no lake made"
    assert caught.value.hint == "give the lake a warehouse whose namespaces bronze, silver and gold are empty"
    assert server.asked == []
    server.spaces["gold"] = {**OURS}
    claim(server, database)
    assert server.spaces["silver"] == OURS, "one of them is ours, so are the tables"


def test_a_lake_of_an_early_release_that_ran_made_its_tables(database: Database) -> None:
    ledger = SqlLedger(database, lambda _: True, lambda: NOON, 30.0)
    ledger.save(RunRecord("r1", RunState.PUBLISHED, NOON))
    server = Server({layer: {} for layer in LAYERS}, {"silver": ["t"]})
    claim(server, database)
    assert server.spaces == dict.fromkeys(LAYERS, OURS)


def test_who_wrote_last_has_it(database: Database) -> None:
    server = Server()
    server.then = lambda: server.spaces.update(bronze={"lakeflow.lake": "L2 theirs"})
    with pytest.raises(LakeError, match="the namespace bronze of the REST catalog prod is the lake theirs's"):
        claim(server, database)


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize(
    ("fault", "made", "said"),
    [
        (refused(409), True, ""),
        (refused(403), False, "failed: 403"),
        (UNSENT, False, "away: no route"),
        (LOST, True, ""),
        (LOST, False, "away: the line is dead"),
    ],
)
def test_what_is_made_of_an_answer(
    database: Database, fault: Exception, said: str, *, made: bool, exists: bool
) -> None:
    server = Server({layer: {} for layer in LAYERS if exists}, faults=[(fault, made)])
    if said:
        with pytest.raises(LakeError, match=said):
            claim(server, database)
    else:
        claim(server, database)
        assert server.spaces == dict.fromkeys(LAYERS, OURS)

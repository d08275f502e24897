"""The catalog as an environment shows it: which table stands for which, and what a change of it asks of the lake."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from lakeflow.core.compact.stored import Compaction
from lakeflow.core.environments.environment import Environment
from lakeflow.core.errors import ConflictError, LakeError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import (
    Adopt,
    Change,
    Discard,
    Drop,
    LetGo,
    Pin,
    Promote,
    Publish,
    Registration,
    Rename,
    Rollback,
    Stay,
    Tag,
    Untag,
)
from lakeflow.core.model.table import Looked, Pinned, Staging, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.entry import UNRECORDED
from lakeflow.wap.environments.catalog import EnvironmentCatalog
from tests.core.samples import NOON, SCHEMA, key, made, table

A, B, N = key("silver.a"), key("silver.b"), key("silver.n")


def line(name: AssetKey, **refs: int) -> Table:
    """1 <- 2 <- 3, with main at 1."""
    return replace(table(str(name), made(1), made(2, 1), made(3, 2)), refs={"main": 1, **refs}, log=((NOON, 1),))


@dataclass
class Lake:
    """The lake below: tables as values, and all that was asked of it."""

    tables: dict[AssetKey, Table]
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def load(self, keys: Iterable[AssetKey]) -> dict[AssetKey, Table]:
        return {one: self.tables[one] for one in keys if one in self.tables}

    def look(self, keys: Iterable[AssetKey]) -> Looked:
        return Looked(self.load(keys), {N: LakeError("no metadata")}, {N: "/place"})

    def commit(self, changes: Sequence[Change], entry: Any) -> dict[AssetKey, Table]:
        self.asked.append(("commit", list(changes), entry))
        return self.load([change.key for change in changes])

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def answered(*given: Any) -> Any:
            self.asked.append((name, *given))
            return self.tables[A] if name in {"stage", "create"} else ("answer of", name)

        return answered


@dataclass
class Records:
    known: Environment | None

    def find(self, name: str) -> Environment | None:
        return self.known if name == "pr" else None


PINS = {A: Pinned("silver.a", 1), B: Pinned("silver.b", 1)}
PR = Environment("pr", NOON, NOON, NOON, PINS)


@pytest.fixture
def lake() -> Lake:
    return Lake({A: line(A, env_pr=3, env_pr__audit_r1=2), B: line(B)})


def shown(lake: Lake, environment: Environment | None = PR, these: Any = None) -> EnvironmentCatalog:
    return EnvironmentCatalog(cast("Any", lake), cast("Any", Records(environment)), "pr", these)


ASKED: list[tuple[str, tuple[object, ...]]] = [
    ("data_directory", ("t",)),
    ("scan", ("t", 1)),
    ("scan_added", ("t", 1, [2])),
    ("scan_near", ("t", 1, ["x"])),
    ("statistics", ("t", 1)),
    ("partitions", ("t", 1, "layout")),
    ("stored", ("t", 1, "layout")),
    ("read_sidecar", ("t", "name")),
    ("write_sidecar", ("t", "kind", "text")),
    ("inspect", (A, "/place")),
    ("landed", ("intent",)),
    ("garbage", (A, NOON)),
    ("remains", (["gone"], NOON)),
]


@pytest.mark.parametrize(("name", "given"), ASKED, ids=[name for name, _ in ASKED])
def test_what_is_the_same_there_is_asked_of_the_lake(lake: Lake, name: str, given: tuple[object, ...]) -> None:
    assert getattr(shown(lake), name)(*given) == ("answer of", name)
    assert lake.asked == [(name, *given)]


def test_what_has_no_answer_is_asked_of_the_lake_too(lake: Lake) -> None:
    shown(lake).fence(cast("Any", "intent"))
    shown(lake).collect(cast("Any", "garbage"))
    assert lake.asked == [("fence", "intent"), ("collect", "garbage")]
    assert cast("Any", shown(lake).keys()) == ("answer of", "keys")


def test_its_branch_or_its_pin_stands_where_main_stands(lake: Lake) -> None:
    lake.tables[B] = replace(line(B), refs={"main": 3})
    found = shown(lake).load([A, B])
    assert dict(found[A].refs) == {"main": 3, "audit_r1": 2}
    assert dict(found[B].refs) == {"main": 1}


def test_what_is_read_while_the_pins_move_is_read_again(lake: Lake) -> None:
    """A refresh lets the branch go and pins what main is now: no table of before has pins of after."""

    class Refreshed(Lake):
        def load(self, keys: Iterable[AssetKey]) -> dict[AssetKey, Table]:
            found = super().load(keys)
            if records.known == PR:
                self.tables[A] = replace(line(A), refs={"main": 2})
                records.known = replace(PR, pinned_at=NOON + timedelta(1), pins={A: Pinned("silver.a", 2)})
            return found

    records = Records(PR)
    there = EnvironmentCatalog(cast("Any", Refreshed(lake.tables)), cast("Any", records), "pr")
    assert dict(there.load([A])[A].refs) == {"main": 2}
    records.known, lake.tables[A] = PR, line(A, env_pr=3)
    assert dict(there.look([A]).tables[A].refs) == {"main": 2}


def test_one_that_was_not_made_yet_shows_main_and_so_do_tables_that_are_not_among_these(lake: Lake) -> None:
    for found in (shown(lake, None).load([A])[A], shown(lake, these=[B]).load([A])[A]):
        assert dict(found.refs) == {"main": 1, "audit_r1": 2}
    assert shown(lake, these=[A]).load([A])[A].main == 3


def test_a_look_shows_each_table_and_tells_those_that_cannot_be_shown(lake: Lake) -> None:
    lake.tables[B] = replace(line(B), snapshots={2: made(2)}, refs={"main": 2})
    found = shown(lake).look([A, B])
    assert {one: each.main for one, each in found.tables.items()} == {A: 3}
    assert set(found.broken) == {B, N}
    assert "has pinned snapshot 1, which has expired" in str(found.broken[B])
    assert found.places == {N: "/place"}


def test_a_table_is_made_in_the_lake_and_shown(lake: Lake) -> None:
    assert shown(lake).create(A, SCHEMA).main == 3
    assert shown(lake, None).create(A, SCHEMA).main == 1
    assert lake.asked == [("create", A, SCHEMA)] * 2


def test_what_is_staged_stands_on_its_branch(lake: Lake) -> None:
    staging = Staging("audit_r2", 3, WriteMode.REPLACE, SCHEMA, (), {})
    assert shown(lake).stage(lake.tables[A], staging).main == 3
    assert lake.asked == [("stage", lake.tables[A], replace(staging, branch="env_pr__audit_r2", target="env_pr"))]


def test_what_stands_on_another_base_is_not_staged_anew(lake: Lake) -> None:
    assert shown(lake).restage(lake.tables[A], "audit_r1", 3).main == 3
    for branch, base in (("audit_r1", 1), ("audit_r2", 3)):
        with pytest.raises(ConflictError) as caught:
            shown(lake).restage(lake.tables[A], branch, base)
        assert caught.value.message == f"silver.a: environment pr moved under branch {branch}"
        assert caught.value.hint == "`lakeflow retry RUN` writes it again on what is there now"
        assert caught.value.asset == A
    assert lake.asked == []


PUBLISH = Publish(A, "u", "audit_r1", 3, 2, "{}", 5)
MINE: list[tuple[Change, Change]] = [
    (PUBLISH, replace(PUBLISH, branch="env_pr__audit_r1", target="env_pr")),
    (Discard(A, "audit_r1", 2), Discard(A, "env_pr__audit_r1", 2)),
    (Rollback(A, 3, 1), Rollback(A, 3, 1, target="env_pr")),
    (Pin(A, 1), Pin(A, 1, "env_pr")),
    (Stay(A, 1), Stay(A, 1, "env_pr")),
    (LetGo(A, {"x": 1}, frozenset()), LetGo(A, {"x": 1}, frozenset())),
    (Promote(A, "u", "env_pr", 1, 3), Promote(A, "u", "env_pr", 1, 3)),
]


@pytest.mark.parametrize(("change", "asked"), MINE, ids=[type(one).__name__ for one, _ in MINE])
def test_a_change_is_asked_of_its_own_branches(lake: Lake, change: Change, asked: Change) -> None:
    assert shown(lake).commit([change], UNRECORDED)[A].main == 3
    assert lake.asked == [("commit", [asked], UNRECORDED)]


def test_nothing_is_published_on_another_snapshot_than_it_shows(lake: Lake) -> None:
    for late in (replace(PUBLISH, base=1), Publish(B, "u", "audit_r1", None, 2, "{}", 5)):
        with pytest.raises(ConflictError) as caught:
            shown(lake).commit([PUBLISH, late], UNRECORDED)
        assert caught.value.message == f"{late.key}: environment pr reads another snapshot since this was written"
        assert caught.value.hint == "nothing was changed; `lakeflow retry RUN` plans again on what is there now"
        assert caught.value.asset == late.key
    assert lake.asked == []


def test_it_goes_back_to_what_it_has_of_main_and_no_further(lake: Lake) -> None:
    hint = "`--env main` says that main is meant; `lakeflow env refresh pr` then reads it here"
    pinned = replace(PR, pins={A: Pinned("silver.a", 2)})
    for back in (Rollback(A, 3, 1), Rollback(A, 3, None)):
        with refused("silver.a would be behind main", hint):
            shown(lake, pinned).commit([back], UNRECORDED)
    assert lake.asked == []
    shown(lake, pinned).commit([Rollback(A, 3, 2)], UNRECORDED)
    assert lake.asked == [("commit", [Rollback(A, 3, 2, target="env_pr")], UNRECORDED)]


def test_tags_are_main_s(lake: Lake) -> None:
    with refused("a tag names what readers of main see"):
        shown(lake).commit([Tag(A, "v1", 1)], UNRECORDED)
    with refused("a tag names what readers of main see"):
        shown(lake).commit([Untag(A, "v1", 1)], UNRECORDED)
    assert lake.asked == []


def test_tables_come_and_go_on_main(lake: Lake) -> None:
    both: list[Registration] = [Adopt(A, "v", "u"), Drop(B, "v")]
    with refused("tables come, go and get other names for all readers (silver.a, silver.b)"):
        shown(lake).register(both, UNRECORDED)
    hint = "`lakeflow materialize --env main silver.n` gives it the other name"
    with refused("tables come, go and get other names for all readers (silver.a)", hint):
        shown(lake).register([Rename(A, N, "v", "u")], UNRECORDED)
    hint = "`lakeflow materialize --env main silver.n silver.m` gives it the other name"
    with refused("tables come, go and get other names for all readers (silver.a, silver.b)", hint):
        shown(lake).register([Rename(A, N, "v", "u"), Rename(B, key("silver.m"), "v", "u")], UNRECORDED)
    assert lake.asked == []


def test_files_are_moved_on_main(lake: Lake) -> None:
    with refused("silver.a is compacted on main: compact_r1 moves its very files"):
        shown(lake).compact(lake.tables[A], Compaction("compact_r1", 1, None, (), {}))
    assert lake.asked == []


@contextmanager
def refused(why: str, hint: str = "`--env main` says that main is meant") -> Iterator[None]:
    with pytest.raises(UsageError) as caught:
        yield
    assert caught.value.message == f"environment pr cannot do that: {why}"
    assert caught.value.hint == hint

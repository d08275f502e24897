"""An environment's names, what it has of a table, and how readers there see it: values in, values out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lakeflow.core.environments.environment import (
    Environment,
    branch_in,
    branches_of,
    name_from,
    named_by,
    ref_of,
    require_name,
)
from lakeflow.core.environments.shown import shown, shown_unmade, stands_on_main, written
from lakeflow.core.environments.standing import left_by, outdated, standing_of, unrecorded, with_runs
from lakeflow.core.errors import LakeError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.log.recorded import PROPERTY, moves_of, moves_text
from lakeflow.core.model.provenance import MAIN_SCHEMA
from lakeflow.core.model.run import RecordedMove
from lakeflow.core.model.table import Pinned, Table
from tests.core.samples import NOON, key, made, snapshot, table

A, B = key("silver.a"), key("silver.b")
HOUR = timedelta(hours=1)


def at(snapshot_id: int) -> datetime:
    return NOON + timedelta(minutes=snapshot_id)


def line(name: AssetKey = A, main: int | None = 2, **refs: int) -> Table:
    """1 <- 2 <- 3 <- 4; readers of main saw 1 and 2; run `r1` wrote 3 and 4, each under a schema of its own."""
    mine = (made(3, 2, rows=30, run="r1"), made(4, 3, rows=40, run="r1"))
    found = table(str(name), snapshot(1), snapshot(2, 1), *(replace(one, schema_id=one.id) for one in mine))
    heads = refs if main is None else {**refs, "main": main}
    seen = () if main is None else tuple((at(n), n) for n in range(1, main + 1))
    return replace(found, refs=heads, log=seen)


def pr(pinned: int | None = 2, uuid: str = "silver.a", used: datetime = NOON) -> Environment:
    return Environment("pr", NOON, NOON, used, {A: Pinned(uuid, pinned)})


def test_branches_are_of_one_environment_alone() -> None:
    assert ref_of("pr") == "env_pr"
    assert branch_in("pr", "audit_r1") == "env_pr__audit_r1"
    found = line(env_pr=3, env_pr__audit_r1=4, env_pr_1=2, audit_r1=1)
    assert branches_of("pr", found) == {"env_pr": 3, "env_pr__audit_r1": 4}
    assert branches_of("pr_1", found) == {"env_pr_1": 2}


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        ("env_pr", "pr"),
        ("env_pr_1__audit_r1", "pr_1"),
        ("pr", None),
        ("env_", None),
        ("env_main", None),
        ("env_A", None),
    ],
)
def test_a_branch_names_its_environment(ref: str, name: str | None) -> None:
    assert named_by(ref) == name


@pytest.mark.parametrize("name", ["a", "pr_1", "x" * 40, "1"])
def test_a_name_is_given_back(name: str) -> None:
    assert require_name(name) == name
    assert name_from(name) == name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("", "write a name such as pr_123"),
        ("Pr-1", "write pr_1"),
        ("a__b", "write a_b"),
        ("main", "write a name such as pr_123"),
        ("held", "write a name such as pr_123"),
        ("x" * 41, "write a name such as pr_123"),
    ],
)
def test_what_can_name_none_is_refused_with_what_to_write(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        require_name(name)
    assert caught.value.message == (
        f"{name!r} cannot name an environment: small letters and digits, words joined by one _, "
        "at most 40 characters, and none of git, held, main, published"
    )
    assert caught.value.hint == hint


def test_two_texts_give_two_names() -> None:
    texts = ["feature/a-b", "feature/a_b", "Feature-a-b", "main", "x" * 60, "x" * 61, "a" * 32 + "-b" * 9]
    names = [name_from(text) for text in texts]
    assert len({*names}) == len(texts)
    assert all(require_name(name) == name for name in names)
    assert names[0] == "feature_a_b_" + names[0][-6:]
    assert names[4][:33] == "x" * 33
    assert len(names[4]) == 40
    assert name_from("--") == name_from("") == ""


def test_a_base_is_what_is_pinned_of_that_very_table() -> None:
    assert pr().base(line()) == 2
    assert pr(uuid="another").base(line()) is None
    assert pr().base(line(B)) is None


def test_it_holds_what_is_not_its_base() -> None:
    assert pr().holds(line(env_pr=3))
    assert not pr().holds(line(env_pr=2))
    assert not pr().holds(line())


def test_it_ends_when_nobody_used_it_for_so_long() -> None:
    old, young = pr(used=NOON), replace(pr(used=NOON + HOUR), name="young")
    assert old.ends_at(HOUR) == NOON + HOUR
    assert outdated([old, young], HOUR, NOON + HOUR) == (old,)
    assert outdated([old, young], HOUR, NOON) == ()


def test_how_it_stands() -> None:
    moved = replace(line(B, env_pr=4), uuid="silver.b")
    found = standing_of(pr(), [moved, line(env_pr=3), line(key("silver.c"))], HOUR, [B, A])
    assert (found.name, found.made_at, found.pinned_at, found.used_at, found.ends_at) == (
        "pr", NOON, NOON, NOON, NOON + HOUR,
    )  # fmt: skip
    assert found.is_recorded
    assert found.held == (A, B)
    first, second = found.built
    assert (first.asset, first.base, first.snapshot_id, first.rows, first.main_moved) == (A, 2, 3, 30, False)
    assert (second.asset, second.base, second.snapshot_id, second.rows, second.main_moved) == (B, None, 4, 40, True)
    (gone,) = standing_of(pr(), [line(env_pr=9)], HOUR, []).built
    assert (gone.snapshot_id, gone.rows) == (9, None)


def test_of_one_that_nobody_recorded_its_branches_tell() -> None:
    tables = [line(B, env_x=3), line(env_x=4, env_x__audit_r1=4), line(key("silver.c"), env_pr=3, env_y__audit_r9=3)]
    found = unrecorded(["pr"], tables)
    assert [one.name for one in found] == ["x", "y"]
    assert [(one.asset, one.base, one.snapshot_id, one.rows, one.main_moved) for one in found[0].built] == [
        (B, None, 3, None, True),
        (A, None, 4, None, True),
    ]
    assert (found[0].held, found[1].held, found[1].built) == ((A,), (key("silver.c"),), ())
    assert not found[0].is_recorded
    assert {found[0].made_at, found[0].pinned_at, found[0].used_at, found[0].ends_at} == {None}


def test_runs_left_a_branch_in_these() -> None:
    tables = (line(B, env_pr__audit_r1=3), line(env_pr=3), line(A, env_pr__audit_r2=4), line(env_prx__audit_r1=3))
    assert with_runs("pr", tables) == (tables[2], tables[0])


def test_what_it_leaves_is_what_its_runs_wrote_and_readers_of_main_never_saw() -> None:
    runs = frozenset({"r1"})
    assert left_by("pr", runs, line(env_pr=4)) == {3, 4}
    assert left_by("pr", frozenset(), line(env_pr=4)) == {4}, "the head of its branch, whoever wrote it"
    assert left_by("pr", frozenset(), line()) == frozenset()
    assert left_by("pr", frozenset({"r2"}), line()) == frozenset()
    assert left_by("pr", runs, line(main=3, env_pr=4)) == {4}
    assert left_by("pr", runs, line(main=None, env_pr=4)) == {3, 4}
    back = replace(line(env_pr=4), log=((at(3), 3), (at(2), 2)))
    assert left_by("pr", runs, back) == {4}, "main was there before it was rolled back"
    assert left_by("pr", runs, replace(line(main=3, env_pr=4), log=())) == {4}, "main is, though no log says so"


MOVES = tuple(RecordedMove(n, n, at(n), 1, None) for n in (1, 2))


def test_its_branch_stands_where_main_stands() -> None:
    found = replace(line(env_pr=4, env_pr__audit_r2=3, env_o=1, audit_r9=1, v1=1), tags=frozenset({"v1"}))
    seen = shown(replace(found, properties={PROPERTY: moves_text(MOVES), "other": "kept"}), pr())
    assert dict(seen.refs) == {"main": 4, "audit_r2": 3, "v1": 1}
    assert seen.schema_id == 4
    assert seen.log == ((at(1), 1), (at(2), 2), (at(3), 3), (at(4), 4))
    assert [move.number for move in moves_of(seen.properties)] == [1, 2]
    assert seen.properties["other"] == "kept"


def test_what_came_to_main_since_is_not_seen_there() -> None:
    found = replace(line(main=2, env_pr=4), properties={PROPERTY: moves_text(MOVES)})
    seen = shown(found, pr(1))
    assert seen.log[0] == (at(1), 1)
    assert [move.number for move in moves_of(seen.properties)] == [1]
    assert seen.main == 4
    assert [id_ for _, id_ in seen.log] == [1, 2, 3, 4]


def test_what_is_pinned_is_seen_until_something_is_built() -> None:
    seen = shown(line(main=2), pr(1))
    assert (seen.main, seen.log, seen.schema_id) == (1, ((at(1), 1),), 0)
    older = replace(line(main=2), snapshots={**line().snapshots, 1: replace(snapshot(1), schema_id=7)})
    assert shown(older, pr(1)).schema_id == 7
    unknown = replace(line(main=2), snapshots={**line().snapshots, 1: replace(snapshot(1), schema_id=None)})
    assert shown(unknown, pr(1)).schema_id == 0


def test_nothing_is_seen_where_nothing_was_published_when_it_was_made() -> None:
    seen = shown(replace(line(main=2), properties={PROPERTY: moves_text(MOVES)}), pr(None))
    assert (dict(seen.refs), seen.log, seen.schema_id) == ({}, (), 0)
    assert moves_of(seen.properties) == ()
    born = shown(replace(line(main=None, env_pr=4), snapshots={4: made(4, None)}), pr(None))
    assert (born.main, born.log) == (4, ((at(4), 4),))


def test_a_table_in_which_nothing_differs_is_main_s() -> None:
    found = replace(line(env_o=1, audit_r1=3), properties={PROPERTY: moves_text(MOVES)})
    seen = shown(found, pr())
    assert dict(seen.refs) == {"main": 2}
    assert (seen.log, seen.properties) == (found.log, found.properties)
    assert dict(shown(line(main=None, audit_r1=3), pr(None)).refs) == {}


def test_what_is_pinned_and_has_expired_is_told_with_what_to_type() -> None:
    with pytest.raises(LakeError) as caught:
        shown(line(), pr(9))
    assert caught.value.message == "silver.a: environment pr has pinned snapshot 9, which has expired"
    assert caught.value.hint == "`lakeflow env refresh pr` pins what readers of main see now"
    assert caught.value.asset == A


def test_one_that_is_not_made_yet_sees_main() -> None:
    found = replace(line(env_pr__audit_r1=3, env_o=3, audit_r2=4, v1=1), tags=frozenset({"v1"}))
    assert dict(shown_unmade(found, "pr").refs) == {"main": 2, "audit_r1": 3, "v1": 1}


def test_what_it_wrote_is_what_stands_above_its_base() -> None:
    assert [one.id for one in written(line(env_pr=4), pr())] == [4, 3]
    assert [one.id for one in written(line(env_pr=4), pr(None))] == [4, 3, 2, 1]
    assert written(line(), pr(1)) == ()


def test_main_is_what_it_was_built_on_by_snapshot_and_by_columns() -> None:
    def stands(schema: str | None, **changes: Any) -> bool:
        said = {} if schema is None else {MAIN_SCHEMA: schema}
        first = replace(made(3, 2, run="r1"), summary={**made(3, 2, run="r1").summary, **said})
        last = replace(made(4, 3, run="r1"), summary={MAIN_SCHEMA: "9"})
        found = line(env_pr=4)
        return stands_on_main(replace(found, snapshots={**found.snapshots, 3: first, 4: last}, **changes), pr())

    assert stands("0")
    assert stands(None), "it does not say its columns"
    assert not stands("1"), "another engine gave main other columns"
    assert stands("1", schema_id=1)
    assert not stands_on_main(line(env_pr=4), pr(1))
    assert stands_on_main(line(), pr())

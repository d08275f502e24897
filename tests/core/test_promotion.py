"""What of an environment may become main as it is: tables, verdicts and the project in, the decision out."""

from __future__ import annotations

from dataclasses import replace

from lakeflow.core.environments.environment import Environment
from lakeflow.core.environments.promotion import Candidates, Promotion, Ready, apart, sound
from lakeflow.core.model.run import Ruling, VerdictRecord
from lakeflow.core.model.table import Pinned, Table
from tests.core.samples import NOON, asset, key, made, project, snapshot, table, verdict

A, QUARANTINE = "silver.a", "silver.a__quarantine"
READY = Ready(key(A), 1, 3, 30)


def held(env: int | None = 3, main: int | None = 1) -> Table:
    """`silver.a` with 1 <- 2 <- 3, and 9 beside them, on which another main may stand."""
    line = table(A, made(1, rows=10), made(2, 1, rows=20), made(3, 2, rows=30), made(9, rows=90))
    refs = {name: at for name, at in (("main", main), ("env_pr", env)) if at is not None}
    return replace(line, refs=refs)


def found(
    *verdicts: VerdictRecord, on: Table | None = None, pinned: int | None = 1, uuid: str = A, defined: str = A
) -> Candidates:
    one = on or held()
    environment = Environment("pr", NOON, NOON, NOON, {one.key: Pinned(uuid, pinned)})
    return Candidates(project(asset(defined)), environment, {one.key: one}, {one.key: verdicts})


def said(*snapshots: int, ruling: Ruling = Ruling.PUBLISH) -> tuple[VerdictRecord, ...]:
    return tuple(verdict(A, one, ruling) for one in snapshots)


def why(candidates: Candidates) -> str:
    ready, behind = sound(candidates)
    assert ready == {}
    (text,) = behind.values()
    return text


def test_what_stands_on_main_and_was_audited_snapshot_by_snapshot_is_sound() -> None:
    assert sound(found(*said(2, 3))) == ({key(A): READY}, {})
    assert sound(found(*said(2, 3, ruling=Ruling.UNCHANGED))) == ({key(A): READY}, {})


def test_a_table_that_main_does_not_have_yet_is_sound_too() -> None:
    born = replace(table(A, made(1, rows=10), main=1), refs={"env_pr": 1})
    assert sound(found(*said(1), on=born, pinned=None)) == ({key(A): Ready(key(A), None, 1, 10)}, {})


def test_rows_that_another_engine_did_not_count_are_unknown() -> None:
    born = replace(table(A, snapshot(1), main=1), refs={"env_pr": 1})
    (one,) = sound(found(*said(1), on=born, pinned=None))[0].values()
    assert one.rows is None


def test_no_asset_defines_it_any_more() -> None:
    assert why(found(*said(2, 3), defined="silver.other")) == "no asset defines it any more"
    moved = found(*said(2, 3), defined="silver.other", on=held(main=9))
    assert why(moved) == "no asset defines it any more", "said before all else"


def test_main_has_moved_since() -> None:
    assert why(found(*said(2, 3), on=held(main=9))) == "main has moved since it was built"
    assert why(found(*said(2, 3), on=held(main=None))) == "main has moved since it was built"
    assert why(found(*said(2, 3), uuid="another")) == "main has moved since it was built"


def test_it_was_set_back_there() -> None:
    back = "it was set back there to what main was before"
    assert why(found(*said(1, 2, 3), on=held(env=1, main=3), pinned=3)) == back
    assert why(found(*said(9), on=held(env=9, main=1))) == back
    assert why(found(*said(9), on=replace(held(env=7, main=1), snapshots={7: made(7, 9), 1: made(1)}))) == back


def test_a_part_of_it_was_not_audited() -> None:
    other = "a part of it was published there by another engine"
    assert why(found()) == why(replace(found(), said={})) == other
    assert why(found(*said(3))) == other
    assert why(found(*said(2))) == other
    assert why(found(*said(2, 3, ruling=Ruling.HOLD))) == other
    assert why(found(*said(2, 3, ruling=Ruling.RETURNED))) == other


def test_a_part_of_it_was_forced_and_the_way_back_is_named() -> None:
    forced = verdict(A, 2, Ruling.FORCED, run="r7")
    back = "a part of it was published there by force, which `lakeflow rollback r7 --env pr` takes back"
    assert why(found(forced, *said(3))) == back
    assert why(found(*said(3), forced, *said(2))) == back, "also where an audit let it pass since"
    assert why(found(verdict(A, 9, Ruling.FORCED), *said(3))) == "a part of it was published there by another engine"
    assert sound(found(verdict(A, 9, Ruling.FORCED), *said(2, 3)))[0] == {key(A): READY}, "what is not in the line"


def test_an_audit_held_it_since() -> None:
    assert why(found(*said(2, 3), *said(3, ruling=Ruling.HOLD))) == "an audit there held it since"
    assert why(found(*said(2, 3), *said(3, ruling=Ruling.ROLLED_BACK))) == "an audit there held it since"
    for ruling in (Ruling.RETURNED, Ruling.UNCHANGED, Ruling.PUBLISH):
        again = (*said(2, 3), *said(3, ruling=Ruling.HOLD), *said(3, ruling=ruling))
        assert sound(found(*again))[0] == {key(A): READY}, ruling
    assert sound(found(*said(2, 3), *said(2, ruling=Ruling.HOLD)))[0] == {key(A): READY}, "the last one counts"


def test_what_main_is_may_be_confirmed() -> None:
    confirmed = {key(A): Ready(key(A), 1, 1, 10, is_confirmed=True)}
    alone = held(env=None)
    assert sound(found(*said(1, ruling=Ruling.UNCHANGED), on=alone)) == (confirmed, {})
    assert sound(found(*said(1), on=alone)) == (confirmed, {})
    assert sound(found(*said(1, ruling=Ruling.UNCHANGED), on=held(env=1))) == (confirmed, {}), "set back to it"
    nothing: tuple[dict[object, object], dict[object, object]] = ({}, {})
    assert sound(found(on=alone)) == nothing
    assert sound(found(*said(1, ruling=Ruling.RETURNED), on=alone)) == nothing
    assert sound(found(*said(1, ruling=Ruling.FORCED), *said(1), on=alone)) == nothing
    assert sound(found(*said(1), *said(1, ruling=Ruling.HOLD), on=alone)) == nothing
    assert sound(found(*said(1), on=held(env=None, main=9))) == nothing, "main moved"
    assert sound(found(*said(1), on=alone, defined="silver.other")) == nothing
    assert sound(found(on=held(env=None, main=None), pinned=None)) == nothing, "there is nothing"


def test_tables_come_in_the_order_of_their_names() -> None:
    one, two = held(), replace(held(), key=key("gold.z"))
    environment = Environment("pr", NOON, NOON, NOON, {each.key: Pinned(A, 1) for each in (one, two)})
    every = Candidates(
        project(asset(A), asset("gold.z")),
        environment,
        {one.key: one, two.key: two},
        {one.key: said(2, 3), two.key: tuple(replace(each, asset=two.key) for each in said(2, 3))},
    )
    assert list(map(str, sound(every)[0])) == ["gold.z", A]


def test_the_line_is_what_would_come_to_main() -> None:
    assert found().line(key(A)) == {2, 3}
    assert found(on=held(env=None)).line(key(A)) == {1}
    assert found(on=held(env=None, main=None), pinned=None).line(key(A)) == set()


def test_main_is_handed_over_the_verdicts_by_which_it_may_have_the_line() -> None:
    every = (*said(1, 2, 3), *said(3, ruling=Ruling.HOLD), *said(3, ruling=Ruling.UNCHANGED), *said(9))
    assert found(*every).verdicts(key(A)) == (every[1], every[2], every[4])
    nobody = replace(found(), said={})
    assert nobody.verdicts(key(A)) == ()


def test_an_asset_and_its_quarantine_come_together_or_not_at_all() -> None:
    own, other = held(), replace(held(), key=key(QUARANTINE))
    environment = Environment("pr", NOON, NOON, NOON, {each.key: Pinned(A, 1) for each in (own, other)})
    both = Candidates(project(asset(A)), environment, {own.key: own, other.key: other})
    assert apart(both, {own.key: READY}) == {own.key: f"{QUARANTINE} is not ready, and belongs to it"}
    assert apart(both, {other.key: READY}) == {other.key: f"{A} is not ready, and belongs to it"}
    assert apart(both, {own.key: READY, other.key: READY}) == {}
    alone = replace(both, tables={own.key: own, other.key: replace(other, refs={"main": 1})})
    assert apart(alone, {own.key: READY}) == {}, "which has no state of its own there"
    assert apart(replace(both, tables={own.key: own}), {own.key: READY}) == {}


def test_rows_are_counted_that_nobody_reads_again() -> None:
    every = (READY, replace(READY, rows=None), replace(READY, rows=4, is_confirmed=True))
    assert Promotion("pr", every).rows_not_read == 34
    assert Promotion("pr").rows_not_read == 0

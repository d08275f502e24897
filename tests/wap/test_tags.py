"""A tag names one state of all tables that readers saw, and keeps it, whatever runs, rollbacks and clocks do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow import wap
from lakeflow.core.care.tags import require_tag_name
from lakeflow.core.errors import ConflictError, UsageError
from lakeflow.core.model.run import RunState
from tests.core.samples import key
from tests.explored import explored
from tests.wap.doubles import Crash
from tests.wap.lab import ACTOR, Lab

NAMES = ("bronze.a", "silver.b", "gold.c")


def mains(lab: Lab) -> dict[str, int]:
    return {name: main for name in NAMES if (main := lab.main(name)) is not None}


def refused(decide: Callable[[], object]) -> str:
    return refusal(decide)[0]


def refusal(decide: Callable[[], object]) -> tuple[str, str]:
    """Why it is refused, and what to type."""
    with pytest.raises(UsageError) as caught:
        decide()
    return caught.value.message, caught.value.hint or ""


def again(lab: Lab, *numbers: int) -> None:
    """Another run, which replaces all rows of silver.b and gold.c."""
    lab.define("silver.b", list(numbers), "bronze.a")
    lab.materialize("silver.b gold.c")


def keeping(lab: Lab, snapshots: int, age: timedelta | None = None) -> None:
    lab.policy = wap.Policy(retry_pause=0.0, keep_snapshots=snapshots, keep_age=age)


# what a tag names


def test_a_tag_names_what_readers_see_of_all_tables_and_stays_there(lab: Lab) -> None:
    lab.materialize()
    before = mains(lab)
    assert lab.tag("2026-q3") == before
    again(lab, 9)
    assert {name: lab.table(name).refs["2026-q3"] for name in NAMES} == before
    assert lab.rows("silver.b", lab.table("silver.b").refs["2026-q3"]) == [2, 4]


def test_a_tag_of_a_run_names_what_readers_saw_after_it_in_tables_of_other_runs_too(lab: Lab) -> None:
    lab.materialize()
    again(lab, 9)
    then = mains(lab)
    lab.define("bronze.a", [7], reads=("a.csv",))
    lab.materialize()
    assert lab.tag("then", "r2") == then


def test_a_rollback_between_two_runs_counts_by_its_order_and_no_clock_is_asked(lab: Lab) -> None:
    lab.materialize()
    first = mains(lab)
    again(lab, 9)
    lab.clock.now -= timedelta(days=400)
    lab.rollback("r2")
    lab.define("gold.d", [5])
    lab.clock.now += timedelta(days=4000)
    lab.materialize("gold.d")
    lab.clock.now -= timedelta(days=3000)
    again(lab, 10)
    assert lab.tag("then", "r3") == {**first, "gold.d": lab.main("gold.d")}


def test_a_table_that_readers_did_not_see_yet_has_no_tag(lab: Lab) -> None:
    lab.materialize("bronze.a silver.b")
    lab.materialize("gold.c")
    assert set(lab.tag("early", "r1")) == {"bronze.a", "silver.b"}


def test_a_tag_is_recorded_with_who_and_what(lab: Lab) -> None:
    lab.materialize()
    lab.tag("v1")
    record = lab.ledger.runs()[0]
    assert (record.state, record.actor, record.reason) == (RunState.PUBLISHED, ACTOR, "tagged v1 in 3 tables")
    assert record.ended_at is not None
    assert record.ended_at > record.started_at
    lab.tag("then", "r1")
    assert lab.ledger.runs()[0].reason == "tagged then as of run r1 in 3 tables"
    lab.untag("v1")
    assert lab.ledger.runs()[0].reason == "removed tag v1"
    assert wap.tag(lab.world, "v2", None).name == "v2"


# what is refused


@pytest.mark.parametrize(
    "name",
    [
        "",
        "main",
        "Main",
        "held",
        "audit_x",
        "AUDIT_x",
        "123",
        "a b",
        "a/b",
        "-a",
        "a.",
        "é",
        "a" * 64,
        "a'b",
        'a"b',
        "a\n",
    ],
)
def test_a_name_that_engines_or_commands_take_for_something_else_is_no_tag(lab: Lab, name: str) -> None:
    lab.materialize()
    assert "cannot name a tag" in refused(lambda: lab.tag(name))
    assert all(set(lab.table(each).refs) == {"main"} for each in NAMES)


@pytest.mark.parametrize("name", ["v1", "2026-q3", "before.migration", "A", "1.0", "a" * 63])
def test_other_names_are_good(name: str) -> None:
    require_tag_name(name)


def test_a_tag_does_not_move_and_is_not_doubled_in_other_letter_case(lab: Lab) -> None:
    lab.materialize()
    lab.tag("v1")
    for name in ("v1", "V1"):
        assert refused(lambda name=name: lab.tag(name)) == "'v1' is there already; a tag does not move"  # type: ignore[misc]


def test_nothing_is_tagged_of_a_run_whose_snapshots_have_expired(lab: Lab) -> None:
    keeping(lab, 0)
    lab.materialize()
    gold = lab.main("gold.c")
    again(lab, 8)
    again(lab, 9)
    hint = "`keep` and `keep_snapshots` say how much of the past stays; a tag keeps it for good"
    told = refusal(lambda: lab.tag("then", "r1"))
    assert told[1] == hint
    assert told[0].startswith(f"gold.c: s{str(gold)[:4]}")
    assert told[0].endswith(", which readers saw then, has expired")
    assert all(set(lab.table(name).refs) == {"main"} for name in NAMES)


def test_a_run_that_published_nothing_left_no_state_to_name(lab: Lab) -> None:
    lab.check("bronze.a", lambda *_: False)
    lab.materialize("bronze.a")
    assert refusal(lambda: lab.tag("then", "r1")) == ("run r1 published nothing", "`lakeflow runs` lists runs")
    nothing = ("readers see nothing that could have a name", "`lakeflow materialize` publishes")
    assert refusal(lambda: lab.tag("now")) == nothing
    assert refusal(lambda: lab.untag("now")) == ("there is no tag 'now'; there is none", "`lakeflow tag` lists them")


def test_a_tag_that_is_not_there_is_told_with_the_first_five_that_are(lab: Lab) -> None:
    lab.materialize()
    for number in range(6):
        lab.tag(f"v{number}")
    assert refused(lambda: lab.untag("now")) == "there is no tag 'now'; there is v0, v1, v2, v3, v4"


# how it is set


def test_a_snapshot_that_expires_meanwhile_is_a_conflict_and_no_table_is_tagged(lab: Lab) -> None:
    keeping(lab, 0)
    lab.materialize()

    def twice() -> None:
        again(lab, 8)
        again(lab, 9)

    lab.at("catalog.commit>", twice)
    with pytest.raises(ConflictError):
        lab.tag("v1")
    assert all("v1" not in lab.table(name).refs for name in NAMES)


def test_a_run_at_work_and_a_tag_do_not_wait_for_each_other(lab: Lab) -> None:
    lab.materialize()
    before = mains(lab)
    lab.define("silver.b", [9], "bronze.a")
    lab.at("catalog.commit>", lambda: lab.tag("v1"))
    lab.materialize("silver.b gold.c")
    assert lab.rows("silver.b") == [9]
    assert {name: lab.table(name).refs["v1"] for name in NAMES} == before


@pytest.mark.parametrize("call", ["ledger.acquire>", "catalog.commit>", "catalog.commit<"])
def test_a_tag_that_dies_is_in_all_tables_or_in_none(lab: Lab, call: str) -> None:
    lab.materialize()
    lab.crash_at(call)
    with pytest.raises(Crash):
        lab.tag("v1")
    lab.reopen()
    assert {name for name in NAMES if "v1" in lab.table(name).refs} in (set(), set(NAMES))


# what it keeps


def test_what_only_the_tag_kept_goes_with_it_and_nothing_else(lab: Lab) -> None:
    keeping(lab, 1)
    lab.materialize()
    lab.tag("v1")
    old = lab.main("silver.b") or 0
    for number in range(3):
        again(lab, number)
    assert old in lab.table("silver.b").snapshots
    left = set(lab.table("silver.b").snapshots) - {old}
    lab.untag("v1")
    assert set(lab.table("silver.b").snapshots) == left
    assert lab.main("bronze.a") in lab.table("bronze.a").snapshots


def test_time_keeps_what_readers_saw_within_it_and_a_number_keeps_at_least_so_many(lab: Lab) -> None:
    keeping(lab, 1, timedelta(days=30))
    lab.materialize()
    seen = []
    for day in range(8):
        lab.clock.now += timedelta(days=10)
        again(lab, day)
        seen.append(lab.main("silver.b"))
    kept = [each.id for each in lab.table("silver.b").ancestry(lab.main("silver.b"))]
    assert kept == seen[::-1][: len(kept)]
    # Counted to the publish before, 10 days ago: main, three more of the 30 days, and what stood when these began.
    assert len(kept) == 5
    lab.clock.now += timedelta(days=1000)
    again(lab, 98)
    again(lab, 99)
    assert len(list(lab.table("silver.b").ancestry(lab.main("silver.b")))) == 1 + 2


def test_one_publish_under_a_fast_clock_lets_nothing_go_and_a_slow_one_keeps_more(lab: Lab) -> None:
    keeping(lab, 1, timedelta(days=30))
    lab.materialize()
    for day in range(5):
        lab.clock.now += timedelta(days=1)
        again(lab, day)
    before = set(lab.table("silver.b").snapshots)
    lab.clock.now += timedelta(days=3650)
    again(lab, 50)
    lab.clock.now -= timedelta(days=3650)
    again(lab, 51)
    lab.clock.now -= timedelta(days=900)
    again(lab, 52)
    assert before <= set(lab.table("silver.b").snapshots)


def test_an_asset_keeps_what_it_declares_whatever_the_settings_say(lab: Lab) -> None:
    keeping(lab, 50)
    lab.define("gold.d", [1], keep_snapshots=1)
    lab.materialize("gold.d")
    for number in range(4):
        lab.define("gold.d", [number], keep_snapshots=1)
        lab.materialize("gold.d")
    assert len(list(lab.table("gold.d").ancestry(lab.main("gold.d")))) == 2


# any life of a lake


@dataclass(frozen=True)
class Deed:
    """What somebody does, and by how many days the clock moves before it."""

    verb: str
    which: int
    days: int


DEEDS = st.lists(
    st.builds(
        Deed,
        st.sampled_from(("run", "run", "run", "tag", "tag run", "untag", "roll back")),
        st.integers(0, 2),
        st.sampled_from((0, 1, 1, 40, -40, 4000, -4000)),
    ),
    max_size=14,
)


@pytest.mark.long
@explored(150)
@given(DEEDS, st.integers(0, 2), st.sampled_from((None, 3, 30)))
def test_a_tag_reads_what_readers_saw_for_as_long_as_it_is_there(
    deeds: list[Deed], most: int, days: int | None
) -> None:
    """The model: what readers saw after each run, in order; a tag is one of these, and never changes."""
    lab = Lab()
    keeping(lab, most, None if days is None else timedelta(days=days))
    lab.define("bronze.a", [1, 2], reads=("a.csv",))
    lab.define("silver.b", lambda rows: list(rows["bronze.a"]), "bronze.a")
    lab.define("gold.c", lambda rows: [sum(rows["silver.b"])], "silver.b")
    saw: dict[str, dict[str, list[int] | None]] = {}
    model: dict[str, dict[str, list[int] | None]] = {}
    for number, deed in enumerate(deeds):
        lab.clock.now += timedelta(days=deed.days)
        runs = list(saw)
        with suppress(UsageError):
            if deed.verb == "run":
                lab.define("silver.b", [number], "bronze.a")
                run = lab.materialize(" ".join(name for name in NAMES if name != "bronze.a" or not lab.main(name)))
                saw[run.id] = _rows(lab)
            elif deed.verb == "tag":
                lab.tag(f"t{deed.which}")
                model[f"t{deed.which}"] = _rows(lab)
            elif deed.verb == "tag run" and runs:
                lab.tag(f"t{deed.which}", runs[deed.which % len(runs)])
                model[f"t{deed.which}"] = saw[runs[deed.which % len(runs)]]
            elif deed.verb == "untag":
                lab.untag(f"t{deed.which}")
                del model[f"t{deed.which}"]
            elif deed.verb == "roll back" and len(runs) > 1:
                lab.rollback(runs[-1])
                del saw[runs[-1]]
        tables = lab.catalog.load(map(key, NAMES))
        found = {
            name: {
                str(one): lab.rows(str(one), table.refs[name]) for one, table in tables.items() if name in table.tags
            }
            for name in sorted({name for table in tables.values() for name in table.tags})
        }
        assert found == model, deeds


def _rows(lab: Lab) -> dict[str, list[int] | None]:
    return {name: lab.rows(name) for name in NAMES if lab.main(name) is not None}

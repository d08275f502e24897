from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.errors import BusyError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Holder, Lease, RunRecord, RunState
from lakeflow.core.run.leases import (
    Acquired,
    AssetLease,
    AtWork,
    CurrentLeases,
    acquire,
    at_work,
    busy,
    died,
    holders,
    lost,
)

KEYS = [AssetKey.parse(f"silver.{name}") for name in "abcd"]
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WANTED = Lease("mine", "t-mine", frozenset(KEYS[:2]), Holder("here", "boot", 1, "0"))


def held(asset: AssetKey, run: str = "theirs", silent: float = 0.0, pid: int = 2) -> AssetLease:
    holder = Holder("there", "boot", pid, "0")
    return AssetLease(asset, run, f"t-{run}", holder, NOW - timedelta(hours=1), NOW - timedelta(seconds=silent))


def standing(*leases: AssetLease, alive: bool | None = True) -> CurrentLeases:
    return CurrentLeases(leases, {one.holder: alive for one in leases}, NOW, lease_seconds=30)


def test_nothing_stands_in_the_way_of_free_assets() -> None:
    assert acquire(WANTED, standing()) == Acquired()


def test_a_live_lease_elsewhere_does_not_matter() -> None:
    assert acquire(WANTED, standing(held(KEYS[3]))) == Acquired()


def test_a_lease_does_not_stand_in_its_own_way() -> None:
    mine = replace(held(KEYS[0], "mine", silent=99), token=WANTED.token)
    assert acquire(WANTED, standing(mine, alive=None)) == Acquired()


def test_every_holder_in_the_way_is_named_once() -> None:
    leases = (held(KEYS[0], "one"), held(KEYS[1], "two", pid=3), held(KEYS[2], "one"))
    with pytest.raises(BusyError) as caught:
        acquire(replace(WANTED, assets=frozenset(KEYS)), standing(*leases))
    assert caught.value.message == (
        "silver.a, silver.c are busy: run one is at work (process 2 on there, since 2026-03-01 11:00:00 UTC); "
        "silver.b is busy: run two is at work (process 3 on there, since 2026-03-01 11:00:00 UTC)"
    )
    assert caught.value.asset == KEYS[0]
    assert caught.value.hint == "`lakeflow runs one` shows it; `materialize` and `retry` wait for it with `--wait 10m`"


def test_dead_leases_are_freed_even_where_they_are_not_needed() -> None:
    leases = (held(KEYS[0], "one"), held(KEYS[3], "two"))
    assert acquire(WANTED, standing(*leases, alive=False)) == Acquired(frozenset({"t-one", "t-two"}), ("one", "two"))


def test_a_lost_lease_says_who_has_it_now_and_how_to_go_on() -> None:
    error = lost(WANTED, [held(KEYS[0])])
    assert "run mine has lost its lease" in error.message
    assert "silver.a is busy: run theirs is at work" in error.message
    assert error.hint == "`lakeflow retry mine` goes on with it"


def test_a_lease_is_lost_to_somebody_else_or_to_nobody() -> None:
    mine = replace(held(KEYS[1], "mine"), token=WANTED.token)
    message = "run mine has lost its lease, because it was silent for too long"
    assert lost(WANTED, [mine]).message == message
    assert lost(WANTED, [mine, held(KEYS[0])]).message == f"{message}: {busy([held(KEYS[0])]).message}"


def test_attempts_of_one_run_are_named_each_with_its_process() -> None:
    again = replace(held(KEYS[0], pid=3), token="t-again")
    assert busy([held(KEYS[1]), again]).message == f"{busy([again]).message}; {busy([held(KEYS[1])]).message}"


def test_the_assets_of_a_run_are_named_in_order() -> None:
    assert busy([held(KEYS[1]), held(KEYS[0])]).message.startswith("silver.a, silver.b are busy")


def test_a_heartbeat_from_a_time_to_come_is_as_dead_as_one_long_gone() -> None:
    assert acquire(WANTED, standing(held(KEYS[0], silent=-31), alive=None)).runs == ("theirs",)
    with pytest.raises(BusyError):
        acquire(WANTED, standing(held(KEYS[0], silent=-30), alive=None))


def test_a_dead_run_is_named_once_however_many_leases_it_had() -> None:
    assert acquire(WANTED, standing(held(KEYS[0]), held(KEYS[1]), alive=False)).runs == ("theirs",)


@pytest.mark.parametrize("state", RunState)
def test_only_a_running_run_can_have_died_and_only_without_a_living_lease(state: RunState) -> None:
    run = RunRecord("theirs", state, NOW)
    running = state is RunState.RUNNING
    assert died(run, standing()) is running
    assert died(run, standing(held(KEYS[0], "others"))) is running
    assert died(run, standing(held(KEYS[0]), alive=False)) is running
    assert not died(run, standing(held(KEYS[0])))


def test_a_holder_of_several_leases_is_asked_after_once() -> None:
    leases = (held(KEYS[0]), held(KEYS[1]), held(KEYS[2], "other", pid=3))
    assert holders(leases) == {leases[0].holder, leases[2].holder}


@given(
    leases=st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["one", "two"])),
    alive=st.dictionaries(st.sampled_from(["one", "two"]), st.sampled_from([True, False, None])),
    silent=st.dictionaries(st.sampled_from(["one", "two"]), st.sampled_from([0.0, 30.0, 30.1])),
)
def test_a_lease_is_granted_exactly_when_no_living_holder_has_one_of_its_assets(
    leases: dict[AssetKey, str], alive: dict[str, bool | None], silent: dict[str, float]
) -> None:
    pids = {"one": 11, "two": 12}
    rows = [held(asset, run, silent.get(run, 0.0), pids[run]) for asset, run in leases.items()]
    knowledge = {one.holder: alive.get(one.run) for one in rows}
    gone = {
        run
        for run in ("one", "two")
        if alive.get(run) is False or (alive.get(run) is None and silent.get(run, 0.0) > 30)
    }
    now = CurrentLeases(rows, knowledge, NOW, lease_seconds=30)
    if any(asset in WANTED.assets and run not in gone for asset, run in leases.items()):
        with pytest.raises(BusyError):
            acquire(WANTED, now)
    else:
        assert set(acquire(WANTED, now).runs) == gone & set(leases.values())


def test_runs_at_work_are_told_once_the_longest_first_with_all_that_they_hold() -> None:
    runs = [RunRecord(name, RunState.RUNNING, NOW, actor=name.upper()) for name in ("one", "two", "three")]
    ended = RunRecord("four", RunState.PUBLISHED, NOW)
    later = replace(held(KEYS[1], "one", pid=3), since=NOW - timedelta(minutes=5))
    leases = (held(KEYS[2], "two"), later, replace(held(KEYS[0], "one", pid=3), since=NOW - timedelta(hours=2)))
    others = (held(KEYS[3], "four"), held(KEYS[3], "unknown"))
    assert at_work([*runs, ended], standing(*leases, *others)) == (
        AtWork("one", "ONE", NOW - timedelta(hours=2), "there", 3, (KEYS[0], KEYS[1])),
        AtWork("two", "TWO", NOW - timedelta(hours=1), "there", 2, (KEYS[2],)),
    )
    assert at_work(runs, standing(*leases, alive=False)) == ()

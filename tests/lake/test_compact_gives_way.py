"""A compaction is in nobody's way: it gives way to runs, and to whatever changes a table meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lakeflow.core.compact.results import Compacted, CompactOutcome
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Holder, Lease, RunState
from lakeflow.core.view.findings import Level
from lakeflow.lake.lake import Lake
from tests.external.lab import make, opened
from tests.lake.test_compact import land, prepared, root, rows, theirs

__all__ = ["prepared", "root"]
LANDED = AssetKey.parse("bronze.landed")


def one(lake: Lake, name: str = "bronze.landed", **asked: Any) -> Compacted:
    (found,) = lake.compact(name, **asked)
    return found


def before(lake: Lake, port: str, method: str, act: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """`act` once, just before that method is called the first time."""
    owner, acts = getattr(lake._world, port), [act]
    real = getattr(owner, method)

    def first(*arguments: Any) -> Any:
        if acts:
            acts.pop()()
        return real(*arguments)

    monkeypatch.setattr(owner, method, first)


def lease_of(lake: Lake, run: str) -> Lease:
    return Lease(run, f"token of {run}", frozenset({LANDED}), lake._world.invocation.holder)


@pytest.mark.long
def test_a_table_that_a_run_is_at_work_on_is_left_for_another_time(root: Path) -> None:
    with opened(root) as lake:
        lease = lease_of(lake, "6gother001")
        lake._world.ledger.acquire(lease)
        files = set((root / ".lakeflow/warehouse").rglob("*"))
        done = one(lake)
        assert (done.outcome, done.why) == (CompactOutcome.BUSY, "run 6gother001 is at work on it")
        assert set((root / ".lakeflow/warehouse").rglob("*")) == files
        lake._world.ledger.release(lease)
        assert one(lake).outcome is CompactOutcome.COMPACTED


@pytest.mark.long
def test_a_run_that_begins_during_the_work_goes_first_and_no_file_stays(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(root) as lake:
        files = set((root / ".lakeflow/warehouse").rglob("*"))
        lease = lease_of(lake, "6gother002")
        before(lake, "engine", "rewrite", lambda: lake._world.ledger.acquire(lease), monkeypatch)
        done = one(lake)
        assert done.outcome is CompactOutcome.BUSY
        assert "6gother002" in done.why
        assert set((root / ".lakeflow/warehouse").rglob("*")) == files
        assert lake.runs()[0].steps[0].action == "write"


@pytest.mark.long
def test_rows_that_a_run_appends_during_the_work_stay_as_the_run_wrote_them(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(root) as lake, opened(root) as other:
        land(root, 7)

        def run() -> None:
            done = other.materialize("bronze.landed")
            assert done is not None
            assert done.state is RunState.PUBLISHED

        before(lake, "ledger", "standing", run, monkeypatch)
        done = one(lake)
        assert (done.outcome, done.after.files) == (CompactOutcome.COMPACTED, 1)
        assert [run.steps[0].action for run in lake.runs(3)] == ["compact", "compact", "write"]
        assert len(rows(root, "bronze.landed")) == 15
        reasons = [str(reason) for step in lake.plan().steps for reason in step.reasons]
        assert any("+3 rows" in reason for reason in reasons), reasons


@pytest.mark.long
def test_where_rows_went_during_the_work_it_is_done_anew(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(root) as lake, opened(root) as other:
        last = lake.runs()[0].id
        before(lake, "catalog", "data_directory", lambda: other.rollback(last, force=True), monkeypatch)
        done = one(lake)
        assert done.outcome is CompactOutcome.COMPACTED
        assert len(rows(root, "bronze.landed")) == 9
        assert not [finding for finding in lake.doctor() if finding.level is Level.PROBLEM]


@pytest.mark.long
def test_a_run_below_that_read_the_table_before_it_was_compacted_publishes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(root, 8)
    with opened(root) as lake, opened(root) as other:
        other.materialize("bronze.landed")
        before(lake, "engine", "produce", lambda: one(other), monkeypatch)
        run = lake.materialize("silver.new", "gold.counts")
        assert run is not None
        assert run.state is RunState.PUBLISHED
        assert len(rows(root, "silver.new")) == 15
        assert lake.plan().steps == ()


@pytest.mark.long
def test_rows_of_another_engine_that_nobody_audited_get_no_verdict(root: Path) -> None:
    with theirs(root, "silver.new") as table:
        table.append(pa.table({"id": pa.array([99], pa.int64()), "name": ["theirs"]}))
    with opened(root) as lake:
        done = one(lake, "silver.new")
        assert done.outcome is CompactOutcome.LEFT
        assert "never audited" in done.why


@pytest.mark.long
def test_what_fails_todays_audit_gets_no_other_verdict(root: Path) -> None:
    make(root, {"checks/bronze/landed.none.sql": "select * from bronze.landed", "pyproject.toml": "[tool.lakeflow]\n"})
    with opened(root) as lake:
        run = lake.materialize("bronze.landed")
        assert run is not None
        assert run.state is RunState.HELD
        assert one(lake).why.startswith("it failed its last audit")


@pytest.mark.long
@pytest.mark.parametrize("fails", ["compact", "commit"])
def test_one_that_fails_leaves_no_branch_and_the_next_one_goes_through(
    fails: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise OSError("the disk is gone")

    with opened(root) as lake:
        before(lake, "catalog", fails, broken, monkeypatch)
        with pytest.raises(OSError, match="the disk is gone"):
            one(lake)
        table = lake._world.catalog.load([LANDED])[LANDED]
        assert set(table.refs) == {"main"}
        assert lake.runs()[0].state is RunState.DISCARDED
        assert lake.plan().steps == ()
        assert one(lake).outcome is CompactOutcome.COMPACTED


@pytest.mark.long
def test_what_a_killed_compaction_staged_is_dropped_by_the_next(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(root) as lake:
        monkeypatch.setattr(lake._world.catalog, "commit", _die)
        monkeypatch.setattr("lakeflow.wap.decide.moved_rows.leased", _never_released(lake))
        with pytest.raises(_Killed):
            one(lake)
        monkeypatch.undo()
        dead = lake.runs()[0]
        assert dead.branch in lake._world.catalog.load([LANDED])[LANDED].refs
    with opened(root) as lake:
        assert lake.materialize() is None
        done = one(lake)
        assert done.outcome is CompactOutcome.COMPACTED
        assert set(lake._world.catalog.load([LANDED])[LANDED].refs) == {"main"}
        assert lake.run(dead.id).state is RunState.ABANDONED


class _Killed(BaseException):
    pass


def _die(*_: object) -> None:
    raise _Killed


def _never_released(lake: Lake) -> Any:
    """As `leased`, by a process that dies: nobody gives the lease back, and the holder is gone."""
    from contextlib import contextmanager

    @contextmanager
    def leased(world: Any, run: str, assets: Any, _: float) -> Any:
        here = world.invocation.holder
        gone = Holder(here.host, here.boot_id, 2**22 + 1, "long ago")
        lease = Lease(run, f"token of {run}", frozenset(assets), gone)
        world.ledger.acquire(lease)
        yield lease

    return leased

"""What the loop relies on, of the real lake and of the one in memory alike."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

import lakeflow
from lakeflow.core.errors import BusyError, UsageError
from lakeflow.core.model.run import Lease, RunState
from lakeflow.core.plan.reasons import Cause
from lakeflow.core.serve.view import ServedAsset
from lakeflow.serve.lake import FileLake
from lakeflow.serve.ports import KeptLake
from tests.core.samples import asset, key, project
from tests.serve.simulated import Clock, SimulatedLake

LANDED, MART = key("bronze.landed"), key("silver.mart")
BRONZE = '/*\n[source]\nfiles = "in/*.csv"\nformat = "csv"\ncolumns = {id = "int"}\n*/\nselect * from source\n'
GOOD = "/*\nkey = ['n']\n*/\nselect count(*) as n from bronze.landed\n"
BROKEN = "/*\nkey = ['n']\n*/\nselect error('broken')::bigint as n from bronze.landed\n"
CHECK = "select * from silver.mart where n > 0\n"


class Situation(Protocol):
    """A lake, and what a test does to it."""

    @property
    def kept(self) -> KeptLake: ...
    def deliver(self) -> None: ...
    def broken(self) -> None: ...
    def bad(self) -> None: ...
    def well(self) -> None: ...
    def busy(self) -> None: ...


class InMemory:
    def __init__(self) -> None:
        made = project(asset("bronze.landed"), asset("silver.mart", "bronze.landed"))
        self.kept: KeptLake
        self.kept = self._lake = SimulatedLake(made, Clock(datetime(2026, 1, 1, tzinfo=UTC)))
        self.deliver()

    def deliver(self) -> None:
        self._lake.deliver(LANDED)

    def broken(self) -> None:
        self._lake.broken.add(MART)
        self._lake.mended = True

    def bad(self) -> None:
        self._lake.bad.add(MART)
        self._lake.mended = True

    def well(self) -> None:
        self._lake.broken.clear()
        self._lake.bad.clear()
        self._lake.mended = True

    def busy(self) -> None:
        self._lake.busy.add(MART)


class OnDisk:
    def __init__(self, root: Path) -> None:
        self._root, self._files = root, 0
        for folder in ("layers/bronze", "layers/silver", "checks/silver", "in"):
            (root / folder).mkdir(parents=True)
        (root / "pyproject.toml").write_text("[tool.lakeflow]\n")
        (root / "layers/bronze/landed.sql").write_text(BRONZE)
        (root / "layers/silver/mart.sql").write_text(GOOD)
        self.kept: KeptLake = FileLake(root, {})
        self.deliver()

    def deliver(self) -> None:
        self._files += 1
        path = self._root / f"in/{self._files}.csv"
        path.write_text(f"id\n{self._files}\n")

    def broken(self) -> None:
        self._mart(BROKEN)

    def bad(self) -> None:
        (self._root / "checks/silver/mart.none.sql").write_text(CHECK)
        self._mart(GOOD + "-- made again\n")

    def well(self) -> None:
        (self._root / "checks/silver/mart.none.sql").unlink(missing_ok=True)
        self._mart(GOOD)

    def busy(self) -> None:
        with lakeflow.open(self._root) as lake:
            world = lake._world
            world.ledger.acquire(Lease("other", "token", frozenset({MART}), world.invocation.holder))

    def _mart(self, text: str) -> None:
        path = self._root / "layers/silver/mart.sql"
        path.write_text(text)
        os.utime(path, ns=(time.time_ns(), time.time_ns()))


@pytest.fixture(params=["memory", "disk"])
def situation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Situation]:
    made: Situation = InMemory() if request.param == "memory" else OnDisk(tmp_path)
    yield made
    made.kept.close()


def seen(kept: KeptLake, of: str) -> ServedAsset:
    return kept.look().lake.assets[key(of)]


def causes(one: ServedAsset) -> set[Cause]:
    return {reason.cause for reason in one.reasons}


@pytest.mark.long
def test_a_delivery_is_a_reason_until_a_run_has_landed_it(situation: Situation) -> None:
    kept = situation.kept
    first = kept.look()
    assert first.mended
    assert list(first.lake.assets) == [LANDED, MART]
    assert not first.lake.assets[MART].is_published
    assert Cause.NEVER_BUILT in causes(first.lake.assets[MART])
    run = kept.materialize([LANDED, MART])
    assert run is not None
    assert run.state is RunState.PUBLISHED
    second = kept.look()
    assert not second.mended
    assert [one.reasons for one in second.lake.assets.values()] == [(), ()]
    assert all(one.is_published and one.tried for one in second.lake.assets.values())
    situation.deliver()
    assert Cause.NEW_FILES in causes(seen(kept, "bronze.landed"))
    assert Cause.UPSTREAM_RUNS in causes(seen(kept, "silver.mart"))
    kept.materialize([LANDED])
    assert Cause.INPUT_MOVED in causes(seen(kept, "silver.mart"))


@pytest.mark.long
def test_what_breaks_names_its_run_and_its_attempts_until_a_retry_succeeds(situation: Situation) -> None:
    kept = situation.kept
    kept.look()
    situation.broken()
    kept.look()
    run = kept.materialize([LANDED, MART])
    assert run is not None
    for attempt in (1, 2):
        failure = seen(kept, "silver.mart").failure
        assert failure is not None
        assert (failure.run, failure.attempt) == (run.id, attempt)
        if attempt == 1:
            assert kept.retry(run.id).state is RunState.FAILED
    assert seen(kept, "bronze.landed").failure is None
    situation.well()
    assert kept.look().mended
    assert kept.retry(run.id).state is RunState.PUBLISHED
    assert seen(kept, "silver.mart").failure is None
    with pytest.raises(UsageError, match="nothing to"):
        kept.retry(run.id)


@pytest.mark.long
def test_what_is_held_is_no_work_until_its_inputs_or_its_code_change(situation: Situation) -> None:
    kept = situation.kept
    kept.look()
    kept.materialize([LANDED, MART])
    situation.bad()
    situation.deliver()
    kept.look()
    kept.materialize([LANDED, MART])
    kept.materialize([MART])
    assert causes(seen(kept, "silver.mart")) == set()
    situation.deliver()
    kept.materialize([LANDED])
    assert Cause.INPUT_MOVED in causes(seen(kept, "silver.mart"))
    situation.well()
    kept.look()
    kept.materialize([MART])
    assert causes(seen(kept, "silver.mart")) == set()


def test_while_another_holds_an_asset_a_run_is_refused_and_changes_nothing(situation: Situation) -> None:
    kept = situation.kept
    kept.look()
    situation.busy()
    with pytest.raises(BusyError, match="other is at work"):
        kept.materialize([LANDED, MART])
    assert not seen(kept, "silver.mart").is_published

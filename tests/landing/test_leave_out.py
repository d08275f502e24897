"""A wrong run is taken back from under good ones: the good days stay, and readers see one publish."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lakeflow.core.errors import UsageError
from lakeflow.core.model.run import RunRecord, RunState, StepState
from lakeflow.core.plan.reasons import Cause
from tests.external.lab import make
from tests.faults.zygote import open_lake as opened
from tests.landing.test_unland import DAYS, PROJECT, delivered, is_sound, never, ran, seen


def days(root: Path, *names: str) -> list[RunRecord]:
    """A run a day."""
    make(root, PROJECT)
    found = []
    for name in names:
        make(root, {name: DAYS[name]})
        run = ran(root)
        assert run is not None
        found.append(run)
    return found


def leave_out(root: Path, run: RunRecord, *selection: str, **asked: Any) -> RunRecord:
    with opened(root) as lake:
        made = lake.leave_out(run.id, *selection, **asked)
        assert made is not None
        return made


def record(root: Path, run: RunRecord) -> RunRecord:
    with opened(root) as lake:
        return lake.run(run.id)


@pytest.mark.long
def test_what_the_run_landed_goes_what_came_after_stays_and_readers_see_one_publish(tmp_path: Path) -> None:
    _, wrong, _ = days(tmp_path / "a", *DAYS)
    before = seen(tmp_path / "a")
    shown = []
    made = leave_out(tmp_path / "a", wrong, observer=lambda _: shown.append(seen(tmp_path / "a")))
    assert made.state is RunState.PUBLISHED, made
    after = seen(tmp_path / "a")
    assert after == never(tmp_path / "b", "drops/1.csv", "drops/3.csv")
    assert all(each in (before, after) for each in shown)
    changes = [old != new for old, new in pairwise(shown)]
    assert sum(changes) == 1, "all tables change together, once"
    taken = record(tmp_path / "a", wrong)
    assert (taken.state, taken.reason) == (RunState.ROLLED_BACK, f"rolled back in run {made.id} by {made.actor}")
    assert is_sound(tmp_path / "a")
    assert ran(tmp_path / "a") is None, "the wrong file is there still, and stays out"


@pytest.mark.long
def test_a_mended_file_lands_with_the_same_publish(tmp_path: Path) -> None:
    _, wrong, _ = days(tmp_path, *DAYS)
    make(tmp_path, {"drops/2.csv": "id,who,total\n3,eve,30\n4,ann,40\n"})
    leave_out(tmp_path, wrong)
    rows = seen(tmp_path)
    assert [row for row in rows["gold.totals"] if "'eve', 'total': Decimal('30')" in row]
    assert len(rows["bronze.orders"]) == len(rows["silver.log"]) == 5
    assert ran(tmp_path) is None


@pytest.mark.long
def test_where_the_code_was_wrong_the_files_stay_and_todays_code_reads_them(tmp_path: Path) -> None:
    right = PROJECT["layers/silver/log.sql"]
    make(tmp_path / "a", {**PROJECT, "drops/1.csv": DAYS["drops/1.csv"]})
    ran(tmp_path / "a")
    wrong_code = right.replace("id, total", "id, -total as total")
    make(tmp_path / "a", {"layers/silver/log.sql": wrong_code, "drops/2.csv": DAYS["drops/2.csv"]})
    wrong = ran(tmp_path / "a")
    assert wrong is not None
    make(tmp_path / "a", {"drops/3.csv": DAYS["drops/3.csv"]})
    ran(tmp_path / "a")
    make(tmp_path / "a", {"layers/silver/log.sql": right})
    assert leave_out(tmp_path / "a", wrong).state is RunState.PUBLISHED
    assert seen(tmp_path / "a") == never(tmp_path / "b", *DAYS)


@pytest.mark.long
def test_what_is_held_publishes_nothing_and_the_run_stays_as_it_was(tmp_path: Path) -> None:
    _, wrong, _ = days(tmp_path, *DAYS)
    before = seen(tmp_path)
    make(tmp_path, {"checks/gold/totals.all.sql": "select 1 as a where (select count(*) from gold.totals) < 3"})
    made = leave_out(tmp_path, wrong)
    assert (made.state, record(tmp_path, wrong).state) == (RunState.HELD, RunState.PUBLISHED)
    assert seen(tmp_path) == before
    (tmp_path / "checks/gold/totals.all.sql").unlink()
    with opened(tmp_path) as lake:
        assert lake.retry(made.id).state is RunState.PUBLISHED
    assert record(tmp_path, wrong).state is RunState.ROLLED_BACK
    assert len(seen(tmp_path)["bronze.orders"]) == 3


@pytest.mark.long
def test_a_selection_leaves_the_other_tables_of_the_run_published(tmp_path: Path) -> None:
    make(tmp_path, {"layers/bronze/other.sql": PROJECT["layers/bronze/orders.sql"].replace("drops/", "others/")})
    make(tmp_path, {"others/1.csv": DAYS["drops/1.csv"]})
    days(tmp_path, "drops/1.csv")
    make(tmp_path, {"others/2.csv": DAYS["drops/3.csv"]})
    (wrong,) = days(tmp_path, "drops/2.csv")
    leave_out(tmp_path, wrong, "bronze.orders+")
    states = {str(step.asset): step.state for step in record(tmp_path, wrong).steps}
    assert (states["bronze.other"], states["bronze.orders"]) == (StepState.PUBLISHED, StepState.SKIPPED)
    with opened(tmp_path) as lake:
        assert len(lake.read("bronze.other").fetchall()) == 3
        assert len(lake.read("bronze.orders").fetchall()) == 2


@pytest.mark.long
def test_the_plan_of_the_run_says_which_files_go(tmp_path: Path) -> None:
    _, wrong, _ = days(tmp_path, *DAYS)
    made = leave_out(tmp_path, wrong)
    reasons = {str(step.asset): step.reasons for step in made.steps}
    assert reasons["bronze.orders"] == ("takes out drops/2.csv", f"{Cause.LEAVES_OUT} {wrong.id}")


@pytest.mark.long
def test_rows_that_nobody_can_tell_apart_are_refused(tmp_path: Path) -> None:
    make(tmp_path, {"layers/bronze/api.sql": "select 1 as id"})
    delivered(tmp_path, "drops/1.csv")
    with opened(tmp_path) as lake:
        run = lake.runs()[-1]
        with pytest.raises(UsageError, match=r"bronze.api adds what its code gives: nobody can tell which") as caught:
            lake.leave_out(run.id)
    assert "roll the later runs back" in (caught.value.hint or "")

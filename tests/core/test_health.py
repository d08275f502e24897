"""What readers may think of a table is the worst of its publishes, its freshness and its checks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from lakeflow.core.model.run import Ruling, RunRecord, RunState, StepRecord, StepState, VerdictRecord
from lakeflow.core.time.freshness import Freshness
from lakeflow.core.view.freshness import Deadline
from lakeflow.core.view.health import with_health
from lakeflow.core.view.rows import AssetState, AssetStatus, Health
from tests.core.samples import NOON, facts, key, made, table

RAW = key("bronze.raw")
WELL = AssetStatus(RAW, AssetState.FRESH, snapshot_id=1, rows=10, published_at=NOON)
NOW = NOON + timedelta(hours=30)
DAILY = Freshness(timedelta(hours=24), text="24h")


def verdict(ruling: Ruling, passed: int = 3, total: int = 3, run: str = "r1", snapshot: int = 1) -> VerdictRecord:
    return VerdictRecord(RAW, snapshot, ruling, run, 1, NOON, passed=passed, total=total)


def health(
    status: AssetStatus,
    *verdicts: VerdictRecord,
    deadlines: tuple[Deadline, ...] = (),
    waiting: tuple[RunRecord, ...] = (),
) -> tuple[Health, list[str], datetime | None]:
    said = replace(facts(table("bronze.raw", made(1))), verdicts={RAW: verdicts}, now=NOW)
    found = with_health({RAW: status}, said, {RAW: deadlines}, waiting)[RAW]
    return found.health, [symptom.text for symptom in found.symptoms], found.unhealthy_since


def test_a_published_table_whose_checks_passed_is_healthy() -> None:
    assert health(WELL, verdict(Ruling.PUBLISH)) == (Health.HEALTHY, [], None)


def test_what_a_run_would_renew_is_healthy_as_long_as_no_deadline_says_otherwise() -> None:
    assert health(replace(WELL, state=AssetState.STALE), verdict(Ruling.PUBLISH))[0] is Health.HEALTHY


def test_of_what_was_never_published_nothing_is_known() -> None:
    unborn = AssetStatus(RAW, AssetState.NEVER_BUILT)
    assert health(unborn) == (Health.UNKNOWN, ["never published"], None)


def test_a_table_that_cannot_be_read_is_degraded() -> None:
    broken = replace(WELL, state=AssetState.BROKEN, reasons=("its metadata is gone",))
    assert health(broken)[:2] == (Health.DEGRADED, ["its metadata is gone"])


def test_a_missed_deadline_degrades_since_it_was_due() -> None:
    due = NOON + timedelta(hours=24)
    late = Deadline(DAILY, RAW, NOON, due, late=True)
    assert health(WELL, deadlines=(late,)) == (Health.DEGRADED, ["late: last publish 30 h ago, due within 24h"], due)


def test_freshness_that_cannot_be_told_is_not_healthy() -> None:
    unknown = Deadline(DAILY, RAW, fault="bronze.raw has no column 'at'")
    assert health(WELL, deadlines=(unknown,))[0] is Health.WARNING


def test_rows_that_cannot_be_read_are_degraded_and_not_only_of_unknown_age() -> None:
    gone = Deadline(DAILY, RAW, fault="a file is missing", unreadable=True)
    assert health(WELL, deadlines=(gone,))[:2] == (Health.DEGRADED, ["its rows cannot be read: a file is missing"])


def test_a_failed_audit_of_what_readers_see_degrades_until_a_later_one_passes() -> None:
    failed = verdict(Ruling.HOLD, 2, run="r2")
    assert health(WELL, verdict(Ruling.PUBLISH), failed)[0] is Health.DEGRADED
    assert health(WELL, failed, verdict(Ruling.PUBLISH, run="r3"))[0] is Health.HEALTHY


def test_what_was_forced_over_failed_checks_stays_degraded() -> None:
    assert health(WELL, verdict(Ruling.FORCED, 2))[1] == ["published by force in run r1, though 1 of 3 checks failed"]
    assert health(WELL, verdict(Ruling.FORCED))[0] is Health.HEALTHY


def test_checks_that_only_warn_give_a_warning() -> None:
    assert health(WELL, verdict(Ruling.PUBLISH, 2))[:2] == (
        Health.WARNING,
        ["1 of 3 checks failed, which only warn"],
    )


def test_rows_that_are_held_back_give_a_warning_since_they_are() -> None:
    held = replace(WELL, state=AssetState.HELD, held=("r2",))
    found = health(held, verdict(Ruling.PUBLISH), verdict(Ruling.HOLD, 1, run="r2", snapshot=5))
    assert found == (Health.WARNING, ["run r2 waits for a decision"], NOON)


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.CONFLICT, RunState.ABANDONED])
def test_a_run_that_left_it_unpublished_gives_a_warning(state: RunState) -> None:
    run = RunRecord("r2", state, NOON, steps=(StepRecord(RAW, state=StepState.ERRORED),))
    assert health(WELL, waiting=(run,))[0] is Health.WARNING
    done = replace(run, steps=(StepRecord(RAW, state=StepState.PUBLISHED),))
    assert health(WELL, waiting=(done,))[0] is Health.HEALTHY


def test_the_worst_comes_first_and_since_is_its_own() -> None:
    late = Deadline(DAILY, RAW, NOON, NOON + timedelta(hours=24), late=True)
    held = replace(WELL, state=AssetState.HELD, held=("r2",))
    found = health(held, deadlines=(late,))
    assert (found[0], len(found[1]), found[2]) == (Health.DEGRADED, 2, NOON + timedelta(hours=24))

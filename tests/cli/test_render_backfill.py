"""A backfill as a screen: what became of each window."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from lakeflow.cli.screens.backfill import backfill_records, backfill_screen, window_line
from lakeflow.core.model.run import Action, RunRecord, RunState, StepState
from lakeflow.core.run.backfill import Backfilled, WindowEnded
from tests.cli.values import DELAYS, HELD_RUN, HELD_STEP, PUBLISHED_STEP

WROTE = replace(HELD_RUN, state=RunState.PUBLISHED, steps=(PUBLISHED_STEP,))
AUDITED = replace(WROTE, steps=(replace(PUBLISHED_STEP, state=StepState.AUDITED, action=Action.AUDIT),))
HELD = replace(HELD_RUN, steps=(replace(HELD_STEP, asset=DELAYS),))
SECOND = timedelta(seconds=1)


def windows(*runs: RunRecord | None) -> Backfilled:
    ended = (
        WindowEnded(f"2013-{at:02}", at, len(runs), SECOND, at * SECOND, run) for at, run in enumerate(runs, start=1)
    )
    return Backfilled(tuple(ended))


def test_each_window_says_what_became_of_it_and_how_many_rows_came() -> None:
    assert str(backfill_screen(windows(WROTE, HELD, AUDITED, None))).splitlines() == [
        "✓  2013-01  336,776 rows  1.0s  published  run 01jd3k",
        "✗  2013-02  26,115 rows   1.0s  held  run 01jd3k",
        "✓  2013-03                1.0s  audited  run 01jd3k",
        "–  2013-04                      nothing to do",
        "4 windows: 1 published · 1 audited · 1 had nothing to do · 1 not published",
        "",
        "Decide    gold.carrier_delays held: wind_speed between 0 and 200 failed and 1 more; "
        "`lakeflow runs 01jd3k` says what to do",
    ]


def test_a_window_in_which_only_checks_ran_brought_no_rows() -> None:
    done = windows(AUDITED)
    assert str(window_line(done.windows[0])) == "2013-01  audited  1.0s  (1 of 1)"
    assert backfill_records(done)[1] == [("2013-01", "01jd3k", "published", "0", "1.000")]

"""A run on the screen: every held asset says what failed, on which rows, what readers still see and what to type."""

from dataclasses import replace

from lakeflow.as_json.values import run_json
from lakeflow.cli.answers.run import run_answer
from lakeflow.cli.screens.run import run_screen
from lakeflow.core.keys import EMPTY
from lakeflow.core.model.run import Action, RunState, StepRecord, StepState
from tests.cli.values import (
    FLIGHTS,
    FLIGHTS_STATUS,
    HELD_RUN,
    HELD_STEP,
    NOW,
    PUBLISHED_STEP,
    UNBORN_STATUS,
    WARM,
    WEATHER,
    WEATHER_STATUS,
)

READERS = {WEATHER: WEATHER_STATUS}


def test_a_held_run_tells_everything_needed_to_decide() -> None:
    assert run_screen(HELD_RUN, READERS, NOW).plain.splitlines() == [
        "Run 01jd3k  held  3 assets  branch audit_01jd3k",
        "✓  bronze.flights       wrote  336,776  audited 1/1  s589200  1.2s  published",
        "✗  silver.weather       wrote   26,115  audited 1/4  s931120  0.2s  HELD on audit_01jd3k",
        "–  gold.carrier_delays                                              skipped: upstream silver.weather held",
        "1 held · 1 skipped · 1 published · 0 errored",
        "",
        "✗ silver.weather  audit failed; readers still see s441100 (26,109 rows, 2 d old)",
        "  ✗ wind_speed between 0 and 200  1 of 26,115 rows (0.004%)",
        "      origin  observed_at       wind_speed",
        "      EWR     2013-02-12 03:00     1048.36",
        "  ! temp not null                 522 of 26,115 rows (2.0%)    warning, does not hold",
        "  ✗ humidity regex                errored: no column humidity",
        "  Look    `lakeflow show silver.weather --ref audit_01jd3k --failing`",
        "  Compare `lakeflow diff silver.weather main..audit_01jd3k`",
        "",
        "Decide    fix the code and `lakeflow retry 01jd3k`, or `lakeflow discard 01jd3k`, "
        'or `lakeflow publish 01jd3k --force --reason "…"`',
        "Or        `lakeflow rollback 01jd3k` takes back what it published, too; "
        "`lakeflow unland FILE` a file that landed",
    ]


def test_what_readers_never_saw_is_not_compared() -> None:
    readers = {WEATHER: UNBORN_STATUS}
    assert "lakeflow diff" not in run_screen(HELD_RUN, readers, NOW).plain


def test_a_held_run_names_only_the_ways_out_that_suit_it() -> None:
    checks = tuple(replace(check, path="checks/silver/weather.py") for check in HELD_STEP.checks)
    alone = replace(HELD_RUN, steps=(replace(HELD_STEP, checks=checks),))
    *_, decide, other = run_screen(alone, READERS, NOW).plain.splitlines()
    assert decide.startswith("Decide    fix the code")
    assert other == (
        "Or        `on_fail: quarantine` in a check of single rows sets the bad ones apart, then "
        "`lakeflow retry 01jd3k`"
    )
    assert run_screen(replace(HELD_RUN, steps=(HELD_STEP,)), READERS, NOW).plain.splitlines()[-1].startswith("Decide")


def test_a_held_first_run_says_that_readers_see_nothing() -> None:
    text = run_screen(HELD_RUN, {WEATHER: UNBORN_STATUS}, NOW).plain
    assert "readers still see nothing: it was never published" in text


def test_a_step_held_only_because_of_others_says_so() -> None:
    step = replace(HELD_STEP, checks=(), reason="all or nothing: gold.x is not published")
    text = run_screen(replace(HELD_RUN, steps=(step,)), READERS, NOW).plain
    assert "HELD on audit_01jd3k: all or nothing: gold.x is not published" in text
    assert "✗ silver.weather  held: all or nothing: gold.x is not published; readers still see" in text
    assert "Look" not in text


def test_checks_that_fail_on_main_itself_speak_of_no_branch() -> None:
    step = replace(HELD_STEP, action=Action.AUDIT, snapshot_id=4_411_009)
    text = run_screen(replace(HELD_RUN, steps=(step,)), READERS, NOW).plain
    assert "HELD: readers see it already" in text
    assert "✗ silver.weather  audit failed; readers see s441100 (26,109 rows, 2 d old)" in text
    assert "Look    `lakeflow show silver.weather --failing`" in text
    assert text.splitlines()[-1] == (
        "Decide    `lakeflow materialize silver.weather --force` writes it again; "
        "or mend the checks and `lakeflow retry 01jd3k`"
    )


def test_a_failed_run_shows_the_whole_reason_and_how_to_go_on() -> None:
    step = StepRecord(asset=FLIGHTS, state=StepState.ERRORED, reason="no column `foo`\nlayers/x.sql:3")
    text = run_screen(replace(HELD_RUN, state=RunState.FAILED, steps=(step,)), EMPTY, NOW).plain
    assert text.splitlines() == [
        "Run 01jd3k  failed  1 asset  branch audit_01jd3k",
        "✗  bronze.flights  ERRORED",
        "1 errored",
        "",
        "✗ bronze.flights  errored",
        "  no column `foo`",
        "  layers/x.sql:3",
        "",
        "Next      mend the cause, then `lakeflow retry 01jd3k`, or `lakeflow discard 01jd3k`",
    ]


def test_a_published_step_with_failed_warnings_is_marked_and_explained() -> None:
    step = replace(PUBLISHED_STEP, checks=(WARM,))
    text = run_screen(replace(HELD_RUN, state=RunState.PUBLISHED, steps=(step,)), EMPTY, NOW).plain
    assert text.splitlines()[1].startswith("!  bronze.flights")
    assert "! bronze.flights  published although checks that do not hold failed" in text
    assert "Decide" not in text


def test_nothing_to_do_is_no_run_and_exit_code_zero() -> None:
    answer = run_answer(None, EMPTY, NOW)
    assert answer.exit_code == 0
    assert answer.data == {"run": {"id": None, "state": None, "steps": []}}
    assert answer.screen.plain == "Nothing to do: all is fresh"


def test_exit_codes_follow_the_state_of_the_run() -> None:
    codes = {state: run_answer(replace(HELD_RUN, state=state), EMPTY, NOW).exit_code for state in RunState}
    assert codes == {
        RunState.RUNNING: 1,
        RunState.PUBLISHED: 0,
        RunState.HELD: 1,
        RunState.FAILED: 1,
        RunState.CONFLICT: 3,
        RunState.ABANDONED: 1,
        RunState.SUPERSEDED: 0,
        RunState.DISCARDED: 0,
        RunState.ROLLED_BACK: 0,
    }


def test_each_held_step_is_an_error_of_the_envelope_with_what_to_type_next() -> None:
    held, skipped = run_answer(HELD_RUN, READERS, NOW).errors
    assert skipped["code"] == "skipped"
    assert held == {
        "code": "held",
        "message": "wind_speed between 0 and 200 failed and 1 more",
        "hint": "`lakeflow runs 01jd3k` says why and what to do",
        "asset": "silver.weather",
    }


def test_a_run_as_json_has_the_shape_of_the_contract() -> None:
    data = run_json(HELD_RUN, READERS)
    assert {"id": "01jd3k", "state": "held", "branch": "audit_01jd3k", "attempt": 1}.items() <= data.items()
    step = data["steps"][1]
    expected = {"asset": "silver.weather", "state": "held", "snapshot_id": "9311204000000000001", "rows": 26_115}
    assert expected.items() <= step.items()
    assert step["inputs"] == {"bronze.weather": "7710001"}
    assert step["readers_see"] == {
        "snapshot_id": "4411009",
        "rows": 26_109,
        "published_at": "2026-02-27T12:00:00.000Z",
    }
    check = {"name": WARM.name, "outcome": "failed", "severity": "warning", "failed_rows": 522}
    assert check.items() <= step["checks"][1].items()


def test_control_characters_of_failing_rows_do_not_reach_the_screen() -> None:
    evil = replace(HELD_STEP.checks[0], samples=({"origin": "\x1b]0;owned\x07\u202e"},), detail="\x1b[2J")
    text = run_screen(replace(HELD_RUN, steps=(replace(HELD_STEP, checks=(evil,)),)), READERS, NOW).plain
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_discarded_run_holds_nothing_any_more_and_readers_see_no_change() -> None:
    text = run_screen(replace(HELD_RUN, state=RunState.DISCARDED), READERS, NOW).plain
    assert text.splitlines() == [
        "Run 01jd3k  discarded  3 assets",
        "✓  bronze.flights       wrote  336,776  audited 1/1  s589200  1.2s  published",
        "–  silver.weather       wrote   26,115  audited 1/4  s931120  0.2s  discarded",
        "–  gold.carrier_delays                                              skipped: upstream silver.weather held",
        "",
        "silver.weather  readers still see s441100 (26,109 rows, 2 d old)",
    ]


def test_a_rollback_speaks_only_of_what_the_run_had_published() -> None:
    run = replace(HELD_RUN, state=RunState.ROLLED_BACK)
    readers = {**READERS, FLIGHTS: FLIGHTS_STATUS}
    assert [text for text in run_screen(run, readers, NOW).plain.splitlines() if "readers" in text] == [
        "bronze.flights  readers see again s589200 (336,776 rows, 2 min old)"
    ]


def test_a_forced_publish_is_not_called_a_warning() -> None:
    step = replace(HELD_STEP, state=StepState.PUBLISHED, reason="forced: the station was mended")
    text = run_screen(replace(HELD_RUN, state=RunState.PUBLISHED, steps=(step,)), EMPTY, NOW).plain
    assert "! silver.weather  published by force: checks that hold it did not pass" in text
    assert "checks that do not hold" not in text


def test_a_run_that_was_rolled_back_says_what_readers_see_again() -> None:
    run = replace(HELD_RUN, state=RunState.ROLLED_BACK, steps=(PUBLISHED_STEP,))
    before = replace(FLIGHTS_STATUS, snapshot_id=4_000_001, rows=1)
    assert run_screen(run, {FLIGHTS: before}, NOW).plain.splitlines() == [
        "Run 01jd3k  rolled back  1 asset",
        "–  bronze.flights  wrote  336,776  audited 1/1  s589200  1.2s  rolled back",
        "",
        "bronze.flights  readers see again s400000 (1 row, 2 min old)",
    ]
    unborn = replace(before, snapshot_id=None)
    assert "readers see nothing again" in run_screen(run, {FLIGHTS: unborn}, NOW).plain

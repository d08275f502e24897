"""Status, lineage, snapshots, runs and rows on the screen."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from lakeflow.as_json.values import lineage_json, rows_json, snapshot_json, status_json
from lakeflow.cli.screens.history import runs_records, runs_screen, snapshots_records, snapshots_screen
from lakeflow.cli.screens.lake import (
    lineage_records,
    lineage_screen,
    snapshot_label,
    status_records,
    status_screen,
)
from lakeflow.cli.screens.rows import rows_records, rows_screen
from lakeflow.core.model.run import RunState
from lakeflow.core.model.table import Rows
from lakeflow.core.time.freshness import Freshness
from lakeflow.core.view.freshness import Deadline
from lakeflow.core.view.rows import AssetState, Health, Symptom
from tests.cli.values import (
    DELAYS_STATUS,
    FLIGHTS_STATUS,
    HELD_RUN,
    NOW,
    SNAPSHOTS,
    TREE,
    WEATHER_STATUS,
)


def test_status_says_what_waits_and_what_readers_see() -> None:
    assert status_screen([WEATHER_STATUS, DELAYS_STATUS, FLIGHTS_STATUS], NOW).plain.splitlines() == [
        "✗  silver.weather       HELD   run 01jd3k waits for a decision; "
        "readers still see s441100 (26,109 rows, 2 d old)",
        "↻  gold.carrier_delays  stale  input moved: bronze.flights s4 → s5",
        "✓  bronze.flights       fresh  s589200  336,776 rows  2 min old",
        "",
        "1 held · 1 stale · 1 fresh",
        "",
        "Look      `lakeflow runs 01jd3k`",
        "Next      `lakeflow materialize` runs what is not fresh",
    ]


def test_status_of_a_fresh_lake_asks_for_nothing() -> None:
    assert status_screen([FLIGHTS_STATUS], NOW).plain.splitlines()[-1] == "1 fresh"


def test_status_says_what_is_degraded_and_why_beside_what_a_run_would_do() -> None:
    due = NOW - timedelta(hours=6)
    late = Symptom(Health.DEGRADED, "late: last publish 30 h ago, due within 24h", due)
    freshness = Freshness(timedelta(hours=24), text="24h")
    deadline = Deadline(freshness, FLIGHTS_STATUS.asset, due - timedelta(hours=24), due, late=True)
    status = replace(FLIGHTS_STATUS, symptoms=(late,), deadlines=(deadline,))
    assert status_screen([status, DELAYS_STATUS], NOW).plain.splitlines()[:4] == [
        "✗  bronze.flights       degraded  late: last publish 30 h ago, due within 24h; "
        "s589200  336,776 rows  2 min old",
        "↻  gold.carrier_delays  stale     input moved: bronze.flights s4 → s5",
        "",
        "1 degraded · 1 stale",
    ]
    said = status_json(status)
    assert (said["health"], said["symptoms"][0]["since"]) == ("degraded", "2026-03-01T06:00:00.000Z")
    assert (said["deadlines"][0]["late"], said["deadlines"][0]["fresh"]) == (True, "24h")


def test_status_never_calls_well_what_has_a_warning() -> None:
    warned = Symptom(Health.WARNING, "freshness is not known: column 'at' of bronze.flights is string")
    assert status_screen([replace(FLIGHTS_STATUS, symptoms=(warned,))], NOW).plain.splitlines() == [
        "!  bronze.flights  warning  freshness is not known: column 'at' of bronze.flights is string; "
        "s589200  336,776 rows  2 min old",
        "",
        "1 warning",
    ]


def test_status_says_why_an_asset_was_never_built_where_a_run_failed() -> None:
    failed = (Symptom(Health.WARNING, "run 01jd3k failed"), Symptom(Health.UNKNOWN, "never published"))
    unborn = replace(DELAYS_STATUS, state=AssetState.NEVER_BUILT, snapshot_id=None, reasons=(), symptoms=failed)
    assert status_screen([unborn], NOW).plain.splitlines()[0] == (
        "+  gold.carrier_delays  never built  run 01jd3k failed"
    )


def test_status_counts_the_runs_that_wait() -> None:
    (first, *_) = status_screen([replace(WEATHER_STATUS, held=("01jd3k", "01jd3m"))], NOW).plain.splitlines()
    assert "HELD  runs 01jd3k, 01jd3m wait for a decision; " in first


def test_status_as_json_and_csv_names_the_runs_that_wait() -> None:
    assert status_json(WEATHER_STATUS) == {
        "asset": "silver.weather",
        "state": "held",
        "health": "healthy",
        "symptoms": [],
        "deadlines": [],
        "reasons": [],
        "snapshot_id": "4411009",
        "rows": 26_109,
        "published_at": "2026-02-27T12:00:00.000Z",
        "held": ["01jd3k"],
        "skipped": [],
        "failed_audit": None,
        "partitions_due": [],
        "quarantined": None,
        "taken_back": None,
    }
    header, (row,) = status_records([WEATHER_STATUS])
    assert dict(zip(header, row, strict=True))["held"] == "01jd3k"


def test_lineage_is_a_tree_with_files_at_its_leaves() -> None:
    assert lineage_screen([TREE], NOW).plain.splitlines() == [
        "gold.carrier_delays  stale",
        "├── bronze.flights  published 2 min ago   ← flights.csv",
        "└── silver.weather  HELD  (readers still see s441100 (26,109 rows, 2 d old))",
        "    └── bronze.flights  published 2 min ago   (its upstreams stand above)",
    ]


def test_lineage_by_snapshot_says_what_went_into_what_and_where_readers_see_another_by_now() -> None:
    lines = lineage_screen([TREE], NOW, label=snapshot_label).plain.splitlines()
    assert lines[0] == "gold.carrier_delays  s810000  9 rows"
    assert lines[2] == "└── silver.weather  s388800  9 rows  (readers see s441100 now)  HELD on audit_01jd3k"


def test_lineage_as_json_is_nested_and_as_csv_a_list_of_edges() -> None:
    assert lineage_json(TREE)["upstreams"][0]["sources"] == ["flights.csv"]
    assert lineage_records([TREE])[1] == [
        ("gold.carrier_delays", "bronze.flights"),
        ("bronze.flights", "flights.csv"),
        ("gold.carrier_delays", "silver.weather"),
        ("silver.weather", "bronze.flights"),
    ]


def test_snapshots_show_branches_main_and_what_was_before() -> None:
    assert snapshots_screen("silver.weather", SNAPSHOTS, WEATHER_STATUS, NOW).plain.splitlines() == [
        "* s931120  audit_01jd3k  HELD       2 min ago  replace  26,115  (+6)    3/5 checks  run 01jd3k  code 9f04d1",
        "● s441100  main          published  2 d ago    replace  26,109  (+119)              run 01jcz8  code a1b2c3",
        "○ s388800                unruled    3 d ago    append   25,990",
        "",
        "readers still see s441100 (26,109 rows, 2 d old)",
    ]


def test_snapshots_as_json_have_the_shape_of_the_contract() -> None:
    data = snapshot_json(SNAPSHOTS[0])
    assert {
        "snapshot_id": "9311204000000000001",
        "ref": "audit_01jd3k",
        "state": "held",
        "committed_at": "2026-03-01T11:58:00.000Z",
        "operation": "replace",
        "rows": 26_115,
        "run": "01jd3k",
        "code_version": "9f04d1aa",
        "inputs": {"bronze.weather": "7710001"},
    }.items() <= data.items()
    assert snapshots_records(SNAPSHOTS)[1][2][:3] == ("3888001", "", "unruled")


def test_an_asset_without_snapshots_says_so() -> None:
    assert (
        snapshots_screen("silver.weather", (), None, NOW).plain
        == "silver.weather has no snapshots: it was never written"
    )


def test_runs_are_one_line_each_with_what_became_of_their_steps() -> None:
    text = runs_screen([HELD_RUN], NOW).plain
    assert text == "✗  01jd3k  held  2 min ago  3.0s  1 held · 1 skipped · 1 published · 0 errored  ada"
    assert runs_records([HELD_RUN])[1][0][:2] == ("01jd3k", "held")
    assert "`lakeflow materialize` makes the first" in runs_screen([], NOW).plain


def test_a_run_that_was_taken_back_does_not_say_how_long_that_took() -> None:
    assert "3.0s" not in runs_screen([replace(HELD_RUN, state=RunState.ROLLED_BACK)], NOW).plain


def test_rows_align_numbers_right_say_null_and_cut_what_is_too_wide() -> None:
    rows = Rows(("origin", "wind"), (("EWR", "1048.36"), (None, "7"), ("x" * 80, None)))
    lines = rows_screen(rows).plain.splitlines()
    assert lines[0] == "origin" + " " * 56 + "   wind"
    assert lines[1].endswith("1048.36")
    assert lines[2].startswith("NULL")
    assert lines[2].endswith("      7")
    assert "x" * 59 + "…" in lines[3]
    assert lines[4] == "3 rows"


def test_rows_as_json_keep_null_and_as_csv_leave_it_empty() -> None:
    rows = Rows(("a", "b"), (("1", None),))
    assert rows_json(rows) == {"columns": ["a", "b"], "rows": [{"a": "1", "b": None}]}
    assert rows_records(rows) == (("a", "b"), [("1", "")])


def test_every_state_and_health_has_a_mark() -> None:
    """A word that someone adds to the core must get its sign, or this fails."""
    for state in AssetState:
        assert status_screen([replace(FLIGHTS_STATUS, state=state)], NOW).plain
    show = partial(runs_screen, now=NOW)
    for ended in type(HELD_RUN.state):
        assert show([replace(HELD_RUN, state=ended)]).plain

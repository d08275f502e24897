"""What an asset has not consumed yet, by the snapshots of both tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from lakeflow.core.model.asset import OnRewrite
from lakeflow.core.model.run import Ruling, VerdictRecord
from lakeflow.core.model.table import Snapshot, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.increments import Consumption, Increment, Rewritten, consumption, increment, positions
from lakeflow.core.plan.planning import Plan, plan
from lakeflow.core.plan.reasons import Cause
from tests.core.samples import asset, facts, key, keys, made, project, snapshot, table, verdict

RAW = asset("bronze.raw", reads=("data/*.csv",))
CLEAN = asset("silver.clean", "bronze.raw", write=WriteMode.APPEND, new_rows=frozenset(keys("bronze.raw")))


def appended(id_: int, parent: int | None, rows: int) -> Snapshot:
    return snapshot(id_, parent, **{"added-records": str(rows)})


RAW_TABLE = table(
    "bronze.raw", made(1, reads_digest="d"), appended(5, 1, 7), snapshot(6, 5, "replace"), appended(8, 6, 2)
)
CLEAN_TABLE = table("silver.clean", made(2, inputs={"bronze.raw": 1}))


def ids(came: Increment | Rewritten) -> list[int]:
    assert isinstance(came, Increment)
    return [each.id for each in came.appends]


def test_new_rows_are_those_of_the_appends_behind_the_position() -> None:
    came = increment(RAW_TABLE, 1, 8)
    assert ids(came) == [8, 5]
    assert isinstance(came, Increment)
    assert came.rows == 9


def test_a_compaction_brings_no_rows_and_hides_none() -> None:
    assert ids(increment(RAW_TABLE, 5, 6)) == []
    assert ids(increment(RAW_TABLE, 6, 8)) == [8]


@pytest.mark.parametrize("operation", ["overwrite", "delete"])
def test_an_upstream_that_changed_rows_was_rewritten(operation: str) -> None:
    raw = table("bronze.raw", made(1), snapshot(5, 1, operation), snapshot(6, 5))
    assert increment(raw, 1, 6) == Rewritten(f"was rewritten ({operation} s5)")
    assert ids(increment(raw, 5, 6)) == [6]


def test_an_upstream_that_was_rolled_back_behind_the_position_was_rewritten() -> None:
    raw = table("bronze.raw", made(1), made(5, 1), main=1)
    assert increment(raw, 5, 1) == Rewritten("was rolled back or expired behind s5")


def test_the_position_is_what_the_newest_snapshot_of_ours_on_main_was_made_from() -> None:
    clean = table(
        "silver.clean", made(2, inputs={"bronze.raw": 1}), made(3, 2, inputs={"bronze.raw": 5}), snapshot(9, 3)
    )
    assert positions(clean) == {"bronze.raw": 5}
    assert positions(replace(clean, refs={"main": 2})) == {"bronze.raw": 1}
    assert positions(None) == {}


def test_a_first_build_reads_everything_and_rebuilds_nothing() -> None:
    raw = {key("bronze.raw"): RAW_TABLE}
    assert consumption(CLEAN, None, raw, {key("bronze.raw"): 8}) == Consumption()
    assert consumption(CLEAN, table("silver.clean"), raw, {key("bronze.raw"): 8}) == Consumption()


def test_a_position_that_no_kept_snapshot_tells_means_all_rows() -> None:
    foreign = table("silver.clean", snapshot(4, 3))
    came = consumption(CLEAN, foreign, {key("bronze.raw"): RAW_TABLE}, {key("bronze.raw"): 8})
    assert came.rebuild == "bronze.raw was consumed up to a point that no kept snapshot tells"


# what the plan says of it


def planned(
    raw: Table = RAW_TABLE, clean: Table = CLEAN_TABLE, verdicts: Sequence[VerdictRecord] = (), **fields: Any
) -> Plan:
    what = project(RAW, replace(CLEAN, **fields))
    said = facts(raw, clean, verdicts=verdicts, reads={"bronze.raw": "d"})
    return plan(what, said, tuple(what.assets))


def reasons(found: Plan) -> list[str]:
    return [str(reason) for step in found.steps for reason in step.reasons if step.asset == CLEAN.key]


def test_the_plan_says_which_rows_are_new() -> None:
    assert reasons(planned()) == ["new rows: bronze.raw s1 → s8 (+9 rows)"]


def test_of_an_incremental_input_only_the_new_rows_are_read() -> None:
    assert planned().rows_to_read == 9


def test_an_asset_that_consumed_everything_is_fresh() -> None:
    assert not reasons(planned(clean=table("silver.clean", made(2, inputs={"bronze.raw": 8}))))


def test_only_incremental_inputs_ask_for_a_run() -> None:
    dim = asset("bronze.dim", reads=("dim.csv",))
    moved = table("bronze.dim", made(3, reads_digest="d"), made(4, 3, reads_digest="d"))
    both = asset(
        "silver.clean", "bronze.raw bronze.dim", write=WriteMode.APPEND, new_rows=frozenset(keys("bronze.raw"))
    )
    clean = table("silver.clean", made(2, inputs={"bronze.raw": 8, "bronze.dim": 3}))
    said = facts(RAW_TABLE, moved, clean, reads={"bronze.raw": "d", "bronze.dim": "d"})
    what = project(RAW, dim, both)
    assert not plan(what, said, keys("silver.clean")).steps


def test_a_rewritten_upstream_rebuilds_or_holds_by_policy_and_the_plan_says_so() -> None:
    raw = table("bronze.raw", made(1, reads_digest="d"), snapshot(5, 1, "overwrite"))
    assert reasons(planned(raw)) == ["rebuilds from all rows: bronze.raw was rewritten (overwrite s5)"]
    assert reasons(planned(raw, on_rewrite=OnRewrite.HOLD)) == [
        "will be held: bronze.raw was rewritten (overwrite s5); "
        "`lakeflow materialize silver.clean --full-refresh` rebuilds it"
    ]


def test_changed_code_reads_all_rows_again_unless_the_author_forbids_rebuilds() -> None:
    new = reasons(planned(code_version="code-2"))
    assert new[1:] == ["rebuilds from all rows: its code changed", "new rows: bronze.raw s1 → s8 (+9 rows)"]
    kept = planned(code_version="code-2", on_rewrite=OnRewrite.HOLD)
    assert Cause.REBUILD not in {reason.cause for step in kept.steps for reason in step.reasons}


def test_the_ledger_never_moves_a_position() -> None:
    """Else a ledger that knows more than the table would skip rows after a rollback."""
    said = verdict("silver.clean", 2, Ruling.UNCHANGED, inputs={"bronze.raw": 8})
    assert reasons(planned(verdicts=(said,))) == ["new rows: bronze.raw s1 → s8 (+9 rows)"]


HISTORY: Final[dict[str, Any]] = {"write": WriteMode.SCD2, "primary_key": ("k",)}


def test_a_history_dated_by_runs_waits_where_it_would_be_made_anew_and_the_plan_counts_what_each_way_keeps() -> None:
    clean = table("silver.clean", made(2, inputs={"bronze.raw": 1}, rows=1204, open_versions="800"))
    ways = (
        "`lakeflow materialize silver.clean --go-on` keeps all 1,204 versions and goes on from here, "
        "`lakeflow materialize silver.clean --full-refresh` keeps 800 at most, one for each key, dated by that run"
    )
    changed = reasons(planned(clean=clean, code_version="code-2", **HISTORY))
    assert changed[1] == f"will be held: its code changed; {ways}"
    raw = table("bronze.raw", made(1, reads_digest="d"), snapshot(5, 1, "overwrite"))
    assert reasons(planned(raw, clean, **HISTORY)) == [f"will be held: bronze.raw was rewritten (overwrite s5); {ways}"]
    timed = reasons(planned(raw, clean, at="d", **HISTORY))
    assert timed == ["rebuilds from all rows: bronze.raw was rewritten (overwrite s5)"]


def test_a_version_that_has_begun_meanwhile_makes_the_asset_stale() -> None:
    """Also behind another engine's compaction."""
    written = made(2, inputs={"bronze.raw": 8}, turns="2024-05-01T00:00:00+00:00")
    clean = table("silver.clean", written, snapshot(3, 2, "replace"))
    what = project(RAW, replace(CLEAN, at="d", **HISTORY))
    said = facts(RAW_TABLE, clean, reads={"bronze.raw": "d"})
    before, after = (datetime(2024, 5, 1, tzinfo=UTC) + timedelta(seconds=each) for each in (-1, 0))
    assert reasons(plan(what, replace(said, now=before), tuple(what.assets))) == []
    assert reasons(plan(what, replace(said, now=after), tuple(what.assets))) == [
        "versions begin or end: since 2024-05-01T00:00:00+00:00, is_current says another thing"
    ]

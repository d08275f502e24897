"""Hand-made values for the screens: a held run over flights and weather, as it could have happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome, Severity
from lakeflow.core.model.run import Action, CheckResult, RunRecord, RunState, StepRecord, StepState
from lakeflow.core.plan.planning import Plan, Step
from lakeflow.core.plan.reasons import Cause, Reason
from lakeflow.core.view.rows import AssetState, AssetStatus, LineageNode, SnapshotRow, SnapshotState

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TWO_DAYS_AGO = NOW - timedelta(days=2)
RUN = "01jd3k"


def key(text: str) -> AssetKey:
    return AssetKey.parse(text)


WEATHER = key("silver.weather")
FLIGHTS = key("bronze.flights")
DELAYS = key("gold.carrier_delays")

WINDY = CheckResult(
    name="wind_speed between 0 and 200",
    outcome=Outcome.FAILED,
    failed_rows=1,
    rows=26_115,
    samples=({"origin": "EWR", "observed_at": "2013-02-12 03:00", "wind_speed": "1048.36"},),
)
WARM = CheckResult("temp not null", Outcome.FAILED, Severity.WARNING, failed_rows=522, rows=26_115)
KEYED = CheckResult("key (origin, observed_at) unique", Outcome.PASSED, rows=26_115, failed_rows=0)
BROKEN = CheckResult("humidity regex", Outcome.ERRORED, detail="no column humidity")

HELD_STEP = StepRecord(
    asset=WEATHER,
    state=StepState.HELD,
    reason="wind_speed between 0 and 200 failed and 1 more",
    snapshot_id=9_311_204_000_000_000_001,
    rows=26_115,
    seconds=0.21,
    inputs={"bronze.weather": 7_710_001},
    checks=(WINDY, WARM, KEYED, BROKEN),
)
PUBLISHED_STEP = StepRecord(
    asset=FLIGHTS,
    state=StepState.PUBLISHED,
    snapshot_id=5_892_001_000_000_000_002,
    rows=336_776,
    seconds=1.2,
    checks=(CheckResult("rows", Outcome.PASSED),),
)
SKIPPED_STEP = StepRecord(asset=DELAYS, state=StepState.SKIPPED, reason="upstream silver.weather held", seconds=0.2)
HELD_RUN = RunRecord(
    id=RUN,
    state=RunState.HELD,
    started_at=NOW - timedelta(minutes=2),
    ended_at=NOW - timedelta(minutes=2) + timedelta(seconds=3),
    steps=(PUBLISHED_STEP, HELD_STEP, SKIPPED_STEP),
    actor="ada",
)

WEATHER_STATUS = AssetStatus(WEATHER, AssetState.HELD, (), 4_411_009, 26_109, TWO_DAYS_AGO, held=(RUN,))
UNBORN_STATUS = AssetStatus(WEATHER, AssetState.HELD, held=(RUN,))
FLIGHTS_STATUS = AssetStatus(FLIGHTS, AssetState.FRESH, (), 5_892_001, 336_776, NOW - timedelta(minutes=2))
DELAYS_STATUS = AssetStatus(
    DELAYS, AssetState.STALE, ("input moved: bronze.flights s4 → s5",), 8_100_000, 9, TWO_DAYS_AGO
)

PLAN = Plan(
    steps=(
        Step(FLIGHTS, Action.WRITE, (Reason(Cause.NEVER_BUILT),)),
        Step(WEATHER, Action.WRITE, (Reason(Cause.CODE_CHANGED, before="a1b2c3", after="9f04d1"),), 4_411_009),
        Step(DELAYS, Action.AUDIT, (Reason(Cause.CHECK_CHANGED, before="111111", after="222222"),), 8_100_000),
    ),
    fresh=(key("silver.flights"),),
    total=9,
    rows_to_read=362_891,
    warnings=("bronze.flights appends: rows that it landed before will land again",),
)

SNAPSHOTS = (
    SnapshotRow(
        9_311_204_000_000_000_001,
        f"audit_{RUN}",
        SnapshotState.HELD,
        NOW - timedelta(minutes=2),
        "replace",
        26_115,
        6,
        RUN,
        "9f04d1aa",
        {"bronze.weather": 7_710_001},
        3,
        5,
    ),
    SnapshotRow(4_411_009, "main", SnapshotState.PUBLISHED, TWO_DAYS_AGO, "replace", 26_109, 119, "01jcz8", "a1b2c3dd"),
    SnapshotRow(3_888_001, None, SnapshotState.UNRULED, NOW - timedelta(days=3), "append", 25_990),
)

TREE = LineageNode(
    DELAYS_STATUS,
    upstreams=(
        LineageNode(FLIGHTS_STATUS, sources=("flights.csv",)),
        LineageNode(
            WEATHER_STATUS, upstreams=(LineageNode(FLIGHTS_STATUS, repeated=True),), used=3_888_000, used_rows=9
        ),
    ),
    used=DELAYS_STATUS.snapshot_id,
    used_rows=DELAYS_STATUS.rows,
)

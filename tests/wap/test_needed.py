"""Which snapshots a publish may not let expire, because something else still counts on them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.run import Lease, RunRecord, RunState, StepRecord
from lakeflow.core.model.table import Looked, Table
from lakeflow.core.plan.in_time.built import Built, to_json
from lakeflow.core.time.timeline import Timeline
from lakeflow.core.time.units import Unit
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.run.needed import needed_by_others
from tests.core.samples import asset, facts, keys, made, step, table
from tests.memory import MemoryCatalog
from tests.wap.lab import Lab

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
MONTHS = Timeline(Unit.MONTH, "at", JANUARY, lookback=1)


class Shelved(MemoryCatalog):
    """A catalog whose tables are given; those of `broken` cannot be read."""

    broken: frozenset[AssetKey] = frozenset()

    def look(self, keys: object) -> Looked:
        found = super().look(keys)  # type: ignore[arg-type]
        bad = self.broken & found.tables.keys()
        kept = {one: table for one, table in found.tables.items() if one not in bad}
        return Looked(kept, {one: LakeError("its metadata is gone") for one in bad})


class Publish:
    """A publish of `bronze.raw` and whatever else is named, at a time, in a lake of these assets and tables."""

    def __init__(self, *assets: Asset, at: datetime = JANUARY) -> None:
        self.catalog = Shelved(lambda: at)
        self.lab = Lab(catalog=self.catalog, clock=lambda: at)
        self.lab.assets = {one.key: one for one in assets}
        self.raw = table("bronze.raw", *(made(n, n - 1 or None) for n in range(1, 10)))

    def holds(self, *tables: Table) -> None:
        self.catalog._tables |= {one.key: one for one in tables}

    def partitions(self, name: str, partitions: Mapping[str, Built], line: Timeline = MONTHS) -> None:
        """A table that holds these partitions."""
        self.catalog._sidecars[f"set of {name}"] = to_json(line, partitions)
        self.holds(table(name, made(11, partitions=f"set of {name}")))

    def needs(self, *steps: StepRecord, tables: tuple[Table, ...] = ()) -> set[int]:
        run = RunRecord("r9", RunState.RUNNING, JANUARY)
        lease = Lease("r9", "token", frozenset(), self.lab.holder)
        attempt = Attempt(self.lab.world, lease, run, facts(self.raw, *tables), self.lab.events.append)
        return set(needed_by_others(attempt, [step("bronze.raw", snapshot_id=9), *steps]))


def consumer(name: str, upstream: str = "bronze.raw") -> Asset:
    return asset(name, upstream, new_rows=frozenset(keys(upstream)))


def test_a_publish_needs_what_each_consumer_of_new_rows_has_read_up_to() -> None:
    publish = Publish(asset("bronze.raw"), consumer("silver.a"), consumer("silver.b"), consumer("silver.c", "bronze.z"))
    publish.holds(
        table("silver.a", made(11, inputs={"bronze.raw": 3})),
        table("silver.b", made(12, inputs={"bronze.raw": 5})),
        table("silver.c", made(13, inputs={"bronze.z": 7})),
    )
    assert publish.needs() == {3, 5}


def test_an_asset_that_reads_all_of_it_each_time_needs_no_old_snapshot() -> None:
    publish = Publish(asset("bronze.raw"), asset("silver.a", "bronze.raw"))
    publish.holds(table("silver.a", made(11, inputs={"bronze.raw": 3})))
    assert publish.needs() == set()


def test_where_one_consumer_cannot_be_read_every_snapshot_that_it_may_have_read_up_to_stays() -> None:
    publish = Publish(asset("bronze.raw"), consumer("silver.a"), consumer("silver.b"))
    publish.holds(table("silver.a", made(11, inputs={"bronze.raw": 3, "bronze.b": 41})), table("silver.b", made(12)))
    publish.catalog.broken = frozenset(keys("silver.b"))
    assert publish.needs() == {*range(1, 10), 41}


def test_a_quarantine_keeps_the_snapshot_up_to_which_its_rows_were_offered_by_this_very_publish() -> None:
    publish = Publish(asset("bronze.raw"))
    loans = table("silver.loans", made(21), made(22, 21, readmitted=8), made(23, 22, readmitted=0))
    assert publish.needs(step("silver.loans", snapshot_id=22), tables=(loans,)) == {8}
    assert publish.needs(step("silver.loans", snapshot_id=23), tables=(loans,)) == set()
    foreign = table("silver.loans", made(1, readmitted=6))
    assert publish.needs(step("silver.loans", snapshot_id=None), tables=(foreign,)) == set()


THREE = {
    name: Built("code-1", "w1", read={"bronze.raw": at})
    for name, at in {"2026-01": 1, "2026-02": 2, "2026-03": 3}.items()
}


def monthly(name: str, upstreams: str = "bronze.raw", line: Timeline = MONTHS) -> Asset:
    return asset(name, upstreams, timeline=line)


def test_partitions_that_late_rows_reach_need_the_snapshots_that_they_were_built_from() -> None:
    """The newest and `lookback` before it; what was built before those is let go."""
    publish = Publish(
        asset("bronze.raw"),
        asset("silver.plain", "bronze.raw"),
        monthly("silver.other", "bronze.other"),
        monthly("silver.never"),
        monthly("silver.sums"),
        monthly("silver.more"),
        at=datetime(2026, 3, 20, tzinfo=UTC),
    )
    publish.partitions("silver.sums", THREE)
    publish.partitions("silver.more", {"2026-03": Built("code-1", "w2", read={"bronze.raw": 7, "bronze.b": 43})})
    publish.partitions("silver.other", {"2026-03": Built("code-1", "w2", read={"bronze.other": 44})})
    assert publish.needs() == {2, 3, 7, 43}


def test_an_asset_whose_last_partition_is_over_lets_go_of_what_it_was_built_from() -> None:
    """At the very moment of its end it is over."""
    end = datetime(2026, 4, 1, tzinfo=UTC)
    line = Timeline(Unit.MONTH, "at", JANUARY, end=end, lookback=1)
    for at, needed in [(end - timedelta(seconds=1), {2, 3}), (end, set[int]()), (end + timedelta(days=9), set[int]())]:
        publish = Publish(asset("bronze.raw"), monthly("silver.sums", line=line), at=at)
        publish.partitions("silver.sums", THREE, line)
        assert publish.needs() == needed


def test_what_a_run_that_is_at_work_has_pinned_stays() -> None:
    publish = Publish(asset("bronze.raw"))
    pinned = step("silver.x", inputs={"bronze.raw": 4})
    publish.lab.ledger._runs["r7"] = RunRecord("r7", RunState.RUNNING, JANUARY, steps=(pinned,))
    assert publish.needs() == {4}


def test_a_partition_set_of_another_table_says_nothing() -> None:
    publish = Publish(asset("bronze.raw"), monthly("silver.sums"), at=datetime(2026, 3, 20, tzinfo=UTC))
    publish.holds(table("silver.sums", made(11)))
    assert publish.needs() == set()

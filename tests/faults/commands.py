"""Every command that writes: a lake at which it is typed, and what is typed when it was killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import lakeflow
from lakeflow.core.compact.results import CompactOutcome
from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import UNPUBLISHED_ENDS, RunRecord, RunState, StepState
from lakeflow.core.model.table import Table
from lakeflow.lake.lake import Lake
from tests.faults.zygote import NEW_ROWS, OLD_ROWS, PROJECT, TABLES, open_lake, promises

Act = Callable[[Lake], object]
NEGATIVE = "checks/silver/orders.positive.sql"
TOTALS = "checks/gold/totals.small.sql"
QUARANTINE = """import great_expectations.expectations as gxe
APART = {{"lakeflow": {{"on_fail": "quarantine"}}}}
expectations = [gxe.ExpectColumnValuesToBeBetween(column="price", min_value={least}, meta=APART)]
"""
APPEND = """/*
write = 'append'
key = ['id']
new_rows = ['bronze.orders']
*/
select id, customer, price from bronze.orders"""
MONTHS = """/*
key = ['id']
partition = "month(sold)"
start = "2013-01-01"
end = "2013-03-01"
*/
select id, sold from bronze.sales where sold >= $partition_start and sold < $partition_end"""
SALES = "select i as id, (date '2013-01-10' + interval (i) month)::timestamp as sold from range(2) t(i)"


@dataclass(frozen=True)
class Command:
    """`prepare` makes the lake at which `act` is typed; `again` is what is typed after a kill until it returns True.

    `lets_go`: snapshots that were main before may not be any more.
    """

    name: str
    prepare: Callable[[Path], None]
    act: Act
    again: Callable[[Lake], bool]
    lets_go: bool = False


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def run_in(root: Path, state: RunState, *, all_or_nothing: bool = False) -> RunRecord:
    with open_lake(root) as lake:
        run = lake.materialize(all_or_nothing=all_or_nothing)
        assert run is not None
        assert run.state is state, run
        return run


def published(root: Path) -> None:
    write(root, {**PROJECT, "orders.csv": OLD_ROWS})
    run_in(root, RunState.PUBLISHED)


def published_twice(root: Path) -> None:
    published(root)
    write(root, {"orders.csv": NEW_ROWS})
    run_in(root, RunState.PUBLISHED)


def held(root: Path) -> None:
    """All of a run is written and its last check says no, so that nothing is published; then the check is mended."""
    held_still(root)
    write(root, {TOTALS: "select * from gold.totals where total < 0"})


def held_by_old_code(root: Path) -> None:
    """A retry writes all of it anew."""
    held(root)
    bronze = "layers/bronze/orders.sql"
    write(root, {bronze: PROJECT[bronze] + " where id > 0"})


def held_still(root: Path) -> None:
    published(root)
    write(root, {"orders.csv": NEW_ROWS, TOTALS: "select * from gold.totals where total > 29"})
    run_in(root, RunState.HELD, all_or_nothing=True)


def delivered_again(root: Path) -> None:
    """A run is held, and then other rows come that are held too."""
    held_still(root)
    write(root, {"orders.csv": NEW_ROWS + "9,eve,9\n"})


def delivered_well(root: Path) -> None:
    """A run is held, and then what comes passes."""
    delivered_again(root)
    write(root, {TOTALS: "select * from gold.totals where total < 0"})


def renamed(root: Path) -> None:
    published(root)
    (root / "layers/silver/orders.sql").rename(root / "layers/silver/sales.sql")
    (root / NEGATIVE).unlink()
    text = (root / "layers/silver/sales.sql").read_text().replace("/*\n", "/*\nrenamed_from = 'silver.orders'\n", 1)
    totals = PROJECT["layers/gold/totals.sql"].replace("silver.orders", "silver.sales")
    write(root, {"layers/silver/sales.sql": text, "layers/gold/totals.sql": totals})


def undefined(root: Path) -> None:
    published(root)
    (root / "layers/gold/totals.sql").unlink()


def dropped(root: Path) -> None:
    undefined(root)
    with open_lake(root) as lake:
        lake.drop("gold.totals")
    write(root, {"layers/gold/totals.sql": PROJECT["layers/gold/totals.sql"]})


def refused(root: Path) -> None:
    """Rows wait in a quarantine, and then the check lets them pass."""
    files = {**PROJECT, "orders.csv": NEW_ROWS, "layers/silver/orders.sql": APPEND}
    del files[NEGATIVE]
    write(root, {**files, "checks/silver/orders.py": QUARANTINE.format(least=15)})
    run_in(root, RunState.PUBLISHED)
    write(root, {"checks/silver/orders.py": QUARANTINE.format(least=0)})


def months(root: Path) -> None:
    write(root, {"pyproject.toml": PROJECT["pyproject.toml"], "layers/bronze/sales.sql": SALES})
    run_in(root, RunState.PUBLISHED)
    write(root, {"layers/silver/months.sql": MONTHS})


def littered(root: Path) -> None:
    """Files of expired snapshots, of a discarded branch, and of a write that never was committed."""
    published(root)
    write(root, {"pyproject.toml": "[tool.lakeflow]\nkeep_snapshots = 1\n"})
    for number in range(3):
        write(root, {"orders.csv": NEW_ROWS + f"{number + 4},dan,{number}\n"})
        run_in(root, RunState.PUBLISHED)
    write(root, {"orders.csv": OLD_ROWS, NEGATIVE: "select * from silver.orders where price > 19"})
    held_run = run_in(root, RunState.HELD, all_or_nothing=True)
    with open_lake(root) as lake:
        lake.discard(held_run.id)
    (next((root / ".lakeflow/warehouse").rglob("data")) / "stray.parquet").write_bytes(b"never committed")


def latest(lake: Lake) -> RunRecord:
    return lake.runs(1)[0]


def unfinished(lake: Lake) -> RunRecord | None:
    run = latest(lake)
    return run if run.state in UNPUBLISHED_ENDS | {RunState.RUNNING} else None


def retry_again(lake: Lake) -> bool:
    return unfinished(lake) is None or lake.retry().state is RunState.PUBLISHED


def run_again(lake: Lake) -> bool:
    """A retry where a run was left, else the command itself."""
    if unfinished(lake) is not None:
        return lake.retry().state is RunState.PUBLISHED
    run = lake.materialize()
    return run is None or run.state is RunState.PUBLISHED


def publish_again(reason: str | None) -> Callable[[Lake], bool]:
    """What is said to be typed instead is typed."""

    def again(lake: Lake) -> bool:
        if (run := unfinished(lake)) is None:
            return True
        try:
            return lake.publish(run.id, reason=reason).state is RunState.PUBLISHED
        except UsageError as error:
            if "lakeflow retry" not in (error.hint or ""):
                raise
            return lake.retry(run.id).state is RunState.PUBLISHED

    return again


def take_over_again(lake: Lake) -> bool:
    """The older run is superseded from the moment at which the newer one has ended, and not before."""
    newest, older = lake.runs()[0], lake.runs()[-2]  # the last one published the first rows
    if newest.id == older.id:
        lake.materialize()
        return lake.run(older.id).state is RunState.SUPERSEDED
    ended = newest.state in {RunState.HELD, RunState.PUBLISHED}
    assert (older.state is RunState.SUPERSEDED) is ended, (newest.state, older.state)
    if not ended:
        lake.retry(newest.id)
    return lake.run(older.id).state is RunState.SUPERSEDED


def discard_again(lake: Lake) -> bool:
    run = unfinished(lake)
    return run is None or lake.discard(run.id).state is RunState.DISCARDED


def roll_back_again(lake: Lake) -> bool:
    run = latest(lake)
    return run.state is RunState.ROLLED_BACK or lake.rollback(run.id).state is RunState.ROLLED_BACK


def roll_back_totals(lake: Lake) -> RunRecord:
    return lake.rollback(latest(lake).id, "silver.orders", "gold.totals")


def totals_went_back(lake: Lake) -> bool:
    step = latest(lake).step(AssetKey.parse("gold.totals"))
    done = step is not None and step.state is StepState.SKIPPED
    return done or roll_back_totals(lake).state is RunState.PUBLISHED


def return_totals(lake: Lake) -> RunRecord:
    first = lake.snapshots("gold.totals")[-1].snapshot_id
    return lake.return_to("gold.totals", f"s{first}")


def totals_returned(lake: Lake) -> bool:
    return lake.snapshots("gold.totals")[0].rows == 2 or return_totals(lake).state is RunState.PUBLISHED


def tag_first(lake: Lake) -> object:
    """What readers saw after the first of two runs."""
    return lake.tag("first", lake.runs()[-1].id)


def tagged(root: Path) -> None:
    published_twice(root)
    with open_lake(root) as lake:
        tag_first(lake)


def tag_again(lake: Lake) -> bool:
    """All tables or none have it, and in all it names the snapshot of the first run."""
    found = {str(key): at for one in lake.tags() for key, at in one.snapshots.items()}
    if not found:
        tag_first(lake)
        return False
    return found == {str(step.asset): step.snapshot_id for step in lake.runs()[-1].steps}


def untag_again(lake: Lake) -> bool:
    left = [len(one.snapshots) for one in lake.tags()]
    if left == [len(TABLES)]:
        lake.untag("first")
    return lake.tags() == ()


LANDED = """/*
[source]
files = "drops/*.csv"
format = "csv"
columns = {id = "bigint", customer = "string", price = "double"}
*/
select * from source"""
APPENDED = APPEND.replace("bronze.orders", "bronze.landed")


def landed(root: Path) -> None:
    """Three files, a run each; the second is the wrong one."""
    write(root, {"pyproject.toml": "[tool.lakeflow]\n", "layers/bronze/landed.sql": LANDED})
    write(root, {"layers/silver/orders.sql": APPENDED})
    for number in (1, 2, 3):
        write(root, {f"drops/{number}.csv": f"id,customer,price\n{number},ann,{number}\n"})
        run_in(root, RunState.PUBLISHED)


def unland_second(lake: Lake) -> object:
    return lake.unland("drops/2.csv")


def leave_second_out(lake: Lake) -> object:
    return lake.leave_out(lake.runs()[-2].id)


def is_out(lake: Lake) -> bool:
    return len(lake.read("bronze.landed").fetchall()) == 2


def file_again(act: Act) -> Callable[[Lake], bool]:
    def again(lake: Lake) -> bool:
        if unfinished(lake) is not None:
            return lake.retry().state is RunState.PUBLISHED and is_out(lake)
        if not is_out(lake):
            act(lake)
        return is_out(lake)

    return again


def compact_all(lake: Lake) -> object:
    return lake.compact()


def compact_again(lake: Lake) -> bool:
    """Typed again until nothing is left to do; what a dead one staged goes with it."""
    return not any(one.outcome is CompactOutcome.COMPACTED for one in lake.compact())


def readmit_again(lake: Lake) -> bool:
    if unfinished(lake) is not None:
        return lake.retry().state is RunState.PUBLISHED
    run = lake.readmit("silver.orders")
    return run is None or run.state is RunState.PUBLISHED


def backfill_again(lake: Lake) -> bool:
    """Asked again for what is missing; a run that was left is superseded by it."""
    ended = lake.backfill("silver.months", only_missing=True)
    return all(each.run is None or each.run.state is RunState.PUBLISHED for each in ended.windows)


def is_there(lake: Lake, name: str) -> bool:
    known = lake._world.catalog.keys()
    return AssetKey.parse(name) in known


def adopt_totals(lake: Lake) -> RunRecord:
    folder = next((Path(lake.project.root) / ".lakeflow/warehouse/gold").iterdir())
    return lake.adopt("gold.totals", str(folder))


def adopt_again(lake: Lake) -> bool:
    return is_there(lake, "gold.totals") or adopt_totals(lake).state is RunState.PUBLISHED


def drop_again(lake: Lake) -> bool:
    return not is_there(lake, "gold.totals") or lake.drop("gold.totals").state is RunState.PUBLISHED


def collect(lake: Lake) -> bool:
    lake.collect_garbage(older_than=timedelta())
    return not any(each.files for each in lake.garbage(older_than=timedelta()))


def code_changed(root: Path) -> None:
    published(root)
    text = PROJECT["layers/silver/orders.sql"].replace("price from", "price + 1 as price from")
    write(root, {"layers/silver/orders.sql": text})


def build_apart(lake: Lake) -> object:
    with open_lake(Path(lake.project.root), "pr_1") as apart:
        return apart.materialize("silver.orders", "gold.totals")


def build_apart_again(lake: Lake) -> bool:
    build_apart(lake)
    with open_lake(Path(lake.project.root), "pr_1") as apart:
        running = [run for run in apart.runs() if run.state is RunState.RUNNING]
        return not running and not apart.plan("silver.orders", "gold.totals").steps and not promises(apart)


def built_apart(root: Path) -> None:
    """New code is built and audited in an environment."""
    code_changed(root)
    with lakeflow.open(root, settings={"env": "pr_1"}) as lake:
        run = lake.materialize("silver.orders", "gold.totals")
        assert run is not None
        assert run.state is RunState.PUBLISHED, run


def built_on_what_moved(root: Path) -> None:
    built_apart(root)
    run_in(root, RunState.PUBLISHED)


def promote_again(lake: Lake) -> bool:
    lake.environments.promote("pr_1")
    return not lake.environments.show("pr_1").built and not lake.plan().steps


def refresh_again(lake: Lake) -> bool:
    lake.environments.refresh("pr_1")
    return not lake.environments.show("pr_1").built


def drop_env_again(lake: Lake) -> bool:
    if lake.environments.list():
        lake.environments.drop("pr_1")
    return not any(ref.startswith("env_") for table in tables_of(lake) for ref in table.refs)


def tables_of(lake: Lake) -> list[Table]:
    return list(lake._world.catalog.load(lake._world.catalog.keys()).values())


COMMANDS = (
    Command("retry", held_by_old_code, Lake.retry, retry_again),
    Command("publish", held, lambda lake: lake.publish(latest(lake).id), publish_again(None)),
    Command("force", held_still, lambda lake: lake.publish(latest(lake).id, reason="known"), publish_again("known")),
    Command("discard", held, lambda lake: lake.discard(latest(lake).id), discard_again),
    Command("rollback", published_twice, lambda lake: lake.rollback(latest(lake).id), roll_back_again, lets_go=True),
    Command("rollback_some", published_twice, roll_back_totals, totals_went_back, lets_go=True),
    Command("rollback_to", published_twice, return_totals, totals_returned, lets_go=True),
    Command("tag", published_twice, tag_first, tag_again),
    Command("untag", tagged, lambda lake: lake.untag("first"), untag_again),
    Command("unland", landed, unland_second, file_again(unland_second)),
    Command("leave_out", landed, leave_second_out, file_again(leave_second_out)),
    Command("compact", landed, compact_all, compact_again),
    Command("readmit", refused, lambda lake: lake.readmit("silver.orders"), readmit_again),
    Command("backfill", months, lambda lake: lake.backfill("silver.months"), backfill_again),
    Command("rename", renamed, Lake.materialize, run_again),
    Command("adopt", dropped, adopt_totals, adopt_again),
    Command("drop", undefined, lambda lake: lake.drop("gold.totals"), drop_again, lets_go=True),
    Command("supersede", delivered_again, Lake.materialize, take_over_again),
    Command("supersede-publish", delivered_well, Lake.materialize, take_over_again),
    Command("gc", littered, collect, collect),
    Command("build_apart", code_changed, build_apart, build_apart_again),
    Command("promote", built_apart, lambda lake: lake.environments.promote("pr_1"), promote_again),
    Command("refresh", built_on_what_moved, lambda lake: lake.environments.refresh("pr_1"), refresh_again),
    Command("drop_env", built_apart, lambda lake: lake.environments.drop("pr_1"), drop_env_again),
)

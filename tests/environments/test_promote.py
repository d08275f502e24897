"""What was audited in an environment becomes main as it is. Readers of main are pyiceberg."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from lakeflow.core.errors import BusyError, UsageError
from lakeflow.core.model.run import RunState
from lakeflow.core.view.findings import Level
from lakeflow.lake.care import rebuild_ledger
from lakeflow.lake.lake import Lake
from lakeflow.wap.environments import promote as story
from lakeflow.wap.environments.drop import still
from lakeflow.wap.environments.promote import Promoted
from tests.environments.lab import BAD, CHANGED, main_of, project, tables
from tests.external.lab import make, opened
from tests.prepared import Prepared

pytestmark = pytest.mark.long

SILVER = "silver.orders"
SUMMED = {
    "layers/gold/cities.sql": "/*\nkey = ['city']\n*/\nselect city, sum(id) as orders from silver.orders group by all"
}


def built_on_main(root: Path) -> None:
    project(root)
    with opened(root) as lake:
        lake.materialize()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("promote"), built_on_main)


@pytest.fixture
def root(prepared: Prepared) -> Path:
    return make(prepared.again(), {**CHANGED, **SUMMED})


def built(root: Path, *selection: str) -> RunState:
    with opened(root, env="pr_1") as lake:
        run = lake.materialize(*(selection or (SILVER, "gold.cities")))
        assert run is not None
        return run.state


def promoted(root: Path) -> Promoted:
    with opened(root) as lake:
        return lake.environments.promote("pr_1")


def keys(found: object) -> list[str]:
    return sorted(map(str, found))  # type: ignore[call-overload]


def assert_in_order(lake: Lake) -> None:
    """Ledger and tables are of one mind, and each snapshot is proven."""
    assert not lake.verify().remarks
    assert not [found for found in lake.doctor() if found.level is not Level.OK]


@contextmanager
def without_data(root: Path) -> Iterator[None]:
    """While no data file of any table is where it is looked for."""
    every = list((root / ".lakeflow/warehouse").glob("*/*/data"))
    assert len(every) == 3
    for path in every:
        path.rename(path.with_name("away"))
    yield
    for path in every:
        path.with_name("away").rename(path)


def test_main_moves_to_the_very_snapshots_in_one_commit_and_no_data_file_is_opened(root: Path) -> None:
    assert built(root) is RunState.PUBLISHED
    before = main_of(root)
    branches = {
        name: table.metadata.refs["env_pr_1"].snapshot_id
        for name, table in tables(root).items()
        if name != "bronze.orders"
    }
    with opened(root) as lake:
        (said,) = [lake.environments.promotion("pr_1")]
        assert [(str(one.asset), one.rows) for one in said.ready] == [("gold.cities", 2), (SILVER, 2)]
        assert (said.rows_not_read, dict(said.behind), dict(said.held)) == (4, {}, {})
    assert main_of(root) == before, "a look writes nothing"
    with without_data(root):
        done = promoted(root)
    after = main_of(root)
    assert {name: after[name][0] for name in branches} == branches
    assert after[SILVER][1:] == (
        ("id", "city", "twice"),
        ["{'id': 1, 'city': 'oslo', 'twice': 2}", "{'id': 2, 'city': 'bergen', 'twice': 4}"],
    )
    assert after["bronze.orders"] == before["bronze.orders"]
    with opened(root) as lake:
        assert not lake.plan().steps
        assert_in_order(lake)
        (last, *_) = lake.log().entries
        assert done.run is not None
        assert (last.run, last.reason, last.tables) == (done.run.id, "promoted from environment pr_1", 2)
        assert [run.state for run in lake.runs()] == [RunState.PUBLISHED] * 3, "that of the environment is one of main"
        assert lake.environments.show("pr_1").built == ()
    with opened(root, env="pr_1") as lake:
        assert not lake.plan().steps, "the environment goes on from what main is now"


def test_all_that_was_published_there_comes_along_and_a_rollback_takes_all_of_it_back(root: Path) -> None:
    before = main_of(root)
    assert built(root, SILVER) is RunState.PUBLISHED
    make(root, {"layers/silver/orders.sql": CHANGED["layers/silver/orders.sql"].replace("* 2", "* 3")})
    assert built(root) is RunState.PUBLISHED
    done = promoted(root)
    assert done.run is not None
    with opened(root) as lake:
        assert_in_order(lake)
        assert len(list(tables(root)[SILVER].metadata.snapshots)) == 3
        lake.rollback(done.run.id)
        assert_in_order(lake)
        assert [str(step.asset) for step in lake.plan().steps] == [SILVER, "gold.cities"]
        assert {run.state for run in lake.runs()} == {RunState.ROLLED_BACK, RunState.PUBLISHED}
        assert lake.environments.promotion("pr_1").ready == (), "what was taken back is not promoted again"
    assert main_of(root) == before


def test_the_run_of_the_environment_can_be_rolled_back_on_main_and_the_promote_says_so(root: Path) -> None:
    before = main_of(root)
    built(root)
    done = promoted(root)
    with opened(root, env="pr_1") as lake:
        (run,) = lake.runs()
    with opened(root) as lake:
        assert lake.rollback(run.id).state is RunState.ROLLED_BACK
        assert done.run is not None
        assert lake.run(done.run.id).state is RunState.ROLLED_BACK
        assert_in_order(lake)
    assert main_of(root) == before


def test_what_main_has_moved_under_is_built_again_in_the_environment_and_then_promoted(root: Path) -> None:
    built(root)
    make(root, {"data/orders/2.csv": "id,city\n3,oslo\n"})
    with opened(root) as lake:
        lake.materialize("bronze.orders")
        said = lake.environments.promotion("pr_1")
        assert said.ready == ()
        assert "input moved: bronze.orders" in said.behind[lake.select(SILVER)[0]]
    done = promoted(root)
    assert done.built is not None
    assert keys(one.asset for one in done.promotion.ready) == ["gold.cities", SILVER]
    assert len(main_of(root)[SILVER][2]) == 3
    with opened(root) as lake:
        assert not lake.plan().steps
        assert_in_order(lake)


def test_what_main_published_of_the_same_table_meanwhile_is_not_lost(root: Path) -> None:
    built(root)
    make(root, {"data/orders/2.csv": "id,city\n3,oslo\n", **CHANGED})
    make(
        root,
        {
            "layers/silver/orders.sql": "/*\nkey = ['id']\n*/\n"
            "select id::bigint as id, city, 1 as one from bronze.orders"
        },
    )
    with opened(root) as lake:
        lake.materialize()
    make(root, CHANGED)
    with opened(root) as lake:
        assert lake.environments.promotion("pr_1").behind[lake.select(SILVER)[0]] == "main has moved since it was built"
    promoted(root)
    assert main_of(root)[SILVER][1] == ("id", "city", "twice")
    assert len(main_of(root)[SILVER][2]) == 3
    with opened(root) as lake:
        assert_in_order(lake)


def test_what_is_held_stays_there_and_is_named_and_the_rest_is_promoted(root: Path) -> None:
    make(root, {"checks/gold/cities.few.sql": "select * from gold.cities where orders > 1"})
    assert built(root) is RunState.HELD
    before = main_of(root)
    done = promoted(root)
    assert keys(one.asset for one in done.promotion.ready) == [SILVER]
    assert keys(done.promotion.held) == ["gold.cities"]
    assert done.built is None, "a run holds that work already"
    after = main_of(root)
    assert after["gold.cities"] == before["gold.cities"]
    assert after[SILVER] != before[SILVER]
    with opened(root) as lake:
        assert_in_order(lake)


def test_a_held_asset_keeps_what_was_made_from_it_in_the_environment(root: Path) -> None:
    make(root, BAD)
    assert built(root) is RunState.HELD
    before = main_of(root)
    done = promoted(root)
    assert (done.run, done.promotion.ready) == (None, ())
    assert keys(done.promotion.held) == ["gold.cities", SILVER]
    assert main_of(root) == before


def test_what_was_forced_there_is_not_promoted(root: Path) -> None:
    make(root, BAD)
    built(root, SILVER)
    before = main_of(root)
    with opened(root, env="pr_1") as lake:
        lake.publish(lake.runs()[0].id, reason="I know")
    done = promoted(root)
    assert done.run is None
    assert "by force" in str(dict(done.promotion.behind))
    assert main_of(root) == before


def test_code_or_checks_of_another_day_are_built_and_audited_before_they_become_main(root: Path) -> None:
    built(root)
    make(root, BAD)
    before = main_of(root)
    done = promoted(root)
    assert done.run is None
    assert done.built is not None
    assert done.built.state is RunState.HELD
    assert main_of(root) == before
    (root / "checks/silver/orders.small.sql").unlink()
    make(root, {"layers/silver/orders.sql": CHANGED["layers/silver/orders.sql"].replace("* 2", "* 3")})
    assert keys(one.asset for one in promoted(root).promotion.ready) == ["gold.cities", SILVER]
    assert "{'id': 2, 'city': 'bergen', 'twice': 6}" in main_of(root)[SILVER][2]


def test_files_that_landed_in_the_environment_do_not_land_a_second_time(root: Path) -> None:
    make(root, {"data/orders/2.csv": "id,city\n3,oslo\n"})
    assert built(root, "bronze.orders", SILVER) is RunState.PUBLISHED
    promoted(root)
    make(root, {"data/orders/3.csv": "id,city\n4,oslo\n"})
    with opened(root) as lake:
        lake.materialize()
        assert_in_order(lake)
    assert len(main_of(root)["bronze.orders"][2]) == 4
    assert len(main_of(root)[SILVER][2]) == 4


def test_a_table_that_main_does_not_have_yet_is_born_by_the_promote_and_unborn_by_its_rollback(root: Path) -> None:
    make(root, {"layers/gold/ids.sql": "/*\nkey = ['id']\n*/\nselect id from silver.orders"})
    assert built(root, SILVER, "gold.ids") is RunState.PUBLISHED
    done = promoted(root)
    assert len(main_of(root)["gold.ids"][2]) == 2
    with opened(root) as lake:
        assert_in_order(lake)
        assert done.run is not None
        lake.rollback(done.run.id)
        assert_in_order(lake)
    assert main_of(root)["gold.ids"][0] is None


def test_an_environment_whose_main_was_rolled_back_builds_again_on_what_readers_see(root: Path) -> None:
    with opened(root) as lake:
        lake.materialize(SILVER)
        (run, *_) = lake.runs()
    make(root, {"layers/silver/orders.sql": CHANGED["layers/silver/orders.sql"].replace("* 2", "* 3")})
    built(root, SILVER)
    with opened(root) as lake:
        lake.rollback(run.id)
        assert lake.environments.promotion("pr_1").ready == ()
    done = promoted(root)
    assert keys(one.asset for one in done.promotion.ready) == [SILVER]
    with opened(root) as lake:
        assert_in_order(lake)
    assert "{'id': 2, 'city': 'bergen', 'twice': 6}" in main_of(root)[SILVER][2]


def test_of_two_promotes_at_once_one_publishes(root: Path) -> None:
    built(root)
    both = Barrier(2)

    def go() -> RunState | None:
        with opened(root) as lake:
            both.wait()
            try:
                done = lake.environments.promote("pr_1")
            except BusyError:
                return None
            return done.run.state if done.run else None

    with ThreadPoolExecutor(2) as pool:
        assert sorted(map(str, [each.result() for each in [pool.submit(go), pool.submit(go)]])) == ["None", "published"]
    with opened(root) as lake:
        assert_in_order(lake)
        assert len(lake.log().entries) == 2


def test_a_lost_ledger_is_given_back_the_runs_that_were_promoted(root: Path) -> None:
    built(root)
    promoted(root)
    import sqlite3

    with closing(sqlite3.connect(root / ".lakeflow/catalog.db")) as database, database:
        for name in ("runs", "steps", "checks", "verdicts", "environments", "pins"):
            database.execute(f"drop table lakeflow_{name}")

    rebuild_ledger(root)
    with opened(root) as lake:
        assert_in_order(lake)
        assert not lake.plan().steps


def test_what_main_held_of_the_same_assets_is_superseded(root: Path) -> None:
    (root / "layers/silver/orders.sql").write_text(
        "/*\nkey = ['id']\n*/\nselect id::bigint as id, 'x' as city from bronze.orders"
    )
    make(root, BAD)
    with opened(root) as lake:
        held = lake.materialize(SILVER)
        assert held is not None
        assert held.state is RunState.HELD
    (root / "checks/silver/orders.small.sql").unlink()
    make(root, CHANGED)
    built(root, SILVER)
    promoted(root)
    with opened(root) as lake:
        assert lake.run(held.id).state is RunState.SUPERSEDED
        assert_in_order(lake)


def test_there_is_nothing_to_promote_of_an_environment_that_is_not_there(root: Path) -> None:
    with opened(root) as lake, pytest.raises(UsageError, match="there is no environment pr_1"):
        lake.environments.promote("pr_1")


def test_a_root_that_always_runs_is_not_behind_for_that(root: Path) -> None:
    make(
        root,
        {
            "layers/bronze/fixed.sql": "select * from (values ('1', 'oslo')) o(id, city)",
            "layers/silver/fixed.sql": "/*\nkey = ['id']\n*/\nselect distinct id, city from bronze.fixed",
        },
    )
    assert built(root, "*.fixed") is RunState.PUBLISHED
    done = promoted(root)
    assert done.built is None
    assert keys(one.asset for one in done.promotion.ready) == ["bronze.fixed", "silver.fixed"]
    assert len(main_of(root)["silver.fixed"][2]) == 1


def test_an_environment_of_an_older_release_is_promoted(root: Path) -> None:
    """Which recorded the runs of environments by their own names."""
    built(root)
    with closing(sqlite3.connect(root / ".lakeflow/catalog.db")) as database, database:
        assert database.execute("select count(*) from lakeflow_runs where id like '%@pr_1'").fetchone() == (1,)
        for name, column in (("runs", "id"), ("steps", "run"), ("checks", "run"), ("verdicts", "run")):
            database.execute(f"update lakeflow_{name} set {column} = replace({column}, '@pr_1', '')")
        database.execute("alter table lakeflow_checks drop column asked")
        database.execute("delete from lakeflow_migrations where version >= 14")
    done = promoted(root)
    assert done.built is None
    assert keys(one.asset for one in done.promotion.ready) == ["gold.cities", SILVER]
    with opened(root) as lake:
        assert_in_order(lake)
        assert not lake.plan().steps


def test_a_run_that_makes_more_ready_between_the_look_and_the_leases_is_not_torn(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it made rests on rows that landed there too: the one without the other would be wrong on main."""
    built(root)
    make(root, {"data/orders/2.csv": "id,city\n3,oslo\n"})
    before = main_of(root)

    @contextmanager
    def late(*given: Any) -> Iterator[None]:
        monkeypatch.setattr(story, "still", still)
        assert built(root, "bronze.orders", SILVER, "gold.cities") is RunState.PUBLISHED
        with still(*given):
            yield

    monkeypatch.setattr(story, "still", late)
    with pytest.raises(BusyError, match=r"made bronze\.orders ready meanwhile"):
        promoted(root)
    assert main_of(root) == before
    done = promoted(root)
    assert keys(one.asset for one in done.promotion.ready) == ["bronze.orders", "gold.cities", SILVER]
    assert len(main_of(root)[SILVER][2]) == len(main_of(root)["bronze.orders"][2]) == 3


def test_a_promote_waits_for_a_run_that_is_at_work_in_the_environment(root: Path) -> None:
    built(root)
    with opened(root) as lake:
        held = still(lake._world, "pr_1")
        held.__enter__()
        with pytest.raises(BusyError):
            lake.environments.promote("pr_1")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(lambda: _promoted_within(root, 60))
            with pytest.raises(TimeoutError):
                waiting.result(timeout=2)
            held.__exit__(None, None, None)
            assert waiting.result().run is not None


def _promoted_within(root: Path, seconds: float) -> Promoted:
    with opened(root) as lake:
        return lake.environments.promote("pr_1", wait=seconds)

"""Environments on a real lake: what is built in one, and that readers of main, who are pyiceberg, see nothing of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from lakeflow.core.errors import LakeError, UsageError
from lakeflow.core.model.run import RunState
from lakeflow.core.view.findings import Level
from lakeflow.lake.lake import Lake
from tests.environments.lab import BAD, CHANGED, main_of, project, tables
from tests.external.lab import make, opened


def ran(lake: Lake, *selection: str) -> RunState:
    run = lake.materialize(*selection)
    assert run is not None
    return run.state


def stored(root: Path) -> set[Path]:
    return {path for path in (root / ".lakeflow/warehouse").rglob("*") if path.is_file()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    project(tmp_path)
    with opened(tmp_path) as lake:
        assert ran(lake) is RunState.PUBLISHED
    return tmp_path


@pytest.mark.long
def test_what_an_environment_builds_changes_nothing_for_readers_of_main(root: Path) -> None:
    before, files = main_of(root), stored(root)
    make(root, CHANGED)
    with opened(root, env="pr_1") as lake:
        assert ran(lake, "silver.orders", "gold.cities") is RunState.PUBLISHED
        assert sorted(lake.query("select id, twice from silver.orders").fetchall()) == [(1, 2), (2, 4)]
        assert not lake.plan().steps
        assert [run.state for run in lake.runs()] == [RunState.PUBLISHED]
        assert [row.ref for row in lake.snapshots("silver.orders")] == ["main", None]
    assert main_of(root) == before
    with opened(root, env="main") as lake:
        assert len(lake.runs()) == 1
        assert [str(step.asset) for step in lake.plan().steps] == ["silver.orders", "gold.cities"]
        (one,) = lake.environments.list()
        assert [str(each.asset) for each in one.built] == ["silver.orders"], "the cities came out the same"
        assert not [found for found in lake.doctor() if found.level is not Level.OK]
    assert set(tables(root)["bronze.orders"].metadata.refs) == {"main"}, "what it only reads is not written"
    assert not [path for path in stored(root) - files if "bronze" in path.parts]


@pytest.mark.long
def test_an_environment_reads_main_as_it_was_when_it_was_made_until_it_is_refreshed(root: Path) -> None:
    make(root, CHANGED)
    with opened(root, env="pr_1") as lake:
        ran(lake, "silver.orders")
    for number in range(2, 6):  # more publishes than main keeps
        make(root, {f"data/orders/{number}.csv": f"id,city\n{number + 1},oslo\n"})
        with opened(root) as lake:
            ran(lake, "bronze.orders")
    with opened(root, env="pr_1") as lake:
        assert lake.query("select count(*) from bronze.orders").fetchall() == [(2,)]
        assert lake.query("select count(*) from silver.orders").fetchall() == [(2,)]
    with opened(root) as lake:
        assert lake.environments.refresh("pr_1") == ()
    with opened(root, env="pr_1") as lake:
        assert lake.query("select count(*) from bronze.orders").fetchall() == [(6,)]
        assert ran(lake, "silver.orders") is RunState.PUBLISHED
        assert lake.query("select count(*) from silver.orders").fetchall() == [(6,)]


@pytest.mark.long
def test_a_refresh_lets_go_of_what_main_has_moved_under(root: Path) -> None:
    make(root, CHANGED)
    with opened(root, env="pr_1") as lake:
        ran(lake, "silver.orders")
    with opened(root) as lake:
        ran(lake, "silver.orders")
        assert [str(key) for key in lake.environments.refresh("pr_1")] == ["silver.orders"]
        assert lake.environments.show("pr_1").built == ()
    with opened(root, env="pr_1") as lake:
        assert not lake.plan("silver.orders").steps, "it reads what main has published meanwhile"
    assert len(tables(root)["silver.orders"].metadata.snapshots) == 2


@pytest.mark.long
def test_what_a_check_holds_in_an_environment_is_decided_there(root: Path) -> None:
    before = main_of(root)
    make(root, {**CHANGED, **BAD})
    with opened(root, env="pr_1") as lake:
        assert ran(lake, "silver.orders") is RunState.HELD
        (run,) = lake.runs()
        assert lake.read("silver.orders").columns == ["id", "city"], "readers in the environment see it neither"
        assert lake.read("silver.orders", ref="held").columns == ["id", "city", "twice"]
    with opened(root) as lake:
        assert [str(key) for key in lake.environments.show("pr_1").held] == ["silver.orders"]
        with pytest.raises(UsageError, match=f"run {run.id} is one of environment pr_1") as told:
            lake.retry(run.id)
        assert "--env pr_1" in (told.value.hint or "")
    (root / "checks/silver/orders.small.sql").unlink()
    with opened(root, env="pr_1") as lake:
        assert lake.retry(run.id).state is RunState.PUBLISHED
        assert lake.read("silver.orders").columns == ["id", "city", "twice"]
        assert lake.rollback(run.id).state is RunState.ROLLED_BACK
        assert lake.read("silver.orders").columns == ["id", "city"]
    assert main_of(root) == before


@pytest.mark.long
def test_what_a_later_run_took_over_is_not_held_any_more(root: Path) -> None:
    make(root, {**CHANGED, **BAD})
    with opened(root, env="pr_1") as lake:
        assert ran(lake, "silver.orders") is RunState.HELD
    make(root, {"layers/silver/orders.sql": CHANGED["layers/silver/orders.sql"].replace("* 2", "* 3")})
    (root / "checks/silver/orders.small.sql").unlink()
    with opened(root, env="pr_1") as lake:
        assert ran(lake, "silver.orders") is RunState.PUBLISHED
    refs = tables(root)["silver.orders"].metadata.refs
    assert [name for name in refs if name.startswith("env_pr_1__audit_")], "its branch is kept for a while"
    with opened(root) as lake:
        assert lake.environments.show("pr_1").held == ()


@pytest.mark.long
def test_of_a_name_that_no_environment_has_is_said_what_there_is_or_what_a_name_may_be(root: Path) -> None:
    with opened(root) as lake:
        verbs = (lake.environments.promotion, lake.environments.promote, lake.environments.refresh)
        for verb in (*verbs, lake.environments.show, lake.environments.drop):
            with pytest.raises(UsageError, match="there is no environment pr_1") as told:
                verb("pr_1")
            assert "`lakeflow env` lists" in (told.value.hint or "")
            with pytest.raises(UsageError, match="'foo/bar' cannot name an environment") as told:
                verb("foo/bar")
            assert told.value.hint == "write foo_bar"


def data_files(root: Path) -> set[Path]:
    return {*(root / ".lakeflow/warehouse").rglob("data/**/*.parquet")}


@pytest.mark.long
def test_a_dropped_environment_leaves_no_branch_no_snapshot_and_no_file(root: Path) -> None:
    snapshots = {name: len(table.metadata.snapshots) for name, table in tables(root).items()}
    files = data_files(root)
    make(root, CHANGED)
    for _ in range(2):
        with opened(root, env="pr_1") as lake:
            lake.materialize("silver.orders", force=True)
    with opened(root) as lake:
        assert [str(key) for key in lake.environments.drop("pr_1")] == ["silver.orders"]
        assert lake.environments.list() == ()
        assert data_files(root) > files
        lake.collect_garbage(older_than=timedelta())
        assert data_files(root) == files, "those of the newest snapshot, too"
        with pytest.raises(UsageError, match="no environment pr_1"):
            lake.environments.drop("pr_1")
    assert {name: len(table.metadata.snapshots) for name, table in tables(root).items()} == snapshots
    assert all(set(table.metadata.refs) == {"main"} for table in tables(root).values())


@pytest.mark.long
def test_a_collection_removes_an_environment_that_nobody_used_for_so_long_and_nothing_that_another_reads(
    root: Path,
) -> None:
    make(root, CHANGED)
    with opened(root, env="pr_1") as lake:
        ran(lake, "silver.orders")
    with opened(root) as lake:
        lake.collect_garbage(older_than=timedelta())
    with opened(root, env="pr_1") as lake:
        assert sorted(lake.query("select id, twice from silver.orders").fetchall()) == [(1, 2), (2, 4)]
    with opened(root, keep_environments="0s") as lake:
        lake.collect_garbage(older_than=timedelta())
        assert lake.environments.list() == ()


@pytest.mark.long
def test_tables_come_go_and_get_names_on_main_alone(root: Path) -> None:
    with opened(root, env="pr_1") as lake:
        with pytest.raises(UsageError, match="a tag names what readers of main see"):
            lake.tag("before")
        with pytest.raises(UsageError, match="this lake is open in environment pr_1"):
            lake.environments.list()
    before = main_of(root)
    (root / "layers/gold/cities.sql").unlink()
    with opened(root, env="pr_1") as lake, pytest.raises(UsageError, match="environment pr_1 cannot do that"):
        lake.drop("gold.cities")
    assert main_of(root) == before


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Pr-1", "write pr_1"),
        ("a__b", "write a_b"),
        ("held", "such as pr_123"),
        ("æ", "such as pr_123"),
        ("x" * 41, "such"),
    ],
)
def test_what_cannot_name_an_environment_is_refused_with_what_to_write(tmp_path: Path, name: str, hint: str) -> None:
    project(tmp_path)
    with opened(tmp_path, env=name) as lake, pytest.raises(UsageError, match="cannot name an environment") as told:
        lake.plan()
    assert hint in (told.value.hint or "")


@pytest.mark.long
def test_the_lines_for_other_engines_are_not_given_for_an_environment_as_if_they_read_it(root: Path) -> None:
    with opened(root, env="pr_1") as lake, pytest.raises(UsageError, match="not environment pr_1") as told:
        lake.how_to_read("silver.orders", "spark")
    assert "env_pr_1" in (told.value.hint or "")


@pytest.mark.long
def test_a_branch_of_an_environment_that_nobody_recorded_is_not_taken_for_a_new_one(root: Path) -> None:
    table = tables(root)["silver.orders"]
    head = table.current_snapshot()
    assert head is not None
    table.manage_snapshots().create_branch(head.snapshot_id, "env_pr_1").commit()
    make(root, CHANGED)
    with opened(root, env="pr_1") as lake, pytest.raises(UsageError, match="that is not recorded"):
        lake.materialize()
    with opened(root) as lake:
        assert [one.is_recorded for one in lake.environments.list()] == [False]
        lake.environments.drop("pr_1")
    with opened(root, env="pr_1") as lake:
        assert ran(lake, "silver.orders") is RunState.PUBLISHED


@pytest.mark.long
def test_the_git_branch_names_the_environment_where_the_settings_say_so(root: Path) -> None:
    before = main_of(root)
    (root / ".git").mkdir()
    (root / ".git/HEAD").write_text("ref: refs/heads/feature/Twice\n")
    make(root, CHANGED)
    with opened(root, env="git") as lake:
        assert ran(lake, "silver.orders") is RunState.PUBLISHED
    assert main_of(root) == before
    with opened(root) as lake:
        (one,) = lake.environments.list()
        assert one.name.startswith("feature_twice_")
    (root / ".git/HEAD").write_text("ref: refs/heads/main\n")
    with opened(root, env="git") as lake:
        assert ran(lake, "silver.orders") is RunState.PUBLISHED
    assert main_of(root) != before


@pytest.mark.long
def test_a_pinned_snapshot_that_another_engine_let_go_is_told_with_what_to_type(root: Path) -> None:
    with opened(root, env="pr_1") as lake:
        lake.materialize("silver.orders", force=True)
    old = tables(root)["gold.cities"].current_snapshot()
    assert old is not None
    with opened(root) as lake:
        lake.materialize("gold.cities", force=True, full_refresh=True)
    table = tables(root)["gold.cities"]
    if old.snapshot_id == table.metadata.current_snapshot_id:
        pytest.fail("main moved")
    table.maintenance.expire_snapshots().by_id(old.snapshot_id).commit()
    with opened(root, env="pr_1") as lake, pytest.raises(LakeError, match="has pinned snapshot") as told:
        lake.query("select * from gold.cities").fetchall()
    assert "env refresh pr_1" in (told.value.hint or "")

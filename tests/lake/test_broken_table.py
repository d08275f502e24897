"""What is wrong with one table stops that table alone, and every look says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.errors import LakeError, LakeflowError
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import RunState, StepState
from lakeflow.core.model.table import Looked
from lakeflow.core.ports.locations import local_path
from lakeflow.core.view.findings import Level
from lakeflow.core.view.rows import AssetState
from lakeflow.lake.lake import Lake
from tests.cli.process import lakeflow as command
from tests.prepared import Prepared
from tests.runs import ran

FILES = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "layers/bronze/a.sql": "select range as n from range(3)\n",
    "layers/bronze/b.sql": "select range as n from range(3)\n",
    "layers/silver/a.sql": '/*\nkey = ["n"]\n*/\nselect n from bronze.a\n',
    "layers/silver/b.sql": '/*\nkey = ["n"]\n*/\nselect n from bronze.b\n',
    "layers/gold/b.sql": "select sum(n) as total from silver.b\n",
    "checks/silver/b.no.sql": "select n from silver.b where n < 0\n",
}
BROKEN = AssetKey(Layer.SILVER, "b")
UNRELATED = ("bronze.a", "bronze.b", "silver.a", "gold.b")


def _rubbish(path: Path) -> None:
    path.write_text("[1, 2]")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def _runs_code(path: Path) -> None:
    content = json.loads(path.read_text())
    content["properties"] = {"write.py-location-provider.impl": "os.system"}
    path.write_text(json.dumps(content))


def _no_snapshot(path: Path) -> None:
    content = json.loads(path.read_text())
    content["properties"] = {}
    content["schemas"] = "none"
    path.write_text(json.dumps(content))


DAMAGES: tuple[Callable[[Path], object], ...] = (Path.unlink, _rubbish, _cut, _runs_code, _no_snapshot)


def _make(root: Path) -> None:
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with lakeflow.open(root) as lake:
        assert ran(lake.materialize("+silver.b", "gold.b")).state is RunState.PUBLISHED
        assert ran(lake.materialize("+silver.a")).state is RunState.PUBLISHED


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("whole"), _make)


@pytest.fixture
def root(made: Prepared) -> Path:
    """A lake in which all is published, by two runs."""
    return made.again()


def _break(root: Path, damage: Callable[[Path], object] = Path.unlink) -> None:
    with lakeflow.open(root) as lake:
        path = local_path(lake._world.catalog.load([BROKEN])[BROKEN].version)
    damage(path)


def _healths(lake: Lake) -> dict[str, AssetState]:
    return {str(one.asset): one.state for one in lake.status()}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("damage", DAMAGES)
def test_the_other_tables_are_shown_as_they_were_and_the_broken_one_is_said(
    root: Path, damage: Callable[[Path], object]
) -> None:
    _break(root, damage)
    with lakeflow.open(root) as lake:
        healths = _healths(lake)
        assert healths.pop(str(BROKEN)) is AssetState.BROKEN
        assert AssetState.BROKEN not in healths.values()
        (broken,) = lake.status("status:broken")
        assert "its table cannot be read: silver.b" in broken.reasons[0]
        for name in UNRELATED:
            assert lake.show(name).values
        assert lake.lineage()
        assert lake.plan("silver.a", "gold.b", exclude="bronze.*").steps == ()
        with pytest.raises(LakeError, match=r"silver\.b"):
            lake.show(str(BROKEN))


def test_a_plan_of_everything_says_what_is_broken_and_plans_the_rest(root: Path) -> None:
    _break(root)
    (root / "layers/silver/a.sql").write_text('/*\nkey = ["n"]\n*/\nselect n from bronze.a where n > 0\n')
    with lakeflow.open(root) as lake:
        plan = lake.plan(exclude="bronze.*")
        assert [str(step.asset) for step in plan.steps] == ["silver.a", "silver.b"]
        assert "its table cannot be read" in str(plan.steps[1].reasons[0])


def test_a_run_ends_with_the_error_of_the_broken_table_and_publishes_the_rest(root: Path) -> None:
    _break(root)
    (root / "layers/silver/a.sql").write_text('/*\nkey = ["n"]\n*/\nselect n from bronze.a where n > 0\n')
    (root / "layers/gold/b.sql").write_text("select max(n) as total from silver.b\n")
    with lakeflow.open(root) as lake:
        run = lake.materialize(exclude="bronze.*")
        assert run is not None
        assert run.state is RunState.FAILED
        states = {str(step.asset): step.state for step in run.steps}
        assert states == {
            "silver.a": StepState.PUBLISHED,
            "silver.b": StepState.ERRORED,
            "gold.b": StepState.SKIPPED,
        }
        step = run.step(BROKEN)
        assert step is not None
        assert "is missing (restore it from a copy" in step.reason


def test_what_reads_a_broken_table_that_is_not_selected_ends_with_its_error(root: Path) -> None:
    _break(root)
    (root / "layers/gold/b.sql").write_text("select max(n) as total from silver.b\n")
    with lakeflow.open(root) as lake:
        run = lake.materialize("gold.b")
        assert run is not None
        assert run.steps[0].state is StepState.ERRORED
        assert "silver.b: its metadata file" in run.steps[0].reason


def test_a_run_that_has_nothing_to_do_with_it_is_rolled_back_and_garbage_is_looked_for(root: Path) -> None:
    _break(root)
    with lakeflow.open(root) as lake:
        last = lake.runs()[0]
        assert lake.rollback(last.id).state is RunState.ROLLED_BACK
        found = {one.key: one for one in lake.garbage(older_than=timedelta(0))}
        assert "it cannot be read; `lakeflow doctor` says why" in found[BROKEN].kept
        assert all(not one.kept for key, one in found.items() if key != BROKEN)
        lake.collect_garbage(older_than=timedelta(days=3))
        assert lake.show("bronze.b").values


def test_the_doctor_says_it_once_and_looks_at_the_ledger_of_the_others(root: Path) -> None:
    _break(root)
    with lakeflow.open(root) as lake:
        found = [one for one in lake.doctor() if one.level is not Level.OK]
        assert [one.subject for one in found] == ["silver.b"]
        assert any(one.subject == "ledger" for one in lake.doctor())


@pytest.mark.long
def test_an_audit_of_everything_looks_at_the_others_and_does_not_pass_the_broken_one(root: Path) -> None:
    _break(root)
    with lakeflow.open(root) as lake:
        audited = {str(one.asset): one for one in lake.audit()}
        (table,) = audited.pop(str(BROKEN)).checks
        assert (table.name, table.outcome) == ("table", Outcome.ERRORED)
        assert "it cannot be read: silver.b: its metadata file" in table.detail
        assert set(UNRELATED) <= set(audited)
        assert not any(one.reason for one in audited.values())
        with pytest.raises(LakeError, match=r"silver\.b"):
            lake.audit(str(BROKEN))
    done = command("audit", cwd=root)
    assert done.returncode == 1, done.stderr
    assert "it cannot be read" in done.stdout


@pytest.mark.parametrize("damage", [Path.unlink, _rubbish])
def test_a_broken_table_that_no_asset_defines_is_dropped_and_its_files_stay(
    root: Path, damage: Callable[[Path], object]
) -> None:
    _break(root, damage)
    (root / "layers/gold/b.sql").unlink()
    (root / "layers/silver/b.sql").unlink()
    (root / "checks/silver/b.no.sql").unlink()
    files = set((root / ".lakeflow/warehouse/silver/b").rglob("*.*"))
    with lakeflow.open(root) as lake:
        assert lake.drop(str(BROKEN)).state is RunState.PUBLISHED
        assert lake._world.catalog.look((BROKEN,)) == Looked()
        assert lake.audit()
        lake.collect_garbage(older_than=timedelta(0))
    assert set((root / ".lakeflow/warehouse/silver/b").rglob("*.*")) == files != set()


@pytest.mark.long
def test_the_command_line_says_it(root: Path) -> None:
    _break(root)
    done = command("status", cwd=root)
    assert done.returncode == 0, done.stderr
    assert "broken" in done.stdout
    assert "`lakeflow doctor` says what is wrong" in done.stdout
    assert command("show", "silver.a", cwd=root).returncode == 0
    assert command("plan", cwd=root).returncode == 0


@pytest.mark.long
def test_a_landed_set_that_is_gone_stops_its_own_table_alone(tmp_path: Path) -> None:
    source = '/*\n[source]\nfolder = "in"\nfiles = "*.csv"\nformat = "csv"\ncolumns = ["n"]\n*/\nselect * from source\n'
    files = FILES | {"in/a.csv": "n\n1\n", "layers/bronze/a.sql": source}
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with lakeflow.open(tmp_path) as lake:
        lake.materialize()
    for path in (tmp_path / ".lakeflow/warehouse/bronze/a/metadata").glob("landed-*"):
        path.unlink()
    (tmp_path / "in/b.csv").write_text("n\n2\n")
    with lakeflow.open(tmp_path) as lake:
        healths = _healths(lake)
        assert healths["bronze.a"] is AssetState.BROKEN
        assert healths["silver.a"] is AssetState.FRESH
        assert lake.show("bronze.a").values
        run = lake.materialize("bronze.a", "silver.a")
        assert run is not None
        assert [step.state for step in run.steps][:1] == [StepState.ERRORED]
        with pytest.raises(LakeflowError):
            lake.adopt("bronze.a")

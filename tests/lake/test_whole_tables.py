"""What becomes of a table when its asset is renamed, gets another key, or is made anew from nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.core.errors import ProjectError
from lakeflow.core.model.run import RunState, StepState
from lakeflow.core.view.findings import Level
from tests.cli.process import lakeflow
from tests.external.lab import ids, make, only_step, opened, reasons
from tests.runs import ran

OLD = "/*\nkey = ['id']\n*/\nselect * from (values (1, 'a'), (2, 'a')) as v(id, shop)"
NEW = OLD.replace("*/", "renamed_from = 'silver.old'\n*/")
LANDING = """/*
[source]
folder = 'data'
files = '*.csv'
format = 'csv'
columns = { id = 'int' }
*/
select * from source
"""


def built(root: Path, text: str = OLD) -> Path:
    with opened(make(root, {"layers/silver/old.sql": text, "pyproject.toml": "[tool.lakeflow]\n"})) as lake:
        lake.materialize()
    return root


def renamed(root: Path) -> Path:
    (root / "layers/silver/old.sql").unlink()
    return make(root, {"layers/silver/new.sql": NEW, "pyproject.toml": "[tool.lakeflow]\n"})


@pytest.mark.long
def test_a_renamed_asset_keeps_its_table_with_history_verdicts_and_files(tmp_path: Path) -> None:
    files = sorted(built(tmp_path).rglob("*.parquet"))
    with opened(renamed(tmp_path)) as lake:
        assert lake.undefined() == ()
        plan = [text for text in reasons(lake) if text.startswith("renamed")]
        assert plan == ["renamed from silver.old: its table moves with its history; that name is gone then"]
        assert ran(lake.materialize()).state is RunState.PUBLISHED
        assert ids(lake, "silver.new") == [1, 2]
        assert [row.state for row in lake.snapshots("silver.new")] == ["published"]
        assert not [one for one in lake.doctor() if one.level is not Level.OK]
        assert [step.asset.name for step in lake.runs()[-1].steps] == ["new"]
        assert not [text for text in reasons(lake) if text.startswith("renamed")]
    assert set(files) <= set(tmp_path.rglob("*.parquet"))


@pytest.mark.long
def test_a_new_asset_of_the_old_name_gets_a_table_of_its_own(tmp_path: Path) -> None:
    built(tmp_path)
    with opened(renamed(tmp_path)) as lake:
        lake.materialize()
    make(tmp_path, {"layers/silver/old.sql": OLD.replace("(1, 'a'), ", ""), "layers/silver/new.sql": OLD})
    make(tmp_path, {"pyproject.toml": "[tool.lakeflow]\n"})
    with opened(tmp_path) as lake:
        lake.materialize()
        assert (ids(lake, "silver.old"), ids(lake, "silver.new")) == ([2], [1, 2])


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"old": OLD, "new": NEW}, "which is still defined"),
        ({"new": NEW, "other": NEW}, "and so is another asset"),
        ({"new": NEW.replace("silver.old", "old")}, "is not layer.name"),
    ],
)
def test_a_rename_that_cannot_be_is_a_fault_of_the_files(tmp_path: Path, files: dict[str, str], told: str) -> None:
    with pytest.raises(ProjectError, match=told):
        opened(make(tmp_path, {f"layers/silver/{name}.sql": text for name, text in files.items()}))


@pytest.mark.long
def test_another_key_alone_audits_what_stands_and_writes_nothing(tmp_path: Path) -> None:
    built(tmp_path)
    with opened(built_with_key(tmp_path, "['id', 'shop']")) as lake:
        before = lake.snapshots("silver.old")
        assert "key changed (id → id, shop)" in reasons(lake)
        assert not [text for text in reasons(lake) if text.startswith("code changed")]
        assert ran(lake.materialize()).state is RunState.PUBLISHED
        assert [row.snapshot_id for row in lake.snapshots("silver.old")] == [row.snapshot_id for row in before]
        assert not [text for text in reasons(lake) if text.startswith("key changed")]


def built_with_key(root: Path, key: str) -> Path:
    text = OLD.replace("['id']", key)
    return make(root, {"layers/silver/old.sql": text, "pyproject.toml": "[tool.lakeflow]\n"})


@pytest.mark.long
def test_a_key_that_the_table_does_not_have_is_held(tmp_path: Path) -> None:
    built(tmp_path)
    with opened(built_with_key(tmp_path, "['shop']")) as lake:
        assert only_step(lake.materialize()).state is StepState.HELD
        assert ids(lake, "silver.old") == [1, 2]


@pytest.mark.long
def test_a_full_refresh_lands_every_file_again_in_one_snapshot_and_says_what_goes(tmp_path: Path) -> None:
    files = {"layers/bronze/landed.sql": LANDING, "data/a.csv": "id\n1\n", "pyproject.toml": "[tool.lakeflow]\n"}
    with opened(make(tmp_path, files)) as lake:
        lake.materialize()
        make(tmp_path, {"data/b.csv": "id\n2\n", "pyproject.toml": "[tool.lakeflow]\n"})
        lake.materialize()
        (tmp_path / "data/a.csv").unlink()
        plan = lake.plan(full_refresh=True)
        assert "full refresh: made from nothing, replacing 2 rows in one snapshot" in map(str, plan.steps[0].reasons)
        assert plan.warnings == ("bronze.landed: data/a.csv landed before and is not there any more: its rows go",)
        assert ran(lake.materialize(full_refresh=True)).state is RunState.PUBLISHED
        assert ids(lake, "bronze.landed") == [2]
        assert len(lake.snapshots("bronze.landed")) == 3
        assert not lake.plan().steps
    assert "full refresh" in lakeflow("plan", "--full-refresh", cwd=tmp_path).stdout

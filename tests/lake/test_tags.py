"""Tags and times of retention on a real lake: other engines read a tag by its name, and no collection touches it."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from lakeflow.core.errors import ConfigError, ProjectError, UsageError
from lakeflow.core.model.run import RunState
from lakeflow.core.view.findings import Level
from lakeflow.lake.lake import Lake
from tests.external.lab import make, opened

NOW = timedelta()
ASSETS = {
    "layers/bronze/a.sql": "select {0}::bigint as id",
    "layers/silver/b.sql": "/*\nkey = ['id']\n*/\nselect id from bronze.a",
    "pyproject.toml": "[tool.lakeflow]\nkeep_snapshots = 1\n",
}


def ran(root: Path, value: int) -> Lake:
    make(root, {name: text.format(value) for name, text in ASSETS.items()})
    lake = opened(root, keep_snapshots="1")
    run = lake.materialize()
    assert run is not None
    assert run.state is RunState.PUBLISHED
    return lake


def read(root: Path, name: str, ref: str) -> list[dict[str, Any]]:
    """What pyiceberg finds under that name, by the type and the snapshot of the ref."""
    state = root / ".lakeflow"
    with closing(SqlCatalog("lakeflow", uri=f"sqlite:///{state}/catalog.db", warehouse=str(state))) as catalog:
        table = catalog.load_table(name)
        found = table.metadata.refs[ref]
        assert found.snapshot_ref_type == "tag"
        return sorted(table.scan(snapshot_id=found.snapshot_id).to_arrow().to_pylist(), key=lambda row: row["id"])


@pytest.mark.long
def test_another_engine_reads_a_tag_by_its_name_after_many_runs_and_a_collection(tmp_path: Path) -> None:
    with ran(tmp_path, 1) as lake:
        tag = lake.tag("before")
        assert {str(key) for key in tag.snapshots} == {"bronze.a", "silver.b"}
    for value in range(2, 6):
        with ran(tmp_path, value) as lake:
            lake.collect_garbage(older_than=NOW)
    with opened(tmp_path, keep_snapshots="1") as lake:
        assert read(tmp_path, "bronze.a", "before") == [{"id": 1}]
        assert read(tmp_path, "silver.b", "before") == [{"id": 1}]
        assert lake.read("silver.b", ref="before").fetchall() == [(1,)]
        assert lake.show("silver.b", ref="before").values == (("1",),)
        assert [(row.ref, row.rows) for row in lake.snapshots("silver.b")] == [("main", 5), (None, 4), ("before", 1)]
        assert not [one for one in lake.doctor() if one.level is not Level.OK]
        lake.untag("before")
        lake.collect_garbage(older_than=NOW)
        assert lake.tags() == ()
        assert [row.ref for row in lake.snapshots("silver.b")] == ["main", None]
        with pytest.raises(UsageError, match="has no ref 'before'"):
            lake.read("silver.b", ref="before")
        assert not [one for one in lake.doctor() if one.level is not Level.OK]


@pytest.mark.long
def test_a_copy_and_a_rebuilt_catalog_have_the_tags_too(tmp_path: Path) -> None:
    with ran(tmp_path, 1) as lake:
        lake.tag("before")
    with ran(tmp_path, 2):
        pass
    (tmp_path / ".lakeflow/catalog.db").unlink()
    for left in (tmp_path / ".lakeflow").glob("catalog.db-*"):
        left.unlink()
    from lakeflow.lake.care import rebuild_catalog

    rebuild_catalog(tmp_path)
    assert read(tmp_path, "silver.b", "before") == [{"id": 1}]


def test_ages_and_numbers_of_settings_and_of_assets_are_read(tmp_path: Path) -> None:
    keeps = "keep = ['last by id', '90d']\nkeep_snapshots = 3"
    declared = f"/*\nkey = ['id']\nwrite = 'upsert'\n{keeps}\n*/\nselect id from bronze.a"
    make(tmp_path, {name: text.format(1) for name, text in ASSETS.items()} | {"layers/silver/b.sql": declared})
    with opened(tmp_path, keep="30d") as lake:
        asset = lake.project.assets[lake.select("silver.b")[0]]
        assert (asset.last_by, asset.keep_age, asset.keep_snapshots) == ("id", timedelta(days=90), 3)
        assert lake.configured.keep_age == timedelta(days=30)
        version = asset.code_version
    make(tmp_path, {"layers/silver/b.sql": declared.replace("90d", "91d").replace("= 3", "= 4")})
    with opened(tmp_path) as lake:
        assert lake.project.assets[lake.select("silver.b")[0]].code_version == version, "it changes no row"


@pytest.mark.parametrize("text", ["'for ever'", "['30d', '40d']", "3", "[]", "'last by '"])
def test_what_keep_does_not_say_is_a_fault(tmp_path: Path, text: str) -> None:
    make(tmp_path, {name: text.format(1) for name, text in ASSETS.items()})
    make(tmp_path, {"layers/silver/b.sql": f"/*\nkey = ['id']\nkeep = {text}\n*/\nselect id from bronze.a"})
    with pytest.raises(ProjectError) as caught:
        opened(tmp_path)
    (fault,) = caught.value.faults
    assert fault.path == "layers/silver/b.sql"
    assert "keep" in fault.message


@pytest.mark.parametrize("text", ["ever", "0d", "-3d", "30"])
def test_a_setting_that_is_no_age_is_a_fault(tmp_path: Path, text: str) -> None:
    make(tmp_path, {name: text.format(1) for name, text in ASSETS.items()})
    with pytest.raises(ConfigError, match="keep: expected an age such as 30d"):
        opened(tmp_path, keep=text)

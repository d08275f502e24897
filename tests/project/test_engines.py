"""What runs an asset: what it says, else what settings say of its layer and tags; what only DuckDB can run stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.core.declare.particular.engine_laws import EngineDefaults
from lakeflow.core.errors import ProjectError
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.asset import Computer, Project
from lakeflow.project import load
from lakeflow.workers.functions import ProjectFunctions

GOLD = EngineDefaults(frozenset({Layer.GOLD}), frozenset({"big"}))
LANDING = '/*\nengine = "spark"\n[source]\nfiles = "*.csv"\nformat = "csv"\ncolumns = ["id"]\n*/\nselect id from source'
FUNCTION = """
from lakeflow import asset

@asset(inputs={"rows": "silver.x"}, kind="mart")
def z(rows):
    return rows
"""


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / "layers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def _engines(project: Project) -> dict[str, str]:
    return {str(key): asset.engine.value for key, asset in project.assets.items()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    landing = LANDING.replace('engine = "spark"', 'tags = ["big"]')
    return _write(
        tmp_path,
        {
            "bronze/a.sql": landing,
            "silver/x.sql": '/*\nkey = ["id"]\ntags = ["big"]\n*/\nselect nvl(id, 1) as id from bronze.a',
            "silver/w.sql": '/*\nkey = ["id"]\n*/\nselect id from bronze.a',
            "gold/y.sql": "/*\nengine = \"duckdb\"\n*/\nselect {'a': id} as s from silver.x",
            "gold/z.py": FUNCTION,
        },
    )


def test_settings_choose_for_assets_that_do_not_say_so(root: Path) -> None:
    project = load(root, engines=GOLD)
    assert _engines(project) == {
        "bronze.a": "duckdb",
        "silver.x": "spark",
        "silver.w": "duckdb",
        "gold.y": "duckdb",
        "gold.z": "spark",
    }
    made = project.assets[AssetKey.parse("gold.z")]
    assert ProjectFunctions(str(root)).of(made).engine is Computer.SPARK
    assert set(_engines(load(root)).values()) == {"duckdb"}


def test_another_engine_is_another_version_and_a_kept_project_knows_what_was_said_then(root: Path) -> None:
    (root / "state").mkdir()
    kept = root / "state" / "kept"
    first, second = load(root, kept=kept, engines=GOLD), load(root, kept=kept)
    assert _engines(first)["silver.x"] == "spark"
    assert _engines(second)["silver.x"] == "duckdb"
    versions = {project.assets[AssetKey.parse("silver.x")].code_version for project in (first, second)}
    assert len(versions) == 2
    assert len({project.assets[AssetKey.parse("silver.w")].code_version for project in (first, second)}) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('/*\nengine = "sparkle"\n*/\nselect 1 as id', "unknown engine 'sparkle'"),
        ('/*\nengine = "spark"\nreads = ["*.csv"]\n*/\nselect 1 as id', "bronze.a reads outside files, which Spark"),
        (LANDING, "lands outside files"),
    ],
)
def test_what_only_duckdb_can_run_is_refused_for_spark(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ProjectError) as found:
        load(_write(tmp_path, {"bronze/a.sql": text}))
    assert says in str(found.value)

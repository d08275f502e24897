"""A lake with assets on Spark, where there is neither pyspark nor Java: all that reads files works."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.errors import AssetError
from lakeflow.core.model.run import RunState, StepState

HIDES = """
import sys
from importlib.machinery import PathFinder


class Hides(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {"pyspark", "py4j"} else super().find_spec(name, path, target)


sys.meta_path[:] = [Hides if each is PathFinder else each for each in sys.meta_path]
"""
"""What an interpreter runs when it starts, here and in the processes of a run."""
INSTALL = 'pip install "lakeflow-wap[spark]"'
ROWS = '/*\n{}key = ["id"]\n*/\nselect id, id * {} as n from bronze.raw'


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`silver.rows` holds two versions, as DuckDB wrote them: files of Spark's rows are written by it, too."""
    root = tmp_path_factory.mktemp("lake")
    write(root, "pyproject.toml", '[tool.lakeflow]\n[tool.lakeflow.spark]\nmaster = "local[1]"\n')
    write(root, "layers/bronze/raw.sql", "select i as id from range(3) t(i)")
    write(root, "layers/gold/total.sql", '/*\nkind = "mart"\n*/\nselect sum(n)::bigint as total from silver.rows')
    for times, selection in ((2, ()), (3, ("silver.rows", "gold.total"))):
        write(root, "layers/silver/rows.sql", ROWS.format("", times))
        with lakeflow.open(root) as lake:
            run = lake.materialize(*selection)
            assert run is not None
            assert run.state is RunState.PUBLISHED
    write(root, "layers/silver/rows.sql", ROWS.format('engine = "spark"\n', 4))
    return root


@pytest.fixture
def lake(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[lakeflow.Lake]:
    (tmp_path / "sitecustomize.py").write_text(HIDES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    for name in [name for name in sys.modules if name.partition(".")[0] in {"pyspark", "py4j"}]:
        monkeypatch.delitem(sys.modules, name)
    exec(HIDES, {})
    assert find_spec("pyspark") is None
    assert PathFinder not in sys.meta_path
    with lakeflow.open(root) as lake:
        yield lake


def test_its_rows_are_shown_queried_compared_and_verified(lake: lakeflow.Lake) -> None:
    assert sorted(lake.show("silver.rows").values) == [("0", "0"), ("1", "3"), ("2", "6")]
    assert lake.query("select sum(n) from silver.rows").fetchall() == [(9,)]
    assert lake.diff("silver.rows").rows.changed == 2
    assert lake.verify("silver.rows").is_sound


def test_what_duckdb_computes_from_it_is_previewed_and_itself_says_what_to_install(lake: lakeflow.Lake) -> None:
    assert lake.preview("gold.total").values == (("9",),)
    with pytest.raises(AssetError, match="pyspark is not installed, and Spark runs this asset") as error:
        lake.preview("silver.rows")
    assert INSTALL in (error.value.hint or "")


def test_a_run_says_what_to_install_and_leaves_the_rest_alone(lake: lakeflow.Lake, root: Path) -> None:
    write(root, "layers/gold/other.sql", '/*\nkind = "mart"\n*/\nselect count(*) as n from silver.rows')
    with lakeflow.open(root) as again:
        run = again.materialize("silver.rows", "gold.other")
    assert run is not None
    steps = {str(step.asset): step for step in run.steps}
    assert steps["silver.rows"].state is StepState.ERRORED
    assert "pyspark is not installed" in (steps["silver.rows"].reason or "")
    assert sorted(lake.show("silver.rows").values) == [("0", "0"), ("1", "3"), ("2", "6")]

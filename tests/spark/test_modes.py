"""Every way of writing on Spark and on DuckDB side by side: the same feed twice, and the same rows, ids and proofs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

import lakeflow
from lakeflow.core.errors import AssetError
from tests.spark.engine import beside
from tests.spark.shared import in_this_process
from tests.spark.test_engine import write

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyspark.sql import SparkSession

LINES = """/*
[source]
folder = "drops"
files = "*.csv"
format = "csv"
columns = {id = "bigint", k = "varchar", v = "bigint", moment = "timestamp", gone = "boolean", who = "varchar"}
[columns.who]
pii = true
*/
select * from source"""
COLUMNS = "id, k, v, moment"
PARTITIONS = (
    '"year(moment)", "bucket(3, id)", "truncate(1, k)"',
    '"month(moment)", "k"',
    '"day(moment)", "hour(moment)", "bucket(3, k)"',
)
LAST = 'key = ["k"]\nwrite = "upsert"\nkeep = "last by moment"\nnew_rows = ["bronze.lines"]\nallow_empty = true\n'
ASSETS = {
    **{
        f"p{place}": (f'key = ["id"]\nwrite = "partition"\npartition_by = [{transforms}]\n', COLUMNS, "")
        for place, transforms in enumerate(PARTITIONS)
    },
    "buried": (f'{LAST}deleted = "gone"\n', f"{COLUMNS}, gone", ""),
    "versions": (
        'key = ["k"]\nwrite = "scd2"\nat = "moment"\ntrack = ["v"]\nkeep = "last by id"\nnew_rows = ["bronze.lines"]\n',
        COLUMNS,
        "",
    ),
    "added": ('key = ["id"]\nwrite = "append"\nnew_rows = ["bronze.lines"]\nallow_empty = true\n', COLUMNS, ""),
    "totals": (
        'key = ["k"]\nwrite = "upsert"\nnew_keys = {"bronze.lines" = "k"}\nallow_empty = true\n',
        "k, count(*) as n, cast(sum(v) as bigint) as v",
        "group by k",
    ),
    "months": (
        'key = ["id"]\npartition = "month(moment)"\nstart = "2024-01-01"\nend = "2024-03-01"\nallow_empty = true\n',
        COLUMNS,
        "where moment >= $partition_start and moment < $partition_end",
    ),
    "fine": ('key = ["id"]\n', COLUMNS, ""),
    "people": (
        'key = ["id"]\n[columns.who]\npii = true\nmask = "redact"\n[columns.v]\ntype = "int"\n',
        "id, v, who",
        "",
    ),
    "hashed": ('key = ["who"]\n[columns.who]\npii = true\nmask = "hash"\n', "distinct coalesce(who, 'x') as who", ""),
}
POSITIVE = (
    "import great_expectations.expectations as gxe\n\nexpectations = [\n"
    '    gxe.ExpectColumnValuesToBeBetween(column="v", min_value=0, meta={"lakeflow": {"on_fail": "quarantine"}}),\n]\n'
)
FIRST = ["1,a,1,2024-01-05 10:00:00,false,ada", "2,b,2,2024-02-06 11:30:00,false,bob", "3,ä,-3,2024-01-05 09:00:00,,"]
SECOND = ["4,a,9,2024-02-01 00:00:00,false,ada", "5,b,5,2024-02-07 00:00:00,true,bob", "6,c,6,2024-01-31 23:59:59,,cyd"]


def drop(root: Path, name: str, lines: list[str]) -> None:
    write(root, f"drops/{name}.csv", "id,k,v,moment,gone,who\n" + "".join(f"{line}\n" for line in lines))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("modes")
    write(root, "pyproject.toml", "[tool.lakeflow]\nthreads = 1\n")
    write(root, "layers/bronze/lines.sql", LINES)
    for name, (fields, what, rest) in ASSETS.items():
        select = f"select {what} from bronze.lines {rest}"
        write(root, f"layers/silver/{name}_duck.sql", f"/*\n{fields}*/\n{select}")
        write(root, f"layers/silver/{name}.sql", f'/*\nengine = "spark"\n{fields}*/\n{select}')
    for name in ("fine", "fine_duck"):
        write(root, f"checks/silver/{name}.py", POSITIVE)
    drop(root, "one", FIRST)
    return root


@pytest.fixture(scope="module")
def lake(root: Path, session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[lakeflow.Lake]:
    scratch = tmp_path_factory.mktemp("scratch")
    with pytest.MonkeyPatch.context() as patch, in_this_process(session, scratch):
        patch.setenv("LAKEFLOW_PII_SALT", "x" * 32)
        with lakeflow.open(root) as lake:
            yield lake
    assert not list(scratch.iterdir())


@pytest.fixture(scope="module")
def steps(root: Path, lake: lakeflow.Lake) -> list[dict[str, Any]]:
    """Two runs: of the first file, and of what came then."""
    runs = [lake.materialize()]
    drop(root, "two", SECOND)
    runs.append(lake.materialize())
    return [{str(step.asset): step for step in run.steps} if run else {} for run in runs]


def iceberg(root: Path, name: str) -> Table:
    state = root / ".lakeflow"
    catalog = SqlCatalog("lakeflow", uri=f"sqlite:///{state}/catalog.db", warehouse=f"{state}/warehouse")
    return catalog.load_table(f"silver.{name}")


def _ids(table: Table) -> list[tuple[int, str]]:
    return [(field.field_id, field.name) for field in table.schema().fields]


def _plain(rows: pa.Table) -> list[str]:
    """The rows without the times of the run."""
    out = [name for name in ("_run", "_inputs", "_refused_at") if name in rows.column_names]
    return sorted(map(repr, rows.drop_columns(out).to_pylist()))


@pytest.mark.parametrize("name", ASSETS)
def test_both_engines_leave_the_same_rows_ids_partitions_and_verdicts(
    root: Path, steps: list[dict[str, Any]], name: str
) -> None:
    for run in steps:
        ours, theirs = run[f"silver.{name}"], run[f"silver.{name}_duck"]
        assert str(ours.state) == "published", ours.reason
        assert (str(ours.state), ours.rows) == (str(theirs.state), theirs.rows), (ours.reason, theirs.reason)
    spark, duck = iceberg(root, name), iceberg(root, f"{name}_duck")
    assert _ids(spark) == _ids(duck)
    assert _plain(spark.scan().to_arrow()) == _plain(duck.scan().to_arrow())
    assert str(spark.spec()) == str(duck.spec())
    partitions = [sorted(repr(each["partition"]) for each in of.inspect.files().to_pylist()) for of in (spark, duck)]
    assert partitions[0] == partitions[1]


@pytest.mark.parametrize("name", ["p1", "added"])
def test_polars_and_sparks_own_iceberg_read_them_as_pyiceberg_does(
    root: Path, steps: list[dict[str, Any]], session: SparkSession, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert steps
    monkeypatch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")  # its own planner is a package more
    rows = _plain(iceberg(root, name).scan().to_arrow())
    assert len(rows) == 6
    assert (
        _plain(pl.scan_iceberg(iceberg(root, name).metadata_location, reader_override="native").collect().to_arrow())
        == rows
    )
    assert sorted(map(repr, beside(session, root).rows(f"select * from lakeflow.silver.{name}"))) == rows


def test_what_its_checks_refuse_waits_in_its_quarantine(root: Path, steps: list[dict[str, Any]]) -> None:
    assert steps
    kept, refused = (iceberg(root, name).scan().to_arrow() for name in ("fine", "fine__quarantine"))
    assert sorted(kept["id"].to_pylist()) == [1, 2, 4, 5, 6]
    assert refused["id"].to_pylist() == [3]


def test_a_key_that_was_deleted_stays_away_although_an_older_row_of_it_comes(
    root: Path, lake: lakeflow.Lake, steps: list[dict[str, Any]]
) -> None:
    assert "b" not in iceberg(root, "buried").scan().to_arrow()["k"].to_pylist()
    drop(root, "three", ["7,b,7,2024-02-06 12:00:00,false,bob"])
    lake.materialize("bronze.lines", "silver.buried", "silver.buried_duck")
    found = [iceberg(root, name).scan().to_arrow().sort_by("k") for name in ("buried", "buried_duck")]
    assert found[0].equals(found[1])
    assert "b" not in found[0]["k"].to_pylist()


@pytest.mark.parametrize("name", ["months", "added", "people", "p1"])
def test_a_preview_has_the_rows_that_a_run_would_write_and_no_personal_value(
    lake: lakeflow.Lake, steps: list[dict[str, Any]], name: str
) -> None:
    assert steps
    ours, theirs = (lake.preview(f"silver.{each}") for each in (name, f"{name}_duck"))
    assert sorted(map(repr, ours.values)) == sorted(map(repr, theirs.values))
    assert ours.values
    assert "ada" not in repr(ours.values)


def test_rows_that_another_engine_deleted_are_not_read(
    root: Path, lake: lakeflow.Lake, steps: list[dict[str, Any]]
) -> None:
    """By position, with Iceberg's own delete files."""
    table = iceberg(root, "fine")
    assert steps
    table.delete("id = 2")
    write(root, "layers/gold/read.sql", '/*\nengine = "spark"\nkind = "mart"\n*/\nselect id from silver.fine')
    with lakeflow.open(root) as again:
        found = again.preview("gold.read")
    (root / "layers/gold/read.sql").unlink()
    assert sorted(int(row[0] or 0) for row in found.values) == [1, 4, 5, 6]


def test_a_cluster_without_the_stores_jars_or_credentials_says_what_to_give_it(
    root: Path, lake: lakeflow.Lake, steps: list[dict[str, Any]]
) -> None:
    from dataclasses import replace

    from lakeflow.core.keys import AssetKey

    assert steps
    key = AssetKey.parse("bronze.lines")
    world = lake._world
    tables = world.catalog.load([key])
    scan = world.catalog.scan(tables[key], tables[key].main)
    far = replace(scan, files=("s3://far/data.parquet",))
    with (
        pytest.raises(AssetError, match="Spark cannot reach the store") as error,
        world.engine.produce(lake.project.assets[AssetKey.parse("silver.fine")], {key: far}),
    ):
        pass
    assert "spark.jars.packages" in (error.value.hint or "")

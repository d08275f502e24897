"""Values of every type through both engines of one lake, and what Spark refuses; ways of writing are in test_modes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

import lakeflow
from tests.spark.session import required

if TYPE_CHECKING:
    from pyiceberg.table import Table

BRONZE = """
select i as id, 'c' || (i % 3) as customer, case when i % 7 = 0 then null else (i * 1.25)::decimal(10,2) end as total,
  timestamp '2024-01-30' + to_days(i::int) as moment, (timestamp '2024-01-30' + to_hours(i::int))::timestamptz as seen,
  case when i % 5 = 0 then 'nan'::double else i / 3 end as ratio, 'ada' || i || '@x.org' as email,
  {'a': i::int, 'b': [i, null]} as "st x", map {'k': {'z': i}} as m,
  i::varchar::blob as content, date '1500-01-01' + i::int as day
from range(40) t(i)
"""
SAME = """
select id, customer, total, moment, seen, ratio, `st x`, m, content, day, array(struct(id as y)) as l from bronze.raw
"""
MODES = {
    "replaced": 'key = ["id"]',
    "days": 'key = ["id"]\nwrite = "partition"\n'
    'partition_by = ["month(moment)", "bucket(4, id)", "truncate(1, customer)"]',
    "merged": 'key = ["id"]\nwrite = "upsert"\nsort_by = ["customer", "id desc"]',
}
FUNCTION = '''
from __future__ import annotations

from lakeflow import asset


def helper(text):
    return text.upper()


@asset(inputs={"rows": "silver.replaced"}, key=["customer"], engine="spark")
def totals(rows):
    """One row per customer."""
    from pyspark.sql import functions as F

    shout = F.udf(helper, "string")
    return rows.groupBy("customer").agg(F.sum("total").alias("total"), F.count("*").alias("n")).select(
        "*", shout("customer").alias("Name, with = signs")
    )
'''


def steps_of(lake: lakeflow.Lake, *selection: str) -> dict[str, Any]:
    """The steps of a run by asset."""
    run = lake.materialize(*selection)
    assert run is not None
    return {str(step.asset): step for step in run.steps}


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    required()
    root = tmp_path_factory.mktemp("a [lake] = x")
    conf = '"spark.driver.memory" = "512m"\n"spark.sql.shuffle.partitions" = 1\nmaster = "local[1]"\n'
    write(root, "pyproject.toml", f"[tool.lakeflow]\n[tool.lakeflow.spark]\n{conf}")
    write(root, "layers/bronze/raw.sql", f"/*\n[columns.email]\npii = true\n*/\n{BRONZE}")
    for name, fields in MODES.items():
        write(root, f"layers/silver/{name}.sql", f'/*\nengine = "spark"\n{fields}\n*/\n{SAME}')
        text = SAME.replace("`", '"').replace("array(struct(id as y))", "[{'y': id}]")
        write(root, f"layers/silver/{name}_duck.sql", f"/*\n{fields}\n*/\n{text}")
    masked = '[columns.email]\npii = true\nmask = "hash"\n[columns.id]\ntype = "int"\n'
    write(
        root,
        "layers/silver/people.sql",
        f'/*\nengine = "spark"\nkey = ["id"]\n{masked}*/\nselect id, email from bronze.raw',
    )
    write(root, "layers/silver/people_duck.sql", f'/*\nkey = ["id"]\n{masked}*/\nselect id, email from bronze.raw')
    write(root, "layers/gold/totals.py", FUNCTION)
    write(
        root,
        "layers/gold/broken.sql",
        '/*\nengine = "spark"\n*/\nselect cast(customer as int) as n from silver.replaced',
    )
    write(root, "layers/gold/lacks.sql", '/*\nengine = "spark"\n*/\nselect interval 1 day as span from silver.replaced')
    write(root, "layers/gold/other.sql", "/*\nengine = \"spark\"\n*/\nselect columns('i.*') from silver.replaced")
    return root


@pytest.fixture(scope="module")
def lake(root: Path) -> Iterator[lakeflow.Lake]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEFLOW_PII_SALT", "x" * 32)
        with lakeflow.open(root) as lake:
            yield lake


@pytest.fixture(scope="module")
def steps(lake: lakeflow.Lake) -> dict[str, Any]:
    return steps_of(lake)


def _theirs(root: Path, name: str) -> Table:
    state = root / ".lakeflow"
    return SqlCatalog("lakeflow", uri=f"sqlite:///{state}/catalog.db", warehouse=f"{state}/warehouse").load_table(name)


def _rows(root: Path, name: str) -> pa.Table:
    return _theirs(root, name).scan().to_arrow()


def _plain(table: pa.Table, *out: str) -> list[str]:
    return sorted(map(repr, table.drop_columns([name for name in out if name in table.column_names]).to_pylist()))


@pytest.mark.parametrize("name", [*MODES, "people"])
def test_both_engines_give_the_same_rows_types_partitions_and_bounds_in_every_mode(
    root: Path, steps: dict[str, Any], name: str
) -> None:
    ours, theirs = f"silver.{name}", f"silver.{name}_duck"
    assert [str(steps[each].state) for each in (ours, theirs)] == ["published", "published"], steps[ours].reason
    spark, duck = _theirs(root, ours), _theirs(root, theirs)
    assert str(spark.schema()) == str(duck.schema())
    assert _plain(_rows(root, ours)) == _plain(_rows(root, theirs))
    assert str(spark.spec()) == str(duck.spec())
    assert _bounds(spark) == _bounds(duck)


def _bounds(table: Table) -> list[str]:
    files = table.inspect.files().to_pylist()
    return sorted(
        repr(
            [
                each[what]
                for what in (
                    "record_count",
                    "partition",
                    "lower_bounds",
                    "upper_bounds",
                    "null_value_counts",
                    "nan_value_counts",
                )
                if what in each
            ]
        )
        for each in files
    )


def test_a_function_of_frames_runs_with_its_helpers_on_the_executors(root: Path, steps: dict[str, Any]) -> None:
    assert str(steps["gold.totals"].state) == "published", steps["gold.totals"].reason
    found = pl.from_arrow(_rows(root, "gold.totals"))
    assert isinstance(found, pl.DataFrame)
    assert sorted(found["Name, with = signs"]) == ["C0", "C1", "C2"]
    assert found["n"].sum() == 40


def test_what_spark_refuses_is_an_errored_step_that_says_what_to_type_and_nothing_else_suffers(
    steps: dict[str, Any],
) -> None:
    broken, lacks, other = (steps[f"gold.{name}"] for name in ("broken", "lacks", "other"))
    assert [str(each.state) for each in (broken, lacks, other)] == ["errored"] * 3
    assert "CAST_INVALID_INPUT" in broken.reason
    assert "Spark's type interval day, which no table can hold" in lacks.reason
    assert "gold.other" in other.reason


def test_nothing_of_it_stays_on_disk(root: Path, steps: dict[str, Any]) -> None:
    assert steps
    assert not list((root / ".lakeflow" / "spill").glob("spark-*/*/part-*"))
    assert not (root / "spark-warehouse").exists()

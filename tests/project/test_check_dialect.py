"""Row checks in Spark SQL: read in it, locked down as an asset's text is, refused where Spark is not asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.core.declare.particular.engine_laws import EngineDefaults
from lakeflow.core.errors import ProjectError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import SqlDialect
from lakeflow.project import load

ORDERS = AssetKey.parse("silver.orders")
_HEAD = '/*\ndialect = "spark"\n*/\n'
_SPARK = (
    "select nvl(id, 1) from silver.orders where id rlike 'a' and id not in (select id from published.silver.orders)"
)


def _project(root: Path, check: str, engine: str = "spark") -> Path:
    for name, text in {
        "layers/bronze/raw.sql": "select 1 as id",
        "layers/silver/orders.sql": f'/*\nengine = "{engine}"\nkey = ["id"]\n*/\nselect id from bronze.raw',
        "checks/silver/orders.odd.sql": check,
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def _faults(root: Path, engines: EngineDefaults = EngineDefaults()) -> list[tuple[str, str]]:  # noqa: B008 - frozen
    with pytest.raises(ProjectError) as caught:
        load(root, engines=engines)
    return [(fault.message, fault.hint or "") for fault in caught.value.faults]


def test_its_tables_are_read_in_its_dialect(tmp_path: Path) -> None:
    (file,) = load(_project(tmp_path, _HEAD + _SPARK)).suite(ORDERS).files
    assert (file.dialect, file.name, file.published) == (SqlDialect.SPARK, "odd", (ORDERS,))


def test_spark_is_asked_only_of_assets_on_spark_or_where_the_settings_send_audits_there(tmp_path: Path) -> None:
    root = _project(tmp_path, _HEAD + _SPARK, engine="duckdb")
    said = "the check is written in Spark SQL, and nothing of silver.orders is asked of Spark"
    assert [message for message, _ in _faults(root)] == [said]
    (file,) = load(root, engines=EngineDefaults(audits=True)).suite(ORDERS).files
    assert file.dialect is SqlDialect.SPARK


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("select reflect('java.lang.System', 'exit', 1) from silver.orders", "reflect() tells of the cluster"),
        ("select input_file_name() from silver.orders", "input_file_name() tells of the cluster"),
        ("select transform(id) using 'sh' from silver.orders", "runs a program"),
        ("insert into silver.orders select 1", ""),
        ("select 1; drop table x", ""),
        ("select * from parquet.`/etc/passwd`", ""),
    ],
    ids=["reflect", "files", "programs", "insert", "two", "paths"],
)
def test_a_text_that_does_more_than_read_tables_is_refused(tmp_path: Path, text: str, says: str) -> None:
    assert any(says in message for message, _ in _faults(_project(tmp_path, _HEAD + text)))


def test_a_text_of_the_other_dialect_is_refused_with_what_to_write(tmp_path: Path) -> None:
    text = "select id from silver.orders where `id` rlike 'a'"
    assert any('dialect = "spark"' in hint for _, hint in _faults(_project(tmp_path, text)))


def test_a_dialect_that_there_is_not_is_refused(tmp_path: Path) -> None:
    faults = _faults(_project(tmp_path, '/*\ndialect = "trino"\n*/\nselect id from silver.orders'))
    assert ("unknown dialect 'trino'", "duckdb, spark exist") in faults

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.errors import AssetError, SchemaError
from lakeflow.core.model.asset import Asset, Column
from lakeflow.core.model.schema import Decimal, Field, Fixed, List, Primitive, Schema, Struct
from lakeflow.core.model.table import ColumnStats, WrittenFile
from tests.duckdb.lab import numbered, rows_of, sql_asset, values, whole

LONG, INT, STRING, DOUBLE = Primitive("long"), Primitive("int"), Primitive("string"), Primitive("double")


def rootless(text: str, **more: Column) -> Asset:
    return replace(sql_asset(text, columns=more), inputs={})


def write_as(engine: DuckEngine, text: str, schema: Schema, directory: Path, **pii: Column) -> tuple[WrittenFile, ...]:
    with engine.produce(rootless(text, **pii), {}) as produced:
        return produced.write(whole(schema, directory)).files


def test_every_type_that_iceberg_has_comes_back_as_it_was_produced(engine: DuckEngine, data: Path) -> None:
    text = """
        SELECT true b, 1::TINYINT i8, 2::INTEGER i, 3::UINTEGER u, 4::BIGINT l, 5::UBIGINT ul, 6::HUGEINT h,
               1.5::FLOAT f, 2.5::DOUBLE d, 1.25::DECIMAL(9,2) m, DATE '2020-02-29' AS dt, TIME '12:00:00.000001' t,
               TIMESTAMP '2020-01-01 00:00:00.000001' ts, TIMESTAMPTZ '2020-01-01 00:00:00+01' tz, 'é' s,
               'x'::BLOB bin, '00000000-0000-0000-0000-000000000001'::UUID id, 'a'::ENUM('a', 'b') e, '{}'::JSON j,
               [1, NULL] li, [1, 2]::INTEGER[2] arr, {'a': 1, 'b': ['x']} st, MAP {'k': {'z': 1}} m2
    """
    scan = rows_of(text, engine, data)
    assert [str(field.type) for field in scan.schema.fields] == [
        *("boolean", "int", "int", "long", "long", "decimal(20,0)", "decimal(38,0)", "float", "double"),
        *("decimal(9,2)", "date", "time", "timestamp", "timestamptz", "string", "binary", "uuid", "string", "string"),
        *("list<int>", "list<int>", "struct<a: int, b: list<string>>", "map<string, struct<z: int>>"),
    ]
    read = engine.rows(scan, 5)
    assert len(read.values) == 1
    expected = duckdb.execute(f"SELECT COLUMNS(*)::VARCHAR FROM ({text.replace('+01', '+00')})").fetchall()[0]
    at = read.columns.index("tz")
    assert read.values[0][at] == "2019-12-31 23:00:00+00"
    assert read.values[0][:at] + read.values[0][at + 1 :] == expected[:at] + expected[at + 1 :]


@pytest.mark.parametrize(
    ("value", "cast_to"),
    [
        ("INTERVAL 1 DAY", "VARCHAR"),
        ("'101'::BIT", "VARCHAR"),
        ("'12:00:00+01'::TIMETZ", "TIME"),
        ("union_value(k := 1)", "member"),
        ("row(1, 2)", "name its parts"),
        ("{'a': INTERVAL 1 DAY}", "VARCHAR"),
    ],
)
def test_a_type_that_iceberg_lacks_is_refused_with_what_to_cast_to(
    engine: DuckEngine, value: str, cast_to: str
) -> None:
    with engine.produce(rootless(f"SELECT {value} AS x"), {}) as produced, pytest.raises(SchemaError) as error:
        _ = produced.schema
    assert "'x" in error.value.message
    assert "silver.out" in error.value.message
    assert cast_to in (error.value.hint or "")


@pytest.mark.parametrize("text", ["SELECT 1 a, 2 A", "SELECT 1 a, 2 a", 'SELECT 1 AS "x y", 2 AS "X Y"'])
def test_names_that_differ_only_in_case_are_refused(engine: DuckEngine, text: str) -> None:
    with pytest.raises(SchemaError, match="two columns are named"), engine.produce(rootless(text), {}):
        pass


def test_a_file_holds_exactly_the_table_s_types_whatever_was_produced(engine: DuckEngine, data: Path) -> None:
    schema = Schema((Field("n", LONG, 7), Field("money", Decimal(18, 4), 8), Field("at", Primitive("timestamp"), 9)))
    text = "SELECT 1::TINYINT AS N, 1.25::DECIMAL(9,2) AS money, '2020-01-01'::TIMESTAMP_MS AS at"
    (file,) = write_as(engine, text, schema, data)
    found = duckdb.execute(f"SELECT name, type, field_id, scale FROM parquet_schema('{file.path}') OFFSET 1").fetchall()
    assert found == [("n", "INT64", 7, None), ("money", "INT64", 8, 4), ("at", "INT64", 9, None)]


def test_columns_that_were_not_produced_are_null_and_structs_follow_their_names(engine: DuckEngine, data: Path) -> None:
    point = Struct((Field("x", LONG, 3), Field("y", LONG, 4), Field("z", STRING, 5)))
    schema = Schema((Field("gone", STRING, 1), Field("p", List(Field("element", point, 6)), 2)))
    (file,) = write_as(engine, "SELECT [{'Y': 2, 'x': 1}] AS p", schema, data)
    found = duckdb.execute(f"FROM '{file.path}'").fetchall()
    assert found == [(None, [{"x": 1, "y": 2, "z": None}])]


def test_a_column_without_a_place_in_the_table_is_refused_even_inside_a_struct(engine: DuckEngine, data: Path) -> None:
    schema = Schema((Field("p", Struct((Field("x", INT, 2),)), 1),))
    with pytest.raises(SchemaError, match=r"'p\.y' is produced"):
        write_as(engine, "SELECT {'x': 1, 'y': 2} AS p", schema, data)
    assert list(data.iterdir()) == []


def test_a_struct_without_any_of_the_table_s_names_is_an_asset_error(engine: DuckEngine, data: Path) -> None:
    schema = Schema((Field("p", Struct((Field("q", INT, 2),)), 1),))
    with pytest.raises(AssetError):
        write_as(engine, "SELECT {'x': 1} AS p", schema, data)


def test_fixed_bytes_cannot_be_written(engine: DuckEngine, data: Path) -> None:
    with pytest.raises(SchemaError, match="fixed"):
        write_as(engine, "SELECT 'abc'::BLOB AS b", Schema((Field("b", Fixed(3), 1),)), data)


def test_statistics_are_keyed_by_path_of_names(engine: DuckEngine, data: Path) -> None:
    text = """
        SELECT i::INTEGER AS id, CASE WHEN i > 1 THEN 'é' || i END AS "we""ird.name", {'a.b': i} AS st,
               CASE i WHEN 0 THEN 'nan'::DOUBLE ELSE i END AS d
        FROM range(4) t(i)
    """
    with engine.produce(rootless(text), {}) as produced:
        (file,) = produced.write(whole(numbered(produced.schema), data)).files
    assert file.rows == 4
    assert file.bytes == Path(file.path).stat().st_size
    plain = {path: replace(stats, bytes=None) for path, stats in file.columns.items()}
    assert plain[("id",)] == ColumnStats(values=4, nulls=0, low="0", high="3")
    assert plain[('we"ird.name',)] == ColumnStats(values=4, nulls=2, low="é2", high="é3")
    assert plain[("st", "a.b")] == ColumnStats(values=4, nulls=0, low="0", high="3")
    assert plain[("d",)] == ColumnStats(values=4, nulls=0, nans=1, low="1.0", high="3.0")
    assert (file.columns[("id",)].bytes or 0) > 0


def test_no_row_gives_no_file_and_leaves_no_folder(engine: DuckEngine, data: Path) -> None:
    assert write_as(engine, "SELECT 1 AS a WHERE false", Schema((Field("a", INT, 1),)), data) == ()
    assert list(data.iterdir()) == []


def test_two_writes_into_one_directory_do_not_collide(engine: DuckEngine, data: Path) -> None:
    schema = Schema((Field("a", INT, 1),))
    paths = []
    for _ in range(2):
        with engine.produce(rootless("SELECT 1 AS a"), {}) as produced:
            paths += [file.path for file in produced.write(whole(schema, data)).files]
    assert len(set(paths)) == 2
    assert all(Path(path).is_absolute() and Path(path).is_relative_to(data) for path in paths)


def test_a_directory_with_odd_characters_is_fine(engine: DuckEngine, data: Path) -> None:
    odd = data / "it's [1] p=3 ü*"
    odd.mkdir()
    scan = rows_of("SELECT 1 AS a", engine, odd)
    assert values(engine, scan) == [{"a": 1}]
    assert values(engine, replace(scan, files=tuple(f"file://{path}" for path in scan.files))) == [{"a": 1}]
    assert values(engine, replace(scan, files=tuple(f"file:{path}" for path in scan.files))) == [{"a": 1}]


def test_a_value_that_does_not_fit_leaves_no_file_behind(engine: DuckEngine, data: Path) -> None:
    text = "SELECT CASE i WHEN 299999 THEN 'x7' ELSE '1' END AS a FROM range(300000) t(i)"
    with pytest.raises(AssetError, match="column 'a' holds no INTEGER"):
        write_as(engine, text, Schema((Field("a", INT, 1),)), data)
    assert list(data.iterdir()) == []


def test_the_message_names_the_column_and_no_value(engine: DuckEngine, data: Path) -> None:
    with pytest.raises(AssetError) as error:
        write_as(engine, "SELECT 'ann@x.org' AS a", Schema((Field("a", INT, 1),)), data, a=Column(pii=True))
    assert "ann" not in f"{error.value.message}{error.value.hint}{error.value.__cause__}"
    assert "column 'a'" in error.value.message


def test_nulls_in_a_required_column_are_refused(engine: DuckEngine, data: Path) -> None:
    schema = Schema((Field("a", INT, 1, required=True),))
    with pytest.raises(SchemaError, match="'a' is required, and 1 row without it came"):
        write_as(engine, "SELECT NULL::INTEGER AS a", schema, data)
    assert list(data.iterdir()) == []


def test_a_large_result_is_written_by_several_threads_without_loss(engine: DuckEngine, data: Path) -> None:
    scan = rows_of("SELECT i, i % 7 AS g FROM range(500000) t(i)", engine, data)
    assert scan.rows == 500_000
    assert engine.relation(scan).aggregate("count(DISTINCT i), sum(i)").fetchall() == [(500_000, 124999750000)]

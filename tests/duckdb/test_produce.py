from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from lakeflow.adapters.duckdb.code.masks import Privacy
from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.adapters.duckdb.failures import ErrorContext, failures
from lakeflow.core.errors import AssetError, ConfigError, SchemaError
from lakeflow.core.model.asset import Asset, Column, SqlCode
from lakeflow.core.model.schema import Primitive
from lakeflow.core.model.table import Scan
from tests.duckdb.lab import OUT, RAW, in_bronze, python_asset, rows_of, sql_asset, values, whole, write

if TYPE_CHECKING:
    import pandas
    import polars
    from duckdb import DuckDBPyRelation as Relation


@pytest.fixture
def raw(engine: DuckEngine, data: Path) -> Scan:
    return rows_of("SELECT i::INTEGER AS i, TIMESTAMPTZ '2020-01-01 00:00:00Z' AS at FROM range(3) t(i)", engine, data)


def failure(engine: DuckEngine, asset: Asset, raw: Scan, directory: Path) -> AssetError:
    with pytest.raises(AssetError) as error:
        write(engine, asset, directory, raw)
    assert error.value.asset == asset.key
    assert list(directory.glob("*/*")) == [Path(path) for path in raw.files]
    return error.value


# ---- SQL ----


def test_the_user_s_own_text_runs_comments_semicolon_and_all(engine: DuckEngine, data: Path, raw: Scan) -> None:
    text = "/*\nkey = ['i']\n*/\nSELECT i + 1 AS j -- one; more\nFROM bronze.raw WHERE 'é;' <> ''\n;\n-- the end;"
    assert values(engine, write(engine, sql_asset(text), data, raw)) == [{"j": 1}, {"j": 2}, {"j": 3}]


def test_the_columns_are_known_before_anything_runs(engine: DuckEngine, raw: Scan) -> None:
    with engine.produce(sql_asset("SELECT error('ran')::INTEGER AS x FROM bronze.raw"), {RAW: raw}) as produced:
        assert [(field.name, field.type, field.id) for field in produced.schema.fields] == [("x", Primitive("int"), 0)]


@pytest.mark.parametrize("text", ["CREATE TABLE t (i INT)", "SELECT 1; SELECT 2", "", "COPY (SELECT 1) TO 'x.csv'"])
def test_anything_but_one_select_is_refused(engine: DuckEngine, data: Path, raw: Scan, text: str) -> None:
    assert "not exactly one SELECT" in failure(engine, sql_asset(text), raw, data).message


def test_an_unknown_table_is_named_with_what_is_near(engine: DuckEngine, data: Path, raw: Scan) -> None:
    error = failure(engine, sql_asset("SELECT * FROM rawr"), raw, data)
    assert "rawr" in error.message
    assert "layers/silver/out.sql" in error.message
    assert error.hint == "did you mean 'bronze.raw'?"


def test_an_unknown_table_with_nothing_near_gets_the_list(engine: DuckEngine, data: Path, raw: Scan) -> None:
    assert failure(engine, sql_asset("SELECT * FROM xyz"), raw, data).hint == "it can read bronze.raw"


@pytest.mark.parametrize("column", ["aat", "raw.aat"])
def test_an_unknown_column_is_named_with_what_is_near(engine: DuckEngine, data: Path, raw: Scan, column: str) -> None:
    error = failure(engine, sql_asset(f"SELECT {column} FROM bronze.raw"), raw, data)
    assert '"aat"' in error.message
    assert error.hint == "did you mean 'at'?"


def test_a_syntax_error_names_the_line(engine: DuckEngine, data: Path, raw: Scan) -> None:
    assert "line 2" in failure(engine, sql_asset("SELECT i\nFROM FROM bronze.raw"), raw, data).message


def test_a_python_variable_is_no_table(engine: DuckEngine, data: Path, raw: Scan) -> None:
    assert "place does not exist" in failure(engine, sql_asset("SELECT * FROM place"), raw, data).message


@pytest.mark.long
def test_parallel_steps_with_different_pins_do_not_see_each_other(engine: DuckEngine, data: Path) -> None:
    pins = [rows_of(f"SELECT {n} AS n FROM range(1000)", engine, data) for n in range(4)]
    together = threading.Barrier(4)

    def run(scan: Scan) -> set[int]:
        with engine.produce(sql_asset("SELECT DISTINCT n FROM bronze.raw"), {RAW: scan}) as produced:
            together.wait(10)
            schema = replace(scan.schema)
            files = produced.write(whole(schema, data)).files
        return {row["n"] for row in values(engine, replace(scan, files=tuple(file.path for file in files)))}

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, pins)) == [{0}, {1}, {2}, {3}]


def test_relative_paths_start_at_the_project_s_root(engine: DuckEngine, root: Path, data: Path) -> None:
    (root / "in").mkdir()
    (root / "in/a.csv").write_text("n\n7\n")
    assert values(engine, rows_of("SELECT n FROM 'in/a.csv'", engine, data)) == [{"n": 7}]
    assert values(engine, rows_of("SELECT n FROM read_csv('in/*.csv')", engine, data)) == [{"n": 7}]


def test_a_file_where_one_stands_is_never_taken_for_the_project_s(
    engine: DuckEngine, root: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "it's é.csv").write_text("n\n1\n")
    (root / "it's é.csv").write_text("n\n2\n")
    monkeypatch.chdir(data)
    with pytest.raises(AssetError, match="folder where you stand") as error:
        rows_of("SELECT 'é' AS e, n FROM read_csv( 'it''s é.csv' )", engine, data)
    assert error.value.hint == f"cd {root}"


def test_a_missing_input_file_is_named(engine: DuckEngine, data: Path, raw: Scan) -> None:
    assert "nope.csv" in failure(engine, in_bronze(sql_asset("SELECT * FROM read_csv('nope.csv')")), raw, data).message


def test_a_signed_address_is_not_repeated(engine: DuckEngine, data: Path, raw: Scan) -> None:
    error = failure(engine, in_bronze(sql_asset("SELECT * FROM read_csv('/no/x.csv?X-Signature=secret')")), raw, data)
    assert "secret" not in f"{error.message}{error.hint}"


def test_running_out_of_memory_says_so(root: Path, data: Path) -> None:
    engine = DuckEngine(str(root), "60MB", 1, str(root / "spill"))
    text = "SELECT list(i || 'x' ORDER BY i DESC) AS l FROM range(5000000) t(i)"
    asset = Asset(OUT, SqlCode(text, "o.sql", 1), sql_asset("").write)
    with pytest.raises(AssetError, match="out of memory"):
        write(engine, asset, data)
    engine.close()


def test_bad_settings_are_config_errors(root: Path) -> None:
    with pytest.raises(ConfigError, match="memory_limit"):
        DuckEngine(str(root), "lots", 1, str(root))
    with pytest.raises(ConfigError, match="threads"):
        DuckEngine(str(root), None, 0, str(root))
    with pytest.raises(ConfigError, match="comma"):
        DuckEngine(str(root / "a,b"), None, None, str(root))


# ---- Python ----


def relation_in(raw: Relation) -> Any:
    return raw.filter("raw.i > 0").project("i")


def default_in(raw):  # type: ignore[no-untyped-def]
    return raw.query("anything", "SELECT i FROM anything WHERE i > 0")


def table_in(raw: pa.Table) -> pa.Table:
    assert isinstance(raw, pa.Table)
    return raw.slice(1).select(["i"])


def reader_in(raw: pa.RecordBatchReader, more: pa.RecordBatchReader) -> pa.RecordBatchReader:
    assert isinstance(raw, pa.RecordBatchReader)
    schema = pa.schema([("i", pa.int32())])

    def batches() -> Iterator[pa.RecordBatch]:
        for left, right in zip(raw, more, strict=True):
            assert left.equals(right)
            yield pa.record_batch([left.column("i")[1:]], schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def pandas_in(raw: pandas.DataFrame) -> pandas.DataFrame:
    assert isinstance(raw, pd.DataFrame)
    return raw[raw.i > 0][["i"]].set_index(pd.Index([5, 6], name="kept"))


def polars_in(raw: polars.DataFrame) -> polars.DataFrame:
    assert isinstance(raw, pl.DataFrame)
    return raw.filter(pl.col("i") > 0).select("i")


def lazy_in(raw: polars.LazyFrame, more: polars.LazyFrame) -> polars.LazyFrame:
    assert isinstance(raw, pl.LazyFrame)
    return raw.join(more, on="i").filter(pl.col("i") > 0).select("i")


def sql_out(raw: Relation) -> str:
    return "SELECT i FROM bronze.raw SEMI JOIN raw USING (i) WHERE i > 0"


def stream_out(raw: Relation) -> object:
    class Stream:
        def __arrow_c_stream__(self, requested: object = None) -> object:
            return raw.filter("i > 0").project("i").to_arrow_reader().__arrow_c_stream__(requested)

    return Stream()


def own_reader_out(raw: Relation) -> pa.RecordBatchReader:
    return raw.filter("i > 0").project("i").to_arrow_reader()


def foreign_out(raw: pa.Table) -> Any:
    return duckdb.connect().from_arrow(raw).filter("i > 0").project("i")


def joined_out(raw: Relation, more: Relation) -> Any:
    wanted = pd.DataFrame({"i": [1, 2]})
    assert len(wanted) == 2
    return raw.join(more, "i").query("joined", "SELECT i FROM joined JOIN wanted USING (i)")


@pytest.mark.parametrize(
    "function",
    [
        relation_in,
        default_in,
        table_in,
        reader_in,
        pandas_in,
        polars_in,
        lazy_in,
        sql_out,
        stream_out,
        own_reader_out,
        foreign_out,
        joined_out,
    ],
)
def test_an_asset_gets_and_returns_the_form_that_it_names(
    engine: DuckEngine, data: Path, raw: Scan, function: Callable[..., Any]
) -> None:
    assert sorted(row["i"] for row in values(engine, write(engine, python_asset(function), data, raw))) == [1, 2]


@pytest.mark.long
def test_forms_come_from_classes_as_well_as_from_text(engine: DuckEngine, data: Path, raw: Scan) -> None:
    for form in (duckdb.DuckDBPyRelation, pa.Table, pa.RecordBatchReader, pd.DataFrame, pl.DataFrame, Any):

        def function(raw: object) -> object:
            return raw

        function.__annotations__["raw"] = form
        assert len(values(engine, write(engine, python_asset(function), data, raw))) == 3


def test_an_annotation_that_is_no_table_is_refused(engine: DuckEngine, data: Path, raw: Scan) -> None:
    def function(raw: dict[str, int]) -> object:
        return raw

    error = failure(engine, python_asset(function), raw, data)
    assert "'raw'" in error.message
    assert "polars.LazyFrame" in (error.hint or "")


@pytest.mark.parametrize(("value", "said"), [(None, "nothing (None)"), (3, "a builtins.int"), ([1], "a builtins.list")])
def test_what_is_no_table_is_refused_saying_what_it_was(
    engine: DuckEngine, data: Path, raw: Scan, value: object, said: str
) -> None:
    error = failure(engine, python_asset(lambda: value), raw, data)
    assert said in error.message
    assert "SQL string" in (error.hint or "")


def test_a_series_is_refused(engine: DuckEngine, data: Path, raw: Scan) -> None:
    assert "Series" in failure(engine, python_asset(lambda: pl.Series("a", [1])), raw, data).message


def test_returned_sql_is_one_select(engine: DuckEngine, data: Path, raw: Scan) -> None:
    assert "SELECT" in failure(engine, python_asset(lambda: "DROP TABLE x"), raw, data).message


def test_returned_columns_may_not_differ_in_case_alone(engine: DuckEngine, data: Path, raw: Scan) -> None:
    table = pa.table([[1], [2]], names=["a", "A"])
    assert isinstance(failure(engine, python_asset(lambda: table), raw, data), SchemaError)


def boom(raw: Relation) -> None:
    raise ValueError("no such airport")


def test_an_exception_is_told_with_type_message_and_line(engine: DuckEngine, data: Path, raw: Scan) -> None:
    line = boom.__code__.co_firstlineno + 1
    error = failure(engine, python_asset(boom), raw, data)
    assert error.message == f"silver.out: ValueError: no such airport (layers/silver/out.py:{line})"


def test_an_exception_of_personal_data_is_told_without_its_message(engine: DuckEngine, data: Path, raw: Scan) -> None:
    error = failure(engine, python_asset(boom, columns={"a": Column(pii=True)}), raw, data)
    assert "airport" not in f"{error.message}{error.hint}"
    assert "ValueError" in error.message
    assert error.__cause__ is None


def test_personal_lineage_counts_like_personal_columns(root: Path, data: Path) -> None:
    engine = DuckEngine(str(root), None, 1, str(root), privacy=Privacy(frozenset({OUT})))
    with pytest.raises(AssetError) as error:
        write(engine, replace(python_asset(boom), inputs={}, code=python_asset(lambda: 1 / 0).code), data)
    assert "division" not in error.value.message
    engine.close()


def test_leaving_the_process_is_an_error_of_the_asset(engine: DuckEngine, data: Path, raw: Scan) -> None:
    assert "exit with 3" in failure(engine, python_asset(lambda: sys.exit(3)), raw, data).message


def test_an_interrupt_passes(engine: DuckEngine, data: Path, raw: Scan) -> None:
    def function() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(engine, python_asset(function), data, raw)


def test_an_exception_inside_a_stream_is_told_and_leaves_no_file(engine: DuckEngine, data: Path, raw: Scan) -> None:
    schema = pa.schema([("i", pa.int32())])

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch([pa.array([1], pa.int32())], schema)
        raise ValueError("half way")

    asset = python_asset(lambda: pa.RecordBatchReader.from_batches(schema, batches()))
    assert "ValueError: half way" in failure(engine, asset, raw, data).message


def test_what_user_code_prints_does_not_reach_stdout(
    engine: DuckEngine, data: Path, raw: Scan, capsys: pytest.CaptureFixture[str]
) -> None:
    def function() -> str:
        print("chatter")  # noqa: T201 - that is what is tested
        return "SELECT 1 AS a"

    write(engine, python_asset(function), data, raw)
    print("data")  # noqa: T201 - stdout is back in place
    assert capsys.readouterr() == ("data\n", "chatter\n")


def test_nothing_of_a_step_is_left_in_the_engine(engine: DuckEngine, data: Path, raw: Scan) -> None:
    write(engine, in_bronze(python_asset(reader_in)), data, raw)
    with pytest.raises(AssetError), engine.produce(in_bronze(sql_asset("SELECT nope")), {RAW: raw}):
        pass
    with closing(engine._instances.first.cursor()) as cursor:
        found = cursor.execute("SELECT database_name FROM duckdb_databases() WHERE NOT internal").fetchall()
    assert found == [("memory",)]


def test_the_instance_of_a_silver_step_goes_with_it(engine: DuckEngine, data: Path, raw: Scan) -> None:
    write(engine, python_asset(reader_in), data, raw)
    with pytest.raises(AssetError), engine.produce(sql_asset("SELECT nope"), {RAW: raw}):
        pass
    assert engine._instances._all == [engine._instances.first]


@pytest.mark.long
def test_pandas_and_polars_are_imported_only_when_asked_for(root: Path, data: Path) -> None:
    import subprocess

    code = f"""
import sys
from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.model.asset import *
from lakeflow.core.run.write import Write
def f() -> "pd.DataFrame":
    return "SELECT 1 AS a"
asset = Asset(AssetKey.parse("bronze.a"), PythonCode(f, "a.py", 1), WriteMode.APPEND)
engine = DuckEngine({str(root)!r}, None, 1, {str(root)!r})
with engine.produce(asset, {{}}) as produced:
    produced.write(Write(WriteMode.REPLACE, produced.schema, {str(data)!r}))
print(sorted({{"pandas", "polars"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.long
def test_a_full_disk_is_told_and_leaves_no_file(root: Path, data: Path) -> None:
    import subprocess

    code = f"""
import resource, signal
from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.errors import AssetError
from lakeflow.core.model.asset import *
from lakeflow.core.run.write import Write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
code = SqlCode("SELECT uuid()::VARCHAR AS a FROM range(400000)", "a.sql", 1)
asset = Asset(AssetKey.parse("bronze.a"), code, WriteMode.APPEND)
engine = DuckEngine({str(root)!r}, None, 1, {str(root)!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
with engine.produce(asset, {{}}) as produced:
    try:
        produced.write(Write(WriteMode.REPLACE, produced.schema, {str(data)!r}))
    except AssetError as error:
        print(error.message)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "bronze.a: the disk is full (a.sql)", done.stdout + done.stderr
    assert list(data.iterdir()) == []


def test_a_disk_without_room_for_what_does_not_fit_into_memory_is_full(root: Path) -> None:
    """DuckDB takes the space that is left for its limit, and says that memory ran out."""
    with duckdb.connect(config={"memory_limit": "50MB", "threads": 1, "temp_directory": str(root / "spill")}) as tight:
        tight.execute("SET max_temp_directory_size = '2MB'")
        with pytest.raises(AssetError, match=r"silver\.out: the disk is full"), failures(ErrorContext(OUT)):
            tight.execute("SELECT count(*) FROM (SELECT DISTINCT md5(i::VARCHAR) FROM range(2000000) t(i))")


@pytest.mark.long
def test_work_larger_than_memory_spills_below_a_folder_that_was_not_there(root: Path, data: Path) -> None:
    place = root / "not" / "there"
    engine = DuckEngine(str(root), "60MB", 1, str(place))
    aside = "SELECT count(*) AS n FROM (SELECT DISTINCT md5(i::VARCHAR) FROM range(2000000) t(i))"
    assert write(engine, replace(sql_asset(aside), inputs={}), data).rows == 1
    engine.close()
    assert list(place.iterdir()) == []


LONG = "SELECT md5(i::VARCHAR) AS a FROM range(20000000000) t(i)"


def test_ctrl_c_ends_a_long_write_at_once_and_leaves_no_file(engine: DuckEngine, data: Path) -> None:
    began = time.monotonic()
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        rows_of(LONG, engine, data)
    assert time.monotonic() - began < 10
    assert list(data.iterdir()) == []
    assert values(engine, rows_of("SELECT 1 AS a", engine, data)) == [{"a": 1}]


@pytest.mark.long
def test_no_interrupted_write_locks_up(engine: DuckEngine, data: Path) -> None:
    """With its asynchronous writes DuckDB 2.0.0 hung in one interrupted COPY of about ten; 2.0.1 does not."""
    for pause in range(12):
        threading.Timer(0.1 + pause * 0.03, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            rows_of(LONG, engine, data)
    assert list(data.iterdir()) == []


def test_closing_the_engine_ends_a_long_write_in_another_thread(root: Path, data: Path) -> None:
    engine = DuckEngine(str(root), None, 2, str(root))
    threading.Timer(0.3, engine.close).start()
    with pytest.raises(AssetError):
        rows_of(LONG, engine, data)
    assert list(data.iterdir()) == []

"""Silver and gold read the files that are pinned for them, and nothing else: no other file, and no secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lakeflow.adapters.duckdb.code.masks import Privacy
from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.errors import AssetError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Column, Mask
from lakeflow.core.version.salt import Salt
from tests.duckdb.lab import OUT, python_asset, rows_of, sql_asset, values, write

SECRET = b"a salt that nobody guesses"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    path = tmp_path / "outside.csv"
    path.write_text("a\nfrom outside\n")
    duckdb.execute(f"copy (select 'from outside' as a) to '{tmp_path}/outside.parquet' (format parquet)")
    return path


READS = [
    "select * from bronze.raw, read_csv('{}')",
    "select * from bronze.raw cross join lateral read_text('{}')",
    "select * from bronze.raw where exists (from glob('{}'))",
    "select * from (summarize '{}')",
    "select * from duckdb_settings()",
    "with gone as (delete from bronze.raw returning *) select * from gone",
    "select getvariable('x') as x from bronze.raw",
]


@pytest.mark.parametrize("text", READS)
def test_what_a_select_may_not_do_is_refused_where_it_runs_too(
    text: str, engine: DuckEngine, data: Path, outside: Path
) -> None:
    raw = rows_of("select 1 as id", engine, data)
    with pytest.raises(AssetError, match=r"bronze may|hides what|stands for a table|changes rows|connection"):
        write(engine, sql_asset(text.format(outside)), data, raw)


def test_bronze_reads_files(engine: DuckEngine, data: Path, outside: Path) -> None:
    asset = replace(sql_asset(f"from read_csv('{outside}')"), inputs={}, key=AssetKey.parse("bronze.out"))
    assert values(engine, write(engine, asset, data)) == [{"a": "from outside"}]


def with_csv(path: Path) -> Callable[..., Any]:
    def code(raw: duckdb.DuckDBPyRelation) -> Any:
        return raw.query("raw", f"select raw.*, f.a from raw, read_csv('{path}') f")

    return code


def with_parquet(path: Path) -> Callable[..., Any]:
    def code(raw: duckdb.DuckDBPyRelation) -> Any:
        return raw.query("raw", f"select raw.*, f.a from raw, '{path.with_suffix('.parquet')}' f")

    return code


@pytest.mark.parametrize("code", [with_csv, with_parquet])
def test_what_a_relation_reads_beside_its_inputs_is_refused_when_it_is_computed(
    code: Callable[[Path], Callable[..., Any]], engine: DuckEngine, data: Path, outside: Path
) -> None:
    raw = rows_of("select 1 as id", engine, data)
    with pytest.raises(AssetError, match="disabled by configuration"):
        write(engine, python_asset(code(outside)), data, raw)
    assert not [path for path in data.rglob("*.parquet") if str(path) not in raw.files]


def joined(raw: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Everything that relations are for, some of it computed at once."""
    most = raw.aggregate("max(id) as most").set_alias("of_all")
    assert most.fetchall() == [(3,)]
    return raw.filter("id > 1").join(most, "id <= most").project("id, id * 2 as twice, most").order("id")


def test_a_function_keeps_all_that_it_can_do_with_a_relation(engine: DuckEngine, data: Path) -> None:
    raw = rows_of("select unnest([1, 2, 3])::int as id", engine, data)
    found = values(engine, write(engine, python_asset(joined), data, raw))
    assert found == [{"id": 2, "twice": 4, "most": 3}, {"id": 3, "twice": 6, "most": 3}]


def of_a_connection_of_its_own(path: Path) -> Callable[..., Any]:
    def code(raw: duckdb.DuckDBPyRelation) -> Any:
        return duckdb.connect().sql(f"select a from read_csv('{path}')")

    return code


def test_a_duckdb_that_a_function_opens_itself_is_its_own(engine: DuckEngine, data: Path, outside: Path) -> None:
    raw = rows_of("select 1 as id", engine, data)
    asset = python_asset(of_a_connection_of_its_own(outside))
    assert values(engine, write(engine, asset, data, raw)) == [{"a": "from outside"}]


@pytest.mark.long
def test_what_does_not_fit_into_memory_still_spills(root: Path, data: Path) -> None:
    engine = DuckEngine(str(root), "250MB", 2, str(root / "spill"))
    raw = rows_of("select i as id, repeat('x', 200) || i as text from range(1000000) t(i)", engine, data)
    assert write(engine, sql_asset("select * from bronze.raw order by text desc"), data, raw).rows == 1_000_000
    engine.close()


@pytest.fixture
def salted(root: Path) -> Iterator[DuckEngine]:
    engine = DuckEngine(str(root), "1GB", 2, str(root / "spill"), privacy=Privacy(salt=Salt(SECRET)))
    yield engine
    engine.close()


CURIOUS = {
    "variables": "select list(v)::varchar from duckdb_variables() v",
    "settings": "select list(v)::varchar from duckdb_settings() v",
    "views": "select list(v)::varchar from duckdb_views() v",
    "tables": "select list(v)::varchar from duckdb_tables() v",
    "functions": "select list(v)::varchar from duckdb_functions() v where function_name like 'lakeflow%'",
    "prepared statements": "select list(v)::varchar from duckdb_prepared_statements() v",
    "logs": "select list(v)::varchar from duckdb_logs() v",
    "live metrics": "select list(v)::varchar from duckdb_live_query_metrics() v",
    "the query": "select current_query()",
    "secrets": "select list(v)::varchar from duckdb_secrets() v",
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("what", CURIOUS)
def test_nothing_that_the_connection_tells_holds_the_salt(what: str, salted: DuckEngine, data: Path) -> None:
    """Asked through a relation, where no text is looked at first."""
    raw = rows_of("select 'ann@x.org' as email", salted, data)
    seen: list[str] = []

    def code(raw: duckdb.DuckDBPyRelation) -> Any:
        told = raw.query("raw", CURIOUS[what])
        assert told is not None
        seen.append(str(told.fetchall()))
        return raw.query("raw", f"select email, ({CURIOUS[what]}) as told from raw")

    asset = python_asset(code, columns={"email": Column(mask=Mask.HASH)})
    (row,) = values(salted, write(salted, asset, data, raw))
    assert len(row["email"]) == 64
    for text in (*seen, str(row["told"])):
        for key in (SECRET, *Salt(SECRET).pads):
            for spelled in (key.decode("latin-1"), key.hex(), repr(duckdb.Value(key, duckdb.type("BLOB")))):
                assert spelled[:20].lower() not in text.lower()
        assert key_text(text) is False


def key_text(text: str) -> bool:
    """Does it hold a key as DuckDB spells bytes?"""
    with duckdb.connect() as connection:
        spelled = [connection.execute("select $1::blob::varchar", [key]).fetchall()[0][0] for key in Salt(SECRET).pads]
    return any(each[:20] in text for each in spelled)


def test_an_error_of_a_masked_step_holds_no_key(salted: DuckEngine, data: Path) -> None:
    raw = rows_of("select 'ann@x.org' as email", salted, data)
    asset = sql_asset("select email, error('boom') as x from bronze.raw", columns={"email": Column(mask=Mask.HASH)})
    with pytest.raises(AssetError) as raised:
        write(salted, asset, data, raw)
    said = f"{raised.value}{raised.value.hint}{raised.value.__cause__}"
    assert str(OUT) in said
    assert key_text(said) is False

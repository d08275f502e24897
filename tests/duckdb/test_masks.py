"""Masks: what is stored of a personal value, computed where the rows are written."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.adapters.duckdb.code.masks import Privacy
from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.errors import AssetError, ConfigError
from lakeflow.core.model.asset import Asset, Column, Mask
from lakeflow.core.version.salt import Salt
from tests.duckdb.lab import python_asset, rows_of, sql_asset, values, write
from tests.explored import explored

SECRET = b"a salt that nobody guesses"
HASHED = {"email": Column(mask=Mask.HASH)}


def hashed(text: str, secret: bytes = SECRET) -> str:
    """What anybody who knows the salt computes with the standard library of any language."""
    return hmac.digest(secret, text.encode(), hashlib.sha256).hex()


@pytest.fixture
def salted(root: Path) -> Iterator[DuckEngine]:
    engine = DuckEngine(str(root), "1GB", 2, str(root / "spill"), privacy=Privacy(salt=Salt(SECRET)))
    yield engine
    engine.close()


def stored(engine: DuckEngine, asset: Asset, data: Path, rows: str) -> list[dict[str, Any]]:
    return values(engine, write(engine, asset, data, rows_of(rows, engine, data)))


def root_asset(text: str) -> Asset:
    return replace(sql_asset(text, columns=HASHED), inputs={})


PEOPLE = "select * from (values (1, 'ann@x.org'), (2, NULL), (3, 'bo ü@x.org')) as v(id, email) order by id"


def test_a_hash_is_the_hmac_of_the_text_and_null_stays_null(salted: DuckEngine, data: Path) -> None:
    rows = stored(salted, sql_asset("from bronze.raw", columns=HASHED), data, PEOPLE)
    assert rows == [
        {"id": 1, "email": hashed("ann@x.org")},
        {"id": 2, "email": None},
        {"id": 3, "email": hashed("bo ü@x.org")},
    ]


def test_what_is_redacted_says_only_whether_there_was_something(engine: DuckEngine, data: Path) -> None:
    asset = sql_asset("from bronze.raw", columns={"EMAIL": Column(mask=Mask.REDACT), "id": Column(mask=Mask.REDACT)})
    rows = stored(engine, asset, data, PEOPLE)
    assert rows == [{"id": "***", "email": "***"}, {"id": "***", "email": None}, {"id": "***", "email": "***"}]


def test_a_number_hashes_as_its_text_so_that_keys_of_other_types_join(salted: DuckEngine, data: Path) -> None:
    asset = sql_asset("from bronze.raw", columns={"id": Column(mask=Mask.HASH), "code": Column(mask=Mask.HASH)})
    assert stored(salted, asset, data, "select 7 as id, '7' as code") == [{"id": hashed("7"), "code": hashed("7")}]


def as_table(raw: pa.Table) -> pa.Table:
    return raw


def as_stream(raw: pa.RecordBatchReader) -> pa.RecordBatchReader:
    return raw


def of_a_connection_of_its_own(raw: pa.Table) -> duckdb.DuckDBPyRelation:
    return duckdb.connect().from_arrow(raw)


def as_text(raw: duckdb.DuckDBPyRelation) -> str:
    return "from raw"


@pytest.mark.parametrize("code", [as_table, as_stream, of_a_connection_of_its_own, as_text])
def test_whatever_form_the_code_returns_is_masked(code: Callable[..., Any], salted: DuckEngine, data: Path) -> None:
    rows = stored(salted, python_asset(code, columns=HASHED), data, "select 1 as id, 'ann@x.org' as email")
    assert rows == [{"id": 1, "email": hashed("ann@x.org")}]


def test_a_preview_shows_what_would_be_stored(salted: DuckEngine, data: Path) -> None:
    with salted.produce(root_asset("select 'ann@x.org' as email"), {}) as produced:
        assert produced.first(produced.schema, 5).values == ((hashed("ann@x.org"),),)


def test_without_a_salt_nothing_is_hashed(engine: DuckEngine) -> None:
    with (
        pytest.raises(ConfigError, match=r"LAKEFLOW_PII_SALT is not set, and silver\.out hashes email"),
        engine.produce(root_asset("select 'ann@x.org' as email"), {}),
    ):
        pass


def test_a_mask_of_a_column_that_is_not_there_stores_nothing(salted: DuckEngine, data: Path) -> None:
    asset = root_asset("select 'ann@x.org' as mail")
    with pytest.raises(AssetError, match="column 'email', which the code does not give") as error:
        write(salted, asset, data)
    assert error.value.hint == "did you mean 'mail'?"
    assert not list(data.rglob("*.parquet"))


def test_the_salt_is_no_part_of_a_message_or_of_what_stands_for_it(salted: DuckEngine, data: Path) -> None:
    asset = sql_asset("select email, cast(email as int) as n from bronze.raw", columns=HASHED)
    with pytest.raises(AssetError) as error:
        stored(salted, asset, data, "select 'ann@x.org' as email")
    secret = SECRET.decode()
    assert secret not in f"{error.value}{error.value.hint}{error.value.__cause__}{Salt(SECRET)!r}"


@pytest.mark.long
@given(
    secret=st.binary(min_size=1, max_size=100),
    text=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80),
)
@explored(60)
def test_any_salt_and_any_text_hash_as_the_standard_library_does(secret: bytes, text: str) -> None:
    inner, outer = Salt(secret).pads
    with duckdb.connect() as connection:
        inside = "sha256($1::BLOB || encode($2::VARCHAR))"
        found = connection.execute(f"SELECT sha256($3::BLOB || unhex({inside}))", [inner, text, outer]).fetchall()
    assert found == [(hashed(text, secret),)]

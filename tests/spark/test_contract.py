"""What the tests of the engine ask of the rows that an asset gives, asked of rows that Spark gives.

Their texts are DuckDB's, so DuckDB computes them first, and Spark reads those rows and gives them again: from there on
every write, refusal, key, version and bound is that of an asset on Spark.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import is_hypothesis_test

from lakeflow.adapters.duckdb.code.masks import Privacy
from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.adapters.duckdb.instance.spill import OwnFolder
from lakeflow.adapters.spark.engine import SparkEngine
from lakeflow.core.errors import ConfigError
from lakeflow.core.keys import TableKey
from lakeflow.core.model.asset import Asset, SparkSql
from lakeflow.core.model.table import Scan
from lakeflow.core.ports.engine import Produced
from lakeflow.core.run.code_terms import FREELY, Terms
from lakeflow.core.settings.spark import NO_SPARK
from lakeflow.core.version.salt import Salt
from tests.duckdb import test_any_order, test_history, test_masks, test_upsert, test_write
from tests.duckdb.lab import OUT, RAW, numbered, scan_of, whole, write
from tests.explored import SHARE
from tests.spark.shared import starting

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ELSEWHERE: Final[Mapping[str, str]] = {
    "test_every_type_that_iceberg_has_comes_back_as_it_was_produced": "Spark lacks time and uuid (test_engine)",
    "test_a_type_that_iceberg_lacks_is_refused_with_what_to_cast_to": "types of DuckDB (test_engine)",
    "test_the_salt_is_no_part_of_a_message_or_of_what_stands_for_it": "DuckDB refuses its text before",
    "test_whatever_form_the_code_returns_is_masked": "forms that DuckDB's functions return",
    "test_without_a_salt_nothing_is_hashed": "on Spark it is told when rows are written (below)",
    "test_any_salt_and_any_text_hash_as_the_standard_library_does": "it asks no engine",
    "test_columns_that_cannot_be_a_history_are_refused": "it asks no engine",
    "test_names_that_differ_only_in_case_are_refused": "DuckDB refuses them before Spark sees them",
}
"""Tests that would say nothing of Spark, and why."""


class OnSpark:
    """Whatever an asset's code gives, Spark computes once more; all else is the lake's own engine."""

    def __init__(self, duckdb: DuckEngine, spark: SparkEngine, scratch: Path) -> None:
        self._duckdb = duckdb
        self._spark = spark
        self._scratch = scratch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._duckdb, name)

    @contextmanager
    def produce(self, asset: Asset, inputs: Mapping[TableKey, Scan], terms: Terms = FREELY) -> Iterator[Produced]:
        if asset.key != OUT:  # what others read
            with self._duckdb.produce(asset, inputs, terms) as rows:
                yield rows
            return
        with self._duckdb.produce(replace(asset, columns={}), inputs) as rows:
            schema = numbered(rows.schema)
            given = scan_of(rows.write(whole(schema, self._scratch)).files, schema)
        code = SparkSql(f"select * from {RAW}", asset.code.path, asset.code.line)
        again = replace(asset, code=code, inputs={str(RAW): RAW})
        with self._spark.produce(again, {RAW: given}, terms) as produced:
            yield produced


@pytest.fixture(scope="module", autouse=True)
def on_one_session(session: SparkSession) -> Iterator[None]:
    with starting(session):
        yield


@contextmanager
def on_spark(duckdb: DuckEngine, tmp_path: Path) -> Iterator[Any]:
    (given := tmp_path / "given").mkdir()
    spark = SparkEngine(NO_SPARK, duckdb, partial(OwnFolder, tmp_path / "scratch", "spark"), frozenset())
    yield OnSpark(duckdb, spark, given)
    spark.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def engine(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with on_spark(DuckEngine(str(root), "1GB", 2, str(root / "spill")), tmp_path_factory.mktemp("spark")) as found:
        yield found


@pytest.fixture
def salted(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    duckdb = DuckEngine(str(root), None, 1, str(root), privacy=Privacy(salt=Salt(test_masks.SECRET)))
    with on_spark(duckdb, tmp_path_factory.mktemp("spark")) as found:
        yield found


def _asked_of(module: ModuleType) -> dict[str, Any]:
    """All but those with examples, which take minutes on Spark, where no share of these is asked for."""
    named = {name: each for name, each in vars(module).items() if name.startswith("test_") and name not in ELSEWHERE}
    return {name: each for name, each in named.items() if SHARE in os.environ or not is_hypothesis_test(each)}


for _module in (test_upsert, test_history, test_any_order, test_masks, test_write):
    globals().update(_asked_of(_module))


def test_without_a_salt_nothing_is_stored(engine: Any, data: Path) -> None:
    asset = test_masks.root_asset("select 'ann@x.org' as email")
    with pytest.raises(ConfigError, match=r"LAKEFLOW_PII_SALT is not set, and silver\.out hashes email"):
        write(engine, asset, data)
    assert not list(data.rglob("*.parquet"))

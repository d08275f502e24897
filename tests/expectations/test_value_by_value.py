"""Rules that SQL does not say are judged by the library's own code, once for each distinct value."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.adapters.expectations.audit import Past, alone, steps
from lakeflow.adapters.expectations.sql.predicates import only_python_reads
from lakeflow.core.model.asset import Column
from lakeflow.core.model.check import CheckFile, CheckKind, Outcome
from lakeflow.core.model.table import Scan

from .lake import LocalQueries, checks, request, scan_of, suite

WORDS = ["EWR", "JFK", "JFK", "", None, "Ünï", "{", "'; drop"]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return scan_of(
        tmp_path_factory.mktemp("words"), id=("int", list(range(8))), word=("string", WORDS), twin=("string", WORDS)
    )


@pytest.mark.long
def test_a_look_around_counts_rows_and_shows_them_with_their_key(words: Scan) -> None:
    line = 'gxe.ExpectColumnValuesToMatchRegex(column="word", regex="^(?!JFK)", mostly=0.9)'
    (result,) = checks(request(words, suite(line), primary_key=("id",)))
    assert (result.outcome, result.failed_rows, result.rows) == (Outcome.FAILED, 2, 7)
    assert result.samples == ({"id": "1", "word": "JFK"}, {"id": "2", "word": "JFK"})


def test_a_row_condition_holds_for_these_rules_too(words: Scan) -> None:
    line = 'gxe.ExpectColumnValuesToMatchRegex(column="word", regex="^(?!JFK)", row_condition=Column("id") > 1)'
    (result,) = checks(request(words, suite(line)))
    assert (result.failed_rows, result.rows) == (1, 5)


def test_text_that_is_no_json_does_not_match_a_json_schema(tmp_path: Path) -> None:
    scan = scan_of(tmp_path, js=("string", ['{"a": 1}', '{"a": "x"}', "no json", None]))
    schema = '{"properties": {"a": {"type": "integer"}}}'
    (result,) = checks(
        request(scan, suite(f'gxe.ExpectColumnValuesToMatchJsonSchema(column="js", json_schema={schema})'))
    )
    assert (result.outcome, result.failed_rows) == (Outcome.FAILED, 2)
    assert {sample["js"] for sample in result.samples} == {'{"a": "x"}', "no json"}


def test_a_schema_that_is_none_is_errored(tmp_path: Path) -> None:
    scan = scan_of(tmp_path, js=("string", ['{"a": 1}']))
    line = 'gxe.ExpectColumnValuesToMatchJsonSchema(column="js", json_schema={"type": "nonsense"})'
    (result,) = checks(request(scan, suite(line)))
    assert result.outcome is Outcome.ERRORED
    assert "SchemaError" in result.detail


def test_long_and_strange_values_are_found_again(tmp_path: Path) -> None:
    scan = scan_of(tmp_path, id=("int", [1, 2, 3]), js=("string", ["[" + "x" * 5000, "nul\0", "'"]))
    (result,) = checks(
        request(scan, suite('gxe.ExpectColumnValuesToBeJsonParseable(column="js")'), primary_key=("id",))
    )
    assert [sample["id"] for sample in result.samples] == ["1", "2", "3"]


def test_no_personal_value_is_shown(words: Scan) -> None:
    line = 'gxe.ExpectColumnValuesToBeJsonParseable(column="word")'
    (result,) = checks(request(words, suite(line), columns={"word": Column(pii=True)}))
    assert result.failed_rows == 7
    assert "JFK" not in repr(result)


def test_each_distinct_value_is_handed_over_once(tmp_path: Path) -> None:
    scan = scan_of(tmp_path, word=("string", ["1", "2"] * 30_000 + ["x"]))
    asked = request(scan, suite('gxe.ExpectColumnValuesToBeJsonParseable(column="word")'))
    queries = LocalQueries(asked)
    (result,) = [step.result for step in steps(asked, alone(queries), Past()) if step.result and step.result.path]
    assert (result.failed_rows, result.rows) == (1, 60_001)
    assert sum(batch.num_rows for batch in queries.batches(queries.batched[0])) == 3


OWN = """
import great_expectations.expectations as gxe
from great_expectations.execution_engine import PandasExecutionEngine, SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation, ColumnPairMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider, ColumnPairMapMetricProvider, column_condition_partial, column_pair_condition_partial,
)

class Airport(ColumnMapMetricProvider):
    condition_metric_name = "column_values.test_airport"
    condition_value_keys = ("prefix",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column, prefix=None, **kwargs):
        return column.str.len().eq(3) & column.str.startswith(prefix or "")

class ExpectAirport(ColumnMapExpectation):
    map_metric = "column_values.test_airport"
    success_keys = ("prefix", "mostly")
    prefix: str = ""

class Same(ColumnPairMapMetricProvider):
    condition_metric_name = "column_pair_values.test_same_length"
    condition_domain_keys = ("batch_id", "table", "column_A", "column_B", "row_condition", "ignore_row_if")
    condition_value_keys = ()

    @column_pair_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_A, column_B, **kwargs):
        return column_A.str.len() == column_B.str.len()

class ExpectSame(ColumnPairMapExpectation):
    map_metric = "column_pair_values.test_same_length"

class First(ColumnMapMetricProvider):
    condition_metric_name = "column_values.test_first"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column, **kwargs):
        return ~column.duplicated()

class ExpectFirst(ColumnMapExpectation):
    map_metric = "column_values.test_first"

class Centred(ColumnMapMetricProvider):
    condition_metric_name = "column_values.test_centred"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column, **kwargs):
        return column.str.len() <= column.str.len().mean()

class ExpectCentred(ColumnMapExpectation):
    map_metric = "column_values.test_centred"

class InSql(ColumnMapMetricProvider):
    condition_metric_name = "column_values.test_in_sql"

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column, **kwargs):
        return column > "A"

class ExpectInSql(ColumnMapExpectation):
    map_metric = "column_values.test_in_sql"

class ExpectCapitals(gxe.ExpectColumnValuesToMatchRegex):
    regex: str = "^[A-Z]+$"
    mostly: float = 0.3

class ExpectNoDrop(gxe.UnexpectedRowsExpectation):
    unexpected_rows_query: str = "select * from {batch} where word like '%drop%'"
    description: str = "nobody drops"

expectations = [
    ExpectAirport(column="word"),
    ExpectAirport(column="word", prefix="J", mostly=0.2),
    ExpectSame(column_A="word", column_B="twin"),
    ExpectFirst(column="word"),
    ExpectCentred(column="word"),
    ExpectInSql(column="word"),
    ExpectCapitals(column="word"),
    ExpectNoDrop(),
]
"""


def test_users_own_expectations_and_rules_work_and_a_rule_about_several_rows_is_refused(words: Scan) -> None:
    file = CheckFile(CheckKind.SUITE, "checks/silver/weather.py", OWN)
    results = checks(request(words, file))
    assert [(result.outcome, result.failed_rows) for result in results] == [
        (Outcome.FAILED, 3),
        (Outcome.PASSED, 5),
        (Outcome.PASSED, 0),
        (Outcome.ERRORED, None),
        (Outcome.ERRORED, None),
        (Outcome.ERRORED, None),
        (Outcome.PASSED, 4),
        (Outcome.FAILED, 1),
    ]
    first, centred, in_sql = (result.detail for result in results[3:6])
    assert "judges a value by the rows around it" in first
    assert "judges a value by the rows around it" in centred
    assert "has no condition for the pandas engine" in in_sql
    assert results[-1].name == "nobody drops"


@pytest.mark.parametrize(
    ("pattern", "python_only"),
    [
        ("^a$", False),
        ("(?=a)", True),
        ("(?!a)", True),
        ("(?<=a)b", True),
        ("(?<!a)b", True),
        (r"(a)\1", True),
        ("(?P<x>a)(?P=x)", True),
        ("(?P<x>a)", False),
        ("(?:a|b)", False),
        ("(?i)a", False),
        ("(?x) a # comment", True),
        ("(?#comment)a", True),
        (r"a\Z", True),
        (r"a\u0041", True),
        ("a{1001}", True),
        ("a{1000}", False),
        ("a*+", True),
        ("a*?", False),
        ("(?>a)", True),
        ("[(?=a)]", False),
        ("[]*+]", False),
        (r"\(?=a", False),
        (r"[\]*+]", False),
        ("(?<word>a)", False),  # neither Python nor RE2 reads it: the engine says why
        ("(", False),
    ],
)
def test_what_only_python_reads_is_known_without_asking(pattern: str, python_only: bool) -> None:
    assert only_python_reads(pattern) is python_only


def test_what_is_said_of_patterns_is_so_for_the_engine() -> None:
    import duckdb

    for pattern in ("^a$", "(?P<x>a)", "(?:a|b)", "(?i)a", "a{1000}", "a*?", "[(?=a)]", "[]*+]", r"\(?=a", r"[\]*+]"):
        duckdb.execute("select regexp_matches('', ?)", [pattern])
    for pattern in ("(?=a)", r"(a)\1", "(?x) a # comment", r"a\Z", r"a\u0041", "a{1001}", "a*+", "(?>a)", "(?#c)a"):
        with pytest.raises(duckdb.Error):
            duckdb.execute("select regexp_matches('', ?)", [pattern])

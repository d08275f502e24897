"""Great Expectations passes checks that looked at nothing, and reports a broken check as a failed one.

Each test shows the library's own behaviour. When one fails, the library has changed: then look whether the
workaround in `lakeflow.adapters.expectations` is still needed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def gx() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations
        import great_expectations.expectations

        yield great_expectations


@pytest.fixture(scope="module")
def definition(gx: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asset = gx.get_context(mode="ephemeral").data_sources.add_pandas("traps").add_dataframe_asset("traps")
        return asset.add_batch_definition_whole_dataframe("all")


def judged(definition: Any, frame: pd.DataFrame, asked: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return definition.get_batch({"dataframe": frame}).validate(asked)


def test_gx_an_empty_suite_passes(gx: Any, definition: Any) -> None:
    suite = gx.ExpectationSuite(name="empty", expectations=[])
    assert judged(definition, pd.DataFrame({"a": [1]}), suite).success


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ExpectColumnValuesToNotBeNull", {"column": "a"}),
        ("ExpectColumnValuesToBeInSet", {"column": "a", "value_set": ["x"]}),
        ("ExpectColumnValuesToBeUnique", {"column": "a"}),
    ],
)
def test_gx_an_empty_table_passes(gx: Any, definition: Any, name: str, arguments: dict[str, Any]) -> None:
    empty = pd.DataFrame({"a": pd.Series([], dtype=object)})
    assert judged(definition, empty, getattr(gx.expectations, name)(**arguments)).success


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ExpectColumnValuesToBeInSet", {"column": "a", "value_set": ["x"]}),
        ("ExpectColumnValuesToMatchRegex", {"column": "a", "regex": "x"}),
    ],
)
def test_gx_a_column_of_nulls_passes(gx: Any, definition: Any, name: str, arguments: dict[str, Any]) -> None:
    nulls = pd.DataFrame({"a": pd.Series([None, None], dtype=object)})
    assert judged(definition, nulls, getattr(gx.expectations, name)(**arguments)).success


def test_gx_a_missing_column_is_a_failure_with_the_exception_inside(gx: Any, definition: Any) -> None:
    """In another shape than a single `exception_info` too: one entry per metric that broke."""
    result = judged(
        definition, pd.DataFrame({"a": [1]}), gx.expectations.ExpectColumnValuesToNotBeNull(column="missing")
    )
    assert result.success is False
    told = result.exception_info
    inner = [told] if "raised_exception" in told else list(told.values())
    assert all(one["raised_exception"] for one in inner)
    assert any("missing" in one["exception_message"] for one in inner)


def test_gx_default_results_carry_values_out_of_the_data(gx: Any, definition: Any) -> None:
    canary = "078-05-1120"
    asked = gx.expectations.ExpectColumnValuesToBeInSet(column="ssn", value_set=["x"])
    assert canary in str(judged(definition, pd.DataFrame({"ssn": [canary]}), asked))


def test_gx_whole_number_bounds_become_floats(gx: Any) -> None:
    """2^53 + 1 is not a float; the bound that the library keeps is another number than the one written."""
    bound = gx.expectations.ExpectColumnValuesToBeBetween(column="a", max_value=2**53 + 1).max_value
    assert bound == 2**53

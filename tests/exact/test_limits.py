"""Values at the limits of their types, and the page that says what becomes of them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from tests.exact.cases import KINDS, NANOS, Case
from tests.exact.lab import Lab
from tests.exact.page import PAGE, page_today

CASES = [case for cases in KINDS.values() for case in cases]


@pytest.fixture(scope="module", autouse=True)
def _one_lab(lab: Lab) -> Lab:
    """All of this in one process: what became of a value is known there when the page is compared."""
    return lab


@pytest.mark.sampled(8)
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_a_value_is_stored_exactly_or_refused_by_its_column(lab: Lab, case: Case) -> None:
    told = case.told(lab)
    if case.stored is None:
        assert case.says in told.error, told
        assert "column 'v" in told.error
        assert told.hint
    else:
        assert (told.error, told.values) == ("", (None if case.stored == "NULL" else case.stored,))


def relation(landed):  # type: ignore[no-untyped-def]
    return landed


def table(landed: pa.Table) -> pa.Table:
    return landed


def reader(landed: pa.RecordBatchReader) -> pa.Table:
    return pa.Table.from_batches(list(landed))


@pytest.mark.parametrize("function", [relation, table, reader])
def test_a_function_that_reads_such_a_value_fails_by_file_row_and_column(lab: Lab, function: Any) -> None:
    told = lab.read_by(function, pa.array([1000, NANOS], pa.timestamp("ns")))
    assert "in.parquet, row 2: column 'v' holds parts of a microsecond" in told.error, told


@pytest.mark.long
def test_the_tables_of_the_page_say_what_becomes_of_each_value_today(lab: Lab) -> None:
    """`python -m tests.exact.page` writes them."""
    assert page_today(lab) == PAGE.read_text(encoding="utf-8")

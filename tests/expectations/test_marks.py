"""Keys of whole numbers and days that come in no order are proved by marks, and counted where that proves nothing."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeflow.adapters.expectations.audit import Past, alone, steps
from lakeflow.adapters.expectations.table import QueryResult
from lakeflow.core.errors import AssetError
from lakeflow.core.model.run import CheckResult
from lakeflow.core.model.table import ColumnFacts, Statistics
from lakeflow.core.run.audits.audit_request import AuditRequest

from .lake import LocalQueries, request, scan_of

COUNTED = "SELECT coalesce(sum(n), 0)"
MIXED = [place * 7919 % 10_007 for place in range(10_007)]
"""Each number below 10,007 once, in no order."""
DAYS = [dt.date(2024, 2, 27) + dt.timedelta(number) for number in (3, 1, 0, 2)]


def looked_at(asked: AuditRequest, queries: LocalQueries | None = None) -> tuple[CheckResult, list[str]]:
    """What the check of the key says, and the queries that it asked."""
    queries = queries or LocalQueries(asked)
    try:
        *_, unique = [step.result for step in steps(asked, alone(queries), Past()) if step.result]
    finally:
        queries.duckdb.close()
    return unique, queries.asked


def has(queries: Sequence[str], part: str) -> bool:
    return any(part in sql for sql in queries)


@pytest.mark.parametrize(
    "columns",
    [
        {"a": ("int", MIXED)},
        {"a": ("long", [number - 5000 for number in MIXED])},
        {"a": ("long", [number // 7 for number in MIXED]), "b": ("int", [number % 7 for number in MIXED])},
        {"a": ("date", DAYS), "b": ("int", [2, 2, 2, 2])},
        {"a": ("long", [2**63 - 1, 2**63 - 3, 2**63 - 2])},
    ],
)
def test_keys_that_lie_close_together_are_proved_without_counting_them(
    tmp_path: Path, columns: Mapping[str, tuple[str, list[Any]]]
) -> None:
    unique, queries = looked_at(request(scan_of(tmp_path, **columns), primary_key=tuple(columns)))
    assert (unique.failed_rows, has(queries, "bitstring_agg"), has(queries, COUNTED)) == (0, True, False)


@pytest.mark.parametrize("far", [[2**31 - 1, -(2**31)], [100, 0, 50], [*range(1000, 0, -1), 40_000]])
def test_keys_that_lie_far_apart_are_counted(tmp_path: Path, far: list[int]) -> None:
    """Marks would take more memory than a hash table does."""
    unique, queries = looked_at(request(scan_of(tmp_path, a=("int", far)), primary_key=("a",)))
    assert (unique.failed_rows, has(queries, "bitstring_agg"), has(queries, COUNTED)) == (0, False, True)


def test_metadata_tells_where_keys_lie(tmp_path: Path) -> None:
    facts = {"a": ColumnFacts(0, "0", "10006", exact=True), "b": ColumnFacts(0, "7", "7", exact=True)}
    scan = scan_of(tmp_path, a=("int", MIXED), b=("int", [7] * len(MIXED)))
    _, queries = looked_at(request(scan, primary_key=("a", "b"), statistics=Statistics(len(MIXED), facts)))
    assert has(queries, "bitstring_agg")
    assert not has(queries, 'max(CAST("a" AS BIGINT)) FROM "silver"')


@pytest.mark.parametrize(("repeated", "failed"), [([], 0), ([9_999], 2), ([0, 0], 3)])
@pytest.mark.parametrize(
    "facts",
    [
        None,
        {"a": ColumnFacts(0, "0", "10006", exact=True)},
        {"a": ColumnFacts(0, "0", "3", exact=True)},
        {"a": ColumnFacts(0, "3", "0", exact=True)},
        {"a": ColumnFacts(0, "-9999999", "9999999", exact=True)},
        {"a": ColumnFacts(0, None, None)},
    ],
)
def test_a_key_that_repeats_is_found_whatever_metadata_says(
    tmp_path: Path, repeated: list[int], failed: int, facts: Mapping[str, ColumnFacts] | None
) -> None:
    scan = scan_of(tmp_path, a=("int", [*MIXED, *repeated]))
    statistics = Statistics(len(MIXED), facts) if facts else None
    unique, queries = looked_at(request(scan, primary_key=("a",), statistics=statistics))
    assert unique.failed_rows == failed
    assert has(queries, COUNTED) or not failed


def test_a_key_of_text_is_not_marked(tmp_path: Path) -> None:
    scan = scan_of(tmp_path, a=("int", MIXED), b=("string", ["x"] * len(MIXED)))
    unique, queries = looked_at(request(scan, primary_key=("a", "b")))
    assert (unique.failed_rows, has(queries, "bitstring_agg"), has(queries, COUNTED)) == (0, False, True)


class NoMemory(LocalQueries):
    """As a DuckDB whose limit the marks exceed."""

    def execute(self, sql: str) -> QueryResult:
        if "bitstring_agg" in sql:
            self.asked.append(sql)
            raise AssetError("Out of Memory Error: failed to allocate data")
        return super().execute(sql)


@pytest.mark.parametrize("repeated", [[], [4, 5]])
def test_keys_are_counted_where_memory_does_not_do_for_marks(tmp_path: Path, repeated: list[int]) -> None:
    asked = request(scan_of(tmp_path, a=("int", [*MIXED, *repeated])), primary_key=("a",))
    unique, queries = looked_at(asked, NoMemory(asked))
    assert (unique.failed_rows, has(queries, COUNTED)) == (2 * len(repeated), True)


KEYS = {
    "int": st.integers(-5, 5) | st.sampled_from([-(2**31), 2**31 - 1]),
    "long": st.integers(-5, 5) | st.sampled_from([-(2**63), 2**63 - 1]),
    "date": st.dates(dt.date(1969, 12, 25), dt.date(1970, 1, 5)) | st.just(dt.date(9999, 12, 31)),
}


@settings(max_examples=60, deadline=None)
@given(data=st.data(), kinds=st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=3))
def test_marks_count_what_a_dictionary_counts(
    data: st.DataObject, kinds: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In a key of one column NULL is no key; in one of several only rows without any part are none."""
    row = st.tuples(*(st.none() | KEYS[kind] for kind in kinds))
    found = data.draw(st.lists(row, max_size=12))
    names = [f"k{place}" for place in range(len(kinds))]
    columns = {
        name: (kind, [row[place] for row in found]) for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
    }
    keys = Counter(row for row in found if any(part is not None for part in row))
    asked = request(scan_of(tmp_path_factory.mktemp("keys"), **columns), primary_key=tuple(names), allow_empty=True)
    assert looked_at(asked)[0].failed_rows == sum(count for count in keys.values() if count > 1)

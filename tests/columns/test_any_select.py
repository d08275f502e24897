"""Column lineage of SELECTs that nobody thought of: what a changed cell changes was said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.columns.derivation import SelectColumns
from tests.columns.cells import OTHERS, SOURCES, Bench, Change, moved, said_of
from tests.columns.queries import Query, queries
from tests.explored import explored


@st.composite
def _changes(draw: st.DrawFn) -> Change:
    table = draw(st.sampled_from(sorted(SOURCES)))
    columns, rows = SOURCES[table]
    column = draw(st.sampled_from([name for name, type_ in columns.items() if type_ != "int[]"]))
    row = draw(st.integers(0, len(rows) - 1))
    return Change(table, column, row, draw(st.sampled_from(OTHERS[columns[column]])))


@explored(400, few=12)
@given(queries(), st.lists(_changes(), min_size=8, max_size=8))
def test_a_cell_changes_only_columns_that_are_derived_from_it_unless_it_affects_rows(
    query: Query, tried: list[Change]
) -> None:
    said = said_of(query.text)
    assert isinstance(said, SelectColumns), said
    assert list(said.columns) == list(query.columns)
    bench = Bench()
    before = bench.rows(query.text)
    for change in tried:
        with bench.changed(change):
            after = bench.rows(query.text)
        if before is None or after is None or not (before or after):
            continue
        derived = frozenset(at for at, flows in enumerate(said.columns.values()) if change.ref in flows)
        found = moved(before, after, derived)
        assert found.stayed or change.ref in said.rows, (change, query.text)

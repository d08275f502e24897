"""How rows that differ are told."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.expected.compare import difference
from lakeflow.core.model.table import Rows

BAGS = st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from(["1", "2"])), max_size=6)
COLUMNS = ("name", "count")


def _rows(*values: tuple[str | None, ...]) -> Rows:
    return Rows(COLUMNS, values)


@given(BAGS, BAGS)
def test_what_is_missing_and_unexpected_makes_one_bag_of_rows_the_other(
    left: list[tuple[str | None, ...]], right: list[tuple[str | None, ...]]
) -> None:
    found = difference(_rows(*left), _rows(*right))
    assert Counter(right) == Counter(left) - Counter(found.missing) + Counter(found.unexpected)
    assert bool(found) == (Counter(left) != Counter(right))
    signs = [line[0] for line in list(found.lines())[2:] if line[0] in "-+"]
    assert Counter(signs) == Counter("-" * len(found.missing) + "+" * len(found.unexpected))


def test_rows_that_are_alike_stand_together_with_a_mark_below_what_differs() -> None:
    found = difference(_rows(("a", "1"), ("b", "2")), _rows(("b", "3"), ("a", "1")))
    assert list(found.lines()) == [
        "1 row missing (-), 1 row unexpected (+)",
        "   name  count",
        "-  b     2",
        "+  b     3",
        "         ^",
    ]


def test_null_and_what_does_not_show_are_told_from_other_text() -> None:
    found = difference(_rows((None, "NULL")), _rows((" a", "\x1b[31m")))
    assert list(found.lines())[2:] == ["-  NULL  'NULL'", "+  ' a'  '\\x1b[31m'"]


def test_a_long_difference_names_the_first_rows_and_counts_the_others() -> None:
    found = difference(_rows(*((str(number), "x") for number in range(50))), _rows())
    assert list(found.lines())[-1] == "and 30 rows more"

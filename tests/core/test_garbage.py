"""How much of a warehouse is removed at once."""

from __future__ import annotations

import pytest

from lakeflow.core.care.garbage import HALF, refuse_most
from lakeflow.core.errors import UsageError
from lakeflow.core.model.table import Garbage
from tests.core.samples import key


def of(going: int, total: int) -> Garbage:
    return Garbage(key("silver.a"), {"f": going}, total=total)


def test_half_of_a_warehouse_may_go_and_no_byte_more() -> None:
    refuse_most([of(4, 6), of(1, 4)], HALF)
    with pytest.raises(UsageError):
        refuse_most([of(4, 6), of(2, 4)], HALF)


def test_a_warehouse_without_garbage_is_refused_nothing() -> None:
    refuse_most([], HALF)
    refuse_most([of(0, 0)], 0.0)


def test_everything_may_go_where_somebody_says_so() -> None:
    refuse_most(iter([of(7, 7)]), 1.0)


def test_the_refusal_says_how_much_of_how_much_and_what_to_type() -> None:
    with pytest.raises(UsageError) as caught:
        refuse_most(iter([of(1_900_000_000_000, 2_000_000_000_000), of(100_000_000_000, 500_000_000_000)]), HALF)
    assert caught.value.message == (
        "2,000,000.0 MB of 2,500,000.0 MB would be removed, more than 50% of the warehouse; nothing was removed"
    )
    assert caught.value.hint == "`lakeflow gc` names the files; `lakeflow gc --delete --yes` removes them all the same"

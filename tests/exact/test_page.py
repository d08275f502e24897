"""The page on exact values says what becomes of them."""

from __future__ import annotations

from tests.exact.lab import Lab
from tests.exact.page import PAGE, page_today


def test_the_tables_say_what_becomes_of_each_value_today(lab: Lab) -> None:
    """`python -m tests.exact.page` writes them."""
    assert page_today(lab) == PAGE.read_text(encoding="utf-8")

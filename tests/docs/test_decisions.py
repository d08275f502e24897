"""The table of decisions is complete, in order, and leads to pages that are there."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT

FOLDER = ROOT / "docs" / "decisions"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
ROWS: list[tuple[str, str]] = re.findall(r"^\| \[(\d{4})\]\(([^)]+)\) \| .+ \|$", PAGE, re.MULTILINE)


def test_every_decision_is_in_the_table_once() -> None:
    assert sorted(name for _, name in ROWS) == sorted(path.name for path in FOLDER.glob("[0-9]*.md"))


def test_the_table_is_in_numeric_order_and_no_number_is_given_twice() -> None:
    numbers = [number for number, _ in ROWS]
    assert numbers == sorted(set(numbers))


def test_a_row_calls_its_page_by_the_number_of_its_file() -> None:
    assert all(name.startswith(f"{number}-") for number, name in ROWS)


def test_no_decision_refers_to_one_that_there_is_not() -> None:
    links = [
        (path.name, to) for path in FOLDER.glob("*.md") for to in re.findall(r"\]\((\d{4}[^)#]*)", path.read_text())
    ]
    assert [(source, to) for source, to in links if not (FOLDER / to).is_file()] == []


def test_the_page_explains_the_gaps_between_the_numbers() -> None:
    numbers = [int(number) for number, _ in ROWS]
    gaps = set(range(1, numbers[-1])) - set(numbers)
    assert not gaps or "There are gaps" in PAGE

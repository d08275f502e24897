"""The page on checks names exactly the expectations that are computed."""

from __future__ import annotations

import re
from pathlib import Path

from lakeflow.adapters.expectations import names

PAGE = Path(__file__).parents[2] / "docs" / "checks.md"


def test_the_page_lists_every_expectation_that_is_computed_and_no_other() -> None:
    table = "\n".join(line for line in PAGE.read_text().splitlines() if line.startswith("| "))
    assert set(re.findall(r"`(\w*Expect\w+)`", table)) == set(names._NAMES)

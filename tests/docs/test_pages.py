"""Every block of these pages is executed: files are written, commands run, their screens compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import without_chance
from tests.docs.pages import ROOT, pages, said_today

FIRST = ("README.md", "docs/index.md", "docs/first-lake.md")
"""What a stranger opens first. All other pages take minutes together."""
OTHERS = [pytest.param(page, marks=pytest.mark.long) for page in pages() if page not in FIRST]


@pytest.mark.long
@pytest.mark.parametrize("page", [*FIRST, *OTHERS])
def test_every_block_of_the_page_does_what_it_says(tmp_path: Path, page: str) -> None:
    """`python -m tests.docs.pages` writes what the commands say today."""
    today = said_today(ROOT / page, tmp_path)
    assert without_chance(today) == without_chance((ROOT / page).read_text(encoding="utf-8"))


def test_no_page_names_the_other_distribution_in_an_install_line() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "CHANGELOG.md"]:
        assert "pip install lakeflow\n" not in page.read_text(), page
        assert "pip install lakeflow " not in page.read_text(), page


def test_the_readme_can_be_read_in_one_sitting_and_says_whose_it_is_not() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    assert "Not affiliated with Databricks Lakeflow" in text
    headings = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    told = ["Why", "Install", "Next", "Compared", "Where things are told"]
    assert [heading for heading in headings if heading in told] == told


def test_the_readme_leads_to_every_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    others = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert {name for name in others if f"](docs/{name})" not in text} == set()

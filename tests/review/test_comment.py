"""`plan` and `diff` as the text of a comment: what would run, what fails, what changes; nothing personal in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import lakeflow
from lakeflow.as_markdown.comparisons import comparisons_markdown
from lakeflow.as_markdown.review import review_markdown
from lakeflow.cli.main import run as typed
from lakeflow.lake.lake import Lake
from tests.prepared import Prepared
from tests.review.rendered import rows, strange

PEOPLE = """/*
key = ["email"]
[columns.email]
pii = true
*/
select * from (values ('ada@x.example', 'oslo'), ('bob@x.example', 'bergen'){0}) people(email, town)
"""
PRICES = """/*
key = ["item"]
*/
select * from (values ('ink', 9), ('pen', 2){0}) prices(item, price)
"""
TOWNS = "select price, count(*) as items{0} from silver.prices group by all"
MORE = ", ('a|b</details>@octocat', 9000)"


def _write(root: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def _make(root: Path) -> None:
    _write(
        root,
        {
            "layers/bronze/people.sql": PEOPLE.format(""),
            "layers/silver/prices.sql": PRICES.format(""),
            "layers/gold/towns.sql": TOWNS.format(""),
            "checks/silver/prices.sane.sql": "select * from silver.prices where price > 1000",
        },
    )
    with lakeflow.open(root) as lake:
        assert lake.materialize() is not None


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("comment"), _make)


@pytest.fixture
def root(prepared: Prepared) -> Path:
    return prepared.again()


@pytest.fixture
def held(root: Path) -> Iterator[Lake]:
    """What changed is held by a check."""
    _write(root, {"layers/silver/prices.sql": PRICES.format(MORE)})
    with lakeflow.open(root) as lake:
        lake.materialize("silver.prices")
        yield lake


@pytest.mark.long
def test_a_plan_says_what_would_run_by_reason_and_what_it_costs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(root, {"layers/silver/prices.sql": PRICES.format(", ('pad', 4)"), "layers/gold/new.sql": "select 1 as one"})
    assert typed(["-C", str(root), "plan", "silver.*", "gold.*", "-o", "markdown"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("### lakeflow plan: 3 to run, 0 unchanged; about 2 rows to read\n")
    assert strange(text) == []
    cells = rows(text)
    assert ["code changed", "1", "silver.prices"] in cells
    assert ["upstream runs", "1", "gold.towns"] in cells
    assert ["never built", "1", "gold.new"] in cells
    assert ["gold.towns", "2", "2"] in cells
    assert ["gold.new", "0", "none yet"] in cells
    assert typed(["-C", str(root), "plan", "silver.*", "gold.*", "-o", "markdown"]) == 0
    assert capsys.readouterr().out == text


@pytest.mark.long
def test_a_plan_shows_which_checks_fail_on_which_rows_and_what_would_change(held: Lake) -> None:
    text = review_markdown(held.review(held.plan("silver.prices")))
    assert strange(text) == []
    cells = rows(text)
    assert [
        "silver.prices held",
        "sane",
        "critical, failed",
        "1 of 3 rows (33.3%)",
        "checks/silver/prices.sane.sql",
    ] in cells
    assert ["a|b</details>@octocat", "9000"] in cells
    assert [row for row in cells if row[0] == "silver.prices" and row[2:] == ["2", "3", "1", "0", "0"]] != []


def test_a_comparison_as_a_comment_masks_what_is_personal(root: Path) -> None:
    _write(root, {"layers/bronze/people.sql": PEOPLE.format(", ('eve@x.example', 'bodø')")})
    with lakeflow.open(root) as lake:
        lake.materialize("bronze.people")
        text = comparisons_markdown((lake.diff("bronze.people"),))
    assert "x.example" not in text
    assert "bodø" in text
    assert strange(text) == []


@pytest.mark.long
def test_a_comparison_says_how_columns_and_rows_differ(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wider = PRICES.replace("select * from", "select item, price + 0.5 as price, 'new' as sort from").format("")
    _write(root, {"layers/silver/prices.sql": wider})
    with lakeflow.open(root) as lake:
        assert lake.materialize("silver.prices") is not None
    assert typed(["-C", str(root), "diff", "silver.prices", "-o", "markdown"]) == 0
    cells = rows(capsys.readouterr().out)
    assert ["silver.prices", "added", "sort", "–", "string"] in cells
    assert [row for row in cells if row[:4] == ["silver.prices", "other type", "price", "int"]] != []
    assert ["price", "2", "100%", "5.5 → 6"] in cells
    assert ["ink", "9 → 9.5"] in cells


@pytest.mark.long
def test_a_lake_with_nothing_to_do_says_so(root: Path) -> None:
    with lakeflow.open(root) as lake:
        text = review_markdown(lake.review(lake.plan("gold.towns")))
    assert text.startswith("### lakeflow plan: Nothing to do: 1 asset fresh\n")

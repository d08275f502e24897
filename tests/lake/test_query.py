"""One SELECT over several assets, as readers see them at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.errors import LakeflowError
from lakeflow.lake.lake import Lake

FILES = {
    "silver/sales.sql": "/*\nkey = ['id']\n*/ select * from (values (1, 'ada', 5), (2, 'bo', 7)) v(id, buyer, total)",
    "silver/buyers.sql": "/*\nkey = ['buyer']\n*/ select distinct buyer, upper(buyer) as shown from silver.sales",
    "silver/never.sql": "/*\nkey = ['id']\n*/ select 1 as id",
}


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    for name, text in FILES.items():
        path = tmp_path / "layers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with lakeflow.open(tmp_path) as opened:
        opened.materialize("silver.buyers silver.sales")
        yield opened


@pytest.mark.long
def test_a_query_joins_assets_and_is_a_relation_like_any_other(lake: Lake) -> None:
    found = lake.query(
        "select shown, sum(total) as spent from silver.sales join silver.buyers using (buyer) group by all;"
    )
    assert found.filter("spent > 6").fetchall() == [("BO", 7)]
    other = lake.query("select count(*) from silver.sales")
    assert (other.fetchall(), found.order("shown").fetchall()) == ([(2,)], [("ADA", 5), ("BO", 7)])


@pytest.mark.long
def test_its_tables_are_resolved_in_one_read_of_the_catalog(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two reads could see one table before a publish and the other after it."""
    catalog = type(lake._world.catalog)
    asked, load = [], catalog.load

    def counted(self: object, keys: object) -> object:
        asked.append(keys)
        return load(self, keys)  # type: ignore[arg-type]

    monkeypatch.setattr(catalog, "load", counted)
    lake.query("select * from silver.sales join silver.buyers using (buyer)")
    assert len(asked) == 1


@pytest.mark.sampled(7)
@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("drop table silver.sales", "the query:1: 'drop' does not begin a SELECT", "and it changes nothing"),
        ("", "the query:1: there is no SELECT", "and it changes nothing"),
        ("select 1;\nselect 2", "the query:2: there is more than one statement", "and it changes nothing"),
        (
            "select * from silver.sale",
            "the query reads silver.sale, which is not defined",
            "did you mean 'silver.sales'?",
        ),
        ("select * from silver.never", "silver.never was never published", "`lakeflow materialize +silver.never`"),
        ("select * from published.silver.sales", "the query reads published.silver.sales", "write silver.sales"),
        ("select nothing from silver.sales", 'Referenced column "nothing" not found', ""),
    ],
)
def test_what_cannot_be_asked_says_why(lake: Lake, text: str, words: str, hint: str) -> None:
    with pytest.raises(LakeflowError) as error:
        lake.query(text)
    assert words in error.value.message
    assert hint in (error.value.hint or "")

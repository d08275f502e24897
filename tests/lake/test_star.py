"""A star on a real lake: a fact is looked up in the dimensions of its own run, and waits for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.model.run import RunRecord
from lakeflow.lake.lake import Lake

FILES = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "layers/bronze/sales.sql": "select * from (values (1, 'ada'), (2, 'bo')) as v(id, buyer)",
    "layers/silver/sales.sql": "/* key = ['id'] */ select distinct id, buyer from bronze.sales",
    "layers/gold/buyers.sql": "/*\nkind = 'dimension'\nkey = ['buyer']\n*/\nselect distinct buyer from silver.sales",
    "layers/gold/sales.sql": """/*
kind = 'fact'
key = ['id']
foreign_keys = { buyer = 'gold.buyers.buyer' }
*/
select id, buyer from silver.sales""",
}
FOREIGN = "foreign key buyer in gold.buyers"


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    for name, text in FILES.items():
        put(tmp_path, name, text)
    with lakeflow.open(tmp_path) as opened:
        yield opened


def put(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def again(lake: Lake, name: str, text: str, selection: str) -> RunRecord:
    put(Path(lake.project.root), name, text)
    with lakeflow.open(lake.project.root) as opened:
        run = opened.materialize(selection)
    assert run is not None
    return run


def told(run: RunRecord) -> dict[str, tuple[str, str]]:
    return {str(step.asset): (str(step.state), step.reason) for step in run.steps}


@pytest.mark.long
def test_a_fact_is_audited_after_its_dimensions_and_published_with_them(lake: Lake) -> None:
    run = lake.materialize()
    assert run is not None
    order = [str(step.asset) for step in run.steps]
    assert order.index("gold.buyers") < order.index("gold.sales")
    fact = next(step for step in run.steps if str(step.asset) == "gold.sales")
    assert [str(check.outcome) for check in fact.checks if check.name == FOREIGN] == ["passed"]
    assert run.state == "published"


@pytest.mark.long
def test_a_dimension_that_loses_a_row_in_this_run_holds_the_fact_that_needs_it(lake: Lake) -> None:
    """Readers of main still see the dimension with the row: it is this run's branch that counts."""
    lake.materialize()
    fewer = FILES["layers/gold/buyers.sql"] + " where buyer <> 'bo'"
    put(Path(lake.project.root), "layers/gold/buyers.sql", fewer)
    run = again(lake, "layers/gold/sales.sql", FILES["layers/gold/sales.sql"] + " where id < 9", "gold.*")
    assert told(run)["gold.sales"] == ("held", f"{FOREIGN} failed")


@pytest.mark.long
def test_a_fact_waits_for_a_dimension_that_is_held(lake: Lake) -> None:
    lake.materialize()
    twice = FILES["layers/gold/buyers.sql"].replace("select distinct buyer", "select buyer, id")
    twice += " union all select buyer, id from silver.sales"
    put(Path(lake.project.root), "layers/gold/buyers.sql", twice)
    run = again(lake, "layers/gold/sales.sql", FILES["layers/gold/sales.sql"] + " where id < 2", "gold.*")
    assert told(run) == {
        "gold.buyers": ("held", "key (buyer) unique failed"),
        "gold.sales": ("held", "waits for gold.buyers, which is not published"),
    }


def without_bo(lake: Lake, selection: str) -> RunRecord:
    fewer = FILES["layers/gold/buyers.sql"] + " where buyer <> 'bo'"
    return again(lake, "layers/gold/buyers.sql", fewer, selection)


@pytest.mark.long
def test_a_dimension_that_changed_alone_leaves_its_fact_unaudited_until_it_is_looked_up_again(lake: Lake) -> None:
    lake.materialize()
    assert told(without_bo(lake, "gold.buyers")) == {"gold.buyers": ("published", "")}
    with lakeflow.open(lake.project.root) as opened:
        (fact,) = opened.status("gold.sales")
        assert str(fact.state) == "unaudited"
        assert fact.reasons[0].startswith("reference moved: gold.buyers")
        run = opened.materialize("gold.sales")
    assert run is not None
    assert told(run) == {"gold.sales": ("held", f"{FOREIGN} failed")}
    whole = again(lake, "layers/gold/buyers.sql", FILES["layers/gold/buyers.sql"], "gold.*")
    assert told(whole)["gold.sales"] == ("audited", "")
    with lakeflow.open(lake.project.root) as opened:
        assert not opened.plan("gold.*").steps


@pytest.mark.long
def test_a_fact_that_stays_as_it_is_is_looked_up_in_the_dimension_that_this_run_writes(lake: Lake) -> None:
    lake.materialize()
    run = without_bo(lake, "gold.*")
    assert told(run) == {"gold.buyers": ("published", ""), "gold.sales": ("held", f"{FOREIGN} failed")}


@pytest.mark.long
def test_a_dimension_that_stays_on_main_breaks_no_fact(lake: Lake) -> None:
    """It is held, so that readers still see the one in which the fact was looked up."""
    lake.materialize()
    twice = "/*\nkind = 'dimension'\nkey = ['buyer']\n*/\nselect buyer from silver.sales union all select 'ada'"
    run = again(lake, "layers/gold/buyers.sql", twice, "gold.*")
    assert told(run) == {
        "gold.buyers": ("held", "key (buyer) unique failed"),
        "gold.sales": ("unchanged", "what its checks refer to stays as it is"),
    }


@pytest.mark.long
def test_a_new_foreign_key_audits_what_is_published_and_rebuilds_nothing(lake: Lake) -> None:
    plain = FILES["layers/gold/sales.sql"].replace("kind = 'fact'", "").replace("foreign_keys", "# foreign_keys")
    again(lake, "layers/gold/sales.sql", plain, "+gold.sales gold.buyers")
    run = again(lake, "layers/gold/sales.sql", FILES["layers/gold/sales.sql"], "gold.sales")
    assert told(run) == {"gold.sales": ("audited", "")}


@pytest.mark.long
def test_a_fact_alone_is_looked_up_in_what_is_published(lake: Lake) -> None:
    """No dimension yet: the check says so instead of passing."""
    run = lake.materialize("+gold.sales")
    assert run is not None
    fact = next(step for step in run.steps if str(step.asset) == "gold.sales")
    missing = next(check for check in fact.checks if check.name == FOREIGN)
    assert (str(missing.outcome), missing.detail) == (
        "errored",
        "gold.buyers was never built; `lakeflow materialize gold.buyers` builds it",
    )
    lake.materialize("gold.buyers")
    retried = lake.retry(run.id)
    assert told(retried)["gold.sales"] == ("published", "")

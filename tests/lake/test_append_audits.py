"""What is read again when a run appends, in real runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import lakeflow
from lakeflow.core.model.run import ReadScope, RunRecord

SQL = "/*\nwrite = 'append'\nkey = ['id']\n*/\nselect {id}::bigint as id, {price}::double as price"
CHECKS = """
import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToBeBetween(column="price", min_value=0, max_value={high}),
    gxe.ExpectColumnMeanToBeBetween(column="price", min_value=0),
]
"""


def run(root: Path, id_: int, price: float, high: int = 100, **asked: Any) -> RunRecord:
    for name, text in {
        "pyproject.toml": "[tool.lakeflow]\nthreads = 1\n",
        "layers/bronze/sales.sql": SQL.format(id=id_, price=price),
        "checks/bronze/sales.py": CHECKS.format(high=high),
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    with lakeflow.open(root) as lake:
        made = lake.materialize(**asked)
    assert made is not None
    return made


def scopes(made: RunRecord) -> dict[str, ReadScope]:
    return {check.name: check.scope for check in made.steps[0].checks}


@pytest.mark.long
def test_checks_about_rows_read_what_was_added_as_long_as_everything_below_passed_them(tmp_path: Path) -> None:
    price, mean, key = "price between 0 and 100", "mean of price at least 0", "key (id) not null"
    first = scopes(run(tmp_path, 1, 5))
    assert {first[price], first[mean], first[key]} == {ReadScope.ALL}
    second = scopes(run(tmp_path, 2, 6))
    assert (second[price], second[mean], second[key]) == (ReadScope.ADDED, ReadScope.ALL, ReadScope.ADDED)
    assert second["key (id) unique"] is ReadScope.ADDED
    third = scopes(run(tmp_path, 3, 7, high=200))
    assert third["price between 0 and 200"] is ReadScope.ALL, "the checks changed"
    held = run(tmp_path, 4, 300, high=200)
    assert [check.scope for check in held.steps[0].checks if check.holds] == [ReadScope.ADDED]
    with lakeflow.open(tmp_path) as lake:
        lake.publish(held.id, reason="a test")
    after = scopes(run(tmp_path, 5, 8, high=200))
    assert after["price between 0 and 200"] is ReadScope.ALL, "what stands below was forced"


@pytest.mark.long
def test_a_merge_is_audited_by_the_rows_that_it_wrote(tmp_path: Path) -> None:
    def merge(*rows: str) -> RunRecord:
        text = "/*\nwrite = 'upsert'\nkey = ['id']\n*/\n"
        text += f"select id, price::double as price from (values {', '.join(rows)}) t(id, price)"
        (tmp_path / "layers/silver").mkdir(parents=True, exist_ok=True)
        (tmp_path / "layers/silver/prices.sql").write_text(text)
        with lakeflow.open(tmp_path) as lake:
            made = lake.materialize("silver.prices", force=True)
        assert made is not None
        return made

    (tmp_path / "checks/silver").mkdir(parents=True)
    (tmp_path / "checks/silver/prices.py").write_text(CHECKS.format(high=100))
    (tmp_path / "pyproject.toml").write_text("[tool.lakeflow]\nthreads = 1\n")
    merge("(1, 5)", "(2, 6)")
    again = scopes(merge("(2, 7)", "(3, 8)"))
    assert {name for name, scope in again.items() if scope is ReadScope.ADDED} == {
        "schema",
        "price between 0 and 100",
        "key (id) not null",
        "key (id) unique",
    }
    held = merge("(3, 101)")
    assert held.state == "held"
    with lakeflow.open(tmp_path) as lake:
        assert sorted(lake.read("silver.prices").fetchall()) == [(1, 5), (2, 7), (3, 8)]

"""A small shop whose orders come as files: one bad order holds the silver table."""

from __future__ import annotations

from pathlib import Path

from lakeflow.core.model.run import RunRecord
from lakeflow.core.plan.planning import Held
from lakeflow.core.run.events import Event, Planned
from lakeflow.lake.lake import Lake
from tests.external.lab import make, opened

SOURCE = """/*
[source]
files = "data/{name}/*.csv"
format = "csv"
columns = {{ id = "bigint", {column} = "{type}" }}
*/
select * from source
"""
FILES = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "layers/bronze/orders.sql": SOURCE.format(name="orders", column="total", type="bigint"),
    "layers/bronze/people.sql": SOURCE.format(name="people", column="name", type="varchar"),
    "layers/silver/orders.sql": '/*\nkey = ["id"]\n*/\nselect distinct id, total from bronze.orders\n',
    "layers/silver/people.sql": '/*\nkey = ["id"]\n*/\nselect distinct id, name from bronze.people\n',
    "layers/gold/sales.sql": "select sum(total) as total from silver.orders\n",
    "layers/gold/heads.sql": "select count(*) as people from silver.people\n",
    "checks/silver/orders.positive.sql": "select id from silver.orders where total < 0\n",
    "data/people/1.csv": "id,name\n1,Ann\n",
    "data/orders/1.csv": "id,total\n1,10\n",
}
BAD = "id,total\n2,-5\n"


def deliver(root: Path, name: str, text: str) -> None:
    make(root, {"pyproject.toml": FILES["pyproject.toml"], f"data/{name}": text})


def edit(root: Path, name: str, text: str) -> None:
    make(root, {"pyproject.toml": FILES["pyproject.toml"], name: text})


def run(
    root: Path, *selection: str, force: bool = False, all_or_nothing: bool = False
) -> tuple[RunRecord | None, dict[str, Held]]:
    """What a scheduled command does: a lake opened for it alone. The run, and what the plan left to older runs."""
    held: dict[str, Held] = {}

    def watch(event: Event) -> None:
        if isinstance(event, Planned):
            held.update((str(one.asset), one) for one in event.plan.held)

    with opened(root) as lake:
        return lake.materialize(*selection, force=force, all_or_nothing=all_or_nothing, observer=watch), held


def states(found: RunRecord | None) -> dict[str, str]:
    return {str(step.asset): str(step.state) for step in found.steps} if found else {}


def run_ids(lake: Lake) -> dict[str, str]:
    return {each.id: str(each.state) for each in lake.runs(1_000)}


def branches(root: Path, name: str = "silver.orders") -> set[str]:
    """The open branches of a table, as its own rows say."""
    with opened(root) as lake:
        return {row.ref for row in lake.snapshots(name) if row.ref and row.ref != "main"}

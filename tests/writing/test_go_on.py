"""No rebuild shortens a history silently: what holds it, what the plan says, and both ways out; pyiceberg reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

import lakeflow
from lakeflow.core.errors import UsageError

BRONZE = (
    '/*\n[source]\nfolder = "drops"\nfiles = "*.csv"\nformat = "csv"\n'
    'columns = {k = "varchar", v = "int", d = "date"}\n*/'
)
HEADER = 'key = ["k"]\nwrite = "scd2"\nnew_rows = ["bronze.plans"]\n'


class Plans:
    """Plans of customers, dropped as files; a history of them that reads new rows."""

    def __init__(self, root: Path, header: str) -> None:
        self.root, self.header = root, header
        for folder in ("layers/bronze", "layers/silver", "drops"):
            (root / folder).mkdir(parents=True)
        (root / "layers/bronze/plans.sql").write_text(f"{BRONZE}\nselect * from source")
        self.code("k, v, d")

    def code(self, columns: str) -> None:
        (self.root / "layers/silver/plans.sql").write_text(f"/*\n{self.header}*/\nselect {columns} from bronze.plans")

    def land(self, name: str, *lines: str) -> None:
        (self.root / f"drops/{name}.csv").write_text("\n".join(["k,v,d", *lines, ""]))
        assert self.run("bronze.plans") == ("published", "")

    def run(self, *selection: str, **asked: Any) -> tuple[str, str]:
        with lakeflow.open(self.root) as lake:
            run = lake.materialize(*selection, **asked)
            return (str(run.steps[-1].state), run.steps[-1].reason) if run else ("nothing to do", "")

    def why(self, **asked: Any) -> tuple[str, tuple[str, ...]]:
        with lakeflow.open(self.root) as lake:
            plan = lake.plan("silver.plans", **asked)
            return "; ".join(map(str, plan.steps[0].reasons)), plan.warnings

    def take_back(self, condition: str) -> None:
        """Another engine deletes rows of bronze."""
        with self.catalog() as catalog:
            catalog.load_table("bronze.plans").delete(condition)

    def versions(self) -> list[tuple[str, int, bool]]:
        with self.catalog() as catalog:
            rows = catalog.load_table("silver.plans").scan().to_arrow().to_pylist()
        return sorted((row["k"], row["v"], row["is_current"]) for row in rows)

    def catalog(self) -> SqlCatalog:
        state = self.root / ".lakeflow"
        return SqlCatalog("lakeflow", uri=f"sqlite:///{state}/catalog.db", warehouse=f"file://{state}/warehouse")


@pytest.mark.long
def test_versions_dated_by_runs_wait_for_a_decision_when_code_changes_or_their_input_was_rewritten(
    tmp_path: Path,
) -> None:
    plans = Plans(tmp_path, HEADER + 'keep = "last by d"\n')
    plans.land("mon", "a,1,2024-01-01", "b,1,2024-01-01")
    plans.run("silver.plans")
    plans.land("tue", "a,2,2024-01-02")
    plans.run("silver.plans")
    before = [("a", 1, False), ("a", 2, True), ("b", 1, True)]
    assert plans.versions() == before

    plans.code("k, v, d, v * 2 as w")
    ways = (
        "`lakeflow materialize silver.plans --go-on` keeps all 3 versions and goes on from here, "
        "`lakeflow materialize silver.plans --full-refresh` keeps 2 at most, one for each key, dated by that run"
    )
    assert f"will be held: its code changed; {ways}" in plans.why()[0]
    state, reason = plans.run("silver.plans")
    assert (state, reason.startswith(f"its code changed; {ways}"), plans.versions()) == ("held", True, before)
    (loss,) = plans.why(full_refresh=True)[1]
    assert loss == (
        "silver.plans holds 3 versions; a full refresh keeps 2 at most, one for each key, dated by that run"
    )
    with pytest.raises(UsageError, match="cannot both go on and rebuild everything"):
        plans.run("silver.plans", full_refresh=True, go_on=True)

    plans.land("wed", "c,1,2024-01-03")
    assert "goes on from here: its code changed, keeping all 3 versions" in plans.why(go_on=True)[0]
    assert plans.run("silver.plans", go_on=True)[0] == "published"
    assert plans.versions() == [*before, ("c", 1, True)]
    assert plans.run("silver.plans")[0] == "nothing to do"

    plans.take_back("k = 'a'")
    state, reason = plans.run("silver.plans")
    assert (state, "bronze.plans was rewritten" in reason, "keeps all 4 versions" in reason) == ("held", True, True)
    assert plans.run("silver.plans", go_on=True)[0] == "published"
    ended = [("a", 1, False), ("a", 2, True), ("b", 1, False)]
    assert plans.versions() == [*ended, ("b", 1, True), ("c", 1, True)], "of `b` the new code says more"
    assert plans.run("silver.plans")[0] == "nothing to do"


@pytest.mark.long
def test_a_rebuild_that_would_lose_a_version_is_held_although_each_says_since_when_it_holds(tmp_path: Path) -> None:
    plans = Plans(tmp_path, HEADER + 'at = "d"\n')
    plans.land("mon", "a,1,2024-01-01", "a,2,2024-01-02", "b,1,2024-01-01")
    plans.run("silver.plans")
    before = plans.versions()
    plans.code("k, v, d, v * 2 as w")
    assert plans.run("silver.plans")[0] == "published"
    assert plans.versions() == before
    plans.take_back("k = 'a' and v = 1")
    state, reason = plans.run("silver.plans")
    assert (state, plans.versions()) == ("held", before)
    assert reason.startswith("a rebuild would lose 1 version; `lakeflow materialize silver.plans --go-on` keeps all 3")
    assert plans.run("silver.plans", go_on=True)[0] == "published"
    assert plans.versions() == before
    assert plans.run("silver.plans", full_refresh=True)[0] == "published"
    assert plans.versions() == [("a", 2, True), ("b", 1, True)]

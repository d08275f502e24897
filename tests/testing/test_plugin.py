"""The pytest plugin, in a project of its own."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from textwrap import dedent

import pytest

# What pytest imports within a test it drops from memory after it, and these libraries bear no second import.
import lakeflow.adapters.duckdb.given.expected
import lakeflow.lake.assembly
import lakeflow.lake.binding
import lakeflow.testing  # noqa: F401

pytest_plugins = ["pytester"]

ORDERS = 'select id, customer, cast(total as decimal(9, 2)) as total from read_csv("data/nowhere.csv")'
TURNOVER = """
    /*
    key = ["customer"]
    */
    select customer, sum(total) as turnover from silver.orders group by all
"""
FILES = {
    "pyproject.toml": """
        [tool.lakeflow]
        catalog = "sqlite:////nowhere/catalog.db"
        state_dir = "/nowhere/state"

        [[tool.lakeflow.alerts]]
        on = ["held"]
        to = "${NOWHERE}"
    """,
    "layers/bronze/orders.sql": f"""
        /*
        [columns.total]
        type = "decimal(9, 2)"
        */
        {ORDERS}
    """,
    "layers/bronze/visits.sql": """
        /*
        [source]
        files = "data/visits/*.csv"
        format = "csv"
        columns = ["day", "visits"]
        */
        select * from source
    """,
    "layers/silver/orders.sql": """
        /*
        key = ["id"]

        [columns.total]
        type = "decimal(9, 2)"
        */
        select id, customer, total from bronze.orders where total is not null
    """,
    "layers/gold/turnover.sql": TURNOVER,
    "checks/gold/turnover.positive.sql": "select * from gold.turnover where turnover <= 0",
}


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    for name, text in FILES.items():
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
    return pytester


def _run(project: pytest.Pytester, body: str) -> pytest.RunResult:
    project.makepyfile(test_it=dedent(body))
    return project.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", "--tb=short")


@pytest.mark.long
def test_an_asset_is_tested_on_rows_that_stand_for_its_upstream(project: pytest.Pytester) -> None:
    """What is given has the types of the upstream's columns, and nothing of the real lake is made or asked."""
    before = sorted(path for path in project.path.rglob("*") if "__pycache__" not in path.parts)
    result = _run(
        project,
        """
        from decimal import Decimal

        def test_one(lake):
            lake.given("bronze.orders", '''
                id,customer,total
                1,a,5
                2,,
            ''')
            lake.materialize("silver.orders", "gold.turnover")
            lake.assert_published("silver.orders", "gold.turnover")
            lake.assert_rows("silver.orders", "id,customer,total\\n1,a,5.00")
            lake.given("silver.orders", [{"customer": "a", "total": "1.10"}, {"customer": "a", "total": "2"}])
            lake.materialize("gold.turnover")
            lake.assert_published()
            assert lake.rows("gold.turnover") == [{"customer": "a", "turnover": Decimal("3.10")}]
        """,
    )
    result.assert_outcomes(passed=1)
    after = sorted(path for path in project.path.rglob("*") if "__pycache__" not in path.parts)
    assert [path for path in after if path not in before] == [project.path / "test_it.py"]
    assert not Path("/nowhere").exists()


@pytest.mark.long
def test_an_external_table_has_the_rows_that_a_test_gives_and_is_never_asked_for_others(
    project: pytest.Pytester,
) -> None:
    """Other rows are news to whoever reads it."""
    catalog = '[tool.lakeflow.catalogs.sales]\nuri = "sqlite:////nowhere/other.db"\nwarehouse = "/nowhere"\n'
    (project.path / "pyproject.toml").write_text(f"[tool.lakeflow]\n{catalog}", "utf-8")
    (project.path / "layers/silver/bought.sql").write_text(
        "/*\nkey = ['id']\nexternal = ['sales.shop.orders']\n*/\nselect id from sales.shop.orders\n", "utf-8"
    )
    result = _run(
        project,
        """
        import pytest

        def test_external(lake):
            lake.given("sales.shop.orders", [{"id": 1}])
            lake.materialize("silver.bought")
            lake.assert_rows("silver.bought", [{"id": 1}])
            lake.given("sales.shop.orders", [{"id": 2}, {"id": 3}])
            lake.materialize("silver.bought")
            lake.assert_rows("silver.bought", "id\\n2\\n3")

        def test_not_given(lake):
            with pytest.raises(Exception, match="the test gives no rows"):
                lake.materialize("silver.bought")
                lake.assert_published()
        """,
    )
    result.assert_outcomes(passed=2)


@pytest.mark.long
def test_an_asset_that_reads_only_new_rows_sees_those_that_are_added(project: pytest.Pytester) -> None:
    """Once, also where what was given is selected again."""
    (project.path / "layers/silver/seen.sql").write_text(
        "/*\nkey = ['id']\nwrite = 'upsert'\nnew_rows = ['bronze.orders']\n*/\nselect id from bronze.orders\n",
        "utf-8",
    )
    result = _run(
        project,
        """
        def test_added(lake):
            lake.given("bronze.orders", [{"id": 1}])
            lake.materialize("silver.seen")
            lake.add("bronze.orders", [{"id": 2}])
            assert "new rows" in str(lake.materialize("bronze.orders", "silver.seen").steps[-1].reasons)
            lake.assert_rows("silver.seen", "id\\n1\\n2")
            assert len(lake.rows("bronze.orders")) == 2
            lake.materialize("bronze.orders", "silver.seen", force=True)
            assert len(lake.rows("bronze.orders")) == 2
        """,
    )
    result.assert_outcomes(passed=1)


@pytest.mark.long
def test_a_held_asset_is_asserted_by_the_check_that_held_it(project: pytest.Pytester) -> None:
    result = _run(
        project,
        """
        def test_held(lake):
            lake.given("silver.orders", [{"customer": "a", "total": -1}])
            lake.materialize("gold.turnover")
            lake.assert_held()
            lake.assert_held("gold.turnover")
            lake.assert_held("gold.turnover", check="positive")
            lake.assert_rows("gold.turnover", [{"customer": "a", "turnover": -1}])
        """,
    )
    result.assert_outcomes(passed=1)


@pytest.mark.long
def test_an_assertion_that_does_not_hold_says_what_to_look_at(project: pytest.Pytester) -> None:
    """The trace ends at the line of the test, not in the plugin."""
    result = _run(
        project,
        """
        import pytest

        @pytest.fixture
        def held(lake):
            lake.given("silver.orders", [{"customer": "a", "total": -1}])
            lake.materialize("gold.turnover")
            return lake

        def test_published(held):
            held.assert_published("gold.turnover")

        def test_other_check(held):
            held.assert_held(check="positiv")

        def test_rows(held):
            held.assert_rows("gold.turnover", [{"customer": "a", "turnover": 1}])

        def test_not_held(lake):
            lake.given("silver.orders", [{"customer": "a", "total": 1}])
            lake.materialize("gold.turnover")
            lake.assert_held("gold.turnover", check="positive")

        def test_nothing_ran(lake):
            lake.assert_published()

        def test_no_input(lake):
            lake.materialize("gold.turnover")

        def test_no_column(lake):
            lake.given("bronze.visits", [{"vists": 1}])
        """,
    )
    result.assert_outcomes(failed=7)
    result.stdout.fnmatch_lines_random(
        [
            "*gold.turnover was not published: held*",
            "*failed: positive, 1 of 1 row* (checks/gold/turnover.positive.sql)",
            "*customer a, turnover -1.00",
            '*look at what was held: lake.rows("gold.turnover")',
            "*gold.turnover has no check 'positiv': did you mean 'positive'?",
            "*1 row missing (-), 1 row unexpected (+)",
            "E *-  a         1.00",
            "E *+  a         -1.00",
            "*gold.turnover: check 'positive' passed (0 of 1 row failed); the step was published",
            "*nothing ran: every selected asset was fresh*",
            '*a test gives rows: lake.given("layer.name", [[]{...}[]])',
            "*what is given as bronze.visits has a column 'vists', which the table does not have",
        ]
    )
    result.stdout.no_fnmatch_line("*lakeflow/testing/words.py*")


@pytest.mark.long
def test_files_that_a_test_gives_land_in_the_place_of_the_real_ones(project: pytest.Pytester) -> None:
    """And the clock is the test's, where it says so."""
    real = project.path / "data/visits/2026.csv"
    real.parent.mkdir(parents=True)
    real.write_text("day,visits\n2026-01-01,1\n", "utf-8")
    result = _run(
        project,
        """
        from datetime import UTC, datetime

        def test_files(lake):
            lake.at(datetime(2031, 5, 6, tzinfo=UTC))
            lake.files("bronze.visits", {"a.csv": "day,visits\\n2030-01-01,7\\n"})
            lake.materialize("bronze.visits")
            (row,) = lake.rows("bronze.visits")
            assert (row["day"], row["visits"]) == ("2030-01-01", "7")
            assert f"{row['_loaded_at']:%Y-%m-%d}" == "2031-05-06"
            lake.files("bronze.visits", {"b.csv": "day,visits\\n2030-01-02,8\\n"})
            lake.materialize("bronze.visits")
            assert len(lake.rows("bronze.visits")) == 2
        """,
    )
    result.assert_outcomes(passed=1)


@pytest.mark.long
def test_a_project_says_where_it_is_and_with_which_settings_its_tests_run(pytester: pytest.Pytester) -> None:
    """By fixtures of the same names; tests may stand beside the project."""
    for name, text in FILES.items():
        path = pytester.path / "lakehouse" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
    pytester.makeconftest(
        """
        import pathlib
        import pytest

        @pytest.fixture
        def lakeflow_root():
            return pathlib.Path(__file__).parent / "lakehouse"

        @pytest.fixture
        def lakeflow_settings():
            return {"keep_snapshots": "7"}
        """
    )
    result = _run(
        pytester,
        """
        def test_settings(lake, tmp_path):
            assert lake.lake.configured.keep_snapshots == 7
            assert lake.lake.configured.alerts == ()
            assert lake.lake.configured.warehouse.startswith(str(tmp_path))
        """,
    )
    result.assert_outcomes(passed=1)
    left_out = pytester.runpytest_inprocess("-p", "no:lakeflow-wap", "-p", "no:cacheprovider", "-p", "no:xdist")
    left_out.assert_outcomes(errors=1)


def test_the_plugin_costs_projects_that_do_not_use_it_no_import() -> None:
    """Its name is the distribution's, which no other plugin has."""
    (entry,) = (each for each in entry_points(group="pytest11") if each.value == "pytest_lakeflow_wap")
    assert entry.name == "lakeflow-wap"
    code = "import pytest, sys; before = set(sys.modules); import pytest_lakeflow_wap; print(set(sys.modules) - before)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "{'pytest_lakeflow_wap'}"

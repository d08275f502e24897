"""What one page says, the others say too."""

from __future__ import annotations

from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.errors import UsageError
from tests.cli.process import lakeflow as command
from tests.cli.test_commands import make
from tests.quarantine.test_quarantine import files as with_quarantine

FILES = {
    "layers/bronze/sales.sql": "select * from (values (1, 'a'), (2, 'b')) as v(id, name)",
    "layers/silver/sales.sql": "/*\nkey = ['id']\nwrite = 'upsert'\n*/\nselect * from bronze.sales",
}
FAILS = "select * from silver.sales where id > 1"


def test_an_asset_that_has_a_quarantine_is_in_order(tmp_path: Path) -> None:
    done = command("check", cwd=make(tmp_path, with_quarantine()))
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_what_is_held_is_read_by_that_word(tmp_path: Path) -> None:
    root = make(tmp_path, FILES)
    with lakeflow.open(root) as lake:
        lake.materialize()
        with pytest.raises(UsageError, match=r"nothing of silver\.sales is held"):
            lake.read("silver.sales", ref="held")
    make(tmp_path, {"layers/bronze/sales.sql": "select 3 as id, 'c' as name", "checks/silver/sales.few.sql": FAILS})
    with lakeflow.open(root) as lake:
        run = lake.materialize()
        assert run is not None
        rows = {row[0] for row in lake.read("silver.sales", ref="held").fetchall()}
        assert rows == {row[0] for row in lake.read("silver.sales", ref=run.branch).fetchall()} == {1, 2, 3}
        assert len(lake.show("silver.sales", ref="held").values) == 3


@pytest.mark.long
def test_of_a_run_that_was_rolled_back_nothing_is_held_any_more(tmp_path: Path) -> None:
    root = make(tmp_path, {**FILES, "checks/silver/sales.few.sql": FAILS})
    run = command("materialize", cwd=root).stdout.split()[1]
    screen = command("rollback", run, cwd=root).stdout
    assert "HELD" not in screen
    assert "discarded" in screen
    assert "rolled back" in screen
    assert "HELD" not in command("runs", run, cwd=root).stdout


@pytest.mark.long
def test_an_audit_of_what_readers_see_that_failed_is_seen_in_status(tmp_path: Path) -> None:
    root = make(tmp_path, FILES)
    command("materialize", cwd=root)
    make(tmp_path, {"checks/silver/sales.few.sql": FAILS})
    run = command("materialize", "silver.sales", cwd=root).stdout.split()[1]
    screen = command("status", cwd=root).stdout
    assert f"the audit of what readers see failed in run {run}" in screen
    assert f"lakeflow runs {run}" in screen
    (root / "checks/silver/sales.few.sql").write_text("select * from silver.sales where id > 9")
    command("materialize", "silver.sales", cwd=root)
    assert "failed" not in command("status", cwd=root).stdout


@pytest.mark.long
def test_the_audits_of_a_run_count_the_rows_that_were_audited(tmp_path: Path) -> None:
    """A merge is given one row and leaves three: its audit looked at three."""
    silver = "/*\nkey = ['id']\nwrite = 'upsert'\nnew_rows = ['bronze.sales']\n*/\nselect * from bronze.sales"
    root = make(tmp_path, {**FILES, "layers/silver/sales.sql": silver})
    with lakeflow.open(root) as lake:
        lake.materialize()
    make(tmp_path, {"layers/bronze/sales.sql": "select 3 as id, 'c' as name"})
    with lakeflow.open(root) as lake:
        run = lake.materialize()
        assert run is not None
        (recorded,) = lake.audited(run.id, "silver.sales")
        (live,) = lake.audit("silver.sales")
        assert recorded.rows == live.rows == len(lake.read("silver.sales").fetchall()) == 3

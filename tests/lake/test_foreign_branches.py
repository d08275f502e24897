"""Branches that no run of the ledger owns: somebody else's, or what a lost ledger leaves behind."""

from __future__ import annotations

from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog

import lakeflow


def test_a_branch_of_no_known_run_hides_nothing_and_waits_for_nobody(tmp_path: Path) -> None:
    (tmp_path / "layers/bronze").mkdir(parents=True)
    (tmp_path / "layers/bronze/sales.sql").write_text("select 1 as id")
    with lakeflow.open(tmp_path) as lake:
        run = lake.materialize()
        assert run is not None
        _branch(tmp_path, "audit_somebody")
        _branch(tmp_path, f"audit_{run.id[:4]}")
        status = lake.status()[0]
        assert (str(status.asset), status.held, status.snapshot_id) == ("bronze.sales", (), run.steps[0].snapshot_id)
        refs = [row.ref for row in lake.snapshots("bronze.sales")]
        assert sorted(map(str, refs)) == sorted([f"audit_{run.id[:4]}", "audit_somebody", "main"])
        assert [str(tree.status.asset) for tree in lake.lineage()] == ["bronze.sales"]


def _branch(root: Path, name: str) -> None:
    state = root / ".lakeflow"
    catalog = SqlCatalog("lakeflow", uri=f"sqlite:///{state}/catalog.db", warehouse=f"file://{state}/warehouse")
    table = catalog.load_table("bronze.sales")
    head = table.current_snapshot()
    assert head is not None
    table.manage_snapshots().create_branch(head.snapshot_id, name).commit()
    catalog.close()

"""What every implementation of the `Externals` port must do."""

from __future__ import annotations

from lakeflow.core.keys import ExternalKey
from lakeflow.core.ports.catalog import Externals

THERE = ExternalKey("sales", "shop", "orders")


class ExternalsContract:
    """Subclass it with a fixture `externals`: `THERE` has two snapshots of one row each, an append after the other."""

    def test_a_table_is_found_as_its_catalog_has_it(self, externals: Externals) -> None:
        table = externals.find([THERE])[THERE].table
        assert table is not None
        assert table.key == THERE
        assert table.published is not None
        assert table.published.rows == 2

    def test_what_is_not_there_says_so_and_hides_nothing_else(self, externals: Externals) -> None:
        absent = ExternalKey("sales", "shop", "absent")
        unknown = ExternalKey("nowhere", "shop", "orders")
        found = externals.find([absent, THERE, unknown])
        assert found[absent].fault
        assert found[unknown].fault
        assert found[THERE].main is not None

    def test_any_snapshot_that_is_kept_can_be_read(self, externals: Externals) -> None:
        table = externals.find([THERE])[THERE].table
        assert table is not None
        newest, oldest = table.ancestry(table.main)
        assert externals.scan(table, newest.id).rows == 2
        assert externals.scan(table, oldest.id).rows == 1

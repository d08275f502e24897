"""What every catalog promises of branches whose main was moved by another engine."""

from __future__ import annotations

import pytest

from lakeflow.core.errors import ConflictError
from lakeflow.core.model.table import NEUTRAL
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.catalog import Catalog
from tests.contracts.suites.catalog_case import CatalogCase
from tests.contracts.suites.examples import (
    ALPHA,
    BRANCH,
    SUMMARY,
    nothing,
    publish,
)


class MovedMainContract(CatalogCase):
    """Part of `CatalogContract`."""

    def test_the_rows_of_an_append_are_read_alone_also_after_a_compaction(self, catalog: Catalog) -> None:
        self.published(catalog, ALPHA, rows=1)
        second = self.published(catalog, ALPHA, rows=2)
        third = self.published(catalog, ALPHA, rows=4)
        self.foreign_compact(catalog, ALPHA)
        now = self.now(catalog, ALPHA)
        assert None not in (second.main, third.main, now.main)
        added = catalog.scan_added(now, now.main or 0, [third.main or 0, second.main or 0])
        assert (added.rows, len(added.files), added.deletes) == (6, 2, ())
        assert catalog.scan_added(now, now.main or 0, []).files == ()

    # main moved

    def test_an_append_goes_on_top_of_another_engines_append(self, catalog: Catalog) -> None:
        base = self.published(catalog, ALPHA, rows=1)
        staged = self.staged(catalog, ALPHA, rows=2)
        self.foreign_append(catalog, ALPHA, rows=4)
        moved = catalog.restage(self.now(catalog, ALPHA), BRANCH, base.main)
        again = moved.snapshots[moved.refs[BRANCH]]
        assert again.id != staged.refs[BRANCH]
        assert (again.parent_id, again.operation, again.rows) == (moved.main, "append", 7)
        assert {name: again.summary[name] for name in SUMMARY} == SUMMARY
        assert self.rows(catalog, catalog.commit([publish(moved)], nothing)[ALPHA], again.id) == 7

    def test_a_first_append_goes_on_top_of_another_engines_first_append(self, catalog: Catalog) -> None:
        self.staged(catalog, ALPHA, rows=2)
        self.foreign_append(catalog, ALPHA, rows=4)
        moved = catalog.restage(self.now(catalog, ALPHA), BRANCH, None)
        assert self.rows(catalog, moved, moved.refs[BRANCH]) == 6

    def test_restaging_copies_no_data(self, catalog: Catalog) -> None:
        base = self.published(catalog, ALPHA, rows=1)
        staged = self.staged(catalog, ALPHA, rows=2)
        own = set(catalog.scan(staged, staged.refs[BRANCH]).files) - set(catalog.scan(staged, staged.main).files)
        self.foreign_append(catalog, ALPHA, rows=4)
        moved = catalog.restage(self.now(catalog, ALPHA), BRANCH, base.main)
        assert own < set(catalog.scan(moved, moved.refs[BRANCH]).files)

    @pytest.mark.parametrize("removes", [True, False])
    def test_a_merge_does_not_go_on_top_of_anything(self, catalog: Catalog, removes: bool) -> None:
        base = self.published(catalog, ALPHA, rows=1)
        staged, _ = self.merged(catalog, rows=2, removes=removes)
        self.foreign_compact(catalog, ALPHA)
        with pytest.raises(ConflictError, match=r"silver\.alpha"):
            catalog.restage(self.now(catalog, ALPHA), BRANCH, base.main)
        assert self.now(catalog, ALPHA).refs[BRANCH] == staged.refs[BRANCH]

    @pytest.mark.parametrize(("mode", "rows"), [(WriteMode.APPEND, 7), (WriteMode.REPLACE, 2)])
    def test_a_write_goes_on_top_of_a_compaction(self, catalog: Catalog, mode: WriteMode, rows: int) -> None:
        base = self.published(catalog, ALPHA, rows=5)
        staged = self.staged(catalog, ALPHA, rows=2, mode=mode)
        self.foreign_compact(catalog, ALPHA)
        now = self.now(catalog, ALPHA)
        assert now.published is not None
        assert (now.published.operation, now.published.rows) == (NEUTRAL, 5)
        moved = catalog.restage(now, BRANCH, base.main)
        again = moved.snapshots[moved.refs[BRANCH]]
        assert (again.parent_id, again.operation) == (moved.main, staged.snapshots[staged.refs[BRANCH]].operation)
        after = catalog.commit([publish(moved)], nothing)[ALPHA]
        assert (self.rows(catalog, after, again.id), again.rows) == (rows, rows)

    def test_a_replace_does_not_go_on_top_of_another_engines_rows(self, catalog: Catalog) -> None:
        base = self.published(catalog, ALPHA, rows=1)
        staged = self.staged(catalog, ALPHA, rows=2, mode=WriteMode.REPLACE)
        self.foreign_append(catalog, ALPHA, rows=4)
        with pytest.raises(ConflictError, match=r"silver\.alpha"):
            catalog.restage(self.now(catalog, ALPHA), BRANCH, base.main)
        assert self.now(catalog, ALPHA).refs[BRANCH] == staged.refs[BRANCH]

    def test_restaging_on_a_main_that_did_not_move_changes_nothing(self, catalog: Catalog) -> None:
        base = self.published(catalog, ALPHA, rows=1)
        staged = self.staged(catalog, ALPHA, rows=2)
        assert catalog.restage(staged, BRANCH, base.main) == staged

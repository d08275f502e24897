"""What every catalog promises of publishes, discards, rollbacks and expiry."""

from __future__ import annotations

import pytest

from lakeflow.core.errors import AssetError, ConflictError
from lakeflow.core.model.changes import Discard, Pin, Publish, Rollback
from lakeflow.core.model.table import Staging
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.catalog import Catalog
from lakeflow.core.ports.entry import Transaction
from tests.contracts.suites.catalog_case import CatalogCase
from tests.contracts.suites.examples import (
    ALPHA,
    BETA,
    BRANCH,
    GAMMA,
    SCHEMA,
    SUMMARY,
    WIDER,
    RecordFailedError,
    nothing,
    publish,
)
from tests.recording import Doing


class PublishingContract(CatalogCase):
    """Part of `CatalogContract`."""

    def test_a_publish_makes_the_audited_snapshot_main_and_drops_the_branch(self, catalog: Catalog) -> None:
        staged = self.staged(catalog, ALPHA, rows=3)
        after = catalog.commit([publish(staged)], nothing)
        assert after.keys() == {ALPHA}
        assert dict(after[ALPHA].refs) == {"main": staged.refs[BRANCH]}
        assert after[ALPHA].proofs.keys() == {staged.refs[BRANCH]}
        assert self.now(catalog, ALPHA) == after[ALPHA]

    def test_a_foreign_commit_to_main_makes_the_publish_a_conflict(self, catalog: Catalog) -> None:
        self.published(catalog, ALPHA, rows=1)
        staged = self.staged(catalog, ALPHA, rows=1)
        self.foreign_append(catalog, ALPHA, rows=5)
        with pytest.raises(ConflictError, match=r"silver\.alpha"):
            catalog.commit([publish(staged)], nothing)
        now = self.now(catalog, ALPHA)
        assert now.published is not None
        assert (now.published.rows, BRANCH in now.refs) == (6, True)

    def test_a_first_publish_after_a_foreign_first_commit_is_a_conflict(self, catalog: Catalog) -> None:
        staged = self.staged(catalog, ALPHA, rows=1)
        self.foreign_append(catalog, ALPHA, rows=5)
        with pytest.raises(ConflictError):
            catalog.commit([publish(staged)], nothing)

    def test_publishing_another_snapshot_than_the_branch_has_is_a_conflict(self, catalog: Catalog) -> None:
        base = self.published(catalog, ALPHA, rows=1)
        staged = self.staged(catalog, ALPHA, rows=1)
        assert base.main is not None
        with pytest.raises(ConflictError):
            catalog.commit([Publish(ALPHA, staged.uuid, BRANCH, base.main, base.main, "{}", 50)], nothing)
        assert self.now(catalog, ALPHA) == staged

    def test_publishing_into_a_table_of_another_uuid_is_a_conflict(self, catalog: Catalog) -> None:
        staged = self.staged(catalog, ALPHA, rows=1)
        other = "00000000-0000-4000-8000-000000000000"
        with pytest.raises(ConflictError):
            catalog.commit([Publish(ALPHA, other, BRANCH, None, staged.refs[BRANCH], "{}", 50)], nothing)

    def test_a_publish_twice_is_a_conflict_and_changes_nothing(self, catalog: Catalog) -> None:
        staged = self.staged(catalog, ALPHA, rows=1)
        catalog.commit([publish(staged)], nothing)
        before = self.now(catalog, ALPHA)
        with pytest.raises(ConflictError):
            catalog.commit([publish(staged)], nothing)
        assert self.now(catalog, ALPHA) == before

    def test_one_conflict_among_three_tables_publishes_none(self, catalog: Catalog) -> None:
        staged = [self.staged(catalog, key, rows=1) for key in (ALPHA, BETA, GAMMA)]
        self.foreign_append(catalog, BETA, rows=1)
        before = self.load_all(catalog)
        with pytest.raises(ConflictError, match=r"silver\.beta"):
            catalog.commit([publish(table) for table in staged], nothing)
        assert self.load_all(catalog) == before

    def test_three_tables_are_published_together(self, catalog: Catalog) -> None:
        staged = [self.staged(catalog, key, rows=1) for key in (ALPHA, BETA, GAMMA)]
        catalog.commit([publish(table) for table in staged], nothing)
        assert {key: table.main for key, table in self.load_all(catalog).items()} == {
            table.key: table.refs[BRANCH] for table in staged
        }

    def test_when_recording_fails_nothing_is_published(self, catalog: Catalog) -> None:
        staged = [self.staged(catalog, key, rows=1) for key in (ALPHA, BETA, GAMMA)]

        def fail(_transaction: Transaction | None) -> None:
            raise RecordFailedError

        with pytest.raises(RecordFailedError):
            catalog.commit([publish(table) for table in staged], Doing(fail))
        assert self.load_all(catalog) == {table.key: table for table in staged}
        catalog.commit([publish(table) for table in staged], nothing)

    def test_a_commit_records_exactly_once(self, catalog: Catalog) -> None:
        seen: list[Transaction | None] = []
        catalog.commit([publish(self.staged(catalog, ALPHA, rows=1))], Doing(seen.append))
        assert len(seen) == 1

    def test_an_input_that_is_still_in_mains_ancestry_does_not_stop_a_publish(self, catalog: Catalog) -> None:
        pinned = self.published(catalog, BETA, rows=1)
        self.published(catalog, BETA, rows=1)
        staged = self.staged(catalog, ALPHA, rows=1)
        assert pinned.main is not None
        after = catalog.commit([publish(staged), Pin(BETA, pinned.main)], nothing)
        assert after.keys() == {ALPHA}

    def test_an_input_that_was_rolled_back_stops_the_publish(self, catalog: Catalog) -> None:
        first = self.published(catalog, BETA, rows=1)
        second = self.published(catalog, BETA, rows=1)
        staged = self.staged(catalog, ALPHA, rows=1)
        assert second.main is not None
        catalog.commit([Rollback(BETA, second.main, first.main)], nothing)
        with pytest.raises(ConflictError, match=r"silver\.beta"):
            catalog.commit([publish(staged), Pin(BETA, second.main)], nothing)
        assert self.now(catalog, ALPHA) == staged

    def test_a_discard_drops_the_branch_and_leaves_main(self, catalog: Catalog) -> None:
        base = self.published(catalog, ALPHA, rows=1)
        staged = self.staged(catalog, ALPHA, rows=1)
        after = catalog.commit([Discard(ALPHA, BRANCH, staged.refs[BRANCH])], nothing)[ALPHA]
        assert after.refs == base.refs

    def test_a_discard_of_a_first_write_makes_room_for_another(self, catalog: Catalog) -> None:
        staged = self.staged(catalog, ALPHA, rows=1)
        catalog.commit([Discard(ALPHA, BRANCH, staged.refs[BRANCH])], nothing)
        assert self.published(catalog, ALPHA, rows=2).snapshots.keys() >= {self.now(catalog, ALPHA).main}

    def test_a_discard_of_a_branch_that_moved_is_a_conflict(self, catalog: Catalog) -> None:
        staged = self.staged(catalog, ALPHA, rows=1)
        with pytest.raises(ConflictError, match=BRANCH):
            catalog.commit([Discard(ALPHA, BRANCH, staged.refs[BRANCH] + 1)], nothing)
        with pytest.raises(ConflictError, match="audit_r9"):
            catalog.commit([Discard(ALPHA, "audit_r9", staged.refs[BRANCH])], nothing)

    def test_a_rollback_restores_rows_and_schema(self, catalog: Catalog) -> None:
        first = self.published(catalog, ALPHA, rows=2)
        staged = catalog.stage(first, self.staging(catalog, first, rows=1, schema=WIDER))
        second = catalog.commit([publish(staged)], nothing)[ALPHA]
        assert second.main is not None
        back = catalog.commit([Rollback(ALPHA, second.main, first.main)], nothing)[ALPHA]
        assert (back.main, back.schema.fields) == (first.main, SCHEMA.fields)
        assert self.rows(catalog, back, back.main) == 2

    def test_a_rollback_of_the_first_publish_makes_the_table_unborn(self, catalog: Catalog) -> None:
        first = self.published(catalog, ALPHA, rows=2)
        assert first.main is not None
        back = catalog.commit([Rollback(ALPHA, first.main, None)], nothing)[ALPHA]
        assert back.main is None
        assert self.rows(catalog, self.published(catalog, ALPHA, rows=1), self.now(catalog, ALPHA).main) == 1

    def test_a_rollback_of_what_is_not_on_main_is_a_conflict(self, catalog: Catalog) -> None:
        first = self.published(catalog, ALPHA, rows=1)
        second = self.published(catalog, ALPHA, rows=1)
        assert first.main is not None
        with pytest.raises(ConflictError):
            catalog.commit([Rollback(ALPHA, first.main, None)], nothing)
        assert self.now(catalog, ALPHA) == second

    # new rows

    def test_a_publish_keeps_that_many_ancestors_of_main(self, catalog: Catalog) -> None:
        mains = [self.published(catalog, ALPHA, rows=1, keep=2).main for _ in range(5)]
        assert self.now(catalog, ALPHA).snapshots.keys() == set(mains[-3:])

    def test_expiry_keeps_open_branches_and_what_they_were_written_on(self, catalog: Catalog) -> None:
        base = self.published(catalog, ALPHA, rows=1)
        held = self.staged(catalog, ALPHA, rows=1)
        for number in range(4):
            table = self.now(catalog, ALPHA)
            other = Staging(f"audit_x{number}", table.main, WriteMode.REPLACE, SCHEMA, (), SUMMARY)
            staged = catalog.stage(table, other)
            catalog.commit([publish(staged, branch=other.branch, keep=1)], nothing)
        now = self.now(catalog, ALPHA)
        assert now.refs[BRANCH] == held.refs[BRANCH]
        assert now.snapshots.keys() >= {held.refs[BRANCH], base.main}
        assert self.rows(catalog, now, now.refs[BRANCH]) == 2

    def test_a_snapshot_that_is_gone_cannot_be_scanned(self, catalog: Catalog) -> None:
        first = self.published(catalog, ALPHA, rows=1, keep=0)
        self.published(catalog, ALPHA, rows=1, keep=0)
        with pytest.raises(AssetError, match=str(first.main)):
            catalog.scan(self.now(catalog, ALPHA), first.main)

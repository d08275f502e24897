"""What every catalog promises, written against the port alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from lakeflow.core.errors import AssetError, ConflictError
from lakeflow.core.model import AssetKey, WriteMode
from lakeflow.core.ports import Catalog, Transaction
from lakeflow.core.provenance import Provenance
from lakeflow.core.schema import Schema
from lakeflow.core.table import NEUTRAL, Discard, Pin, Publish, Rollback, Staging, Table, WrittenFile
from lakeflow.testing.examples import (
    ALPHA,
    BETA,
    BRANCH,
    GAMMA,
    NESTED,
    SCHEMA,
    SUMMARY,
    WIDER,
    RecordFailedError,
    nothing,
    publish,
)
from lakeflow.testing.landed_contract import LandedContract


class CatalogContract(LandedContract, ABC):
    """Subclass it, name the class `Test…`, and say how to make a catalog, a data file, and another engine.

    The catalog is empty at first. `data_file` writes a file of so many rows with the columns of `SCHEMA`, the
    `foreign_…` methods commit to main of the table as another engine would.
    """

    @pytest.fixture
    @abstractmethod
    def catalog(self, tmp_path: Path) -> Catalog: ...

    @abstractmethod
    def data_file(self, catalog: Catalog, table: Table, rows: int) -> WrittenFile: ...

    @abstractmethod
    def foreign_append(self, catalog: Catalog, key: AssetKey, rows: int) -> None: ...

    @abstractmethod
    def foreign_compact(self, catalog: Catalog, key: AssetKey) -> None:
        """Rewrite main's files as a commit of operation `replace`, with the same rows."""

    def staging(
        self, catalog: Catalog, table: Table, rows: int, *, mode: WriteMode = WriteMode.APPEND, schema: Schema = SCHEMA
    ) -> Staging:
        """One file of so many rows (none for 0), for `BRANCH`, on main as `table` has it."""
        files = (self.data_file(catalog, table, rows),) if rows else ()
        return Staging(BRANCH, table.main, mode, schema, files, SUMMARY)

    def staged(self, catalog: Catalog, key: AssetKey, rows: int, *, mode: WriteMode = WriteMode.APPEND) -> Table:
        table = catalog.create(key, SCHEMA)
        return catalog.stage(table, self.staging(catalog, table, rows, mode=mode))

    def merged(self, catalog: Catalog, rows: int, *, removes: bool = True) -> tuple[Table, str]:
        """An upsert into `ALPHA` that takes away the first file of main, or none; and that file."""
        table = self.now(catalog, ALPHA)
        first = catalog.scan(table, table.main).files[0]
        staging = self.staging(catalog, table, rows, mode=WriteMode.UPSERT)
        summary = {**SUMMARY, "lakeflow.write": "upsert"}
        return catalog.stage(table, replace(staging, summary=summary, removes=(first,) if removes else ())), first

    def published(
        self, catalog: Catalog, key: AssetKey, rows: int, *, mode: WriteMode = WriteMode.APPEND, keep: int = 50
    ) -> Table:
        staged = self.staged(catalog, key, rows, mode=mode)
        return catalog.commit([publish(staged, keep=keep)], nothing)[key]

    def now(self, catalog: Catalog, key: AssetKey) -> Table:
        return catalog.load([key])[key]

    def load_all(self, catalog: Catalog) -> Mapping[AssetKey, Table]:
        return dict(catalog.load([ALPHA, BETA, GAMMA]))

    def rows(self, catalog: Catalog, table: Table, snapshot_id: int | None) -> int:
        return catalog.scan(table, snapshot_id).rows

    # Tables

    def test_an_empty_catalog_has_no_tables(self, catalog: Catalog) -> None:
        assert catalog.keys() == frozenset()
        assert dict(catalog.load([ALPHA])) == {}

    def test_a_new_table_is_unborn_has_a_folder_and_keeps_the_field_ids_given(self, catalog: Catalog) -> None:
        table = catalog.create(ALPHA, NESTED)
        assert Path(catalog.data_directory(table)).is_dir()
        assert (table.key, table.main, dict(table.refs), dict(table.snapshots)) == (ALPHA, None, {}, {})
        assert table.schema.fields == NESTED.fields
        assert (table.format_version, table.last_column_id) == (2, 6)
        assert catalog.keys() == {ALPHA}

    def test_creating_a_table_twice_gives_the_table_that_is_there(self, catalog: Catalog) -> None:
        first = catalog.create(ALPHA, SCHEMA)
        assert catalog.create(ALPHA, WIDER) == first

    def test_one_load_gives_all_tables_asked_for_that_exist(self, catalog: Catalog) -> None:
        for key in (ALPHA, BETA):
            self.published(catalog, key, rows=2)
        found = catalog.load([ALPHA, BETA, GAMMA])
        assert found.keys() == {ALPHA, BETA}
        assert all(table.published and table.published.rows == 2 for table in found.values())

    # Staging

    def test_a_first_write_leaves_main_unborn(self, catalog: Catalog) -> None:
        staged = self.staged(catalog, ALPHA, rows=3)
        assert staged.main is None
        assert staged.refs.keys() == {BRANCH}
        assert self.now(catalog, ALPHA) == staged
        assert self.rows(catalog, staged, None) == 0
        assert self.rows(catalog, staged, staged.refs[BRANCH]) == 3

    def test_an_append_is_one_snapshot_on_its_base_with_all_rows(self, catalog: Catalog) -> None:
        base = self.published(catalog, ALPHA, rows=3)
        staged = self.staged(catalog, ALPHA, rows=4)
        written = staged.snapshots[staged.refs[BRANCH]]
        assert staged.main == base.main == written.parent_id
        assert (written.operation, written.rows, written.added_rows) == ("append", 7, 4)
        assert self.rows(catalog, staged, written.id) == 7
        assert self.rows(catalog, staged, staged.main) == 3

    def test_a_replace_is_one_snapshot_that_holds_only_what_was_written(self, catalog: Catalog) -> None:
        self.published(catalog, ALPHA, rows=3)
        staged = self.staged(catalog, ALPHA, rows=4, mode=WriteMode.REPLACE)
        written = staged.snapshots[staged.refs[BRANCH]]
        assert (written.operation, written.rows) == ("overwrite", 4)
        assert (written.added_rows, written.deleted_rows) == (4, 3)
        assert self.rows(catalog, staged, written.id) == 4
        assert self.rows(catalog, staged, staged.main) == 3

    def test_replacing_with_no_rows_empties_the_table(self, catalog: Catalog) -> None:
        self.published(catalog, ALPHA, rows=3)
        emptied = self.published(catalog, ALPHA, rows=0, mode=WriteMode.REPLACE)
        assert emptied.published is not None
        assert emptied.published.rows == 0
        assert self.rows(catalog, emptied, emptied.main) == 0

    def test_a_merge_is_one_snapshot_without_the_files_that_it_removes(self, catalog: Catalog) -> None:
        for rows in (3, 5):
            self.published(catalog, ALPHA, rows=rows)
        staged, gone = self.merged(catalog, rows=4)
        written, base = staged.snapshots[staged.refs[BRANCH]], staged.published
        assert (written.operation, written.rows, written.added_rows) == ("overwrite", 12 - written.deleted_rows, 4)
        assert base is not None
        assert (written.parent_id, written.deleted_rows in {3, 5}) == (base.id, True)
        assert gone not in catalog.scan(staged, written.id).files
        assert self.rows(catalog, staged, written.id) == written.rows
        assert self.rows(catalog, catalog.commit([publish(staged)], nothing)[ALPHA], written.id) == written.rows

    def test_a_merge_that_removes_nothing_is_an_append(self, catalog: Catalog) -> None:
        self.published(catalog, ALPHA, rows=3)
        staged = self.staged(catalog, ALPHA, rows=1, mode=WriteMode.UPSERT)
        assert staged.snapshots[staged.refs[BRANCH]].operation == "append"
        assert self.rows(catalog, staged, staged.refs[BRANCH]) == 4

    def test_a_merge_of_no_rows_that_removes_the_only_file_leaves_an_empty_table(self, catalog: Catalog) -> None:
        self.published(catalog, ALPHA, rows=3)
        staged, _ = self.merged(catalog, rows=0)
        written = staged.snapshots[staged.refs[BRANCH]]
        assert (written.rows, self.rows(catalog, staged, written.id)) == (0, 0)

    def test_the_summary_of_a_snapshot_carries_what_was_given(self, catalog: Catalog) -> None:
        staged = self.staged(catalog, ALPHA, rows=1)
        summary = staged.snapshots[staged.refs[BRANCH]].summary
        assert {name: summary[name] for name in SUMMARY} == SUMMARY

    def test_staging_on_a_base_that_main_has_left_is_a_conflict(self, catalog: Catalog) -> None:
        table = catalog.create(ALPHA, SCHEMA)
        planned = self.staging(catalog, table, rows=1)
        self.foreign_append(catalog, ALPHA, rows=1)
        with pytest.raises(ConflictError, match=r"silver\.alpha"):
            catalog.stage(table, planned)
        assert BRANCH not in self.now(catalog, ALPHA).refs

    def test_staging_on_a_branch_that_exists_is_a_conflict(self, catalog: Catalog) -> None:
        staged = self.staged(catalog, ALPHA, rows=1)
        with pytest.raises(ConflictError, match=BRANCH):
            catalog.stage(staged, self.staging(catalog, staged, rows=1))
        assert self.now(catalog, ALPHA).refs == staged.refs

    def test_two_runs_may_stage_side_by_side_from_one_load(self, catalog: Catalog) -> None:
        table = catalog.create(ALPHA, SCHEMA)
        mine = self.staging(catalog, table, rows=1)
        theirs = Staging("audit_r2", None, WriteMode.APPEND, SCHEMA, mine.files, SUMMARY)
        catalog.stage(table, theirs)
        assert catalog.stage(table, mine).refs.keys() == {BRANCH, "audit_r2"}

    def test_a_new_schema_stays_on_the_branch_until_the_publish(self, catalog: Catalog) -> None:
        before = self.published(catalog, ALPHA, rows=2)
        staged = catalog.stage(before, self.staging(catalog, before, rows=1, schema=WIDER))
        written = staged.refs[BRANCH]
        assert (staged.schema, staged.schema_of(written).fields) == (before.schema, WIDER.fields)
        assert catalog.scan(staged, staged.main).schema.names == SCHEMA.names
        assert catalog.scan(staged, written).schema.names == WIDER.names
        assert staged.last_column_id == 3
        after = catalog.commit([publish(staged)], nothing)[ALPHA]
        assert after.schema.fields == WIDER.fields
        assert after.schema_of(before.refs["main"]).fields == SCHEMA.fields

    def test_a_schema_that_the_table_knows_is_used_again(self, catalog: Catalog) -> None:
        table = self.published(catalog, ALPHA, rows=1)
        staged = catalog.stage(table, self.staging(catalog, table, rows=1, schema=Schema(SCHEMA.fields)))
        assert staged.schemas.keys() == table.schemas.keys()

    # Publishing

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

        def fail(_transaction: Transaction) -> None:
            raise RecordFailedError

        with pytest.raises(RecordFailedError):
            catalog.commit([publish(table) for table in staged], fail)
        assert self.load_all(catalog) == {table.key: table for table in staged}
        catalog.commit([publish(table) for table in staged], nothing)

    def test_a_commit_records_exactly_once(self, catalog: Catalog) -> None:
        seen: list[Transaction] = []
        catalog.commit([publish(self.staged(catalog, ALPHA, rows=1))], seen.append)
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

    # Discard and rollback

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

    # without reading data

    def test_what_is_certain_of_a_snapshot_needs_no_data(self, catalog: Catalog) -> None:
        table = catalog.create(ALPHA, SCHEMA)
        ours = Provenance("r1", 1, str(ALPHA), "v1").summary()
        staged = catalog.stage(table, replace(self.staging(catalog, table, 3), summary=ours))
        found = catalog.statistics(staged, staged.refs[BRANCH])
        assert found is not None
        assert found.rows == 3

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

    # Expiry

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

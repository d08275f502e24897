"""What every catalog promises of tables that are made, and of writes to their branches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lakeflow.core.errors import ConflictError
from lakeflow.core.model.layout import Layout, PartitionField, Transform
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Staging
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.catalog import Catalog
from tests.contracts.suites.catalog_case import CatalogCase
from tests.contracts.suites.examples import (
    ALPHA,
    BETA,
    BRANCH,
    GAMMA,
    NESTED,
    SCHEMA,
    SUMMARY,
    WIDER,
    nothing,
    publish,
)

PARTED = Layout((PartitionField("n", Transform.BUCKET, 8), PartitionField("word")))


class StagingContract(CatalogCase):
    """Part of `CatalogContract`."""

    def test_an_empty_catalog_has_no_tables(self, catalog: Catalog) -> None:
        assert catalog.keys() == frozenset()
        assert dict(catalog.load([ALPHA])) == {}

    def test_a_new_table_is_unborn_has_a_folder_and_keeps_the_field_ids_given(self, catalog: Catalog) -> None:
        table = catalog.create(ALPHA, NESTED)
        directory = catalog.data_directory(table)
        assert "://" in directory or Path(directory).is_dir(), "a store has no folders"
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

    def test_what_a_merge_added_is_told_apart_from_what_stayed(self, catalog: Catalog) -> None:
        self.published(catalog, ALPHA, rows=3)
        self.published(catalog, ALPHA, rows=4)
        staged, _ = self.merged(catalog, rows=2)
        head = staged.refs[BRANCH]
        added = catalog.scan_added(staged, head, [head])
        assert added.rows == 2
        everything = catalog.scan(staged, head)
        for columns in ([], ["n"]):
            near = catalog.scan_near(staged, head, columns)
            assert set(added.files) <= set(near.files) <= set(everything.files)
        assert catalog.scan_near(staged, head, []).files == everything.files

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

    def test_files_of_a_layout_say_which_partition_they_are_and_others_nothing(self, catalog: Catalog) -> None:
        self.published(catalog, ALPHA, rows=1)
        table = self.now(catalog, ALPHA)
        placed = {number: replace(self.data_file(catalog, table, 1), partition=(number, None)) for number in (3, 4)}
        staging = replace(self.staging(catalog, table, 0), files=tuple(placed.values()), layout=PARTED)
        staged = catalog.stage(table, staging)
        found = catalog.partitions(staged, staged.refs[BRANCH], PARTED)
        assert sorted(found.values()) == [(3, None), (4, None)]
        assert found.keys() < set(catalog.scan(staged, staged.refs[BRANCH]).files)
        assert catalog.partitions(staged, staged.refs[BRANCH], Layout((PartitionField("n"),))) == {}

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

    def test_what_is_certain_of_a_snapshot_needs_no_data(self, catalog: Catalog) -> None:
        table = catalog.create(ALPHA, SCHEMA)
        ours = Provenance("r1", 1, str(ALPHA), "v1").summary()
        staged = catalog.stage(table, replace(self.staging(catalog, table, 3), summary=ours))
        found = catalog.statistics(staged, staged.refs[BRANCH])
        assert found is not None
        assert found.rows == 3

"""What pyiceberg does to refs. A test that fails here says which workaround of ours can go."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table.update import AddSnapshotUpdate, update_table_metadata
from pyiceberg.types import StringType

from tests.traps.theirs import again, ids, main, some, table


def test_a_second_assertion_on_a_ref_is_dropped(tmp_path: Path) -> None:
    """T1: a tag and main in one transaction; only the tag is asserted, so that another writer's rows vanish.

    Ours: `refs` makes and checks every assertion by itself.
    """
    with table(tmp_path, (1,)) as stale:
        first = main(stale)
        again(stale).append(some(2))
        stale.manage_snapshots().create_tag(first, "kept").set_current_snapshot(first).commit()
        assert ids(again(stale)) == [1]


def test_an_append_to_a_missing_branch_is_an_orphan(tmp_path: Path) -> None:
    """T2: it holds only the new rows; published, everything else would be gone. Ours: the parent is asserted."""
    with table(tmp_path, (1,)) as made:
        made.append(some(2), branch="audit_x")
        orphan = made.snapshot_by_name("audit_x")
        assert orphan is not None
        assert orphan.parent_snapshot_id is None
        assert ids(made, orphan.snapshot_id) == [2]


def test_a_branch_is_moved_without_a_look_at_its_ancestry(tmp_path: Path) -> None:
    """T3: main goes to a snapshot that was forked before its last append. Ours: a publish asserts its base."""
    with table(tmp_path, (1,)) as made:
        made.manage_snapshots().create_branch(main(made), "audit_x").commit()
        made.append(some(3), branch="audit_x")
        made.append(some(2))
        forked = made.snapshot_by_name("audit_x")
        assert forked is not None
        made.manage_snapshots().set_current_snapshot(forked.snapshot_id).commit()
        assert ids(again(made)) == [1, 3]


def test_a_table_without_snapshots_refuses_branches(tmp_path: Path) -> None:
    """T4. Ours: the branch is set with the snapshot, and main stays unborn."""
    with table(tmp_path) as made, pytest.raises(CommitFailedException, match="can only be written to the main BRANCH"):
        made.append(some(1), branch="audit_x")


def test_two_writers_of_two_branches_do_not_both_land(tmp_path: Path) -> None:
    """T5: an error that is not retried. Ours: read again, plan again, with jitter."""
    with table(tmp_path, (1,)) as made:
        for name in ("audit_x", "audit_y"):
            made.manage_snapshots().create_branch(main(made), name).commit()
        other = again(made)
        made.append(some(2), branch="audit_x")
        with pytest.raises((ValueError, CommitFailedException), match=r"sequence number|changed"):
            other.append(some(3), branch="audit_y")


def test_an_overwrite_is_two_snapshots(tmp_path: Path) -> None:
    """T6. Ours: one materialization is one snapshot."""
    with table(tmp_path, (1,)) as made:
        made.overwrite(some(2))
        assert len(made.snapshots()) == 3


def test_a_schema_change_shows_on_main_at_once(tmp_path: Path) -> None:
    """T7: before any check ran. Ours: the schema is added with the snapshot and set with main."""
    with table(tmp_path, (1,)) as made:
        with made.update_schema() as update:
            update.delete_column("id")
            update.add_column("note", StringType())
        assert again(made).scan().to_arrow().column_names == ["note"]


def test_an_expiry_by_a_stale_reader_can_delete_main(tmp_path: Path) -> None:
    """T8: no requirement guards the refs. Ours: expiry is part of a publish that asserts main."""
    with table(tmp_path, (1,), (2,)) as stale:
        first = stale.history()[0].snapshot_id
        again(stale).manage_snapshots().rollback_to_snapshot(first).commit()
        stale.maintenance.expire_snapshots().by_id(first).commit()
        assert again(stale).current_snapshot() is None


def test_an_expiry_deletes_no_file(tmp_path: Path) -> None:
    """T8. Ours: a sweeper of its own."""
    with table(tmp_path, (1,), (2,)) as made:
        before = {path for path in tmp_path.rglob("*") if path.suffix in {".avro", ".parquet"}}
        made.maintenance.expire_snapshots().by_id(made.history()[0].snapshot_id).commit()
        assert before <= set(tmp_path.rglob("*"))


def test_two_first_snapshots_get_the_same_sequence_number(tmp_path: Path) -> None:
    """S1: the check is left out without a parent. Ours: the swap is on the very metadata that was planned on."""
    with table(tmp_path, (1,)) as made:
        snapshot = made.current_snapshot()
        assert snapshot is not None
        twin = snapshot.model_copy(update={"snapshot_id": snapshot.snapshot_id + 1})
        after = update_table_metadata(made.metadata, (AddSnapshotUpdate(snapshot=twin),))
        assert [entry.sequence_number for entry in after.snapshots] == [1, 1]

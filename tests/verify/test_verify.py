"""What is not as it was audited is found and named: by the tables alone, and by the ledger beside them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

import lakeflow
from lakeflow.adapters.iceberg.disk import proof
from lakeflow.adapters.iceberg.disk.proof import pack, proof_location
from lakeflow.cli.main import run as command
from lakeflow.core.model.run import Ruling
from lakeflow.core.ports.locations import local_path
from lakeflow.core.verify.values import RemarkKind
from lakeflow.lake.care import relocate
from tests.verify.lab import execute, faults, ours, theirs, verified, without_ledger, wrote

BRONZE, SILVER = "bronze.numbers", "silver.numbers"


@pytest.fixture
def lake(plain: Path) -> Path:
    return plain


@pytest.fixture(params=["ledger", "no ledger"])
def either(plain: Path, request: pytest.FixtureRequest) -> Path:
    """The lake with its ledger, and without."""
    root = plain
    return root if request.param == "ledger" else without_ledger(root)


def forced(root: Path) -> str:
    """A run whose check fails, published by force."""
    wrote(root, {"in/c.csv": "n,note\n500,much\n"})
    with lakeflow.open(root) as lake:
        held = lake.materialize()
        assert held is not None
        assert held.state == "held"
        lake.publish(held.id, reason="the quarter must close")
    return held.id


def test_a_sound_lake_is_sound_with_its_ledger_and_without(either: Path) -> None:
    for deep in (False, True):
        found = verified(either, deep=deep)
        assert found.is_sound, found.faults
        assert [(str(one.asset), one.snapshots, one.proven) for one in found.tables] == [(BRONZE, 2, 2), (SILVER, 2, 2)]
        assert all(one.files > 5 for one in found.tables)
        assert all(bool(one.read) is deep for one in found.tables)
    assert found.has_ledger is not any(note.kind is RemarkKind.LEDGER_LOST for note in found.notes)


def test_a_snapshot_that_another_engine_appended_is_named(either: Path) -> None:
    with theirs(either, SILVER) as table:
        table.append(table.scan().to_arrow())
        head = table.current_snapshot()
    assert head is not None
    (one,) = faults(either)[RemarkKind.FOREIGN]
    assert (str(one.asset), one.snapshots) == (SILVER, (head.snapshot_id,))
    assert "another engine wrote it (append, 3 rows added), and nobody audited it" in one.message
    assert faults(either, BRONZE) == {}


def test_a_main_that_another_engine_set_back_is_named(either: Path) -> None:
    first, second = sorted(ours(either, SILVER).snapshots.values(), key=lambda one: one.committed_at)
    with theirs(either, SILVER) as table:
        table.manage_snapshots().rollback_to_snapshot(first.id).commit()
    (one,) = faults(either)[RemarkKind.MOVED]
    assert one.snapshots == (second.id, first.id)
    assert "another engine set main" in one.message


def test_a_rollback_of_ours_is_no_fault(lake: Path) -> None:
    with lakeflow.open(lake) as opened:
        opened.rollback(opened.runs()[0].id)
    assert verified(lake).is_sound, verified(lake).faults
    assert verified(without_ledger(lake)).is_sound


@pytest.mark.long
def test_a_held_snapshot_that_another_engine_made_main_is_unproven(lake: Path) -> None:
    root = lake
    wrote(root, {"in/c.csv": "n,note\n500,much\n"})
    with lakeflow.open(root) as opened:
        held = opened.materialize()
        assert held is not None
    with theirs(root, SILVER) as table:
        branch = table.snapshot_by_name(f"audit_{held.id}")
        assert branch is not None
        table.manage_snapshots().set_current_snapshot(branch.snapshot_id).commit()
    for _ in range(2):
        (one,) = faults(root)[RemarkKind.UNPROVEN]
        assert one.snapshots == (branch.snapshot_id,)
        assert f"run {held.id} wrote it, and nothing says that it was published" in one.message
        if verified(root).has_ledger:
            without_ledger(root)


@pytest.mark.long
def test_a_forced_publish_is_listed_with_its_reason_and_is_no_fault(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, run = lake, forced(lake)
    for _ in range(2):
        found = verified(root)
        assert found.is_sound, found.faults
        (one,) = found.forced
        assert (str(one.asset), one.run, one.reason) == (SILVER, run, "the quarter must close")
        assert command(["-C", str(root), "verify"]) == 0
        assert "the quarter must close" in capsys.readouterr().out
        if found.has_ledger:
            without_ledger(root)


def at(root: Path, asset: str) -> tuple[Path, int]:
    """The proof of what readers see, and which snapshot that is."""
    table = ours(root, asset)
    assert table.main is not None
    return local_path(proof_location(f"{table.location}/metadata", table.main)), table.main


def test_a_proof_that_other_statistics_displaced_is_called_so(either: Path) -> None:
    _, head = at(either, SILVER)
    with theirs(either, SILVER) as table:
        table.update_statistics().remove_statistics(head).commit()
    found = verified(either)
    assert found.is_sound, found.faults
    (note,) = (one for one in found.notes if one.kind is RemarkKind.DISPLACED)
    assert note.snapshots == (head,)
    assert "displaced" in note.message


def resealed(path: Path, change: Callable[[bytes], bytes]) -> None:
    """The proof with other words, as one would forge it who knows the format."""
    content = path.read_bytes()
    snapshot = int(path.stem.removeprefix("proof-"))
    text, listed = proof._unpacked(content, snapshot)
    path.write_bytes(pack(change(text.encode()).decode(), snapshot, 1, listed))


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b'"silver.numbers"', b'"silver.other"'),
        (b'"run": "', b'"run": "x'),
        (b'"attempt": 1', b'"attempt": 0'),
        (b'"ruling": "publish"', b'"ruling": "hold"'),
        (b'"outcome": "passed"', b'"outcome": "failed"'),
        (b'"at": "2', b'"at": "x'),
    ],
)
def test_a_forged_proof_is_told_by_what_it_speaks_of(either: Path, was: bytes, becomes: bytes) -> None:
    path, head = at(either, SILVER)
    resealed(path, lambda text: text.replace(was, becomes))
    (one,) = faults(either)[RemarkKind.INVALID_PROOF]
    assert (one.snapshots, one.file) == ((head,), str(path))


def test_a_proof_beside_a_foreign_snapshot_speaks_for_nothing(either: Path) -> None:
    path, head = at(either, SILVER)
    said = path.read_bytes()
    with theirs(either, SILVER) as table:
        table.append(table.scan().to_arrow())
        new = table.current_snapshot()
        assert new is not None
        listed = new.manifest_list.rpartition("/")[2]
    text = proof.unpack(said, head).replace(str(head), str(new.snapshot_id))
    path.with_name(f"proof-{new.snapshot_id}.puffin").write_bytes(pack(text, new.snapshot_id, 9, listed))
    (one,) = faults(either)[RemarkKind.INVALID_PROOF]
    assert one.snapshots == (new.snapshot_id,)
    assert "no run of lakeflow wrote it" in one.message


def test_a_proof_of_other_files_is_no_proof(either: Path) -> None:
    """The list of files names what was audited, by its content."""
    path, head = at(either, SILVER)
    path.write_bytes(pack(proof.unpack(path.read_bytes(), head), head, 1, f"snap-{head}-0-other.avro"))
    (one,) = faults(either)[RemarkKind.INVALID_PROOF]
    assert "is the proof of other files" in one.message


def test_a_relocated_lake_is_proven_all_the_same(lake: Path, tmp_path: Path) -> None:
    there = Path(shutil.copytree(lake, tmp_path / "there"))
    relocate(there)
    again = there.rename(tmp_path / "again")
    relocate(again)
    found = verified(again)
    assert (found.is_sound, found.notes) == (True, ()), found.remarks


ROWS = {
    "update lakeflow_verdicts set ruling = 'forced' where ruling = 'publish' and asset = 'silver.numbers'": "ruling",
    "update lakeflow_verdicts set actor = 'eve' where asset = 'silver.numbers'": "actor",
    "update lakeflow_verdicts set passed = passed - 1 where asset = 'silver.numbers'": "passed checks",
    "update lakeflow_verdicts set inputs = '{}' where asset = 'silver.numbers'": "inputs",
    "update lakeflow_verdicts set snapshot_id = 7 where asset = 'silver.numbers'": "no such verdict",
    "delete from lakeflow_verdicts where asset = 'silver.numbers'": "no such verdict",
    "update lakeflow_steps set inputs = '{}' where asset = 'silver.numbers'": "inputs",
    "update lakeflow_steps set snapshot_id = 7 where asset = 'silver.numbers'": "step names",
    "update lakeflow_steps set base_id = 7 where asset = 'silver.numbers'": "base",
    "update lakeflow_steps set row_count = 7 where asset = 'silver.numbers'": "rows",
    "update lakeflow_steps set state = 'held' where asset = 'silver.numbers'": "held",
    "delete from lakeflow_steps where asset = 'silver.numbers'": "no such step",
    "update lakeflow_runs set state = 'rolled_back'": "rolled_back",
    "delete from lakeflow_runs": "no such run",
    "update lakeflow_checks set outcome = 'failed' where asset = 'silver.numbers'": "checks",
    "delete from lakeflow_checks where asset = 'silver.numbers'": "checks",
}


@pytest.mark.parametrize("statement", ROWS)
def test_a_row_of_the_ledger_that_somebody_changed_is_named(lake: Path, statement: str) -> None:
    execute(lake, statement)
    found = faults(lake)
    assert set(found) == {RemarkKind.LEDGER}
    assert any(ROWS[statement] in one.message and str(one.asset) == SILVER for one in found[RemarkKind.LEDGER]), found
    assert all(one.hint for one in found[RemarkKind.LEDGER])


@pytest.mark.long
def test_a_publish_that_the_ledger_says_of_what_readers_never_saw_is_named(lake: Path) -> None:
    wrote(lake, {"in/c.csv": "n,note\n500,much\n"})
    with lakeflow.open(lake) as opened:
        held = opened.materialize()
        assert held is not None
    assert verified(lake).is_sound, verified(lake).faults
    execute(lake, f"update lakeflow_verdicts set ruling = '{Ruling.PUBLISH}' where ruling = '{Ruling.HOLD}'")
    assert any("readers never saw it" in one.message for one in faults(lake)[RemarkKind.LEDGER])


def needed(root: Path) -> dict[str, Path]:
    """One file of each kind that what readers see needs."""
    folder = local_path(ours(root, BRONZE).location)
    kinds = {"data": "data/*/*.parquet", "manifest": "metadata/*-m*.avro", "list": "metadata/snap-*.avro"}
    kinds |= {"landed": "metadata/landed-*", "proof": "metadata/proof-*"}
    found = {kind: next(iter(sorted(folder.glob(pattern)))) for kind, pattern in kinds.items()}
    return found | {"metadata": local_path(ours(root, BRONZE).version)}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_file_of_each_kind_that_is_gone_or_cut_is_named_with_table_snapshot_and_file(
    either: Path, damage: str
) -> None:
    for kind, path in needed(either).items():
        before = path.read_bytes()
        path.unlink() if damage == "missing" else path.write_bytes(before[:-1])
        found = [one for one in verified(either).faults if path.name in f"{one.file} {one.message}"]
        assert found, (kind, verified(either).remarks)
        assert {str(one.asset) for one in found} == {BRONZE}
        assert kind == "metadata" or all(one.snapshots for one in found), found
        path.write_bytes(before)
    assert verified(either).is_sound


def test_a_flipped_bit_of_a_data_file_is_found_deep_down(either: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = needed(either)["data"]
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)
    assert verified(either).is_sound
    (one,) = faults(either, deep=True)[RemarkKind.DAMAGED]
    assert (str(one.asset), one.file) == (BRONZE, str(path))
    assert set(one.snapshots) <= set(ours(either, BRONZE).snapshots)
    assert one.snapshots
    assert command(["-C", str(either), "verify", "--deep", "-o", "json"]) == 1
    (said,) = json.loads(capsys.readouterr().out)["data"]["faults"]
    assert (said["kind"], said["asset"], said["file"]) == ("damaged", BRONZE, str(path))


def test_a_seal_of_a_proof_whose_name_flipped_is_no_missing_seal(either: Path) -> None:
    path, _ = at(either, BRONZE)
    path.write_bytes(path.read_bytes().replace(b'"sha256"', b'"sha257"'))
    (one,) = faults(either)[RemarkKind.INVALID_PROOF]
    assert one.file == str(path)


@pytest.mark.long
def test_expired_snapshots_are_counted_and_no_fault(lake: Path) -> None:
    wrote(lake, {"pyproject.toml": "[tool.lakeflow]\nkeep_snapshots = 1\n"})
    wrote(lake, {"in/d.csv": "n,note\n4,four\n"})
    with lakeflow.open(lake) as opened:
        opened.materialize()
    found = verified(lake)
    assert found.is_sound, found.faults
    assert [one.snapshots for one in found.tables] == [2, 2]


@pytest.mark.long
def test_an_adopted_table_has_the_verdict_of_the_ledger_and_no_hashes(lake: Path, tmp_path: Path) -> None:
    wrote(lake, {"layers/silver/taken.sql": "/*\nkey = ['n']\n*/\nselect n, note from bronze.numbers\n"})
    with theirs(lake, SILVER) as table:
        made = table.catalog.create_table("silver.taken", table.scan().to_arrow().schema)
        made.append(table.scan().to_arrow())
    with lakeflow.open(lake) as opened:
        run = opened.adopt("silver.taken")
        assert run.state == "published", run
    found = verified(lake, deep=True)
    assert found.is_sound, found.faults
    assert {one.kind for one in found.notes} == {RemarkKind.RECORDED, RemarkKind.UNRECORDED}
    assert any("no hash recorded" in one.message for one in found.notes)
    assert RemarkKind.FOREIGN in faults(without_ledger(lake))


def test_a_name_that_means_nothing_is_refused_with_a_near_one(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["-C", str(lake), "verify", "silver.number"]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_files_are_named_by_what_they_hold(lake: Path) -> None:
    """What `--deep` compares was recorded by the write, and outlives the ledger."""
    for path in (lake / ".lakeflow/warehouse").rglob("*.parquet"):
        assert sha256(path.read_bytes()).hexdigest() in path.name


@pytest.mark.long
def test_any_byte_of_metadata_that_changes_is_found(lake: Path) -> None:
    """The seal's own bytes too: its digits, the name in it, what it is called."""
    path = local_path(ours(lake, BRONZE).version)
    before = path.read_bytes()
    seal = before.index(b'"properties"')
    for place in (*range(seal, before.index(b"}", seal), 3), *range(0, len(before), 97)):
        changed = bytearray(before)
        changed[place] ^= 1 << place % 7
        path.write_bytes(changed)
        (one,) = faults(lake, BRONZE)[RemarkKind.UNREADABLE]
        assert path.name in one.message, place
    path.write_bytes(before)
    assert verified(lake).is_sound

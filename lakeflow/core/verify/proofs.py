"""Is each snapshot of main's history proven (I1)? By the proof in the table, or else by the ledger's verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import PREFIX, Provenance, provenance_of
from lakeflow.core.model.run import STANDING, Ruling
from lakeflow.core.model.table import Snapshot, Table
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.values import dataclass
from lakeflow.core.verify.values import (
    Author,
    Books,
    Forced,
    MainTurn,
    ProofFile,
    Remark,
    RemarkKind,
    Testimony,
    history_of,
    turns,
)
from lakeflow.core.wording import counted

_AUDIT: Final = (
    "`lakeflow materialize {key}` audits what readers see now; `lakeflow rollback {key} --to SNAPSHOT` leaves it"
)
_RESTORE: Final = "restore it from a copy of the lake"


@dataclass(frozen=True)
class Said:
    """What a proof says, once it is known to be that snapshot's own."""

    snapshot: Snapshot
    words: Mapping[str, Any]

    @property
    def ruling(self) -> Ruling:
        return Ruling(self.words["ruling"])

    def as_forced(self, key: AssetKey) -> Forced:
        at = datetime.fromisoformat(self.words["at"])
        said = self.words
        return Forced(key, self.snapshot.id, str(said["run"]), str(said["actor"]), at, str(said["reason"]))


def proven(witness: Testimony) -> dict[int, Said]:
    """The snapshots of main's history that a valid proof speaks for."""
    found: dict[int, Said] = {}
    for snapshot in history_of(witness.table):
        proof = witness.proofs.get(snapshot.id)
        if proof is not None and not fault_of(snapshot, proof):
            found[snapshot.id] = Said(snapshot, json.loads(proof.text))
    return found


def fault_of(snapshot: Snapshot, proof: ProofFile) -> str:
    """Why the proof does not speak for the snapshot; empty where it does."""
    if proof.fault:
        return proof.fault
    made = _made(snapshot)
    if made is None:
        return f"{proof.place} speaks for it, but no run of lakeflow wrote it"
    try:
        wrong = _differs(snapshot, made, json.loads(proof.text))
    except (ValueError, LookupError, TypeError, AttributeError):
        return f"{proof.place} is no proof: a part of it is missing"
    return f"{proof.place} is the proof of something else: {wrong}" if wrong else ""


def _made(snapshot: Snapshot) -> Provenance | None:
    """Where it comes from. Of rows that another engine wrote, a compaction knows only who moved them."""
    by = snapshot.summary.get(f"{PREFIX}compacted-by", "")
    moved = Provenance(run=by, attempt=1, asset="", code_version="", compacted_by=by) if by else None
    return provenance_of(snapshot.summary) or moved


def _differs(snapshot: Snapshot, made: Provenance, said: Mapping[str, Any]) -> str:
    """In what the proof is not of that snapshot. A held step may be published by a later attempt than wrote it, and a
    compaction repeats what the write of its rows said, while its proof says what was last found of them.
    """
    moved = bool(made.compacted_by)
    datetime.fromisoformat(said["at"])
    checks = [(check["name"], check["outcome"], check["severity"]) for check in said["checks"]]
    inputs = {name: int(id_) for name, id_ in said["inputs"].items()}
    told = (
        (int(said["snapshot_id"]) != snapshot.id, "another snapshot"),
        (said["run"] != made.written_by, f"run {said['run']}, and run {made.written_by} wrote the snapshot"),
        (said["asset"] != made.asset and bool(made.asset), f"{said['asset']}, and the snapshot is of {made.asset}"),
        (int(said["attempt"]) < made.attempt and not moved, "an earlier attempt"),
        (dict(inputs) != dict(made.inputs) and not moved, "other inputs"),
        (said["ruling"] not in {Ruling.PUBLISH, Ruling.FORCED}, f"its ruling is {said['ruling']!r}"),
        (said["ruling"] == Ruling.PUBLISH and any(_holds(*check) for check in checks), "a check in it holds"),
    )
    return next((what for differs, what in told if differs), "")


def _holds(_name: str, outcome: str, severity: str) -> bool:
    return outcome == "errored" or (outcome == "failed" and severity == "critical")


def unproven(witness: Testimony, books: Books) -> Iterator[Remark]:
    """A remark for each snapshot of main's history that has no valid proof where it should stand."""
    by_proof = proven(witness)
    ruled = {verdict.snapshot_id for verdict in books.verdicts if verdict.ruling in STANDING}
    for snapshot in history_of(witness.table):
        proof = witness.proofs.get(snapshot.id)
        if snapshot.id not in by_proof:
            yield _without(witness.table, snapshot, proof, is_ruled=snapshot.id in ruled)
        elif proof is not None and proof.relocated:
            words = (
                f"{short_id(snapshot.id)}: an early release relocated it, and {proof.place} names its files as before"
            )
            yield Remark(RemarkKind.RELOCATED, witness.table.key, words, (snapshot.id,), proof.place)
        elif proof is not None and proof.displaced:
            words = f"{short_id(snapshot.id)}: its proof is displaced: the table names other statistics or none"
            yield Remark(
                RemarkKind.DISPLACED,
                witness.table.key,
                f"{words}, and it stands at {proof.place}",
                (snapshot.id,),
                proof.place,
            )


def _without(table: Table, snapshot: Snapshot, proof: ProofFile | None, *, is_ruled: bool) -> Remark:
    key, name, made = table.key, short_id(snapshot.id), _made(snapshot)
    if proof is not None:
        words = f"{name}: {fault_of(snapshot, proof)}"
        return Remark(RemarkKind.INVALID_PROOF, key, words, (snapshot.id,), proof.place, _RESTORE)
    if made is None and is_ruled:
        words = f"{name}: another engine wrote it ({_did(snapshot)}); the ledger alone has the verdict on it"
        return Remark(RemarkKind.RECORDED, key, words, (snapshot.id,))
    if made is None:
        words = f"{name}: another engine wrote it ({_did(snapshot)}), and nobody audited it"
        return Remark(RemarkKind.FOREIGN, key, words, (snapshot.id,), hint=_AUDIT.format(key=key))
    if is_ruled:
        words = f"{name}: its proof is gone; the ledger has the verdict of run {made.written_by}"
        return Remark(RemarkKind.UNPROVEN, key, words, (snapshot.id,), hint=_RESTORE)
    words = f"{name}: run {made.written_by} wrote it, and nothing says that it was published"
    return Remark(RemarkKind.UNPROVEN, key, words, (snapshot.id,), hint=_AUDIT.format(key=key))


def _did(snapshot: Snapshot) -> str:
    changed = [f"{counted(snapshot.added_rows, 'row')} added"] if snapshot.added_rows else []
    changed += [f"{counted(snapshot.deleted_rows, 'row')} deleted"] if snapshot.deleted_rows else []
    return ", ".join((snapshot.operation, *changed))


def moves(witness: Testimony, books: Books) -> Iterator[Remark]:
    """A remark for each turn of main that no rollback made."""
    key = witness.table.key
    for turn in turns(witness.table):
        if _is_by_others(witness, books, turn):
            was, now = short_id(turn.was), short_id(turn.now)
            words = f"another engine set main from {was} to {now} at {turn.at:%Y-%m-%d %H:%M:%S} UTC"
            hint = f"`lakeflow rollback {key} --to {was}` returns to what was published"
            yield Remark(RemarkKind.MOVED, key, words, (turn.was, turn.now), hint=hint)


def _is_by_others(witness: Testimony, books: Books, turn: MainTurn) -> bool:
    """The seal of the metadata tells; where none is left, the ledger knows every rollback of ours."""
    author = witness.authors.get(turn.at, Author.UNKNOWN)
    returned = any(each.snapshot_id == turn.now and each.ruling is Ruling.RETURNED for each in books.verdicts)
    return author is Author.THEIRS or (author is Author.UNKNOWN and bool(books.verdicts) and not returned)

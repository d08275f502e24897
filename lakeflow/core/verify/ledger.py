"""Where the ledger's records and what the tables say of themselves disagree (I3 and I5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import MOVES, CheckResult, Ruling, RunState, StepRecord, StepState, VerdictRecord
from lakeflow.core.model.table import Table
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.run.verdict import written_as
from lakeflow.core.verify.proofs import Said, proven
from lakeflow.core.verify.values import Books, Remark, RemarkKind, Testimony
from lakeflow.core.view.history import BRANCH_PREFIX

_PUBLISHED: Final = frozenset({Ruling.PUBLISH, Ruling.FORCED})
_HINT: Final = "restore the database from a copy; `lakeflow doctor --rebuild-ledger` adds what is missing"


def disagreements(witness: Testimony, books: Books) -> Iterator[Remark]:
    """Each record about a kept snapshot that says something else than its proof, or than the table."""
    by_proof = proven(witness)
    for said in by_proof.values():
        for words in (*_of_verdict(said, books), *_of_run(said, witness.table, books)):
            yield _remark(witness.table, said.snapshot.id, words)
    recorded = (one for one in books.verdicts if one.ruling in _PUBLISHED and one.snapshot_id not in by_proof)
    for verdict in recorded:
        if words := _unfounded(verdict, witness.table, books):
            yield _remark(witness.table, verdict.snapshot_id, words)


def _of_verdict(said: Said, books: Books) -> Iterator[str]:
    run = str(said.words["run"])
    mine = [one for one in books.verdicts if one.snapshot_id == said.snapshot.id and one.run == run]
    found = [one for one in mine if one.ruling in _PUBLISHED]
    if not found:
        yield f"its proof says that run {run} published it, and the ledger has no such verdict"
        return
    each = [_differences(_told(verdict), _proved(said)) for verdict in found]
    if nearest := min(each, key=len):
        yield f"the ledger's verdict of run {run} differs from the proof in {', '.join(nearest)}"


def _told(verdict: VerdictRecord) -> dict[str, Any]:
    return {
        "ruling": verdict.ruling,
        "attempt": verdict.attempt,
        "actor": verdict.actor,
        "reason": verdict.reason,
        "time": verdict.at,
        "code version": verdict.code_version,
        "checks digest": verdict.checks_digest,
        "inputs": dict(verdict.inputs),
        "passed checks": (verdict.passed, verdict.total),
    }


def _proved(said: Said) -> dict[str, Any]:
    words = said.words
    checks = [check["outcome"] for check in words["checks"] if check["outcome"] != Outcome.SKIPPED]
    return {
        "ruling": said.ruling,
        "attempt": int(words["attempt"]),
        "actor": words["actor"],
        "reason": words["reason"],
        "time": datetime.fromisoformat(words["at"]),
        "code version": words["code_version"],
        "checks digest": words["checks_digest"],
        "inputs": {name: int(id_) for name, id_ in words["inputs"].items()},
        "passed checks": (checks.count(Outcome.PASSED), len(checks)),
    }


def _differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    return [name for name, value in left.items() if value != right[name]]


def _of_run(said: Said, table: Table, books: Books) -> Iterator[str]:
    name = str(said.words["run"])
    run = books.runs.get(name)
    if run is None:
        yield f"its proof says that run {name} published it, and the ledger has no such run"
        return
    step = run.step(table.key)
    if step is None or step.snapshot_id is None:
        yield f"run {name} published it, and the ledger has no such step of the run"
        return
    if step.snapshot_id != said.snapshot.id:
        yield f"run {name} published it, and the ledger's step names {short_id(step.snapshot_id)}"
        return
    differs = _differences(_stepped(step), _written(said))
    # A merge writes rows again that did not come, and the step counts those that came.
    merged = written_as(said.snapshot).traits.merges
    if not merged and step.rows not in {None, said.snapshot.rows, said.snapshot.added_rows}:
        differs.append("rows")
    if differs:
        yield f"the ledger's step of run {name} differs from the table in {', '.join(differs)}"
    on_main = any(each.id == said.snapshot.id for each in table.ancestry(table.main))
    returned = any(each.ruling in MOVES and each.snapshot_id == said.snapshot.id for each in books.verdicts)
    if on_main and not returned and (run.state is RunState.ROLLED_BACK or step.state is not StepState.PUBLISHED):
        yield f"readers see it, and the ledger says that its step in run {name} is {step.state}, the run {run.state}"


def _stepped(step: StepRecord) -> dict[str, Any]:
    return {
        "base": step.base_id,
        "code version": step.code_version,
        "inputs": dict(step.inputs),
        "checks": sorted(map(_as_proved, step.checks)),
    }


def _written(said: Said) -> dict[str, Any]:
    checks = said.words["checks"]
    fields = ("name", "outcome", "severity", "failed_rows", "rows")
    return {
        "base": said.snapshot.parent_id,
        "code version": said.words["code_version"],
        "inputs": {name: int(id_) for name, id_ in said.words["inputs"].items()},
        "checks": sorted(tuple(str(check[field]) for field in fields) for check in checks),
    }


def _as_proved(check: CheckResult) -> tuple[str, ...]:
    """As a proof keeps it: neither words nor samples."""
    return tuple(map(str, (check.name, check.outcome, check.severity, check.failed_rows, check.rows)))


def _unfounded(verdict: VerdictRecord, table: Table, books: Books) -> str:
    """Why a recorded publish cannot be; empty where it may have expired, been taken back, or is of another engine's."""
    snapshot = table.snapshots.get(verdict.snapshot_id)
    if snapshot is None:
        return _gone(verdict, table, books)
    # The table's log is cut with the snapshots that expire; what a branch still holds was surely never published.
    waits = any(ref.startswith(BRANCH_PREFIX) and head == snapshot.id for ref, head in table.refs.items())
    if waits and not table.was_main(snapshot.id):
        return f"the ledger says that run {verdict.run} published it, and readers never saw it"
    return ""


def _gone(verdict: VerdictRecord, table: Table, books: Books) -> str:
    """Old snapshots expire, younger ones than the oldest on main do not."""
    oldest = min((each.committed_at for each in table.ancestry(table.main)), default=None)
    taken = _taken_back(verdict, books.verdicts)
    if oldest is None or verdict.at <= oldest or taken:
        return ""
    return f"the ledger says that run {verdict.run} published it, and the table has no such snapshot"


def _taken_back(verdict: VerdictRecord, verdicts: Sequence[VerdictRecord]) -> bool:
    later = verdicts[verdicts.index(verdict) :]
    dropped = any(one.ruling is Ruling.DROPPED for one in later)
    return dropped or any(one.ruling in MOVES and one.snapshot_id == verdict.snapshot_id for one in later)


def _remark(table: Table, snapshot_id: int, words: str) -> Remark:
    return Remark(RemarkKind.LEDGER, table.key, f"{short_id(snapshot_id)}: {words}", (snapshot_id,), hint=_HINT)

"""What is known of the audit of the snapshot that readers see: by whom, when, which checks, on which code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import CheckResult, Ruling, RunRecord, VerdictRecord
from lakeflow.core.model.table import Table
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class StandingAudit:
    """The last audit of what readers see. `ruling` is what it led to, `run` empty where nobody audited the snapshot.

    `code_version` made the rows, and `git` is the commit of the project then, with `+dirty` where its files differed.
    """

    asset: AssetKey
    snapshot_id: int
    ruling: Ruling | None = None
    run: str = ""
    at: datetime | None = None
    actor: str = ""
    reason: str = ""
    code_version: str = ""
    git: str = ""
    checks: tuple[CheckResult, ...] = ()


def standing_audit(
    table: Table, verdicts: Sequence[VerdictRecord], read_run: Callable[[str], RunRecord | None]
) -> StandingAudit | None:
    """None while readers see nothing. A later write of the same rows audits nothing, and a rollback neither."""
    head = table.published
    if head is None:
        return None
    made = provenance_of(head.summary)
    code, git = (made.code_version, made.git) if made else ("", "")
    ruled = [each for each in verdicts if each.snapshot_id == head.id and each.ruling in _AUDITS]
    if not ruled:
        return StandingAudit(table.key, head.id, code_version=code, git=git)
    last = ruled[-1]
    run = read_run(last.run)
    step = run.step(table.key) if run else None
    checks = step.checks if step and step.snapshot_id == head.id else ()
    said = (last.ruling, last.run, last.at, last.actor, last.reason, code or last.code_version)
    return StandingAudit(table.key, head.id, *said, git, checks)


_AUDITS = frozenset({Ruling.PUBLISH, Ruling.FORCED, Ruling.HOLD})

"""What the last audit of readers' data found, and what the clock makes of it since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from lakeflow.core.checks.evidence import unpacked
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Project
from lakeflow.core.model.check import Outcome, Severity
from lakeflow.core.model.run import AUDITS, CheckResult, Ruling, VerdictRecord
from lakeflow.core.plan.facts import Facts
from lakeflow.core.plan.verdicts import ruled
from lakeflow.core.values import dataclass
from lakeflow.core.view.rows import Health, Symptom
from lakeflow.core.wording import counted, lateness, parse_seconds

_SHOWN: Final = 3
_TELLS_AGE: Final = ("fresh", "max_age")
_AUDITED: Final = frozenset({Ruling.PUBLISH, Ruling.FORCED, Ruling.HOLD})


@dataclass(frozen=True)
class LastAudit:
    """The verdict on what readers see, and the results of its checks; none where they are not known here."""

    verdict: VerdictRecord
    checks: tuple[CheckResult, ...] = ()


def last_verdict(snapshot_id: int | None, verdicts: Sequence[VerdictRecord]) -> VerdictRecord | None:
    """The last verdict on that snapshot; a table that was only set back to it was not judged again."""
    said = ruled(verdicts, AUDITS, {snapshot_id})
    return said[-1] if said else None


def audits_asked(project: Project, facts: Facts) -> Mapping[AssetKey, VerdictRecord]:
    """The verdicts whose checks a status must know: those that failed, and those whose checks may age."""
    found: dict[AssetKey, VerdictRecord] = {}
    for key in project.assets:
        table = facts.tables.get(key)
        main = table.main if table else None
        audited = [one for one in ruled(facts.verdicts.get(key, ()), _AUDITED, {main}) if one.total]
        last = last_verdict(main, audited)
        if last is not None and (last.ruling is Ruling.HOLD or _may_age(project, key)):
            found[key] = last
    return found


def _may_age(project: Project, key: AssetKey) -> bool:
    texts = (file.text.lower() for file in project.suite(key).files)
    return any(word in text for text in texts for word in _TELLS_AGE)


def failures(audit: LastAudit) -> str:
    """The checks that failed, with their counts: `wind_in_range (3 rows), …`. Empty where they are not known."""
    failed = [check for check in audit.checks if check.outcome in {Outcome.FAILED, Outcome.ERRORED}]
    failed.sort(key=lambda check: not check.holds)
    shown = [f"{check.name}{_count(check)}" for check in failed[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else "")


def _count(check: CheckResult) -> str:
    if check.outcome is Outcome.ERRORED:
        return " (errored)"
    return "" if check.failed_rows is None else f" ({counted(check.failed_rows, 'row')})"


def outdated(audit: LastAudit, now: datetime) -> Iterator[Symptom]:
    """Checks of a table's age that passed and would not pass now: the clock went on, and the rows did not."""
    for check in audit.checks:
        due = _due(check) if check.outcome is Outcome.PASSED else None
        if due is not None and due[1] < now:
            newest, then, allowed = due
            health = Health.DEGRADED if check.severity is Severity.CRITICAL else Health.WARNING
            said = f"late: {check.name} allows {allowed}, and the newest value is {lateness(newest, now)} old"
            yield Symptom(health, said, then, late=True)


def _due(check: CheckResult) -> tuple[datetime, datetime, str] | None:
    """The newest value that the check saw, until when it would have passed, and the age that it allows. None for any
    other check, and for a personal column, whose values are not kept.
    """
    kwargs = (check.evidence.get("expectation") or {}).get("kwargs", {})
    newest = unpacked(check.evidence.get("metrics", {}).get("newest"))
    allowed = kwargs.get("max_age")
    if not isinstance(newest, datetime) or not isinstance(allowed, str):
        return None
    seen = newest if newest.tzinfo else newest.replace(tzinfo=UTC)
    return seen, seen + timedelta(seconds=parse_seconds(allowed)), allowed

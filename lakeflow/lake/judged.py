"""What alerts must know of how the assets stand: who is late or degraded, and why, in words that hold no value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from lakeflow.core.alerts.messages import Seen
from lakeflow.core.alerts.troubles import Condition
from lakeflow.core.keys import AssetKey
from lakeflow.core.view.freshness import Deadline
from lakeflow.core.view.rows import AssetState, AssetStatus, Health
from lakeflow.core.wording import lateness


def conditions(statuses: Iterable[AssetStatus]) -> Mapping[AssetKey, Condition]:
    return {status.asset: _condition(status) for status in statuses}


def seen_by_readers(statuses: Iterable[AssetStatus]) -> Mapping[AssetKey, Seen]:
    return {
        status.asset: Seen(status.snapshot_id, status.published_at, rows=status.rows)
        for status in statuses
        if status.snapshot_id is not None
    }


def reasons_of(statuses: Iterable[AssetStatus], now: datetime) -> Mapping[AssetKey, tuple[str, ...]]:
    return {status.asset: tuple(_reasons(status, now)) for status in statuses}


def _condition(status: AssetStatus) -> Condition:
    bad = [symptom for symptom in status.symptoms if symptom.health is Health.DEGRADED]
    others = [symptom for symptom in bad if not symptom.late]
    by = status.failed_audit if len(others) == 1 else ""
    return Condition(len(others) < len(bad), bool(others), by)


def _reasons(status: AssetStatus, now: datetime) -> Iterator[str]:
    """In fixed words: what a library said of a table that cannot be read may quote its rows."""
    late = [deadline for deadline in status.deadlines if deadline.late]
    yield from (_lateness(deadline, now) for deadline in late)
    bad = [symptom for symptom in status.symptoms if symptom.health is Health.DEGRADED]
    if len([symptom for symptom in bad if symptom.late]) > len(late):
        yield "a check of its age passed when it was younger, and would fail now"
    others = [symptom for symptom in bad if not symptom.late]
    if status.state is AssetState.BROKEN or any(deadline.unreadable for deadline in status.deadlines):
        yield "its table cannot be read: `lakeflow doctor` says what is wrong"
    elif status.failed_audit:
        yield f"the audit of what readers see failed in run {status.failed_audit}"
        named = (symptom.text.partition(f"{status.failed_audit}: ")[2] for symptom in others)
        yield from (f"✗ {checks}" for checks in named if checks)
    elif others:
        yield "it was published by force, though checks failed"


def _lateness(deadline: Deadline, now: datetime) -> str:
    said = deadline.freshness
    what = f"newest {said.column}" if said.column else "last publish"
    asked = "due by" if said.by else "due within"
    if deadline.seen is None:
        return f"no value of {said.column}, {asked} {said.text}"
    return f"{what} {lateness(deadline.seen, now)} ago, {asked} {said.text}"

"""Converts each record of the ledger to a row, and back, exactly.

A column has the name of the record's field and holds plain text or a number. Times are ISO 8601 in UTC with six digits
of a second, which sort in order of time; lists and maps are JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, Final, TypeVar

from lakeflow.adapters.ledger.decoding import UnfitError, made
from lakeflow.core.alerts.outbox import Alert
from lakeflow.core.alerts.troubles import Trouble
from lakeflow.core.care.garbage import Dropped
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import CheckResult, Holder, Lease, Ruling, RunRecord, StepRecord, VerdictRecord
from lakeflow.core.plan.verdicts import UnreadVerdicts
from lakeflow.core.ports.database import Row
from lakeflow.core.run.leases import AssetLease

Record = TypeVar("Record")

_CALLED: Final[Mapping[str, str]] = {
    "row_count": "rows",
    "reads": "reads_digest",
    "ruled_at": "at",
    "dropped_at": "at",
    "metadata_location": "version",
    "told_at": "at",
    "words": "text",
}
"""The columns whose name differs from the record's field."""

_ROWS_OF_THEIR_OWN: Final = frozenset({"steps", "checks"})
_RULINGS: Final[Mapping[Any, Ruling]] = {str(each): each for each in Ruling}
_DROPPED_ONCE: Final = re.compile(r"dropped (?P<asset>\S+); its metadata stays at (?P<version>\S.*)")


def lease_row(lease: Lease, leased: str, now: datetime) -> dict[str, Any]:
    return _row(lease.holder, asset=leased, run=lease.run, token=lease.token, since=now)


def leased_as(asset: AssetKey, environment: str) -> str:
    """What a lease on the asset is called: another one in each environment, where other branches are written."""
    return f"{asset}@{environment}" if environment else str(asset)


def held(row: Row, environment: str = "") -> AssetLease | None:
    """The lease of the row; None where it is one of another environment."""
    return lease(row) if str(row.asset).partition("@")[2] == environment else None


def lease(row: Row) -> AssetLease:
    """The lease of the row, whichever environment it is of."""
    asset = AssetKey.parse(str(row.asset).partition("@")[0])
    return _made(AssetLease, row, holder=_made(Holder, row), asset=asset)


def run_recorded(run: str, environment: str) -> str:
    """What a run is called in the rows: in an environment by both names, for main may come to know it by its own."""
    return f"{run}@{environment}" if environment else run


def run_named(recorded: str) -> str:
    """The id of the run."""
    return recorded.partition("@")[0]


def run_row(run: RunRecord) -> dict[str, Any]:
    return _row(run)


def run(row: Row, steps: tuple[StepRecord, ...]) -> RunRecord:
    found = _made(RunRecord, row, steps=steps)
    return replace(found, id=run_named(found.id)) if "@" in found.id else found


def step_row(run: str, ordinal: int, step: StepRecord) -> dict[str, Any]:
    return _row(step, run=run, ordinal=ordinal)


def step(row: Row, checks: tuple[CheckResult, ...]) -> StepRecord:
    return _made(StepRecord, row, checks=checks)


def check_row(run: str, step: StepRecord, ordinal: int) -> dict[str, Any]:
    return _row(step.checks[ordinal], run=run, asset=step.asset, ordinal=ordinal, snapshot_id=step.snapshot_id)


def check(row: Row) -> CheckResult:
    return _made(CheckResult, row)


def verdict_row(verdict: VerdictRecord) -> dict[str, Any]:
    return _row(verdict)


def verdict(row: Row) -> VerdictRecord:
    """The verdict of the row. Rows of verdicts do not change: one that stays open between looks reads each once."""
    return _verdict(tuple(row._fields), *row)


def unread(found: Sequence[Row]) -> Sequence[VerdictRecord]:
    """The verdicts of the rows, of which few are read. LakeError at once for a row that does not tell what it is about,
    and for any other flaw when it is read.
    """
    return UnreadVerdicts([_about(row) for row in found], lambda place: verdict(found[place]))


def _about(row: Row) -> tuple[int, Ruling]:
    snapshot, ruling = row.snapshot_id, _RULINGS.get(row.ruling)
    if ruling is None or snapshot.__class__ is not int:
        raise _unfit(VerdictRecord, "snapshot_id" if ruling else "ruling")
    return snapshot, ruling


@lru_cache(maxsize=20_000, typed=True)
def _verdict(columns: tuple[str, ...], *values: Any) -> VerdictRecord:
    found = _record(VerdictRecord, columns, values, {})
    return replace(found, run=run_named(found.run)) if "@" in found.run else found


def dropped_row(dropped: Dropped) -> dict[str, Any]:
    return _row(dropped, asset=dropped.key)


def dropped(row: Row) -> Dropped:
    return _made(Dropped, row, key=AssetKey.parse(row.asset))


def dropped_once(row: Row) -> Dropped | None:
    """The table that a run dropped, read from its reason; None for words that only look alike."""
    said = _DROPPED_ONCE.fullmatch(row.reason)
    key = AssetKey.find(said["asset"]) if said else None
    at = datetime.fromisoformat(row.started_at)
    return Dropped(key, "", said["version"], row.id, at) if said and key else None


def trouble_row(trouble: Trouble) -> dict[str, Any]:
    return _row(trouble, kinds=tuple(sorted(trouble.kinds)))


def trouble(row: Row) -> Trouble:
    return _made(Trouble, row)


def alert_row(alert: Alert) -> dict[str, Any]:
    return _row(alert)


def alert(row: Row) -> Alert:
    return _made(Alert, row)


def time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def storable(words: str) -> str:
    """The text as every database can hold it: NUL and lone surrogates, as in odd file names, become their escapes."""
    return words.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def _row(record: Any, **more: Any) -> dict[str, Any]:
    own = {each.name: getattr(record, each.name) for each in fields(record) if each.name not in _ROWS_OF_THEIR_OWN}
    return {name: _stored(value) for name, value in (own | more).items()}


def _stored(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case bool():
            return int(value)
        case datetime():
            return time(value)
        case AssetKey():
            return str(value)
        case tuple() | Mapping():
            return json.dumps(value, default=dict)
    return value


def _made(kind: type[Record], row: Row, **given: Any) -> Record:
    return _record(kind, tuple(row._fields), row, given)


def _record(kind: type[Record], columns: tuple[str, ...], values: Sequence[Any], given: Mapping[str, Any]) -> Record:
    """Make the record. LakeError, without the value, for a row that no release up to this one can have written."""
    try:
        return made(kind, _spelled(columns), values, given)
    except UnfitError as error:
        raise _unfit(kind, error.name) from None


def _unfit(kind: type[Any], field: str) -> LakeError:
    return LakeError(
        f"the ledger has a row that is no {kind.__name__}: {field}",
        hint="use the release that wrote it, or restore the database from a copy",
    )


@cache
def _spelled(columns: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the fields that stand in these columns."""
    return tuple(_CALLED.get(column, column) for column in columns)

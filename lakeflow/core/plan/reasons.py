"""Why a step is planned, in words."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from lakeflow.core.keys import TableKey
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted


class Cause(StrEnum):
    """Why a step is planned."""

    NEVER_BUILT = "never built"
    CODE_CHANGED = "code changed"
    CHECK_CHANGED = "check changed"
    FILES_CHANGED = "files changed"
    NEW_FILES = "new files"
    FILES_REFUSED = "files cannot land"
    FILES_SKIPPED = "skips"
    COLUMNS_RENAMED = "renames columns"
    INPUT_MOVED = "input moved"
    NEW_ROWS = "new rows"
    PARTITIONS = "partitions"
    TURNS = "versions begin or end"
    REBUILD = "rebuilds from all rows"
    WAITS = "will be held"
    GOES_ON = "goes on from here"
    INPUT_UNREADABLE = "input cannot be read"
    BROKEN = "its table cannot be read"
    UPSTREAM_RUNS = "upstream runs"
    NO_FINGERPRINT = "always runs"
    FOREIGN = "changed outside lakeflow"
    FORCED = "forced"
    FULL_REFRESH = "full refresh"
    RENAMED = "renamed"
    KEY_CHANGED = "key changed"
    REFERENCE_MOVED = "reference moved"
    REFERENCE_RUNS = "reference runs"
    READMIT = "readmits"
    UNLANDS = "takes out"
    LANDS_AGAIN = "lands again"
    LEAVES_OUT = "leaves out run"


_SPELLED_OUT: Final = {Cause.NO_FINGERPRINT: "always runs: nothing says whether its source changed"}


TO_AUDIT: Final = frozenset(
    {
        Cause.CHECK_CHANGED,
        Cause.FOREIGN,
        Cause.RENAMED,
        Cause.KEY_CHANGED,
        Cause.REFERENCE_MOVED,
        Cause.REFERENCE_RUNS,
    }
)
"""Causes that ask for an audit of main, whether or not the asset is written too."""


@dataclass(frozen=True)
class Reason:
    """Why a step is planned. `before` and `after` are versions or snapshot ids, `rows` how many rows came."""

    cause: Cause
    upstream: TableKey | None = None
    before: str = ""
    after: str = ""
    rows: int | None = None

    def __str__(self) -> str:  # noqa: PLR0911 - one line a cause
        match self.cause:
            case Cause.UPSTREAM_RUNS | Cause.REFERENCE_RUNS:
                return f"{self.cause}: {self.upstream}"
            case Cause.READMIT:
                return f"{self.cause}: what passes of {counted(self.rows or 0, 'row')} in {self.upstream}"
            case Cause.INPUT_MOVED | Cause.NEW_ROWS | Cause.REFERENCE_MOVED:
                return f"{self.cause}: {self.upstream} {_from_to(self.before, self.after)}{_rows(self.rows)}"
            case Cause.FULL_REFRESH | Cause.RENAMED:
                return self._of_whole_table()
            case Cause.CODE_CHANGED | Cause.CHECK_CHANGED | Cause.FILES_CHANGED | Cause.KEY_CHANGED:
                return f"{self.cause} ({_from_to(self.before, self.after)})"
            case Cause.TURNS:
                return f"{self.cause}: since {self.after}, is_current says another thing"
            case (
                Cause.FOREIGN
                | Cause.FILES_REFUSED
                | Cause.INPUT_UNREADABLE
                | Cause.BROKEN
                | Cause.COLUMNS_RENAMED
                | Cause.REBUILD
                | Cause.WAITS
                | Cause.GOES_ON
            ):
                return f"{self.cause}: {self.after}{_rows(self.rows)}"
            case Cause.FILES_SKIPPED | Cause.UNLANDS | Cause.LANDS_AGAIN | Cause.LEAVES_OUT:
                return f"{self.cause} {self.after}"
            case Cause.NEW_FILES:
                return f"{self.after} new file{'s'[: self.after != '1']}"
        alone = self.cause in {Cause.PARTITIONS, Cause.NEVER_BUILT} and self.after
        return alone or _SPELLED_OUT.get(self.cause, str(self.cause))

    def _of_whole_table(self) -> str:
        if self.cause is Cause.RENAMED:
            return f"renamed from {self.upstream}: its table moves with its history; that name is gone then"
        gone = "" if self.rows is None else f", replacing {counted(self.rows, 'row')} in one snapshot"
        return f"full refresh: made from nothing{gone}"


def short_id(snapshot_id: int) -> str:
    """`s` and the first six digits: what screens print and what every command accepts."""
    return f"s{str(snapshot_id)[:6]}"


def _from_to(before: str, after: str) -> str:
    return f"{before or 'none'} → {after or 'none'}"


def _rows(rows: int | None) -> str:
    return "" if rows is None else f" ({rows:+,} row{'s'[: abs(rows) != 1]})"

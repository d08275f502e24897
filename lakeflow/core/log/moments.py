"""What a person names a moment of the lake by, beside a time: a version, a snapshot, a run or a tag."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.log.versions import Version, versions
from lakeflow.core.model.table import MAIN, Table
from lakeflow.core.values import dataclass

VERSION: Final = re.compile(r"v(\d{1,18})")
SNAPSHOT: Final = re.compile(r"s(\d+)")
_BRANCH: Final = "audit_"
Head: TypeAlias = tuple[AssetKey, int | None]
"""A table, and the snapshot that readers came to see."""


@dataclass(frozen=True)
class Meant:
    """A moment: its time, and the number of the version that then was the last one, where a version was named."""

    at: datetime
    number: int | None = None

    def is_before(self, version: Version) -> bool:
        if self.number is not None and version.number is not None:
            return version.number > self.number
        return version.at > self.at


def moment_meant(said: datetime | str, tables: Iterable[Table]) -> Meant:
    """The moment that somebody names: a time, or else when readers came to see a version (`v12`), a snapshot
    (`s4411…`), what a run published, or what a tag names. UsageError when it is none of them, or several.
    """
    if isinstance(said, datetime):
        return Meant(said if said.tzinfo else said.replace(tzinfo=UTC))
    known = tuple(tables)
    told = versions(known)
    found = [one for one in (_tag(said, known, told), _version(said, told), _snapshot(said, told)) if one]
    if not found and (run := _run(said, told)):
        found = [run]
    if len(found) > 1:
        raise UsageError(f"{said!r} is a tag and something else", hint="name the run or the time instead")
    if not found:
        raise UsageError(
            f"{said!r} is no version, snapshot, run or tag that readers saw, and no time",
            hint="`lakeflow log` lists the versions; a time is 2026-01-31, 2026-01-31T12:00:00Z or 2d",
        )
    return found[0]


def version_meant(number: int, told: Iterable[Version]) -> Version:
    """UsageError when no version has that number, or when a table of another lake brought one along."""
    found = [each for each in told if each.number == number]
    if len(found) > 1:
        runs = ", ".join(each.run or "unknown" for each in found)
        raise UsageError(f"v{number} is told of {len(found)} runs: {runs}", hint="name the run instead")
    if not found:
        raise UsageError(f"no version v{number} is told any more, or yet", hint="`lakeflow log` lists the versions")
    return found[0]


def _version(said: str, told: Sequence[Version]) -> Meant | None:
    match = VERSION.fullmatch(said)
    if match is None:
        return None
    return _meant(version_meant(int(match[1]), told))


def _tag(said: str, tables: Iterable[Table], told: Sequence[Version]) -> Meant | None:
    if said == MAIN or said.startswith(_BRANCH):
        return None
    heads = {(table.key, table.refs[said]) for table in tables if said in table.tags}
    came = [place for head in heads if (place := _came(head, told)) is not None]
    return _meant(told[min(came)]) if came else None


def _snapshot(said: str, told: Sequence[Version]) -> Meant | None:
    match = SNAPSHOT.fullmatch(said)
    if match is None:
        return None
    named = {head for each in told for head in _brought(each) if head[1] and str(head[1]).startswith(match[1])}
    whole = {head for head in named if str(head[1]) == match[1]} or named
    if len(whole) > 1:
        raise UsageError(f"{said!r} means {len(whole)} snapshots", hint="give more of the id")
    came = _came(next(iter(whole)), told) if whole else None
    return None if came is None else _meant(told[came])


def _run(said: str, told: Sequence[Version]) -> Meant | None:
    named = [each for each in told if said and each.run.startswith(said) and _publishes(each)]
    runs = {each.run for each in named}
    if len(runs) > 1 and said not in runs:
        raise UsageError(f"{len(runs)} runs have ids that start with {said!r}", hint="give more of the id")
    mine = [each for each in named if len(runs) == 1 or each.run == said]
    return _meant(mine[0]) if mine else None  # a run that was gone on with has published more than once


def _publishes(version: Version) -> bool:
    return any(moved.kind != "rolled_back" for moved in version.moved)


def _meant(version: Version) -> Meant:
    return Meant(version.at, version.number)


def _came(head: Head, told: Sequence[Version]) -> int | None:
    """The place of the version with which readers first came to see that snapshot of a table."""
    return max((place for place, each in enumerate(told) if head in _brought(each)), default=None)


def _brought(version: Version) -> set[Head]:
    return {(moved.asset, moved.passage.snapshot_id) for moved in version.moved}

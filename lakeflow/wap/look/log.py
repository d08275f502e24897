"""The lake's log: its versions, newest first, as the tables tell them. The ledger is not asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from lakeflow.core.errors import LakeError
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.log.changes import CodeChange, TableChange, change, who
from lakeflow.core.log.moments import Meant, moment_meant
from lakeflow.core.log.rests import Point, RestsOn, built_on_taken_back
from lakeflow.core.log.source import difference
from lakeflow.core.log.versions import MoveKind, Version, versions
from lakeflow.core.model.table import Table
from lakeflow.core.values import dataclass
from lakeflow.wap.look.moments import time_said
from lakeflow.wap.ports import World


@dataclass(frozen=True)
class LogEntry:
    """One version as people read it.

    `name` is what a command takes for it: `v12`, or a snapshot where there is no number. `kind` is what it was above
    all, `run` the run that published or was taken back, `actor` who did it, `reason` what he said. Both are None where
    nobody recorded them. `tables` counts all tables of the commit; `changes` are those that were asked for.
    """

    name: str
    number: int | None
    at: datetime
    kind: MoveKind
    run: str
    actor: str | None
    reason: str
    tables: int
    changes: tuple[TableChange, ...]


@dataclass(frozen=True)
class Log:
    """The newest entries first; `more` older ones were asked for and left out, and `unreadable` tables cannot tell."""

    entries: tuple[LogEntry, ...]
    more: int = 0
    unreadable: Mapping[AssetKey, str] = EMPTY


def log(
    world: World, selected: Collection[AssetKey] | None, since: datetime | str | None, limit: int, *, code: bool
) -> Log:
    """The versions that moved one of these tables (None: any) after `since`; with `code`, what changed in it."""
    looked = world.catalog.look(world.catalog.keys())
    told = versions(table for key, table in looked.tables.items() if selected is None or key in selected)
    after = _after(world, since, looked.tables) if since is not None else None
    asked = [each for each in told if after is None or after.is_before(each)]
    tables = {str(key): table for key, table in looked.tables.items()}
    gone = built_on_taken_back(looked.tables, {})
    entries = tuple(_entry(each, tables, gone) for each in asked[:limit])
    broken = {key: error.message for key, error in looked.broken.items() if selected is None or key in selected}
    return Log(
        tuple(_with_code(world, each) for each in entries) if code else entries, max(0, len(asked) - limit), broken
    )


def _after(world: World, since: datetime | str, tables: Mapping[AssetKey, Table]) -> Meant:
    then = time_said(world, since) if isinstance(since, str) else since
    return moment_meant(since if then is None else then, tables.values())


def _entry(version: Version, tables: Mapping[str, Table], gone: Mapping[Point, RestsOn]) -> LogEntry:
    changes = tuple(_built_on(change(moved, tables), gone) for moved in version.moved)
    note = who(version.moved[0])
    return LogEntry(
        name=version.name,
        number=version.number,
        at=version.at,
        kind=_above_all(changes),
        run=version.run,
        actor=note.actor if note else None,
        reason=note.reason if note else "",
        tables=version.tables,
        changes=changes,
    )


def _built_on(one: TableChange, gone: Mapping[Point, RestsOn]) -> TableChange:
    rests = gone.get((str(one.asset), one.snapshot_id or 0))
    return one if rests is None or one.kind is MoveKind.ROLLED_BACK else replace(one, built_on=rests.on)


def _above_all(changes: Sequence[TableChange]) -> MoveKind:
    order = (MoveKind.ROLLED_BACK, MoveKind.FORCED, MoveKind.ANOTHER_ENGINE, MoveKind.PUBLISHED, MoveKind.REWRITTEN)
    kinds = {each.kind for each in changes}
    return next(kind for kind in order if kind in kinds)


def _with_code(world: World, entry: LogEntry) -> LogEntry:
    return replace(
        entry,
        changes=tuple(replace(each, code=_shown(world, each.code)) if each.code else each for each in entry.changes),
    )


def _shown(world: World, code: CodeChange) -> CodeChange:
    """The code change with its lines, where both texts are kept."""
    try:
        before, after = world.ledger.code(code.before), world.ledger.code(code.after)
    except LakeError:
        return code  # without its tables the ledger keeps no text: the commits are told all the same
    if before is None or after is None:
        return code
    return replace(code, diff=difference(before, after, (code.before[:6], code.after[:6])))

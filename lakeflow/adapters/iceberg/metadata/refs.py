"""The assertions and updates of each change: the only module that moves a ref.

Each assertion is checked by itself on the metadata that the commit then compares and swaps: pyiceberg's transaction
drops the second assertion on a ref (trap T1), retries a lost branch as an orphan (T2), and looks at no ancestry (T3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any, TypeAlias

from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.adapters.iceberg.metadata.layouts import layout_of
from lakeflow.core.care.retention import expired, only_tagged
from lakeflow.core.errors import ConflictError
from lakeflow.core.model.changes import (
    REFUSED,
    Change,
    Discard,
    LetGo,
    Pin,
    Promote,
    Publish,
    Retract,
    Rollback,
    Stay,
    Tag,
    Untag,
    fenced,
)
from lakeflow.core.model.provenance import MAIN_SCHEMA, PREFIX
from lakeflow.core.model.table import MAIN, Snapshot, Table
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class SameTable:
    uuid: str


@dataclass(frozen=True)
class RefAt:
    """Asserts that the ref points at that snapshot; None: that there is no such ref."""

    name: str
    snapshot_id: int | None


@dataclass(frozen=True)
class SchemaAt:
    """Asserts that readers of main see the schema of that id."""

    id: int


@dataclass(frozen=True)
class FieldIdsUpTo:
    """Asserts that no column has an id above that one."""

    last: int


@dataclass(frozen=True)
class OnMain:
    """Asserts that the snapshot is main or an ancestor of main."""

    snapshot_id: int


@dataclass(frozen=True)
class OnceMain:
    """Asserts that the snapshot is main, an ancestor of main, or was main before a rollback."""

    snapshot_id: int


@dataclass(frozen=True)
class Kept:
    """Asserts that the table still has the snapshot."""

    snapshot_id: int


@dataclass(frozen=True)
class TargetAt:
    """Asserts that a branch of an environment points at that snapshot; where there is no such branch yet, that the
    table still has the snapshot, on which it would be made (None: on nothing).
    """

    name: str
    snapshot_id: int | None


@dataclass(frozen=True)
class OnTarget:
    """Asserts that the snapshot is in the line of that branch; where there is no such branch, that it is kept."""

    name: str
    snapshot_id: int


Requirement: TypeAlias = SameTable | RefAt | SchemaAt | FieldIdsUpTo | OnMain | OnceMain | Kept | TargetAt | OnTarget
Move: TypeAlias = tuple[tuple[Requirement, ...], tuple[u.Update, ...]]


def move(  # noqa: C901, PLR0911 - one line a change
    table: Table, change: Change, statistics: Mapping[str, Any] | None = None
) -> Move:
    """The assertions and updates of a change; `statistics` points to the proof of a publish."""
    match change:
        case Publish() | Rollback() | Pin() | Stay() if change.target != MAIN:
            own = table.refs.get(change.target)
            shown = table if own is None else replace(table, refs={**table.refs, MAIN: own})
            return _brought_to(change.target, move(shown, replace(change, target=MAIN), statistics))
        case Publish():
            return _publish(table, change, statistics)
        case Discard():
            return _discard(table, change)
        case LetGo():
            return _let_go(table, change)
        case Promote():
            return _promote(table, change)
        case Retract():
            return _retract(table, change)
        case Rollback():
            return _rollback(table, change)
        case Pin():
            return (OnMain(change.snapshot_id),), ()
        case Stay():
            return (RefAt(MAIN, change.snapshot_id),), ()
        case Tag():
            named = (u.SetTag(change.name, change.snapshot_id),)
            return (RefAt(change.name, None), Kept(change.snapshot_id)), named
        case Untag():
            gone = only_tagged(table, change.name)
            freed = (u.RemoveSnapshots(gone),) if gone else ()
            return (RefAt(change.name, change.snapshot_id),), (u.RemoveRef(change.name), *freed)


def stands(target: str, base: int | None) -> Requirement:
    """What a commit on this base asserts of the ref that it is for."""
    return RefAt(MAIN, base) if target == MAIN else TargetAt(target, base)


def _brought_to(target: str, on_main: Move) -> Move:
    """What a change would assert and do on main, on the branch of an environment.

    Schema, layout and retention of the table are main's own: another engine that reads main must see none of it.
    """
    asserted: list[Requirement] = []
    for each in on_main[0]:
        match each:
            case RefAt(name, at) if name == MAIN:
                asserted.append(TargetAt(target, at))
            case OnMain(at) | OnceMain(at):
                asserted.append(OnTarget(target, at))
            case SchemaAt():
                pass
            case _:
                asserted.append(each)
    wanted: list[u.Update] = []
    for update in on_main[1]:
        match update:
            case u.SetBranch(name, at) if name == MAIN:
                wanted.append(u.SetBranch(target, at))
            case u.RemoveRef(name) if name == MAIN:
                wanted.append(u.RemoveRef(target))
            case u.SetBranch() | u.RemoveRef() | u.SetStatistics():
                wanted.append(update)
    return tuple(asserted), tuple(wanted)


def require(table: Table, requirements: Iterable[Requirement]) -> None:
    """ConflictError for the first assertion that the table does not meet."""
    for requirement in requirements:
        if (found := _violation(table, requirement)) is not None:
            raise conflict(table, found)


def conflict(table: Table, found: str) -> ConflictError:
    return ConflictError(
        f"{table.key}: {found}",
        hint="nothing was changed; `lakeflow retry RUN` plans again on what is there now",
        asset=table.key,
    )


def fork(branch: str, snapshot: Mapping[str, Any]) -> tuple[u.Update, ...]:
    """A new branch with a new snapshot on it, as one commit: never a branch without its base (trap T2)."""
    return u.AddSnapshot(snapshot), u.SetBranch(branch, snapshot["snapshot-id"])


def put_on_top(table: Table, branch: str, snapshot: Mapping[str, Any]) -> tuple[u.Update, ...]:
    """Move the branch to a new snapshot. The snapshot that it replaces is removed, unless another ref needs it."""
    gone = _orphans(table, branch)
    return *fork(branch, snapshot), *((u.RemoveSnapshots(gone),) if gone else ())


def fence(table: Table, change: Publish | Promote) -> Move:
    """Give the branch of a publish that was given up another name: a request for it that comes late asserts the old
    one. The branch of an environment keeps its name; what a promote asserts that it is not there, comes. Nothing where
    the branch is gone or holds something else.
    """
    if table.refs.get(change.branch) != change.snapshot_id:
        return (), ()
    here = (SameTable(change.uuid), RefAt(change.branch, change.snapshot_id))
    if isinstance(change, Promote):
        return here, (u.SetBranch(change.refused, change.snapshot_id),) if change.refused not in table.refs else ()
    return here, (u.SetBranch(fenced(change.branch), change.snapshot_id), u.RemoveRef(change.branch))


def absent(table: Table, requirements: Iterable[Requirement]) -> frozenset[str]:
    """The refs that are relied on not to be there."""
    named = (each.name for each in requirements if isinstance(each, RefAt | TargetAt | OnTarget))
    return frozenset(named) - table.refs.keys() - {MAIN}


def _publish(table: Table, change: Publish, statistics: Mapping[str, Any] | None) -> Move:
    assertions = (
        SameTable(change.uuid),
        RefAt(MAIN, change.base),
        RefAt(change.branch, change.snapshot_id),
    )
    snapshot = table.snapshots.get(change.snapshot_id)
    if snapshot is None:
        return assertions, ()  # the third assertion fails
    schema = _recorded_schema(snapshot)
    wanted: tuple[u.Update, ...] = (
        *_schema_of(table, snapshot),
        *layout_of(snapshot),
        u.SetBranch(MAIN, snapshot.id),
        u.RemoveRef(change.branch),
        *((u.SetStatistics(statistics),) if statistics else ()),
        *_expiry(table, change),
    )
    return (*assertions, *((SchemaAt(schema),) if schema is not None else ())), wanted


def _promote(table: Table, change: Promote) -> Move:
    assertions: tuple[Requirement, ...] = (
        SameTable(change.uuid),
        RefAt(MAIN, change.base),
        RefAt(change.branch, change.snapshot_id),
    )
    line = list(takewhile(lambda each: each.id != change.base, table.ancestry(change.snapshot_id)))
    if not line or line[-1].parent_id != change.base:
        raise conflict(table, f"{_at(change.snapshot_id)} does not stand on {_at(change.base)}")
    given_up = sorted(name for name in table.refs if name.startswith(f"{change.branch}__{REFUSED}"))
    gone = (u.RemoveRef(name) for name in (change.branch, *given_up))
    moved: tuple[u.Update, ...] = (u.SetBranch(MAIN, change.snapshot_id), *gone)
    if change.refused:
        assertions = (*assertions, RefAt(change.refused, None))
    # Only the first of them was written beside the schema that readers of main see.
    schema = _recorded_schema(line[-1])
    here = (SchemaAt(schema),) if schema is not None else ()
    return (*assertions, *here), (*_schema_of(table, line[0]), *layout_of(line[0]), *moved)


def _retract(table: Table, change: Retract) -> Move:
    asserted, wanted = _rollback(table, Rollback(change.key, change.snapshot_id, change.base))
    here = (SameTable(change.uuid), RefAt(change.branch, None), *asserted)
    return here, (*wanted, u.SetBranch(change.branch, change.snapshot_id))


def _expiry(table: Table, change: Publish) -> tuple[u.Update, ...]:
    """Retention is part of writing: metadata that only grows makes every later commit slower (trap T15)."""
    others = {name: at for name, at in table.refs.items() if name not in {MAIN, change.branch}}
    after = replace(table, refs={**others, MAIN: change.snapshot_id})
    ids = expired(after, change.keep, change.needed, change.since)
    return (u.RemoveSnapshots(ids),) if ids else ()


def _discard(table: Table, change: Discard) -> Move:
    orphans = _orphans(table, change.branch)
    gone = (u.RemoveSnapshots(orphans),) if orphans else ()
    return (RefAt(change.branch, change.snapshot_id),), (u.RemoveRef(change.branch), *gone)


def _let_go(table: Table, change: LetGo) -> Move:
    gone = change.frees(table)
    freed = (u.RemoveSnapshots(gone),) if gone else ()
    asserted = tuple(RefAt(name, at) for name, at in sorted(change.refs.items()))
    return asserted, (*(u.RemoveRef(name) for name in sorted(change.refs)), *freed)


def _orphans(table: Table, branch: str) -> frozenset[int]:
    """Snapshots that the branch's run wrote and that nothing else reaches: its head, and what stands below it.

    A snapshot that no run wrote is another engine's, also where main was set back behind it: then only the head is
    removed.
    """
    others = {at for name, at in table.refs.items() if name != branch}
    reachable = {snapshot.id for at in others for snapshot in table.ancestry(at)}
    mine: set[int] = set()
    for snapshot in (line := list(table.ancestry(table.refs.get(branch)))):
        of_its_run = snapshot is line[0] or (_run(snapshot) is not None and _run(snapshot) == _run(line[0]))
        if snapshot.id in reachable or not of_its_run:
            break
        mine.add(snapshot.id)
    return frozenset(mine)


def _rollback(table: Table, change: Rollback) -> Move:
    here = (RefAt(MAIN, change.snapshot_id),)
    if table.main != change.snapshot_id:
        return here, ()  # the assertion fails
    if change.to is None:
        return here, (*_schema_before_first(table), u.RemoveRef(MAIN))
    goal = table.snapshots.get(change.to)
    if goal is None:
        raise conflict(table, f"snapshot {change.to} is not kept any more")
    return (*here, OnceMain(goal.id)), (*_schema_of(table, goal), *layout_of(goal), u.SetBranch(MAIN, goal.id))


def _schema_before_first(table: Table) -> tuple[u.Update, ...]:
    """The schema that an unborn main had; a conflict when main has older snapshots than its first kept one."""
    first = list(table.ancestry(table.main))[-1]
    if first.parent_id is not None:
        raise conflict(table, f"snapshot {first.id} was not its first publish: an older one has expired")
    schema = _recorded_schema(first)
    return (u.SetCurrentSchema(schema),) if schema in table.schemas and schema is not None else ()


def _schema_of(table: Table, snapshot: Snapshot) -> tuple[u.Update, ...]:
    schema = snapshot.schema_id
    return () if schema is None or schema == table.schema_id else (u.SetCurrentSchema(schema),)


def _recorded_schema(snapshot: Snapshot) -> int | None:
    text = snapshot.summary.get(MAIN_SCHEMA)
    return None if text is None else int(text)


def _run(snapshot: Snapshot) -> str | None:
    return snapshot.summary.get(f"{PREFIX}run")


def _violation(table: Table, requirement: Requirement) -> str | None:  # noqa: PLR0911 - one line a requirement
    """What was expected and what was found; None when the table meets the requirement."""
    match requirement:
        case SameTable(uuid) if uuid != table.uuid:
            return f"the table was replaced: expected table {uuid}, found {table.uuid}"
        case RefAt(name, at) if table.refs.get(name) != at:
            label = MAIN if name == MAIN else f"tag {name}" if name in table.tags else f"branch {name}"
            return f"{label} moved: expected {_at(at)}, found {_at(table.refs.get(name))}"
        case TargetAt(name, at) if not _stands_at(table, name, at):
            return f"branch {name} moved: expected {_at(at)}, found {_at(table.refs.get(name))}"
        case OnTarget(name, at) if all(s.id != at for s in table.ancestry(table.refs.get(name, at))):
            return f"branch {name} moved: expected {_at(at)} in its history"
        case SchemaAt(schema_id) if schema_id != table.schema_id:
            return f"the schema changed: expected schema {schema_id} on main, found {table.schema_id}"
        case FieldIdsUpTo(last) if last != table.last_column_id:
            return f"the schema changed: expected column ids up to {last}, found {table.last_column_id}"
        case OnMain(snapshot_id) if all(s.id != snapshot_id for s in table.ancestry(table.main)):
            return f"main moved: expected {_at(snapshot_id)} in its history, found {_at(table.main)} without it"
        case OnceMain(snapshot_id) if not table.was_main(snapshot_id):
            return f"readers never saw {_at(snapshot_id)}"
        case Kept(snapshot_id) if snapshot_id not in table.snapshots:
            return f"{_at(snapshot_id)} has expired meanwhile"
    return None


def _stands_at(table: Table, name: str, at: int | None) -> bool:
    return table.refs[name] == at if name in table.refs else at is None or at in table.snapshots


def _at(snapshot_id: int | None) -> str:
    return "no snapshot" if snapshot_id is None else f"snapshot {snapshot_id}"

"""A table as readers of an environment see it: its branch, or what it has pinned, stands where main stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from lakeflow.core.environments.environment import Environment, branch_in
from lakeflow.core.errors import LakeError
from lakeflow.core.log.recorded import PROPERTY, moves_of, moves_text
from lakeflow.core.model.changes import FENCED
from lakeflow.core.model.provenance import MAIN_SCHEMA
from lakeflow.core.model.table import MAIN, Snapshot, Table
from lakeflow.core.view.history import BRANCH_PREFIX


def shown(table: Table, environment: Environment) -> Table:
    """The table with the environment's state of it as main, the branches of its runs under their plain names, and no
    other branches. LakeError where the snapshot that it has pinned is gone.
    """
    base = environment.base(table)
    head = table.refs.get(environment.ref, base)
    if head is not None and head not in table.snapshots:
        raise LakeError(
            f"{table.key}: environment {environment.name} has pinned snapshot {head}, which has expired",
            hint=f"`lakeflow env refresh {environment.name}` pins what readers of main see now",
            asset=table.key,
        )
    refs = {name: at for name, at in _refs(table, environment.name) if name != MAIN}
    if environment.ref not in table.refs and base == table.main:  # nothing differs: most tables of a large lake
        return replace(table, refs=refs if base is None else {**refs, MAIN: base})
    log, cut = _log(table, environment, base)
    told = [move for move in moves_of(table.properties) if cut is not None and move.at <= cut]
    return replace(
        table,
        refs=refs if head is None else {**refs, MAIN: head},
        schema_id=_schema(table, head),
        log=log,
        properties={**table.properties, PROPERTY: moves_text(told)},
    )


def shown_unmade(table: Table, name: str) -> Table:
    """The table as an environment that was not made yet would pin it: as readers of main see it now."""
    refs = dict(_refs(table, name))
    return replace(table, refs=refs)


def written(table: Table, environment: Environment) -> tuple[Snapshot, ...]:
    """What runs in the environment put on its branch since its base, newest first."""
    base = environment.base(table)
    head = table.refs.get(environment.ref)
    return tuple(_above(table, head, base)) if head is not None else ()


def stands_on_main(table: Table, environment: Environment) -> bool:
    """Is main of the table still what the environment has built on: the snapshot, and the columns that readers see?
    Another engine may change these without a snapshot.
    """
    if table.main != environment.base(table):
        return False
    first = next(iter(reversed(written(table, environment))), None)
    recorded = first.summary.get(MAIN_SCHEMA) if first else None
    return recorded is None or int(recorded) == table.schema_id


def _refs(table: Table, name: str) -> Iterator[tuple[str, int]]:
    mine = branch_in(name, "")
    for ref, at in table.refs.items():
        if ref == MAIN or ref in table.tags:
            yield ref, at
        elif ref.startswith((mine + BRANCH_PREFIX, mine + FENCED)):
            yield ref.removeprefix(mine), at


def _schema(table: Table, head: int | None) -> int:
    """Main is read with the table's own schema, any other snapshot with its own."""
    if head is None or head == table.main:
        return table.schema_id
    of = table.snapshots[head].schema_id
    return table.schema_id if of is None else of


def _log(
    table: Table, environment: Environment, base: int | None
) -> tuple[tuple[tuple[datetime, int], ...], datetime | None]:
    """When readers of the environment came to see which snapshot: main's own log up to the base, then what was written
    since; and the time of the last entry of main's own.
    """
    last = max((place for place, (_, id_) in enumerate(table.log) if id_ == base), default=-1)
    before = table.log[: last + 1]
    mine = [(each.committed_at, each.id) for each in written(table, environment)]
    return (*before, *reversed(mine)), before[-1][0] if before else None


def _above(table: Table, head: int, base: int | None) -> Iterator[Snapshot]:
    for snapshot in table.ancestry(head):
        if snapshot.id == base:
            return
        yield snapshot

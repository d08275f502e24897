"""What came of a snapshot. The tables tell it; of what has expired, the ledger."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.log.impact import Impact
from lakeflow.core.log.impact import impact as impact_of
from lakeflow.core.log.past import SHOWN, past_of
from lakeflow.core.log.rests import Point
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import VerdictRecord
from lakeflow.core.model.table import MAIN, Table
from lakeflow.core.view.history import BRANCH_PREFIX, HELD, find_snapshot, snapshot_meant
from lakeflow.core.wording import did_you_mean_asset
from lakeflow.wap.look.moments import instant_named
from lakeflow.wap.look.runs import with_waiting_branches
from lakeflow.wap.ports import World

_AT: Final = "@"
_DIGITS: Final = re.compile(r"s?\d+")


def impact(world: World, said: str) -> Impact:
    """What rests on a snapshot: `silver.a@s4411`, `@v12`, `@` a run, tag, time or branch; without, what readers see.

    LakeError when a table cannot be read, for it might rest on it. UsageError for a snapshot that nobody knows.
    """
    looked = world.catalog.look(world.catalog.keys())
    for error in looked.broken.values():
        raise error
    recorded = _verdicts(world, looked.tables)
    told = recorded if _is_told(world, looked.tables) else None
    name, _, which = said.partition(_AT)
    key = AssetKey.find(name)
    if key is None or key not in looked.tables:
        hint = did_you_mean_asset(name, looked.tables, "`lakeflow list` shows all assets")
        raise UsageError(f"{name!r} has no table: nothing can have read it", hint=hint)
    return impact_of(_point(world, looked.tables, key, which, recorded), looked.tables, told)


def _verdicts(world: World, tables: Mapping[AssetKey, Table]) -> tuple[VerdictRecord, ...]:
    """By what readers came to see snapshots, as the ledger recorded it, or else as the tables tell it."""
    said = world.ledger.verdicts(tables).values()
    return tuple(one for several in said for one in several if one.ruling in SHOWN)


def _is_told(world: World, tables: Mapping[AssetKey, Table]) -> bool:
    """Is there a record of what has expired? Without the ledger, tables of earlier releases have none."""
    return not world.ledger.lost() or all(
        past_of(table, table.main) for table in tables.values() if table.main is not None and _has_expired(table)
    )


def _has_expired(table: Table) -> bool:
    *_, oldest = table.ancestry(table.main)
    return oldest.parent_id is not None


def _point(
    world: World, tables: Mapping[AssetKey, Table], key: AssetKey, which: str, recorded: tuple[VerdictRecord, ...]
) -> Point:
    table = tables[key]
    if which == HELD or which in table.refs or which.startswith(BRANCH_PREFIX) or not which:
        waiting = with_waiting_branches(world.ledger, table) if which == HELD else table
        found = find_snapshot(waiting, ref=which or MAIN, snapshot=None)
        if found is None:
            raise UsageError(f"readers see nothing of {key}", hint=f"`lakeflow snapshots {key}` lists its snapshots")
        return str(key), found
    if _DIGITS.fullmatch(which):
        return str(key), _by_digits(table, which.removeprefix("s"), tables, recorded)
    found = instant_named(world, which, tables.values()).snapshot(table)
    assert found is not None, "a moment names a state or raises"
    return str(key), found


def _by_digits(table: Table, digits: str, tables: Mapping[AssetKey, Table], recorded: tuple[VerdictRecord, ...]) -> int:
    """The one snapshot whose id begins so, also one that has expired and that others say to have read."""
    name = str(table.key)
    known = set(table.snapshots) | {said.snapshot_id for said in recorded if said.asset == table.key}
    known |= {inputs[name] for inputs in _inputs(tables, recorded) if name in inputs}
    return snapshot_meant(f"s{digits}", known, table.key)


def _inputs(tables: Mapping[AssetKey, Table], recorded: tuple[VerdictRecord, ...]) -> Iterator[Mapping[str, int]]:
    yield from (said.inputs for said in recorded)
    for table in tables.values():
        made = (provenance_of(snapshot.summary) for snapshot in table.snapshots.values())
        yield from (each.inputs for each in made if each)

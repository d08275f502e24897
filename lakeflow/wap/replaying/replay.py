"""Makes a recorded snapshot again: its code on the inputs of then, into scratch files, compared with what it holds.

Everything that a run decides is decided here by the same code, on tables as the write found them. Nothing of the lake
changes: no branch, no lease, no record; what is written belongs to no table and is removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lakeflow.core.compare.columns import pairs, schema_change
from lakeflow.core.compare.comparison import Asked
from lakeflow.core.errors import CodeNotKeptError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, PythonCode
from lakeflow.core.model.quarantine import owner_of, quarantine_key
from lakeflow.core.model.scd2_columns import VALID_FROM
from lakeflow.core.model.table import Scan, WrittenFile
from lakeflow.core.replay.replayed import Replayed, ReplayOutcome
from lakeflow.core.replay.then import (
    Recorded,
    chances,
    recorded,
)
from lakeflow.core.run.code_terms import Listener
from lakeflow.core.view.history import find_snapshot
from lakeflow.core.view.lineage import hidden_columns
from lakeflow.wap.ports import World
from lakeflow.wap.replaying.again import made_again
from lakeflow.wap.replaying.then import CannotError, Then, then_of
from lakeflow.wap.step.computed import Computed
from lakeflow.wap.step.sources.source import Source


def replay(world: World, key: AssetKey, snapshot: str | None, said: Listener) -> Replayed:
    """Run the code that made this snapshot (None: what readers see) on the inputs that it recorded, and compare.

    UsageError for a snapshot that is not there; AssetError when the code fails. `said` hears what the code prints.
    """
    if owner := owner_of(key):
        raise UsageError(f"{key} is written together with {owner}", hint=f"`lakeflow replay {owner}`")
    table = world.catalog.load([key]).get(key)
    at = find_snapshot(table, ref="main", snapshot=snapshot) if table else None
    if table is None or at is None:
        raise UsageError(f"{key} was never published", hint=f"`lakeflow materialize +{key}` builds it")
    found = recorded(table, at)
    if isinstance(found, str):
        return Replayed(key, at, ReplayOutcome.REFUSED, found)
    try:
        then = then_of(world, found)
    except CannotError as error:
        return replace(_told(found), outcome=error.outcome, why=error.why)
    try:
        with made_again(world, then, said) as (source, computed):
            return _compared(world, then, source, computed)
    except CodeNotKeptError as error:
        return replace(_told(found), outcome=ReplayOutcome.NO_CODE, why=f"of that of then {error.message}")


def _told(found: Recorded) -> Replayed:
    made = found.made
    return Replayed(
        found.table.key,
        found.snapshot.id,
        ReplayOutcome.IDENTICAL,
        run=made.run,
        git=made.git,
        code_version=made.code_version,
        inputs=made.inputs,
    )


def _compared(world: World, then: Then, source: Source, computed: Computed) -> Replayed:
    holds, gives = _both(world, then, source, computed)
    notes = tuple(_notes(world, then))
    told = replace(_told(then.found), recorded=then.asset.source != world.project.assets[then.asset.key].source)
    if world.engine.equal(holds, gives):
        rows = replace(told.rows, before=_count(world, holds), after=_count(world, gives))
        return replace(told, rows=rows, notes=notes)
    found = world.engine.difference(holds, gives, _asked(world, then.asset, holds, gives))
    change = schema_change(holds.schema, gives.schema)
    told = replace(told, rows=found.rows, schema=change, columns=found.columns, notes=notes)
    return replace(told, outcome=ReplayOutcome.DIFFERS)


def _notes(world: World, then: Then) -> Iterator[str]:
    """What may have made other rows of the same code and inputs."""
    for word in chances(then.asset):
        yield f"its code says {word}, which may give another value each time"
    if isinstance(then.asset.code, PythonCode):
        yield "the libraries that its code imports are those of today"
    key, checks = then.asset.key, then.found.made.checks
    if quarantine_key(key) in world.project.assets and checks != world.project.suite(key).digest:
        yield "its checks, which put rows apart, are others today"


def _both(world: World, then: Then, source: Source, computed: Computed) -> tuple[Scan, Scan]:
    """What the snapshot holds, and what it would hold; of an append, only what it added."""
    table, snapshot = then.found.table, then.found.snapshot
    traits, written = source.asset.write.traits, computed.written
    if traits.adds:
        holds = world.catalog.scan_added(table, snapshot.id, (snapshot.id,))
        return holds, _of_files(holds, computed, written.files)
    holds = world.catalog.scan(table, snapshot.id)
    if traits.replaces or snapshot.parent_id is None:
        return holds, _of_files(holds, computed, written.files)
    base = world.catalog.scan(table, snapshot.parent_id)
    stays = tuple(path for path in base.files if path not in set(written.removes))
    files = (*stays, *(file.path for file in written.files))
    return holds, replace(base, schema=computed.schema, files=files, rows=0)


def _of_files(like: Scan, computed: Computed, files: tuple[WrittenFile, ...]) -> Scan:
    return Scan(
        like.key,
        None,
        computed.schema,
        files=tuple(file.path for file in files),
        rows=sum(file.rows for file in files),
        bytes=sum(file.bytes for file in files),
        schemas=(*like.schemas, computed.schema),
    )


def _count(world: World, scan: Scan) -> int:
    """Rows that a reader sees; what delete files hide does not count."""
    if not scan.files:
        return 0
    return int(world.engine.query("SELECT count(*) FROM silver.counted", {"silver.counted": scan}).fetchall()[0][0])


def _asked(world: World, asset: Asset, holds: Scan, gives: Scan) -> Asked:
    """Rows are told apart by the key, where both sides have all of it."""
    found = pairs(holds.schema, gives.schema)
    key = tuple(name.lower() for name in (*asset.primary_key, *([VALID_FROM] if asset.write.traits.versioned else [])))
    complete = bool(asset.primary_key) and {each.name.lower() for each in found}.issuperset(key)
    return Asked(found, key if complete else (), personal=hidden_columns(world.project, asset))

"""Makes a recorded snapshot again: its code on the inputs of then, into scratch files, compared with what it holds.

Everything that a run decides is decided here by the same code, on tables as the write found them. Nothing of the lake
changes: no branch, no lease, no record; what is written belongs to no table and is removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from lakeflow.core.column_names import LOADED_AT
from lakeflow.core.compact.stored import MovedRows
from lakeflow.core.compare.columns import pairs, schema_change
from lakeflow.core.compare.comparison import Asked
from lakeflow.core.errors import LakeError, UsageError
from lakeflow.core.keys import AssetKey, ExternalKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.quarantine import owner_of, quarantine_key
from lakeflow.core.model.run import Action, Lease, RunRecord, RunState, StepRecord
from lakeflow.core.model.scd2_columns import VALID_FROM
from lakeflow.core.model.table import External, Scan, Table, WrittenFile
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.built import from_json as partitions_from_json
from lakeflow.core.plan.built import partition_set
from lakeflow.core.plan.facts import Facts
from lakeflow.core.plan.landing import LandedSet, Landing, from_json, landed_set
from lakeflow.core.plan.partitions import ASKED, Pending
from lakeflow.core.plan.planning import Step
from lakeflow.core.plan.reasons import Cause, Reason, short_id
from lakeflow.core.replay.replayed import Replayed, ReplayOutcome
from lakeflow.core.replay.then import (
    Recorded,
    before,
    chances,
    code_of,
    kept_as,
    landing_of,
    pinned_at,
    recorded,
)
from lakeflow.core.run.code_terms import Listener
from lakeflow.core.version.fingerprint import ALGORITHM, fingerprint
from lakeflow.core.version.salt import require_salt
from lakeflow.core.view.history import find_snapshot
from lakeflow.core.view.lineage import hidden_columns
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.ports import World
from lakeflow.wap.step.compute import compute
from lakeflow.wap.step.computed import Computed
from lakeflow.wap.step.sources.choose import source_of
from lakeflow.wap.step.sources.source import Source


class _CannotError(Exception):
    """The snapshot cannot be made again; says which outcome that is."""

    def __init__(self, outcome: ReplayOutcome, why: str) -> None:
        super().__init__(why)
        self.outcome = outcome
        self.why = why


@dataclass(frozen=True)
class _Then:
    """What the write of then had: its code, its tables, the clock, and files or partitions."""

    found: Recorded
    asset: Asset
    tables: Mapping[AssetKey, Table]
    externals: Mapping[ExternalKey, External]
    at: datetime
    landing: Landing | None = None
    partitions: tuple[Pending, ...] = ()


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
        then = _then(world, found)
    except _CannotError as error:
        return replace(_told(found), outcome=error.outcome, why=error.why)
    with _made_again(world, then, said) as (source, computed):
        return _compared(world, then, source, computed)


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


def _then(world: World, found: Recorded) -> _Then:
    """1. The code. 2. The salt of its hashes. 3. What it read. 4. What of it was written."""
    asset, made = world.project.assets[found.table.key], found.made
    if made.readmits:
        raise _CannotError(ReplayOutcome.REFUSED, "its rows came back from its quarantine, and no code made them")
    source = world.ledger.code(made.code_version)
    code = code_of(asset, made, source, _today(made.code_version, made.fingerprint, source))
    if made.salt and made.salt != asset.salt:
        raise _CannotError(
            ReplayOutcome.REFUSED, "its hashes were keyed with another salt: set LAKEFLOW_PII_SALT to that of then"
        )
    if isinstance(code, str):
        raise _CannotError(ReplayOutcome.NO_CODE, code)
    require_salt(world.project, (asset.key,))
    _require_base(found, code)
    tables, externals = _inputs(world, found, code)
    apart = world.catalog.load([quarantine_key(asset.key)])  # rows that checks refuse are put apart now as then
    then = _Then(found, code, {**tables, **apart, asset.key: before(found)}, externals, found.snapshot.committed_at)
    if made.moment:
        then = replace(then, at=datetime.fromisoformat(made.moment))
    if code.files:
        then = _with_files(world, then)
    return replace(then, partitions=_partitions(world, then)) if code.timeline else then


def _require_base(found: Recorded, asset: Asset) -> None:
    """A merge needs the rows that it was written on; so do files and partitions, to tell which of them it brought."""
    base_id, traits = found.snapshot.parent_id, WriteMode(found.made.write or asset.write).traits
    needs = traits.merges or asset.files is not None or asset.timeline is not None
    if base_id is not None and found.parent is None and needs and not traits.replaces:
        raise _CannotError(ReplayOutcome.GONE, f"{short_id(base_id)}, on which it was written, has expired")


def _today(version: str, algorithm: str, source: str | None) -> str:
    """The code version as today's algorithm spells it."""
    return version if algorithm == ALGORITHM or source is None else fingerprint(source)


def _inputs(world: World, found: Recorded, asset: Asset) -> tuple[dict[AssetKey, Table], dict[ExternalKey, External]]:
    """The tables that were read, each with the snapshot of then as main. _CannotError naming those that are gone."""
    read = found.made.inputs
    looked = world.catalog.look(key for name in read if (key := AssetKey.find(name)))
    tables: dict[AssetKey, Table] = {}
    lost: list[str] = []
    for name, snapshot_id in sorted(read.items()):
        if (key := AssetKey.find(name)) is None:
            continue
        table = looked.tables.get(key)
        kept = kept_as(table, snapshot_id) if table else None
        since = found.made.new_rows.get(name)
        if table is None or kept is None or (since and since not in table.snapshots):
            lost.append(f"{name} {short_id(snapshot_id if kept is None or not since else since)}")
        else:
            tables[key] = pinned_at(table, kept)
    externals = dict(world.externals.find(asset.external))
    for external, of in externals.items():
        then = read.get(str(external), 0)
        if of.table is None or then not in of.table.snapshots:
            lost.append(f"{external} {short_id(then)}")
        else:
            externals[external] = replace(of, table=replace(of.table, refs={**of.table.refs, "main": then}))
    if lost:
        has = "has" if len(lost) == 1 else "have"
        raise _CannotError(ReplayOutcome.GONE, f"{', '.join(lost)}, which it read, {has} expired")
    return tables, externals


def _with_files(world: World, then: _Then) -> _Then:
    """The files that landed with it, if they are still there with the same bytes, and the time at which they did."""
    found, source = then.found, then.asset.files
    assert source is not None, "asked only of what lands files"
    mine, earlier = _landed(world, found.table, found.made.landed), LandedSet()
    if WriteMode(found.made.write).traits.replaces is False and (name := landed_set(then.tables[found.table.key])):
        earlier = _landed(world, found.table, name)
    landing = landing_of(mine, earlier, world.find_files(source))
    if isinstance(landing, str):
        raise _CannotError(ReplayOutcome.GONE, landing)
    added = world.catalog.scan_added(found.table, found.snapshot.id, (found.snapshot.id,))
    has = added.schema.find(LOADED_AT) is not None
    at = world.engine.newest(added, LOADED_AT, world.clock()) if has else None
    return replace(then, landing=landing, at=at or then.at)


def _landed(world: World, table: Table, name: str) -> LandedSet:
    return from_json(world.catalog.read_sidecar(table, name)) if name else LandedSet()


def _partitions(world: World, then: _Then) -> tuple[Pending, ...]:
    """The partitions in time that this very write built."""
    line, found = then.asset.timeline, then.found
    assert line is not None, "asked only of what has partitions"
    name = partition_set(found.table, found.snapshot.id)
    built = partitions_from_json(world.catalog.read_sidecar(found.table, name), line) if name else None
    if built is None:
        raise _CannotError(ReplayOutcome.REFUSED, "it had other partitions in time then")
    by = f"{found.made.run}/{found.made.attempt}"
    mine = sorted(name for name, each in built.items() if each.by == by)
    return tuple(Pending(name, window, ASKED) for name in mine for window in line.named((name,)))


class _ScratchCatalog:
    """The catalog to read from. A write of then must not write now, so everything that would is refused."""

    def __init__(self, catalog: Any) -> None:
        self._catalog = catalog

    def __getattr__(self, name: str) -> Any:
        if name in {"stage", "restage", "compact", "commit", "register", "collect", "create", "write_sidecar"}:
            raise LakeError(f"making a snapshot again must not {name} anything")
        return getattr(self._catalog, name)


@contextmanager
def _made_again(world: World, then: _Then, said: Listener) -> Iterator[tuple[Source, Computed]]:
    """What the write gives now, in files that are removed afterwards."""
    key, made = then.asset.key, then.found.made
    scratch: Any = _ScratchCatalog(world.catalog)
    project = replace(world.project, assets={**world.project.assets, key: then.asset})
    past = replace(
        world,
        project=project,
        catalog=scratch,
        clock=lambda: then.at,
        log=lambda _: None,
        make_engine=lambda: world.engine,
        make_auditor=lambda: world.auditor,
    )
    run = RunRecord(made.run, RunState.RUNNING, then.at, steps=(StepRecord(key, inputs=made.inputs),))
    landings = {} if then.landing is None else {key: then.landing}
    facts = Facts(then.tables, landings=landings, externals=then.externals, now=then.at)
    lease = Lease(made.run, "", frozenset(), world.invocation.holder)
    attempt = Attempt(past, lease, run, facts, lambda event: None)
    source = source_of(attempt, _step(then))
    computed = compute(attempt, source, source.inputs(attempt))
    written = computed.written
    try:
        yield source, computed
    finally:
        world.engine.drop(MovedRows((*written.files, *written.refused)))


def _step(then: _Then) -> Step:
    """The step as it was planned, as far as its snapshot tells. All rows replace others where the mode recorded is
    another than the asset's; new rows are merged, or all of them where the write says that an input was rewritten.
    """
    made, parent_id = then.found.made, then.found.snapshot.parent_id
    causes = [Cause.GOES_ON] if made.new_rows else []
    if made.write and WriteMode(made.write) is not then.asset.write:
        causes = [Cause.FULL_REFRESH]
    return Step(
        then.asset.key, Action.WRITE, tuple(Reason(cause) for cause in causes), parent_id, partitions=then.partitions
    )


def _compared(world: World, then: _Then, source: Source, computed: Computed) -> Replayed:
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


def _notes(world: World, then: _Then) -> Iterator[str]:
    """What may have made other rows of the same code and inputs."""
    for word in chances(then.asset):
        yield f"its code says {word}, which may give another value each time"
    key, checks = then.asset.key, then.found.made.checks
    if quarantine_key(key) in world.project.assets and checks != world.project.suite(key).digest:
        yield "its checks, which put rows apart, are others today"


def _both(world: World, then: _Then, source: Source, computed: Computed) -> tuple[Scan, Scan]:
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

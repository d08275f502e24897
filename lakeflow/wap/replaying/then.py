"""What a recorded write had: its code, its tables, the time, and its files or partitions, as far as they are here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from lakeflow.core.column_names import LOADED_AT
from lakeflow.core.kept.code import code_of
from lakeflow.core.keys import AssetKey, ExternalKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.quarantine import quarantine_key
from lakeflow.core.model.table import External, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.in_time.built import from_json as partitions_from_json
from lakeflow.core.plan.in_time.built import partition_set
from lakeflow.core.plan.in_time.partitions import ASKED, Pending
from lakeflow.core.plan.landing import LandedSet, Landing, from_json, landed_set
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.replay.replayed import ReplayOutcome
from lakeflow.core.replay.then import (
    Recorded,
    before,
    kept_as,
    landing_of,
    pinned_at,
)
from lakeflow.core.values import dataclass
from lakeflow.core.version.fingerprint import ALGORITHM, fingerprint
from lakeflow.core.version.salt import require_salt
from lakeflow.wap.ports import World


class CannotError(Exception):
    """The snapshot cannot be made again; says which outcome that is."""

    def __init__(self, outcome: ReplayOutcome, why: str) -> None:
        super().__init__(why)
        self.outcome = outcome
        self.why = why


@dataclass(frozen=True)
class Then:
    """What the write of then had: its code, its tables, the clock, and files or partitions."""

    found: Recorded
    asset: Asset
    tables: Mapping[AssetKey, Table]
    externals: Mapping[ExternalKey, External]
    at: datetime
    landing: Landing | None = None
    partitions: tuple[Pending, ...] = ()


def then_of(world: World, found: Recorded) -> Then:
    """1. The code. 2. The salt of its hashes. 3. What it read. 4. What of it was written."""
    asset, made = world.project.assets[found.table.key], found.made
    if made.readmits:
        raise CannotError(ReplayOutcome.REFUSED, "its rows came back from its quarantine, and no code made them")
    source = world.ledger.code(made.code_version)
    code = code_of(asset, made, source, _today(made.code_version, made.fingerprint, source), world.is_library)
    if made.salt and made.salt not in {each.salt for each in world.project.assets.values()}:
        raise CannotError(
            ReplayOutcome.REFUSED, "its hashes were keyed with another salt: set LAKEFLOW_PII_SALT to that of then"
        )
    if isinstance(code, str):
        raise CannotError(ReplayOutcome.NO_CODE, code)
    require_salt(world.project, (asset.key,) if code is asset else ())
    _require_base(found, code)
    tables, externals = _inputs(world, found, code)
    apart = world.catalog.load([quarantine_key(asset.key)])  # rows that checks refuse are put apart now as then
    then = Then(found, code, {**tables, **apart, asset.key: before(found)}, externals, found.snapshot.committed_at)
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
        raise CannotError(ReplayOutcome.GONE, f"{short_id(base_id)}, on which it was written, has expired")


def _today(version: str, algorithm: str, source: str | None) -> str:
    """The code version as today's algorithm spells it."""
    return version if algorithm == ALGORITHM or source is None else fingerprint(source)


def _inputs(world: World, found: Recorded, asset: Asset) -> tuple[dict[AssetKey, Table], dict[ExternalKey, External]]:
    """The tables that were read, each with the snapshot of then as main. CannotError naming those that are gone."""
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
        raise CannotError(ReplayOutcome.GONE, f"{', '.join(lost)}, which it read, {has} expired")
    return tables, externals


def _with_files(world: World, then: Then) -> Then:
    """The files that landed with it, if they are still there with the same bytes, and the time at which they did."""
    found, source = then.found, then.asset.files
    assert source is not None, "asked only of what lands files"
    mine, earlier = _landed(world, found.table, found.made.landed), LandedSet()
    if WriteMode(found.made.write).traits.replaces is False and (name := landed_set(then.tables[found.table.key])):
        earlier = _landed(world, found.table, name)
    landing = landing_of(mine, earlier, world.find_files(source))
    if isinstance(landing, str):
        raise CannotError(ReplayOutcome.GONE, landing)
    added = world.catalog.scan_added(found.table, found.snapshot.id, (found.snapshot.id,))
    has = added.schema.find(LOADED_AT) is not None
    at = world.engine.newest(added, LOADED_AT, world.clock()) if has else None
    return replace(then, landing=landing, at=at or then.at)


def _landed(world: World, table: Table, name: str) -> LandedSet:
    return from_json(world.catalog.read_sidecar(table, name)) if name else LandedSet()


def _partitions(world: World, then: Then) -> tuple[Pending, ...]:
    """The partitions in time that this very write built."""
    line, found = then.asset.timeline, then.found
    assert line is not None, "asked only of what has partitions"
    name = partition_set(found.table, found.snapshot.id)
    built = partitions_from_json(world.catalog.read_sidecar(found.table, name), line) if name else None
    if built is None:
        raise CannotError(ReplayOutcome.REFUSED, "it had other partitions in time then")
    by = f"{found.made.run}/{found.made.attempt}"
    mine = sorted(name for name, each in built.items() if each.by == by)
    return tuple(Pending(name, window, ASKED) for name in mine for window in line.named((name,)))

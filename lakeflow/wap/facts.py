"""Facts gathered for a plan: one catalog read, what was ruled on those tables, and what stands beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from lakeflow.core.errors import AssetError, LakeError
from lakeflow.core.keys import AssetKey, TableKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.run import Ruling, StepState, VerdictRecord
from lakeflow.core.model.table import Scan, Table
from lakeflow.core.plan.facts import Facts, HeldStep, Published, Rekeyed
from lakeflow.core.plan.in_time import built as partition_set
from lakeflow.core.plan.in_time.built import Built
from lakeflow.core.plan.in_time.late_rows import TouchedBy
from lakeflow.core.plan.landing import FoundFile, LandedSet, Landing, from_json, landed_set, to_land, to_land_again
from lakeflow.core.plan.taken_out import keep_out
from lakeflow.core.plan.verdicts import ruled
from lakeflow.core.version.fingerprint import ALGORITHM, fingerprint, key_in, rekeyed, salted
from lakeflow.wap.late import inputs_of, reading, told_by_rows, touched
from lakeflow.wap.ports import World
from lakeflow.wap.waiting import gone_from

Parsed = TypeVar("Parsed")


def gather(world: World, selected: Iterable[AssetKey], *, anew: bool = False) -> Facts:
    """Everything that a plan of these assets rests on, from ONE catalog read.

    A table that still has the old name of a renamed asset stands under the new one. With `anew`, files that have landed
    land again.
    """
    mine = tuple(selected)
    keys = _looked_at(world, mine)
    tables, verdicts, renames, broken = _standing(world, mine, keys)
    sound = partial(_unless_damaged, broken)
    roots = (asset for key in keys if (asset := world.project.assets.get(key)) and asset.reads)
    landings = {
        key: landing
        for key, found in _found_files(world, mine).items()
        if (landing := sound(key, partial(_landing, world, key, found, tables.get(key), anew=anew))) is not None
    }
    partitions = {
        key: found
        for key, table in tables.items()
        if (found := sound(key, partial(built, world, table, table.main))) is not None
    }
    externals = world.externals.find({key for name in mine for key in world.project.assets[name].external})
    digests = {asset.key: world.read_digest(asset) for asset in roots} | {
        key: landing.digest for key, landing in landings.items()
    }
    now = world.clock()
    facts = Facts(
        tables=tables,
        verdicts=verdicts,
        reads_digests=digests,
        landings=landings,
        externals=externals,
        renames=renames,
        built=partitions,
        now=now,
        renamed_code=_renamed_code(world, tables.values()),
        broken=_with_owners(broken),
        held=_held(world, mine, verdicts),
    )
    facts = facts.with_more(
        rekeyed={key: was for key in mine if (was := _rekeyed(world, key, facts.stands(key)))},
        by_rows={key: told_by_rows(world, world.project.assets[key], facts) for key in mine},
    )
    gone = gone_from(world, tables, landings)
    return facts.with_more(touched=_touched(world, mine, facts), gone=gone)


def _touched(world: World, selected: Iterable[AssetKey], facts: Facts) -> dict[AssetKey, TouchedBy]:
    """What the inputs of each selected asset with partitions got since these were built."""
    heads = {key: table.main for key, table in facts.tables.items() if table.main is not None}
    found = {}
    for key in selected:
        asset, built_ = world.project.assets[key], facts.built.get(key)
        if built_ and not facts.broken.keys() & {key, *asset.upstreams}:
            inputs = inputs_of(world, asset, facts, heads)
            found[key] = touched(world, asset, built_, inputs, facts.now)
    return found


def with_drift(world: World, facts: Facts) -> Facts:
    """The facts, and how files that would land differ from what their assets declare. Only their beginnings are read,
    but of every file, so only a plan asks for it.
    """
    looked = {
        key: replace(landing, drift=world.find_drift(world.project.assets[key], landing.delivery))
        for key, landing in facts.landings.items()
        if landing.new and not landing.faults
    }
    return replace(facts, landings={**facts.landings, **looked}) if looked else facts


def _held(
    world: World, selected: Sequence[AssetKey], verdicts: Mapping[AssetKey, Sequence[VerdictRecord]]
) -> dict[AssetKey, tuple[HeldStep, ...]]:
    """The steps that runs hold of these assets, newest first."""
    found: dict[AssetKey, list[HeldStep]] = {key: [] for key in selected}
    for run in world.ledger.unpublished(selected):
        for step in run.steps:
            if step.state is StepState.HELD and step.asset in found:
                said = ruled(verdicts.get(step.asset, ()), {Ruling.HOLD}, {step.snapshot_id})
                looked = next((one.looked_at for one in said if one.run == run.id), None)
                found[step.asset].append(HeldStep(run, step, looked))
    return {key: tuple(held) for key, held in found.items() if held}


def _looked_at(world: World, selected: Iterable[AssetKey]) -> set[AssetKey]:
    """The selected assets, their inputs, and the tables that their checks read."""
    keys = set(selected)
    for key in tuple(keys):
        suite = world.project.suite(key)
        keys |= world.project.assets[key].upstreams | suite.references | suite.published
    return keys


def _standing(
    world: World, selected: Iterable[AssetKey], keys: set[AssetKey]
) -> tuple[
    dict[AssetKey, Table],
    dict[AssetKey, Sequence[VerdictRecord]],
    dict[AssetKey, AssetKey],
    dict[AssetKey, LakeError],
]:
    """The tables and their verdicts under today's names, the tables that still have an old name, and those that cannot
    be read.
    """
    olds = {key: old for key in selected if (old := world.project.assets[key].renamed_from)}
    looked = world.catalog.look(keys | set(olds.values()))
    loaded, broken = dict(looked.tables), dict(looked.broken)
    broken |= {key: broken[old] for key, old in olds.items() if key not in loaded and old in broken}
    renames = {key: old for key, old in olds.items() if key not in loaded and old in loaded}
    verdicts = _under_new_names(dict(world.ledger.latest({k: t.snapshots for k, t in loaded.items()})), renames)
    tables = _under_new_names(loaded, renames)
    for key in renames:
        verdicts[key] = tuple(replace(one, asset=key) for one in verdicts[key])
    return tables, verdicts, renames, broken


def external_scans(world: World, asset: Asset, facts: Facts) -> dict[TableKey, Scan]:
    """The tables of other catalogs that it reads, pinned as the facts found them; AssetError for one without."""
    scans: dict[TableKey, Scan] = {}
    for key in sorted(asset.external):
        found = facts.externals[key]
        if found.table is None or found.main is None:
            raise AssetError(f"{asset.key}: {found.fault}", hint=found.hint, asset=asset.key)
        scans[key] = world.externals.scan(found.table, found.main)
    return scans


def _rekeyed(world: World, key: AssetKey, stands: Published | None) -> Rekeyed | None:
    """How the asset's key has changed, by the stored text of the code that made what is published. None where the key
    is the same, or unknown.
    """
    asset = world.project.assets[key]
    if stands is None or stands.code_version in {asset.code_version, ""} or not asset.source:
        return None
    source = world.ledger.code(stands.code_version)
    if source is None or (before := key_in(source)) == asset.primary_key:
        return None
    return Rekeyed(before, alone=fingerprint(rekeyed(source, asset.primary_key)) == fingerprint(asset.source))


def _found_files(world: World, selected: Iterable[AssetKey]) -> dict[AssetKey, tuple[FoundFile, ...]]:
    """The files that the sources of these assets match now. Several sources are searched at the same time."""
    sources = {key: files for key in selected if (files := world.project.assets[key].files)}
    if not sources:
        return {}
    with ThreadPoolExecutor(thread_name_prefix="source") as pool:
        return dict(zip(sources, pool.map(world.find_files, sources.values()), strict=True))


def _landing(world: World, key: AssetKey, found: Sequence[FoundFile], table: Table | None, *, anew: bool) -> Landing:
    """Which files land. The snapshots of main say what has landed, never the ledger."""
    source = world.project.assets[key].files
    assert source is not None, "only what has a source was looked for"
    name = landed_set(table)
    before = _sidecar(world, table, name, from_json) if table and name else LandedSet()
    if anew:
        return keep_out(to_land_again(found, before.files, source.once), before.out, source.once)
    landing = replace(to_land(found, before.files, source.once), undeclared=before.undeclared)
    return keep_out(landing, before.out, source.once)


def built(world: World, table: Table, snapshot_id: int | None) -> Mapping[str, Built] | None:
    """The partitions in time that a snapshot holds. None when it was partitioned in another way."""
    asset = world.project.assets.get(table.key)
    name = partition_set.partition_set(table, snapshot_id) if asset and asset.timeline else ""
    if not asset or not asset.timeline or not name:
        return None
    found = _sidecar(world, table, name, partial(partition_set.from_json, timeline=asset.timeline))
    return None if found is None else reading(found, table)


def _sidecar(world: World, table: Table, name: str, parse: Callable[[str], Parsed]) -> Parsed:
    """What a sidecar says; LakeError when it is gone or damaged."""
    try:
        return parse(world.catalog.read_sidecar(table, name))
    except (ValueError, LookupError, TypeError) as error:
        raise LakeError(
            f"{table.key}: {name}, which says what main's rows came from, is damaged ({type(error).__name__})",
            hint="restore the table's metadata folder from a copy",
            asset=table.key,
        ) from error


def _renamed_code(world: World, tables: Iterable[Table]) -> dict[str, str]:
    """Code versions that differ although the code is the same.

    1. Those of another fingerprint algorithm, computed again from the stored text: a new algorithm must not rebuild
       the lake.
    2. Those of a salt that is not set here: looking needs no secret.
    """
    renamed = {}
    for table in tables:
        made = provenance_of(table.published.summary) if table.published else None
        unsalted = bool(made and made.salt and not _is_salted(world, table.key))
        if made and (made.fingerprint != ALGORITHM or unsalted) and (source := world.ledger.code(made.code_version)):
            renamed[made.code_version] = fingerprint(salted(source, "") if unsalted else source)
    return renamed


def _is_salted(world: World, key: AssetKey) -> bool:
    asset = world.project.assets.get(key)
    return asset is not None and bool(asset.salt)


def _unless_damaged(broken: dict[AssetKey, LakeError], key: AssetKey, read: Callable[[], Parsed]) -> Parsed | None:
    """What `read` gives. None where a sidecar of the table is gone or damaged; the reason is noted."""
    try:
        return read()
    except LakeError as error:
        broken.setdefault(key, error)
        return None


def _with_owners(broken: Mapping[AssetKey, LakeError]) -> dict[AssetKey, LakeError]:
    """The broken tables, and the owners of broken quarantines: an asset whose quarantine cannot be read cannot be
    written either.
    """
    owners = {owner: error for key, error in broken.items() if (owner := owner_of(key)) is not None}
    return owners | dict(broken)


def _under_new_names(found: dict[AssetKey, Any], renames: Mapping[AssetKey, AssetKey]) -> dict[AssetKey, Any]:
    for new, old in renames.items():
        said = found.pop(old, ())
        found[new] = replace(said, key=new) if isinstance(said, Table) else said
    return found

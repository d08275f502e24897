"""How a table differs between two of its states, or all tables of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lakeflow.core.compare.columns import Pair, pairs, schema_change
from lakeflow.core.compare.comparison import Asked, Comparison, Samples, Side
from lakeflow.core.errors import LakeError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.run import RunRecord
from lakeflow.core.model.scd2_columns import VALID_FROM
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan, Table
from lakeflow.core.values import dataclass
from lakeflow.core.view.lineage import hidden_columns
from lakeflow.core.wording import nearest
from lakeflow.wap.look.show import masked
from lakeflow.wap.look.side import default_sides, of_run, runs_of, sides, two_states
from lakeflow.wap.ports import World


@dataclass(frozen=True)
class Shown:
    """What is asked: a condition on the rows that are compared, and how many of each kind are shown."""

    where: str = ""
    rows: int = 5


def diff(world: World, key: AssetKey, between: str, shown: Shown) -> Comparison:
    """The difference of one asset. UsageError for states that are not there, and for a condition that is none, or
    that would tell personal values.
    """
    table = world.catalog.load([key]).get(key)
    if table is None:
        raise UsageError(f"{key} was never built", hint=f"`lakeflow materialize +{key}` builds it", asset=key)
    both = sides(world, table, between) if between.strip() else default_sides(world, table)
    return _difference(world, table, both, shown)


def diff_ref(world: World, key: AssetKey, base: int | None, ref: str, shown: Shown) -> Comparison:
    """How what a ref holds of an asset differs from a snapshot, or from nothing."""
    table = world.catalog.load([key])[key]
    return _difference(world, table, two_states(table, base, ref), shown)


def diff_run(world: World, run: str, shown: Shown) -> tuple[Comparison, ...]:
    """One for each table that the run wrote: what it holds against what readers see, what it published against what
    they saw before. UsageError when nothing of it is left, or what was before has expired.
    """
    looked = world.catalog.look(world.project.assets)
    found = _run_named(world, run, looked.tables.values())
    for step in found.steps if isinstance(found, RunRecord) else ():
        if step.asset in looked.broken and step.snapshot_id is not None:
            raise looked.broken[step.asset]
    id_ = found.id if isinstance(found, RunRecord) else found
    known = [(table, both) for table in looked.tables.values() if (both := of_run(table, id_))]
    if not known:
        raise UsageError(f"run {id_} left nothing to compare", hint=f"`lakeflow runs {id_}` says what it did")
    return tuple(_difference(world, table, both, shown) for table, both in known)


def _run_named(world: World, prefix: str, tables: Iterable[Table]) -> RunRecord | str:
    """The run; where the ledger knows none, its id as the tables have it. UsageError for no run, and for several."""
    try:
        return world.ledger.run(prefix)
    except (LakeError, UsageError) as error:
        near = sorted({run for table in tables for run in runs_of(table) if run.startswith(prefix)})
        if len(near) == 1:
            return near[0]
        named = {key.name: key for key in world.project.assets}
        meant = None if near else nearest(prefix, named)
        if meant is None:
            raise
        raise UsageError(error.message, hint=f"did you mean `lakeflow diff {named[meant]}`?") from None


def _difference(world: World, table: Table, both: tuple[Side, Side], shown: Shown) -> Comparison:
    before, after = (world.catalog.scan(table, side.snapshot_id) for side in both)
    asked, key = _asked(world, before, after, shown), table.key
    if both[0].snapshot_id is None:  # nothing was published yet, so that everything is new
        change = schema_change(Schema(()), after.schema)
    else:
        change = schema_change(before.schema, after.schema)
    found = world.engine.difference(before, after, asked)
    samples = (found.samples.added, found.samples.removed, found.samples.before, found.samples.after)
    hidden = Samples(*(masked(rows, asked.personal) for rows in samples))
    return Comparison(key, *both, change, found.rows, found.columns, asked.key, hidden)


def _asked(world: World, before: Scan, after: Scan, shown: Shown) -> Asked:
    assert isinstance(after.key, AssetKey)
    asset = world.project.assets[after.key]
    found = pairs(before.schema, after.schema)
    hidden = hidden_columns(world.project, asset)
    personal = frozenset(each.name.lower() for each in found if hidden & {each.name.lower(), each.before.name.lower()})
    if shown.where.strip():
        from lakeflow.core.sql import lake_query  # noqa: PLC0415 - the SQL parser takes 0.2 s to import

        lake_query.require_filter(shown.where, "", str(after.key), [each.name for each in found], personal)
    return Asked(found, _key(asset, found), shown.where.strip(), shown.rows, personal)


def _key(asset: Asset, found: Sequence[Pair]) -> tuple[str, ...]:
    """The columns that tell rows apart, as they are called after; none where a side lacks one of them."""
    versioned = (VALID_FROM,) if asset.write.traits.versioned else ()
    known = {each.before.name.lower(): each.name.lower() for each in found}
    known |= {each.name.lower(): each.name.lower() for each in found}
    names = [known.get(name.lower()) for name in (*asset.primary_key, *versioned)]
    whole = tuple(name for name in names if name is not None)
    return whole if asset.primary_key and len(whole) == len(names) else ()

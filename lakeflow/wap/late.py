"""Which built partitions of an asset its inputs have other rows for by now: the snapshots tell, and the engine looks at
the rows that came and went.

What is not certain counts as touched: files of before that are gone, columns that changed, code that does not say which
rows of an input belong to a partition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from lakeflow.core.errors import LakeflowError
from lakeflow.core.keys import EMPTY, AssetKey, TableKey
from lakeflow.core.model.asset import Asset, SqlCode
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import External, Scan, Table
from lakeflow.core.plan.facts import Facts, moved, published
from lakeflow.core.plan.in_time.built import Built
from lakeflow.core.plan.in_time.late_rows import FILES, Touched, TouchedBy
from lakeflow.core.plan.increments import Rewritten, increment
from lakeflow.core.time.timeline import Timeline, Window
from lakeflow.core.time.window_filter import WindowFilter, filter_by
from lakeflow.core.values import dataclass
from lakeflow.wap.ports import World

_LOOKS = 5
"""So many snapshots of an input are looked at one by one; what was built from older ones is taken for as old as the
oldest of them."""


@dataclass(frozen=True)
class Inputs:
    """What an asset reads now: the tables whose rows tell what they touch, the snapshot of each table that is pinned,
    and the digest of outside files. `columns` are those of all its tables, in lower case.
    """

    tables: Mapping[AssetKey, Table]
    heads: Mapping[AssetKey, int]
    columns: Mapping[AssetKey, frozenset[str]]
    externals: Mapping[TableKey, External] = EMPTY
    files: str = ""

    @property
    def read(self) -> Mapping[str, int]:
        """Every position by the input's name, as a set of built partitions remembers it."""
        theirs = {str(key): found.main for key, found in self.externals.items() if found.main is not None}
        return {str(key): head for key, head in self.heads.items()} | theirs | _file_position(self.files)


def inputs_of(world: World, asset: Asset, facts: Facts, heads: Mapping[AssetKey, int]) -> Inputs:
    """The inputs of an asset whose rows tell which partitions they touch, pinned at these snapshots."""
    mine, by_rows = asset.upstreams & heads.keys(), facts.by_rows.get(asset.key, frozenset())
    whole = {key for key in mine if world.project.assets[key].timeline is None or key in by_rows}
    return Inputs(
        {key: facts.tables[key] for key in whole},
        {key: heads[key] for key in mine},
        _columns(asset, facts, heads),
        {key: facts.externals[key] for key in asset.external if key in facts.externals},
        facts.reads_digests.get(asset.key, ""),
    )


def told_by_rows(world: World, asset: Asset, facts: Facts) -> frozenset[AssetKey]:
    """The inputs with partitions of their own whose rows must be looked at: the asset does not take rows by the very
    column and bounds of these partitions. Of a function that says nothing it is trusted to.
    """
    lines = {key: line for key in asset.upstreams if (line := world.project.assets[key].timeline)}
    if asset.timeline is None or not lines:
        return frozenset()
    if not isinstance(asset.code, SqlCode):
        return frozenset(lines.keys() & asset.input_times.keys())
    from lakeflow.core.sql.window_filters import window_filters  # noqa: PLC0415 - the parser takes 0.2 s to import

    heads = {key: table.main for key, table in facts.tables.items() if table.main is not None}
    filters = window_filters(asset.code.text, _columns(asset, facts, heads))

    def by_partition(key: AssetKey, line: Timeline) -> bool:
        by = {each.column for each in filters.get(key, ())} == {line.column.lower()}
        column = facts.tables[key].schema.find(line.column) if key in facts.tables else None
        return by and not (line.zone and column is not None and str(column.type) == "date")

    return frozenset(key for key, line in lines.items() if key in heads and not by_partition(key, line))


def _columns(asset: Asset, facts: Facts, heads: Mapping[AssetKey, int]) -> Mapping[AssetKey, frozenset[str]]:
    return {key: _names(facts.tables[key].schema_of(heads[key])) for key in asset.upstreams & heads.keys()}


def touched(world: World, asset: Asset, built: Mapping[str, Built], inputs: Inputs, now: datetime) -> TouchedBy:
    """What changed in each input since a partition was built from it, by the snapshot that it was built from."""
    if asset.timeline is None or not built:
        return EMPTY
    found: dict[str, dict[int, Touched]] = {}
    for key, table in inputs.tables.items():
        look = _InputOfPartitions(world, asset, inputs, key, table)
        found[str(key)] = dict(look.since(_positions(built, str(key)), built, asset.timeline, now))
    for other, said in inputs.externals.items():
        for since in _positions(built, str(other)):
            if said.table is not None and moved(said.table, since):
                found.setdefault(str(other), {})[since] = Touched(unknown="is of another catalog and moved")
    for since in _positions(built, FILES) if inputs.files else ():
        if _file_position(inputs.files)[FILES] != since:
            found.setdefault(FILES, {})[since] = Touched(unknown="changed")
    return found


def _file_position(digest: str) -> dict[str, int]:
    """A digest of outside files as a number, which a set of built partitions remembers as it does a snapshot."""
    return {FILES: int(digest[:15], 16)} if digest else {}


def _positions(built: Mapping[str, Built], upstream: str) -> set[int]:
    return {each.read[upstream] for each in built.values() if upstream in each.read}


_NOBODY_SAYS = 0
"""Stands for the snapshot of an input with partitions, up to which sets of before do not say that they read it."""


def reading(built: Mapping[str, Built], table: Table | None) -> Mapping[str, Built]:
    """The set, in which partitions of before are taken to have read what the last write read of whole inputs."""
    stands = published(table)
    last = stands.inputs if stands else EMPTY
    if all(each.read.keys() >= last.keys() for each in built.values()):
        return built

    def told(each: Built) -> Built:
        whole = EMPTY if each.read else {key: id_ for key, id_ in last.items() if key not in each.inputs}
        return replace(each, read={**dict.fromkeys(each.inputs, _NOBODY_SAYS), **whole, **each.read})

    return {name: told(each) for name, each in built.items()}


@dataclass(frozen=True)
class _InputOfPartitions:
    """A look at what came to one input of an asset."""

    world: World
    asset: Asset
    inputs: Inputs
    key: AssetKey
    table: Table

    def since(
        self, positions: set[int], built: Mapping[str, Built], timeline: Timeline, now: datetime
    ) -> Iterator[tuple[int, Touched]]:
        head = self.inputs.heads.get(self.key)
        if head is None:
            return
        behind = [each for each in self._newest_first(positions, head) if moved(self.table, each, head)]
        spans = [(name, window) for name, window in timeline.partitions(now) if name in built]
        at = {name: each.read.get(str(self.key)) for name, each in built.items()}
        for place, since in enumerate(behind[:_LOOKS]):
            oldest = place == _LOOKS - 1
            mine = [each for each in spans if at[each[0]] == since or (oldest and at[each[0]] in behind[_LOOKS:])]
            looked = self._remembered(behind[-1] if oldest else since, head, mine)
            for each in (since, *(behind[_LOOKS:] if oldest else ())):
                yield each, looked

    def _newest_first(self, positions: set[int], head: int) -> list[int]:
        kept = [snapshot.id for snapshot in self.table.ancestry(head) if snapshot.id in positions]
        return [*kept, *sorted(positions - set(kept))]

    def _remembered(self, since: int, head: int, spans: Sequence[tuple[str, Window]]) -> Touched:
        """A run asks the same when it plans, settles and publishes; two snapshots never change."""
        asked = (self.asset.key, self.asset.code_version, self.key, since, head, tuple(spans))
        if asked not in self.world.looked:
            self.world.looked[asked] = self._touched(since, head, spans)
        return self.world.looked[asked]

    def _touched(self, since: int, head: int, spans: Sequence[tuple[str, Window]]) -> Touched:
        filters = self._filters()
        if not filters:
            named = f'input_times = {{"{self.key}" = "…"}} names their time'
            return Touched(unknown=f"moved and the code does not say which of its rows a partition takes ({named})")
        try:
            came, went = self._difference(since, head)
            places = self.world.engine.touched(came, went, filters, [window for _, window in spans])
        except _CannotTellError as error:
            return Touched(unknown=str(error))
        except LakeflowError as error:
            return Touched(unknown=f"moved and its new rows cannot be told apart ({type(error).__name__})")
        return Touched(frozenset(spans[place][0] for place in places))

    def _filters(self) -> Sequence[WindowFilter]:
        if said := self.asset.input_times.get(self.key):
            return (filter_by(said),)
        if not isinstance(self.asset.code, SqlCode):
            return ()
        from lakeflow.core.sql.window_filters import window_filters  # noqa: PLC0415 - the parser takes 0.2 s to import

        return window_filters(self.asset.code.text, self.inputs.columns).get(self.key, ())

    def _difference(self, since: int, head: int) -> tuple[Scan, Scan | None]:
        """The rows that came, and those that went if some may have."""
        catalog, table = self.world.catalog, self.table
        added = increment(table, since, head)
        if since in table.snapshots and not _only_more(table.schema_of(since), table.schema_of(head)):
            raise _CannotTellError("has other columns by now")
        if not isinstance(added, Rewritten):
            return catalog.scan_added(table, head, tuple(snapshot.id for snapshot in added.appends)), None
        if since not in table.snapshots:
            raise _CannotTellError(added.why)
        came = catalog.scan(table, head)
        return came, replace(catalog.scan(table, since), schema=came.schema, schemas=came.schemas)


class _CannotTellError(Exception):
    """Says why nobody can tell which rows came."""


def _names(schema: Schema) -> frozenset[str]:
    return frozenset(name.lower() for name in schema.names)


def _only_more(before: Schema, after: Schema) -> bool:
    """Are all columns of before there, as they were?"""
    now = {field.id: (field.name, str(field.type)) for field in after.fields}
    return all(now.get(field.id) == (field.name, str(field.type)) for field in before.fields)

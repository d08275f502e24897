"""The laws of layers and names, and the order of assets: pure rules over everything that all files declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from lakeflow.core.column_names import RESERVED, hint_of_renamed
from lakeflow.core.contract.fit import contracts
from lakeflow.core.declare.declaration import Declaration
from lakeflow.core.declare.derived_columns import derives_faults
from lakeflow.core.declare.particular.engine_laws import engine_faults
from lakeflow.core.declare.particular.example_laws import example_faults
from lakeflow.core.declare.particular.keyed_inputs import unlike
from lakeflow.core.declare.particular.timeline_laws import timeline_faults
from lakeflow.core.errors import Fault
from lakeflow.core.keys import EMPTY, NAME_PATTERN, AssetKey, ExternalKey, Layer
from lakeflow.core.model.asset import Code, Deletes, OnRewrite, PythonCode
from lakeflow.core.model.file_source import Extra
from lakeflow.core.model.layout import Layout, PartitionField, Transform
from lakeflow.core.model.write_mode import WriteMode, modes_that
from lakeflow.core.time.local import at_wall, zone_of
from lakeflow.core.time.timeline import Timeline
from lakeflow.core.values import dataclass
from lakeflow.core.wording import did_you_mean, did_you_mean_asset

if TYPE_CHECKING:
    from lakeflow.core.sql.column_origins import Flows

_NAME: Final = (
    "a name is a lower-case letter, then up to 50 lower-case letters, digits or underscores; `__` is reserved"
)


@dataclass(frozen=True)
class AssetDraft:
    """An asset as its file declares it, before anything is known about other assets.

    `inputs` maps the name that the code uses to the upstream, `externals` to a table of another catalog. `lines` holds
    the line of each declared field, and of each input under its name. `flows` says where the values of its columns
    come from, where its code can tell; `named_files` are the outside files that its code spells out.
    """

    key: AssetKey
    declaration: Declaration
    code: Code
    inputs: Mapping[str, AssetKey] = EMPTY
    lines: Mapping[str, int] = field(default=EMPTY, repr=False)
    source: str = field(default="", repr=False)
    code_version: str = ""
    description: str = ""
    flows: Flows | None = field(default=None, repr=False, compare=False)
    externals: Mapping[str, ExternalKey] = EMPTY
    named_files: tuple[str, ...] = ()

    @cached_property
    def own_faults(self) -> tuple[Fault, ...]:
        """What it breaks whatever others there are, found once: a file that stays keeps its draft in the next load."""
        return tuple(_laws(self))

    @property
    def new_rows(self) -> frozenset[AssetKey]:
        """The inputs of which only new rows are read. A name that is no input is left to the laws."""
        named = {*self.declaration.new_rows, *self.declaration.new_keys}
        return frozenset(key for key in self.inputs.values() if str(key) in named)

    @property
    def new_keys(self) -> Mapping[AssetKey, tuple[str, ...]]:
        """The key columns of each input of which all rows of changed keys are read."""
        said = self.declaration.new_keys
        return {key: said[str(key)] for key in self.inputs.values() if str(key) in said}

    @property
    def timeline(self) -> Timeline | None:
        said = self.declaration
        if said.partition is None or said.start is None:
            return None
        clock = zone_of(said.zone)
        start, end = at_wall(said.start, clock), said.end and at_wall(said.end, clock)
        return Timeline(*said.partition, start, end, said.lookback, said.zone, waits=not said.partial)

    @property
    def input_times(self) -> Mapping[AssetKey, str]:
        """The time of the rows of inputs, as SQL over one row. A name that is no input is left to the laws."""
        said = self.declaration.input_times
        return {key: said[each] for name, key in self.inputs.items() for each in (name, str(key)) if each in said}

    @property
    def layout(self) -> Layout:
        """The declared layout; partitions in time are also partitions of the files."""
        said = self.declaration
        if said.partition is None:
            return Layout(said.partition_by, said.sort_by)
        unit, column = said.partition
        return Layout((PartitionField(column, Transform(unit)),), said.sort_by)

    @property
    def on_rewrite(self) -> OnRewrite:
        """The declared choice, otherwise a rebuild. Bronze never takes a row back, so it holds."""
        return self.declaration.on_rewrite or (OnRewrite.HOLD if self.key.layer is Layer.BRONZE else OnRewrite.REBUILD)

    @property
    def write(self) -> WriteMode:
        return write_mode(self.declaration, self.key.layer)

    def fault(self, message: str, hint: str, at: str = "") -> Fault:
        """A fault of this asset, at the line of a field or input, otherwise where the asset begins."""
        return Fault(self.code.path, self.lines.get(at, self.code.line), message, hint)


@dataclass(frozen=True)
class ParsedFile:
    """What one file gave. `lost` are assets that the file may define but whose faults keep them from being read."""

    drafts: tuple[AssetDraft, ...] = ()
    faults: tuple[Fault, ...] = ()
    lost: frozenset[AssetKey] = frozenset()


def write_mode(declaration: Declaration, layer: Layer) -> WriteMode:
    """The declared mode. Without one: `partition` for partitions in time, otherwise `append` in bronze and `replace`
    elsewhere.
    """
    if declaration.write is None and declaration.partition is not None:
        return WriteMode.PARTITION
    return declaration.write or (WriteMode.APPEND if layer is Layer.BRONZE else WriteMode.REPLACE)


def faults_of(drafts: Sequence[AssetDraft], lost: frozenset[AssetKey] = frozenset()) -> list[Fault]:
    """Everything that breaks a law, in no order. A duplicate is reported once, at the later place."""
    known = {draft.key for draft in drafts} | lost
    found = [fault for draft in drafts for fault in (*draft.own_faults, *_beside_others(draft, known))]
    return [*found, *derives_faults(drafts), *_duplicates(drafts), *_renames(drafts), *_cycles(drafts)]


def _laws(draft: AssetDraft) -> Iterator[Fault]:
    yield from _name(draft)
    yield from _columns(draft)
    yield from _layer(draft)
    yield from _merging(draft)
    yield from _layout(draft)
    yield from _reads(draft)
    yield from _source(draft)
    yield from engine_faults(draft)
    yield from _new_rows(draft)
    yield from _new_keys(draft)
    yield from _externals(draft)
    yield from timeline_faults(draft)
    yield from _fresh_column(draft)


def _beside_others(draft: AssetDraft, known: set[AssetKey]) -> Iterator[Fault]:
    yield from example_faults(draft, known)
    for name, upstream in draft.inputs.items():
        yield from _input(draft, name, upstream, known)


def _name(draft: AssetDraft) -> Iterator[Fault]:
    if not NAME_PATTERN.fullmatch(draft.key.name) or "__" in draft.key.name:
        yield draft.fault(f"{draft.key.name!r} cannot be the name of a table", _NAME, "name")


def _columns(draft: AssetDraft) -> Iterator[Fault]:
    """Faults of declared columns. What is declared about a column that no table can have would have no effect."""
    said = draft.declaration
    fields = {**dict.fromkeys(said.key, "key"), **{name: f"columns.{name}" for name in said.columns}}
    for name, field_ in fields.items():
        if name.lower() in RESERVED:
            hint = hint_of_renamed(name.lower()) or "give the column another name"
            yield draft.fault(f"{draft.key} has a column {name!r}, a name that Iceberg reserves", hint, field_)


def _layer(draft: AssetDraft) -> Iterator[Fault]:
    if draft.key.layer is Layer.BRONZE and draft.write is not WriteMode.APPEND:
        hint = f'drop write = "{draft.write}", or move the asset to layers/silver/'
        yield draft.fault(f"{draft.key} is bronze, and bronze only appends", hint, "write")
    if draft.key.layer is Layer.SILVER and not draft.declaration.key:
        yield draft.fault(f"{draft.key} declares no key", 'name the columns that tell rows apart: key = ["id"]')


def _merging(draft: AssetDraft) -> Iterator[Fault]:
    """Faults of fields that a write mode needs, and of fields that mean nothing without it."""
    said = draft.declaration
    traits, keyed = draft.write.traits, " and ".join(f'"{mode}"' for mode in modes_that(lambda each: each.keyed))
    if traits.keyed and not said.key and draft.key.layer is not Layer.SILVER:
        hint = 'name the columns that tell rows apart: key = ["id"]'
        yield draft.fault(f'{draft.key} is written by "{draft.write}" and declares no key', hint, "write")
    for name in (name for name in ("keep", "deleted") if getattr(said, name) and not traits.keyed):
        hint = f"only write = {keyed} tell rows apart by a key: drop {name}, or declare such a mode"
        yield draft.fault(f'{draft.key} is written by "{draft.write}", for which {name} means nothing', hint, name)
    for name in (name for name in ("at", "track", "deletes") if getattr(said, name) and not traits.versioned):
        hint = f'only write = "scd2" keeps versions: drop {name}, or declare that mode'
        yield draft.fault(f'{draft.key} is written by "{draft.write}", for which {name} means nothing', hint, name)
    yield from _track(draft)
    if said.deletes is Deletes.CLOSE and draft.new_rows:
        hint = "new rows say nothing of keys that did not come: drop new_rows, or deletes"
        yield draft.fault(f"{draft.key} closes what does not come and reads only new rows", hint, "deletes")


def _track(draft: AssetDraft) -> Iterator[Fault]:
    """Faults of `track`: it may name only columns that the code gives, and neither the key nor the column of the
    time.
    """
    said, seen = draft.declaration, set[str]()
    apart = {name.lower(): "key" for name in said.key} | ({said.at.lower(): "at"} if said.at else {})
    given = draft.flows.names if draft.flows else None
    for name in said.track:
        if name.lower() in seen:
            yield draft.fault(f"track names column {name!r} twice", "name every column once", "track")
        elif (other := apart.get(name.lower())) is not None:
            hint = "drop it there: track names the columns whose change begins a new version"
            yield draft.fault(f"track and {other} both name column {name!r}", hint, "track")
        elif given is not None and name.lower() not in given:
            hint = did_you_mean(name, sorted(given), f"select {name} too")
            yield draft.fault(f"track names column {name!r}, which {draft.key} does not select", hint, "track")
        seen.add(name.lower())


def _layout(draft: AssetDraft) -> Iterator[Fault]:
    """Faults of the layout. Partition values stand in paths and manifests, where no mask applies."""
    said = draft.declaration
    personal = {name.lower() for name, column in said.columns.items() if column.pii and not column.mask}
    if said.partition and said.partition_by:
        hint = "drop it: partition says how its rows lie in files, sort_by may say more"
        yield draft.fault(f"{draft.key} has both partition and partition_by", hint, "partition_by")
    if draft.write.traits.by_partition and not draft.layout.partition_by:
        hint = 'say which partitions: partition_by = ["day(at)"]'
        yield draft.fault(f'{draft.key} is written by "{draft.write}" and has no partition_by', hint, "write")
    for each in draft.layout.partition_by:
        if each.column.lower() in personal and each.transform is not Transform.BUCKET:
            hint = f"bucket(16, {each.column}) shows no value; or partition by another column"
            what = f"{draft.key} is partitioned by {each}, whose values would stand in the names of its files"
            yield draft.fault(what, hint, "partition_by")


def _fresh_column(draft: AssetDraft) -> Iterator[Fault]:
    """Faults of `fresh_column`. Its newest value is shown with the asset's health."""
    said, given = draft.declaration, draft.flows.names if draft.flows else None
    name = said.fresh_column
    column = next((column for declared, column in said.columns.items() if declared.lower() == name.lower()), None)
    if name and given is not None and name.lower() not in given:
        hint = did_you_mean(name, sorted(given), f"select {name} too")
        yield draft.fault(f"fresh_column names {name!r}, which {draft.key} does not select", hint, "fresh_column")
    if column is not None and (column.pii or column.mask):
        hint = "name a column that tells nothing of a person, such as when the row came"
        yield draft.fault(f"fresh_column names {name!r}, whose values are personal", hint, "fresh_column")


def _reads(draft: AssetDraft) -> Iterator[Fault]:
    if not draft.declaration.reads:
        return
    outside_bronze = draft.key.layer is Layer.GOLD or (
        not isinstance(draft.code, PythonCode) and draft.key.layer is not Layer.BRONZE
    )
    if outside_bronze:
        hint = "read the files in a bronze asset, and that one here"
        yield draft.fault(f"{draft.key} reads outside files, which {draft.key.layer} may not", hint, "reads")
    elif draft.inputs or draft.externals:
        hint = "only an asset without inputs reads outside files: split it in two"
        yield draft.fault(f"{draft.key} has both reads and inputs", hint, "reads")


def _source(draft: AssetDraft) -> Iterator[Fault]:
    if draft.declaration.source is None:
        return
    if draft.key.layer is not Layer.BRONZE:
        hint = "land the files in a bronze asset, and read that one here"
        yield draft.fault(f"{draft.key} lands outside files, which only bronze may", hint, "source")
    elif draft.inputs or draft.externals or draft.declaration.reads:
        other = "inputs" if draft.inputs else "external" if draft.externals else "reads"
        hint = "an asset that lands files reads nothing else: split it in two"
        yield draft.fault(f"{draft.key} has both source and {other}", hint, "source")
    personal = any(column.pii or column.mask for column in draft.declaration.columns.values())
    if personal and any(each.extra is Extra.LAND for each in contracts(draft.declaration.source)):
        hint = 'declare the columns that come: nobody could say whether another one is personal; or extra = "ignore"'
        yield draft.fault(f"{draft.key} has personal columns and lands whatever comes", hint, "source")


def _new_rows(draft: AssetDraft) -> Iterator[Fault]:
    said, policy = draft.declaration, draft.declaration.on_rewrite
    declared = {**dict.fromkeys(said.new_rows, "new_rows"), **dict.fromkeys(said.new_keys, "new_keys")}
    for name in sorted(set(declared) - {str(key) for key in draft.inputs.values()}):
        hint = did_you_mean_asset(name, draft.inputs.values(), "name one of its inputs")
        yield draft.fault(f"{draft.key} wants the new rows of {name}, which it does not read", hint, declared[name])
    for name in sorted(set(said.new_rows) & set(said.new_keys)):
        hint = "keep the one that says how it is read: row by row, or all rows of the keys that have new ones"
        yield draft.fault(f"{draft.key} names {name} in new_rows and in new_keys", hint, "new_keys")
    for key in sorted(draft.new_rows):
        if list(draft.inputs.values()).count(key) > 1:
            hint = "read it under one name: all of its rows, or the new ones"
            yield draft.fault(f"{draft.key} reads {key} twice, once for its new rows", hint, "inputs")
    if declared and not draft.write.traits.takes_new_rows:
        hint = 'say how new rows are added: write = "append" or "upsert"'
        yield draft.fault(f"{draft.key} reads only new rows and would replace all others with them", hint, "write")
    if policy and not declared:
        hint = "drop it, or name inputs in new_rows"
        yield draft.fault(f"{draft.key} has on_rewrite and no input of new rows", hint, "on_rewrite")
    if policy is OnRewrite.REBUILD and draft.key.layer is Layer.BRONZE:
        hint = 'write on_rewrite = "hold", or move the asset to layers/silver/'
        yield draft.fault(f"{draft.key} is bronze, and bronze never takes a row back", hint, "on_rewrite")


def _new_keys(draft: AssetDraft) -> Iterator[Fault]:
    said = draft.declaration
    if said.new_keys and draft.write.traits.adds:
        hint = 'write = "upsert" replaces what stands there of each key'
        yield draft.fault(f"{draft.key} appends rows of keys that it has given before", hint, "write")
    for key, by in sorted(draft.new_keys.items()) if said.key else ():
        for what, hint in unlike(said.key, key, by, draft.flows):
            yield draft.fault(f"{draft.key}: {what}", hint, "new_keys")


def _externals(draft: AssetDraft) -> Iterator[Fault]:
    if draft.externals and draft.key.layer is Layer.GOLD:
        name = min(map(str, draft.externals.values()))
        hint = "gold reads silver and gold: take it in with a bronze or silver asset first"
        yield draft.fault(f"{draft.key} is gold and reads {name} of another catalog", hint, "external")


def _input(draft: AssetDraft, name: str, upstream: AssetKey, known: set[AssetKey]) -> Iterator[Fault]:
    if upstream not in known:
        hint = did_you_mean_asset(upstream, known, "no asset is defined yet by that name")
        yield draft.fault(f"{draft.key} reads {upstream}, which is not defined", hint, name)
    if upstream.layer.rank > draft.key.layer.rank:
        hint = f"move {draft.key} to layers/{upstream.layer}/, or read a lower layer"
        yield draft.fault(f"{draft.key} reads upward: {upstream}", hint, name)
    elif draft.key.layer is Layer.GOLD and upstream.layer is Layer.BRONZE:
        hint = "gold reads silver and gold: clean it in a silver asset first"
        yield draft.fault(f"{draft.key} is gold and reads {upstream}", hint, name)


def _renames(drafts: Sequence[AssetDraft]) -> Iterator[Fault]:
    """Faults of `renamed_from`. A table has one name: an asset that is still defined cannot have been renamed, and no
    two assets may come from one.
    """
    defined = {draft.key for draft in drafts}
    taken: set[AssetKey] = set()
    for draft in sorted(drafts, key=lambda draft: draft.key):
        old = draft.declaration.renamed_from
        if old in defined:
            hint = "drop renamed_from, or remove the asset of the old name"
            yield draft.fault(f"{draft.key} is renamed from {old}, which is still defined", hint, "renamed_from")
        elif old in taken:
            hint = "one of them keeps the table: drop renamed_from in the other"
            yield draft.fault(f"{draft.key} is renamed from {old}, and so is another asset", hint, "renamed_from")
        elif old is not None:
            taken.add(old)


def _duplicates(drafts: Sequence[AssetDraft]) -> Iterator[Fault]:
    first: dict[AssetKey, AssetDraft] = {}
    for draft in sorted(drafts, key=lambda draft: (draft.code.path, draft.code.line)):
        if draft.key in first:
            where = f"{first[draft.key].code.path}:{first[draft.key].code.line}"
            yield draft.fault(f"{draft.key} is defined twice, first at {where}", "rename or remove one of them")
        first.setdefault(draft.key, draft)


def _cycles(drafts: Sequence[AssetDraft]) -> Iterator[Fault]:
    """Every separate cycle with its full path, reported where its first asset reads the one before it."""
    by_key = {draft.key: draft for draft in drafts}
    graph = {draft.key: set(draft.inputs.values()) & by_key.keys() for draft in drafts}
    while cycle := _a_cycle(graph):
        yield _cycle_fault(cycle, by_key)
        for upstream, key in pairwise(cycle):
            graph[key].discard(upstream)


def _a_cycle(graph: Mapping[AssetKey, set[AssetKey]]) -> list[AssetKey]:
    """A cycle, upstream before downstream, that begins and ends with its least asset; empty when there is none."""
    try:
        TopologicalSorter({key: sorted(graph[key]) for key in sorted(graph)}).prepare()
    except CycleError as error:
        path: list[AssetKey] = error.args[1][:-1]
        start = path.index(min(path))
        return [*path[start:], *path[:start], path[start]]
    return []


def _cycle_fault(cycle: list[AssetKey], by_key: Mapping[AssetKey, AssetDraft]) -> Fault:
    draft, upstream = by_key[cycle[0]], cycle[-2]
    name = next(name for name, key in draft.inputs.items() if key == upstream)
    path = " → ".join(map(str, cycle))
    return draft.fault(f"assets wait for one another: {path}", "take one of these inputs away", name)

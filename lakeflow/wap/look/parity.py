"""An asset's SELECT on both engines over the same rows: where its translation gives others.

Inputs are pinned, and the same rows of them are given to both. What both give lies in scratch files that belong to no
table; nothing of the lake changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from lakeflow.core.compare.columns import pairs, schema_change
from lakeflow.core.compare.comparison import Asked, Compared, Comparison, RowCounts, Samples, Side
from lakeflow.core.errors import AssetError, EngineLostError, SchemaError, UsageError
from lakeflow.core.keys import AssetKey, TableKey
from lakeflow.core.model.asset import Asset, PythonCode, SparkSql, SqlCode
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.parity.alike import numbered
from lakeflow.core.parity.parity import Parity, ParityOutcome, ReadRows
from lakeflow.core.parity.translated import Translated, translated
from lakeflow.core.replay.then import chances
from lakeflow.core.run.code_terms import Listener, Terms
from lakeflow.core.run.schema_evolution import settle
from lakeflow.core.run.write import WriteResult, all_rows
from lakeflow.core.spark.copied import copying
from lakeflow.core.spark.reader import read_spark_query
from lakeflow.core.sql.query import Allowed
from lakeflow.core.values import dataclass
from lakeflow.core.version.salt import require_salt
from lakeflow.core.view.lineage import hidden_columns
from lakeflow.wap.facts import external_scans, gather
from lakeflow.wap.look.preview import last_window, pinned_inputs
from lakeflow.wap.look.show import masked
from lakeflow.wap.ports import World

_FLOATING: Final = frozenset({"float", "double"})


@dataclass(frozen=True)
class Bounds:
    """At most so many rows are read of each input, and shown of each kind of difference."""

    read: int = 100_000
    shown: int = 5


def parity(world: World, key: AssetKey, bounds: Bounds, said: Listener) -> Parity:
    """How the rows differ that its own engine and the other one give.

    UsageError where there is no SELECT to translate, AssetError when the asset's own code fails, and where the other
    engine is not there. `said` hears what an engine prints.
    """
    asset = _of_select(world, key)
    assert not isinstance(asset.code, PythonCode), "a function was refused"
    into = translated(asset.code)
    found = Parity(key, asset.engine, ParityOutcome.LACKS, into, notes=tuple(_notes(asset)))
    if into.lacks:
        return found
    other = replace(asset, code=_code(into, asset.code))
    if isinstance(other.code, SparkSql) and (why := _unread(other.code, asset)):
        return replace(found, outcome=ParityOutcome.REFUSED, why=why)
    world.engine.start((other,))
    with world.engine.scratch() as folder:
        both = _OnBoth(world, asset, folder, bounds, said)
        return both.compared(found, other)


def _of_select(world: World, key: AssetKey) -> Asset:
    if (owner := owner_of(key)) is not None:
        raise UsageError(f"{key} is written together with {owner}", hint=f"`lakeflow parity {owner}`", asset=key)
    asset = world.project.assets[key]
    if isinstance(asset.code, PythonCode):
        raise UsageError(f"{key} is a function ({asset.place}), and only a SELECT is translated", hint=_BY_HAND)
    if asset.outside or asset.named_files:
        raise UsageError(f"{key} reads files ({asset.place}), and Spark lands none", hint="leave it on DuckDB")
    require_salt(world.project, (key,))
    return asset


_BY_HAND: Final = 'write it with engine = "spark" in an environment, and compare what that one holds with main'


def _code(into: Translated, own: SqlCode | SparkSql) -> SqlCode | SparkSql:
    kind = SqlCode if isinstance(own, SparkSql) else SparkSql
    return kind(into.text, f"{own.path}, translated", 1)


def _unread(code: SparkSql, asset: Asset) -> str:
    """Why the project would not load the translated text; empty where it would."""
    faults = read_spark_query(code.text, code.path, Allowed(external=asset.external)).faults
    return faults[0].message if faults else ""


def _notes(asset: Asset) -> Iterator[str]:
    for word in chances(asset):
        yield f"its code says {word}, which may give another value each time"


@dataclass(frozen=True)
class _OnBoth:
    world: World
    asset: Asset
    folder: str
    bounds: Bounds
    said: Listener

    def compared(self, found: Parity, other: Asset) -> Parity:
        inputs, samples = self._sampled()
        found = replace(found, samples=samples)
        own = self._given(self.asset, inputs)
        try:
            theirs = self._given(other, inputs)
        except EngineLostError:
            raise
        except AssetError as error:
            if error.asset != self.asset.key:  # the other engine is not there, whatever the text says
                raise
            return replace(found, outcome=ParityOutcome.REFUSED, why=error.message.removeprefix(f"{self.asset.key}: "))
        return self._judged(found, own, replace(theirs, schema=numbered(theirs.schema, own.schema)))

    def _sampled(self) -> tuple[dict[TableKey, Scan], tuple[ReadRows, ...]]:
        """The inputs as main is now, each with as many rows as are asked for."""
        facts = gather(self.world, (self.asset.key,))
        inputs = {
            **pinned_inputs(self.world, self.asset, facts.tables),
            **external_scans(self.world, self.asset, facts),
        }
        taken = {key: self._first(scan) for key, scan in inputs.items()}
        told = (ReadRows(str(key), scan.snapshot_id, taken[key].rows, scan.rows) for key, scan in inputs.items())
        return taken, tuple(told)

    def _first(self, scan: Scan) -> Scan:
        if scan.rows <= self.bounds.read:
            return scan
        with self.world.engine.produce(copying(scan, self.bounds.read), {scan.key: scan}) as rows:
            result = rows.write(all_rows(scan.schema, self.folder))
        return replace(_scan(scan.key, scan.schema, result), snapshot_id=scan.snapshot_id)

    def _given(self, asset: Asset, inputs: Mapping[TableKey, Scan]) -> Scan:
        """What an engine gives, in the types that are declared, else in those that it finds."""
        limits, windows = asset.limits.over(self.world.policy.limits), last_window(asset, self.world.clock())
        bytes_ = sum(scan.bytes for scan in inputs.values())
        terms = Terms(limits, self.said, self.said, windows=windows, input_bytes=bytes_)
        with self.world.engine.produce(asset, inputs, terms) as produced:
            schema = numbered(_settled(asset, produced.schema))
            write = all_rows(schema, self.folder, self._hidden)
            return _scan(asset.key, schema, produced.write(write))

    @property
    def _hidden(self) -> frozenset[str]:
        return hidden_columns(self.world.project, self.asset)

    def _judged(self, found: Parity, before: Scan, after: Scan) -> Parity:
        change = schema_change(before.schema, after.schema)
        asked, notes = self._asked(before, after)
        compared = Compared(RowCounts(before.rows, after.rows))
        if change or not self.world.engine.equal(before, after):
            compared, loose = self._difference(before, after, asked)
            notes += tuple(f"{name} differs by rounding alone, which counts as the same" for name in loose)
        sides = (Side(str(found.engine), None), Side(str(found.translated.engine), None))
        samples = (compared.samples.added, compared.samples.removed, compared.samples.before, compared.samples.after)
        hidden = Samples(*(masked(rows, asked.personal) for rows in samples))
        told = Comparison(self.asset.key, *sides, change, compared.rows, compared.columns, asked.key, hidden)
        outcome = ParityOutcome.DIFFERS if told.changes else ParityOutcome.SAME
        if outcome is ParityOutcome.SAME and not before.rows:
            outcome = ParityOutcome.NOTHING
        return replace(found, outcome=outcome, comparison=told, notes=(*found.notes, *notes))

    def _asked(self, before: Scan, after: Scan) -> tuple[Asked, tuple[str, ...]]:
        """Rows are told apart by the key where it is one on both sides."""
        found = pairs(before.schema, after.schema)
        key, names = tuple(map(str.lower, self.asset.primary_key)), {each.name.lower() for each in found}
        personal = self._hidden & names
        if not key or not names.issuperset(key):
            return Asked(found, (), samples=self.bounds.shown, personal=personal), ()
        if all(self.world.engine.is_key(scan, key) for scan in (before, after)):
            return Asked(found, key, samples=self.bounds.shown, personal=personal), ()
        said = (
            f"{', '.join(self.asset.primary_key)} is no key of these rows, so they are told apart by all their values"
        )
        return Asked(found, (), samples=self.bounds.shown, personal=personal), (said,)

    def _difference(self, before: Scan, after: Scan, asked: Asked) -> tuple[Compared, tuple[str, ...]]:
        """What differs, and the names of columns that do so by rounding alone, which are left out of it."""
        found = self.world.engine.difference(before, after, asked)
        loose = tuple(each.name for each in found.columns if self._is_rounding(before, after, asked, each.name))
        if not loose:
            return found, ()
        kept = tuple(pair for pair in asked.pairs if pair.name not in loose)
        return self.world.engine.difference(before, after, replace(asked, pairs=kept)), loose

    def _is_rounding(self, before: Scan, after: Scan, asked: Asked, name: str) -> bool:
        """Are the key and this column the same on both sides, within what sums of floats may differ?"""
        pair = next(each for each in asked.pairs if each.name == name)
        if not {str(pair.before.type), str(pair.after.type)} <= _FLOATING or pair.as_text:
            return False
        places = (*(asked.pairs[place] for place in asked.key_places), pair)
        left = replace(before, schema=Schema(tuple(each.before for each in places)))
        right = replace(after, schema=Schema(tuple(each.after for each in places)))
        return self.world.engine.equal(left, right)


def _settled(asset: Asset, given: Schema) -> Schema:
    try:
        return settle(given, asset.columns, None, parse_type)
    except SchemaError as error:
        raise SchemaError(f"{asset.key}: {error.message}", hint=error.hint, asset=asset.key) from None


def _scan(key: TableKey, schema: Schema, result: WriteResult) -> Scan:
    paths, rows = tuple(file.path for file in result.files), sum(file.rows for file in result.files)
    return Scan(key, None, schema, paths, rows, sum(file.bytes for file in result.files), schemas=(schema,))

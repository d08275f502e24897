"""What becomes of the columns of an asset, and who reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from lakeflow.core.columns.derivation import ColumnRef
from lakeflow.core.columns.graph import ColumnGraph
from lakeflow.core.columns.table_columns import TableColumn
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, PythonCode
from lakeflow.core.model.check import CheckKind
from lakeflow.core.model.schema import Decimal, Field, Schema, Type
from lakeflow.core.review.change import Change, ChangeEffect, ChangeKind
from lakeflow.core.review.places import place_of
from lakeflow.core.review.sides import BothSides
from lakeflow.core.values import dataclass

_WIDER = frozenset({("int", "long"), ("float", "double")})


@dataclass(frozen=True)
class _Reviewed:
    sides: BothSides
    asset: Asset
    before: Schema
    after: Schema

    @property
    def key(self) -> AssetKey:
        return self.asset.key


def column_changes(sides: BothSides, asset: Asset) -> Iterator[Change]:
    """Columns that come, go, have another name or another type. Nothing where they are not known."""
    before, after = sides.main[asset.key].schema, sides.checkout.schemas.get(asset.key)
    if before is None or after is None:
        return
    one = _Reviewed(sides, asset, before, after)
    gone = [field for field in before.fields if after.find(field.name) is None]
    came = [field for field in after.fields if before.find(field.name) is None]
    renamed = dict(_renamed(one, gone, came))
    for field in gone:
        yield _gone(one, field, renamed.get(field.name, ""))
    for field in came:
        if field.name not in renamed.values():
            says = f"{asset.key} has the new column {field.name}"
            yield _change(one, ChangeKind.COLUMN_ADDED, ChangeEffect.ADDITIVE, says, field.name)
    for field in before.fields:
        found = after.find(field.name)
        if found is not None and str(found.type) != str(field.type):
            yield _retyped(one, field, found)


def _renamed(one: _Reviewed, gone: list[Field], came: list[Field]) -> Iterator[tuple[str, str]]:
    """A column that is derived from the very same as one that is gone, in the same way and type, and no other is."""
    for field in gone:
        was = _flows(one.sides.main_graph, one.key, field.name)
        alike = [
            each.name
            for each in came
            if was and str(each.type) == str(field.type) and _flows(one.sides.checkout.graph, one.key, each.name) == was
        ]
        others = [each for each in gone if _flows(one.sides.main_graph, one.key, each.name) == was]
        if len(alike) == 1 and len(others) == 1:
            yield field.name, alike[0]


def _flows(graph: ColumnGraph, key: AssetKey, name: str) -> dict[ColumnRef, str]:
    found = column_of(graph, key, name)
    return {ColumnRef(ref.table, ref.column.lower()): str(flow) for ref, flow in found.flows.items()} if found else {}


def column_of(graph: ColumnGraph, key: AssetKey, name: str) -> TableColumn | None:
    table = graph.tables.get(str(key))
    return next((each for each in table.columns if each.ref.column.lower() == name.lower()), None) if table else None


def _gone(one: _Reviewed, field: Field, now: str) -> Change:
    kind = ChangeKind.COLUMN_RENAMED if now else ChangeKind.COLUMN_REMOVED
    what = f"{one.key}.{field.name} is called {now} now" if now else f"{one.key} gives no column {field.name} any more"
    readers = readers_of(one.sides, one.key, field.name)
    naming = [key for key in readers if _stops(one.sides, key, field.name)]
    checks = list(_naming_checks(one, field.name))
    breaks = bool(naming or checks)
    said = [f"{key} still reads it" for key in naming] + [f"{path} still names it" for path in checks]
    left = [str(key) for key in readers if key not in naming]
    if left:
        said.append(f"{', '.join(left)} read it {one.sides.there}")
    hint = "keep the column, or change who reads it in the same commit" if breaks else ""
    says = "; ".join((what, *said))
    effect = ChangeEffect.BREAKING if breaks else ChangeEffect.CHANGED
    return replace(_change(one, kind, effect, says, field.name, readers, hint), breaks=tuple(naming))


def _retyped(one: _Reviewed, before: Field, after: Field) -> Change:
    what = f"{one.key}.{before.name} is {after.type}, and {before.type} {one.sides.there}"
    readers = readers_of(one.sides, one.key, before.name)
    if _widens(before.type, after.type):
        return _change(one, ChangeKind.TYPE_WIDENED, ChangeEffect.CHANGED, what, before.name, readers)
    still = [key for key in readers if one.sides.same_code(key)]
    if not still:
        return _change(one, ChangeKind.TYPE_CHANGED, ChangeEffect.CHANGED, what, before.name, readers)
    says = f"{what}; {', '.join(map(str, still))} read it and {'are' if len(still) > 1 else 'is'} as before"
    hint = f"cast it to {before.type}, or change who reads it in the same commit"
    found = _change(one, ChangeKind.TYPE_CHANGED, ChangeEffect.BREAKING, says, before.name, readers, hint)
    return replace(found, breaks=tuple(still))


def _widens(before: Type, after: Type) -> bool:
    if isinstance(before, Decimal) and isinstance(after, Decimal):
        return before.scale == after.scale and before.precision <= after.precision
    return (str(before), str(after)) in _WIDER


def readers_of(sides: BothSides, key: AssetKey, column: str) -> tuple[AssetKey, ...]:
    """The assets of the checkout of which a column is derived from this one or whose rows it affects, on main or now; a
    function of which that is not known where its code names the column.
    """
    wanted = (str(key), column.lower())
    found = set()
    for name, asset in sides.project.assets.items():
        if key in asset.upstreams and _reads(sides, name, wanted):
            found.add(name)
    return tuple(sorted(found))


def _reads(sides: BothSides, reader: AssetKey, wanted: tuple[str, str]) -> bool:
    for graph in (sides.main_graph, sides.checkout.graph):
        table = graph.tables.get(str(reader))
        refs = (*table.rows, *(ref for each in table.columns for ref in each.flows)) if table else ()
        if any((ref.table, ref.column.lower()) == wanted for ref in refs):
            return True
    return _names(sides.project.assets[reader], wanted[1])


def _stops(sides: BothSides, reader: AssetKey, column: str) -> bool:
    """Can the reader not go on without the column? A SELECT that still names it does not bind any more; of a function
    its text tells that it names the column.
    """
    asset = sides.project.assets[reader]
    if isinstance(asset.code, PythonCode):
        return _names(asset, column)
    return any(fault.path == asset.code.path for fault in sides.checkout.faults)


def _names(asset: Asset, column: str) -> bool:
    return isinstance(asset.code, PythonCode) and is_named(asset.source, column)


def is_named(text: str, column: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", text, re.IGNORECASE) is not None


def _naming_checks(one: _Reviewed, column: str) -> Iterator[str]:
    """Check files whose expectations name the column; a SELECT that names it is a fault of its own."""
    for file in one.sides.project.suite(one.key).files:
        if file.kind is CheckKind.SUITE:
            for number, text in enumerate(file.text.splitlines(), 1):
                if is_named(text.partition("#")[0], column):
                    yield f"{file.path}:{number}"
                    break


def _change(  # noqa: PLR0913, PLR0917 - the fields of a change
    one: _Reviewed,
    kind: ChangeKind,
    effect: ChangeEffect,
    says: str,
    column: str = "",
    readers: tuple[AssetKey, ...] = (),
    hint: str = "",
) -> Change:
    return Change(kind, effect, one.key, says, column, *place_of(one.asset, column=column), hint, readers)

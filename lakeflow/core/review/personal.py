"""Personal data that a change lets out: a column that is derived from a personal one without a mask, and was not so on
main.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lakeflow.core.columns.derivation import ColumnRef, Flow
from lakeflow.core.columns.graph import ColumnGraph
from lakeflow.core.columns.table_columns import TableColumn
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, Mask, PythonCode
from lakeflow.core.review.change import Change, ChangeEffect, ChangeKind
from lakeflow.core.review.places import place_of
from lakeflow.core.review.sides import BothSides

_STRONGER = {"": 0, str(Mask.HASH): 1, str(Mask.REDACT): 2}
Reached = Mapping[ColumnRef, frozenset[ColumnRef]]
"""The personal columns that each column is derived from, unmasked."""


def personal_changes(sides: BothSides) -> Iterator[Change]:
    """A SELECT that carries personal data without saying so does not load at all; what is left is what it says to tell
    nothing, and what functions say to derive.
    """
    now, then = _reached(sides.checkout.graph), _reached(_as_declared(sides))
    for key, asset in sides.project.assets.items():
        yield from _weaker_masks(sides, asset)
        for column in sides.checkout.graph.tables[str(key)].columns:
            new = now.get(column.ref, frozenset()) - then.get(_lower(column.ref), frozenset())
            if new and not column.personal:
                yield from _reachable(sides, asset, column, new)


def _reachable(sides: BothSides, asset: Asset, column: TableColumn, new: frozenset[ColumnRef]) -> Iterator[Change]:
    name = column.ref.column
    said = next((each for at, each in asset.columns.items() if at.lower() == name.lower()), None)
    what = f"{column.ref} is derived from {', '.join(map(str, sorted(new)))}, which is personal"
    place = (name, *place_of(asset, column=name))
    if said is not None and said.pii is False:
        if _told_on_main(sides, asset.key, name):
            return
        says = f"{what}, and said to tell nothing of a person (pii = false)"
        yield Change(ChangeKind.SAID_TO_TELL_NOTHING, ChangeEffect.CHANGED, asset.key, says, *place)
    elif isinstance(asset.code, PythonCode):
        hint = 'give it mask = "hash" or mask = "redact", leave it out, or declare pii = false if it tells nothing'
        yield Change(ChangeKind.PERSONAL_REACHABLE, ChangeEffect.BREAKING, asset.key, what, *place, hint)


def _told_on_main(sides: BothSides, key: AssetKey, column: str) -> bool:
    """Was the same column made by the same code? Then nothing of it is new, whatever was declared above it."""
    if not sides.same_code(key):
        return False
    schema = sides.main[key].schema
    return schema is None or schema.find(column) is not None


def _weaker_masks(sides: BothSides, asset: Asset) -> Iterator[Change]:
    then = sides.main.get(asset.key)
    for name, said in then.columns.items() if then else ():
        was, mask = str(said.get("mask", "")), asset.masks.get(name)
        now = str(mask) if mask else ""
        given = sides.checkout.schemas.get(asset.key)
        if _STRONGER.get(was, 0) > _STRONGER[now] and (given is None or given.find(name)):
            what = f"{asset.key}.{name} is masked {sides.there} ({was}), and here {now or 'not at all'}"
            at = (name, *place_of(asset, f"columns.{name}"))
            hint = f'give it mask = "{was}", or leave the column out'
            yield Change(ChangeKind.MASK_REMOVED, ChangeEffect.BREAKING, asset.key, what, *at, hint)


def _as_declared(sides: BothSides) -> ColumnGraph:
    """The columns of main, each personal and masked as it was declared there, where that is kept."""
    tables = {}
    for name, table in sides.main_graph.tables.items():
        then = sides.main.get(key) if (key := AssetKey.find(name)) else None
        columns = tuple(_declared(each, then.columns) if then and then.source else each for each in table.columns)
        tables[name] = type(table)(table.table, columns, table.rows, table.unknown, table.reads)
    return ColumnGraph(tables)


def _declared(column: TableColumn, said: Mapping[str, Mapping[str, object]]) -> TableColumn:
    mine = said.get(column.ref.column.lower(), {})
    mask = Mask(str(mine["mask"])) if mine.get("mask") else None
    return TableColumn(
        column.ref, column.made_by, column.type, column.flows, column.unknown, personal=bool(mine.get("pii")), mask=mask
    )


def _reached(graph: ColumnGraph) -> dict[ColumnRef, frozenset[ColumnRef]]:
    """Upstreams come first in a graph's tables, so one pass tells it. What only decides carries no value."""
    found: dict[ColumnRef, frozenset[ColumnRef]] = {}
    carried: dict[ColumnRef, frozenset[ColumnRef]] = {}
    for table in graph.tables.values():
        for column in table.columns:
            refs = [_lower(ref) for ref, flow in column.flows.items() if flow is not Flow.DECIDES]
            came = (
                frozenset().union(*(carried.get(ref, frozenset()) for ref in refs))
                if column.mask is None
                else frozenset()
            )
            found[_lower(column.ref)] = found[column.ref] = came
            own = {_lower(column.ref)} if column.personal and column.mask is None else set()
            carried[_lower(column.ref)] = came | own
    return found


def _lower(ref: ColumnRef) -> ColumnRef:
    return ColumnRef(ref.table, ref.column.lower())

"""What a checkout does to the lake without building anything: its changes against main or a commit, and who is hit by
them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lakeflow.core.columns.graph import ColumnGraph
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, downstreams
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.table import MAIN
from lakeflow.core.review.change import Change, ChangeEffect, ChangeKind, Changes, Downstream
from lakeflow.core.review.columns import column_changes
from lakeflow.core.review.personal import personal_changes
from lakeflow.core.review.places import place_of
from lakeflow.core.review.projections import ALL_COLUMNS, changed_columns
from lakeflow.core.review.sides import BothSides

_ORDER = {ChangeEffect.BREAKING: 0, ChangeEffect.CHANGED: 1, ChangeEffect.ADDITIVE: 2, ChangeEffect.UNAFFECTED: 3}


def changes(sides: BothSides) -> Changes:
    """1. Faults of the SQL. 2. Assets that come and go. 3. Columns, keys and contracts. 4. Personal data."""
    found = [*_faults(sides), *_assets(sides), *personal_changes(sides)]
    for key, asset in sides.project.assets.items():
        if key in sides.main and owner_of(key) is None:
            found += [*column_changes(sides, asset), *_key_change(sides, asset), *_contract(sides, asset)]
    ordered = sorted(found, key=lambda each: (_ORDER[each.effect], str(each.asset), each.column, each.says))
    return Changes(tuple(ordered), tuple(_downstream(sides, ordered)), dict(_unknown(sides)), sides.other)


def _unknown(sides: BothSides) -> Iterator[tuple[AssetKey, str]]:
    """What was not compared, and why: code that is the same gives the same, whatever that is."""
    for key in sides.project.assets:
        if key not in sides.checkout.schemas:
            yield key, _why(sides, key)
        elif key in sides.main and sides.main[key].schema is None and not sides.same_code(key):
            yield key, f"only a run tells its columns {sides.there}"


def _why(sides: BothSides, key: AssetKey) -> str:
    table = sides.checkout.graph.tables.get(str(key))
    return (table.unknown if table else "") or "only a run tells its columns"


def _faults(sides: BothSides) -> Iterator[Change]:
    at = {asset.code.path: key for key, asset in sides.project.assets.items()}
    for fault in sides.checkout.faults:
        key = at.get(fault.path)
        yield Change(
            ChangeKind.FAULT, ChangeEffect.BREAKING, key, fault.message, "", fault.path, fault.line, fault.hint
        )


def _assets(sides: BothSides) -> Iterator[Change]:
    for key, asset in sides.project.assets.items():
        place = ("", *place_of(asset, "renamed_from"))
        if old := sides.renames.get(key):
            yield Change(ChangeKind.ASSET_RENAMED, ChangeEffect.CHANGED, key, f"{old} is called {key}", *place)
        elif key not in sides.main and owner_of(key) is None:
            yield Change(ChangeKind.ASSET_ADDED, ChangeEffect.ADDITIVE, key, f"{key} is new", *place)
    for key in sides.removed:
        if owner_of(key) is None:
            stays = f"; its table stays until `lakeflow drop {key}`" if sides.other == MAIN else ""
            says = f"nothing defines {key} any more{stays}"
            yield Change(ChangeKind.ASSET_REMOVED, ChangeEffect.CHANGED, key, says)


def _key_change(sides: BothSides, asset: Asset) -> Iterator[Change]:
    """Another key is another grain: what joins on it counts otherwise, and no error says so."""
    then = sides.main[asset.key]
    was = tuple(then.fields.get("key", ()))
    if not then.source or was == asset.primary_key:
        return
    readers = tuple(sorted(key for key, each in sides.project.assets.items() if asset.key in each.upstreams))
    still = [key for key in readers if sides.same_code(key)]
    told = f"the key of {asset.key} is ({', '.join(asset.primary_key)}), and ({', '.join(was)}) {sides.there}"
    says = f"{told}; {', '.join(map(str, still))} read it as before" if still else told
    effect = ChangeEffect.BREAKING if still else ChangeEffect.CHANGED
    hint = "keep the key, or change who reads the asset in the same commit" if still else ""
    place = place_of(asset, "key")
    yield Change(ChangeKind.KEY_CHANGED, effect, asset.key, says, "", *place, hint, readers, tuple(still))


def _contract(sides: BothSides, asset: Asset) -> Iterator[Change]:
    """Files that main's contract takes, and that no version of this one does."""
    then, files = sides.main[asset.key].fields.get("source"), asset.files
    if not then or files is None or not then.get("columns"):
        return
    mine = [_columns(each) for each in (files.data_fields(), *files.data_fields().get("versions", ()))]
    for was in (then, *then.get("versions", ())):
        if _columns(was) not in mine:
            lost = [name for name in _columns(was) if all(name not in each for each in mine)]
            told = f"the contract of {asset.key} has no version as {sides.there} any more"
            says = f"{told}: {', '.join(lost)} {'are' if len(lost) > 1 else 'is'} gone" if lost else told
            hint = f"keep the columns {sides.there} as a version of the source, so that files of before land"
            place = place_of(asset, "source")
            yield Change(ChangeKind.CONTRACT_BROKEN, ChangeEffect.BREAKING, asset.key, says, "", *place, hint)


def _columns(source: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(type_) for name, type_ in dict(source.get("columns", ())).items()}


def _downstream(sides: BothSides, found: list[Change]) -> Iterator[Downstream]:
    """For each asset whose code or columns changed, what becomes of those below it, by column lineage."""
    below = downstreams({key: asset.upstreams for key, asset in sides.project.assets.items()})
    other = {change.asset for change in found if change.effect is ChangeEffect.CHANGED}
    broken_files = {change.asset for change in found if change.kind is ChangeKind.FAULT}
    for key in sides.project.assets:
        if key not in sides.main or sides.same_code(key):
            continue
        hit = {reader for each in found if each.asset == key for reader in each.breaks}
        moved = _moved_columns(sides, key)
        for reader in sorted(_all_below(key, below)):
            broken = reader in hit | broken_files
            effect = ChangeEffect.BREAKING if broken else _effect(sides, reader, moved)
            loses = effect is ChangeEffect.UNAFFECTED and reader in other  # such as a column that goes for all who read
            yield Downstream(reader, key, ChangeEffect.CHANGED if loses else effect)


def _all_below(key: AssetKey, below: Mapping[AssetKey, frozenset[AssetKey]]) -> set[AssetKey]:
    found, edge = set[AssetKey](), [key]
    while edge:
        new = below.get(edge.pop(), frozenset()) - found
        found |= new
        edge += new
    return found


def _moved_columns(sides: BothSides, key: AssetKey) -> Mapping[str, frozenset[str] | None]:
    """The columns whose values may change, of the asset and of all below it, by table; None: any column and row."""
    then, asset = sides.main[key], sides.project.assets[key]
    if then.document.get("kind") != "sql" or then.fields != _fields(asset):
        first = ALL_COLUMNS
    else:
        first = changed_columns(str(then.document["text"]), asset)
    moved: dict[str, frozenset[str] | None] = {str(key): first}
    for name, table in sides.checkout.graph.tables.items():  # upstreams come first
        if table.reads & moved.keys() and name not in moved:
            moved[name] = _moved_of(sides.checkout.graph, name, moved)
    return moved


def _moved_of(graph: ColumnGraph, name: str, moved: Mapping[str, frozenset[str] | None]) -> frozenset[str] | None:
    table = graph.tables[name]
    if table.unknown or any(column.unknown for column in table.columns):
        return ALL_COLUMNS

    def moves(ref_table: str, column: str) -> bool:
        if ref_table not in moved:
            return False
        some = moved[ref_table]
        return some is None or column.lower() in some

    if any(moved.get(each, frozenset()) is None for each in table.reads):
        return ALL_COLUMNS
    if any(moves(ref.table, ref.column) for ref in table.rows):
        return ALL_COLUMNS
    return frozenset(
        each.ref.column.lower() for each in table.columns if any(moves(ref.table, ref.column) for ref in each.flows)
    )


def _effect(sides: BothSides, reader: AssetKey, moved: Mapping[str, frozenset[str] | None]) -> ChangeEffect:
    """Additive where all that moves are columns that the other side does not have."""
    mine, then = moved.get(str(reader), frozenset()), sides.main.get(reader)
    if then is None:
        return ChangeEffect.ADDITIVE
    if mine is ALL_COLUMNS or (mine and then.schema is None):
        return ChangeEffect.CHANGED
    if then.schema and any(then.schema.find(name) for name in mine):
        return ChangeEffect.CHANGED
    return ChangeEffect.ADDITIVE if mine else ChangeEffect.UNAFFECTED


def _fields(asset: Asset) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(asset.source or "{}").get("fields", {})
    return found

"""Looks once at a snapshot and counts what suggestions are made from: one aggregate, out of core, in bounded memory.

The values of a column are collected by a sketch that holds a fixed number of them: it is exact where they are few, and
says so by holding fewer than it may.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.core.model.schema import Field, Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.suggest.profile import (
    LONGEST,
    MOST_SHAPES,
    MOST_VALUES,
    ColumnKind,
    ColumnProfile,
    Key,
    PartitionRows,
    Profile,
    Span,
    Want,
    Wants,
    kind_of,
)

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FROM: Final = f"{_LETTERS}{_LETTERS.lower()}0123456789"
_TO: Final = "A" * 26 + "a" * 26 + "9" * 10
_LONG: Final = "too long"


def profile(
    cursor: DuckDBPyConnection, scan: Scan, wants: Wants, keys: Sequence[Key], span: Span | None = None
) -> Profile:
    """See `Engine.profile`."""
    found = _counted(cursor, scan, wants, keys)
    return replace(found, partitions=_partitions(cursor, scan, span)) if span else found


def _partitions(cursor: DuckDBPyConnection, scan: Scan, span: Span) -> PartitionRows | None:
    """A query of its own, of one column: the others have no groups."""
    name, unit = span
    narrow = replace(scan, schema=Schema(tuple(field for field in scan.schema.fields if field.name == name)))
    grouped = f"SELECT date_trunc('{unit}', {quoted(name)}) AS p, count(*) AS n FROM ({scans.select(cursor, narrow)})"
    newest = "(SELECT max(p) FROM grouped)"
    text = f"WITH grouped AS ({grouped} GROUP BY p) SELECT min(n), max(n), count(*) FROM grouped WHERE p < {newest}"
    found = cursor.execute(text).fetchone()
    return PartitionRows(*found) if found and found[2] else None


def _counted(cursor: DuckDBPyConnection, scan: Scan, wants: Wants, keys: Sequence[Key]) -> Profile:
    fields = {field.name: field for field in scan.schema.fields}
    asked = [
        (name, want, text)
        for name, wanted in wants.items()
        for want in Want
        if want in wanted
        for text in _COUNTS[want](fields[name])
    ]
    texts = [text for _, _, text in asked] + [_distinct(f"hash({', '.join(map(quoted, key))})") for key in keys]
    if not texts:
        return Profile()
    found = cursor.execute(f"SELECT {', '.join(texts)} FROM ({scans.select(cursor, scan)})").fetchone()
    assert found is not None, "an aggregate has one row"
    values: dict[str, dict[Want, list[Any]]] = {}
    for (name, want, _), value in zip(asked, found, strict=False):
        values.setdefault(name, {}).setdefault(want, []).append(value)
    columns = {name: _column(answers) for name, answers in values.items()}
    return Profile(columns, dict(zip(keys, found[len(asked) :], strict=True)))


def _column(found: Mapping[Want, list[Any]]) -> ColumnProfile:
    low, high = found.get(Want.RANGE, (None, None))
    shortest, longest = found.get(Want.LENGTHS, (None, None))
    (nulls,), (distinct,) = found.get(Want.NULLS, [None]), found.get(Want.DISTINCT, [None])
    values, shapes = _all(found.get(Want.VALUES), MOST_VALUES), _all(found.get(Want.SHAPES), MOST_SHAPES)
    return ColumnProfile(nulls, low, high, values, distinct, shortest, longest, shapes)


def _all(found: list[Any] | None, most: int) -> tuple[Any, ...] | None:
    """All values, in their order; None where there may be more. A column without a value has none."""
    if found is None or len(found[0] or ()) > most:
        return None
    return tuple(sorted(found[0] or ()))


def _filled(field: Field) -> str:
    name = quoted(field.name)
    missing = f"isnan({name})" if kind_of(field.type) is ColumnKind.FRACTION else "false"
    return f"{name} IS NOT NULL AND NOT {missing}"


def _nulls(field: Field) -> tuple[str, ...]:
    return (f"count(*) FILTER (NOT ({_filled(field)}))",)


def _range(field: Field) -> tuple[str, ...]:
    name = quoted(field.name)
    value = _MOMENTS.get(str(field.type), "{}").format(name)
    if kind_of(field.type).is_time:  # Python has no infinite time, and none before the year 1
        value = f"CASE WHEN isfinite({name}) AND year({name}) BETWEEN 1 AND 9999 THEN {value} END"
    return tuple(f"{side}({value}) FILTER ({_filled(field)})" for side in ("min", "max"))


def _values(field: Field) -> tuple[str, ...]:
    return (_sketch(quoted(field.name), MOST_VALUES),)


def _lengths(field: Field) -> tuple[str, ...]:
    return tuple(f"{side}(length({quoted(field.name)}))" for side in ("min", "max"))


def _shapes(field: Field) -> tuple[str, ...]:
    name = quoted(field.name)
    shape = f"translate({name}, '{_FROM}', '{_TO}')"
    return (_sketch(f"CASE WHEN length({name}) <= {LONGEST} THEN {shape} ELSE '{_LONG}' END", MOST_SHAPES, name),)


def _sketch(value: str, most: int, of: str | None = None) -> str:
    return f"approx_top_k({value}, {most + 1}) FILTER ({of or value} IS NOT NULL)"


def _distinct(value: str) -> str:
    return f"approx_count_distinct({value})"


_COUNTS: Final[Mapping[Want, Callable[[Field], tuple[str, ...]]]] = {
    Want.NULLS: _nulls,
    Want.RANGE: _range,
    Want.VALUES: _values,
    Want.DISTINCT: lambda field: (_distinct(quoted(field.name)),),
    Want.LENGTHS: _lengths,
    Want.SHAPES: _shapes,
}
_MOMENTS: Final = {"timestamptz": "timezone('UTC', {})"}

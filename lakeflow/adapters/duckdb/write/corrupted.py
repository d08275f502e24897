"""Corrupted copies of a snapshot, as scratch files that nobody refers to: one scan, one write, out of core.

Which rows are changed depends on what they hold and on the seed, never on files, threads or their order. A row is only
chosen where the corruption makes another value of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.adapters.duckdb.write.write import field_ids
from lakeflow.core.corrupt.corruption import Corruptible, Corruption, CorruptionKind, Dose
from lakeflow.core.model.schema import Field, Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.suggest.profile import ColumnKind, kind_of

_RANK: Final = quoted("lakeflow_rank")
_TIMES: Final = quoted("lakeflow_times")
_HASHES: Final = 2**64
_LAST_YEAR: Final = 9990


def corruptible(
    cursor: DuckDBPyConnection, scan: Scan, corruptions: Sequence[Corruption], dose: Dose
) -> tuple[Corruptible, ...]:
    """See `Engine.corruptible`."""
    if not corruptions:
        return ()
    texts = [text for each in corruptions for text in _count(each, scan.schema, dose)]
    found = cursor.execute(f"SELECT {', '.join(texts)} FROM ({_ranked(cursor, scan, dose)})").fetchone()
    assert found is not None, "an aggregate has one row"
    answers = [found[at : at + 3] for at in range(0, len(found), 3)]
    named = [_corruptible(each, answer, dose) for each, answer in zip(corruptions, answers, strict=True)]
    return _with_twins(cursor, scan, named, dose)


def _with_twins(
    cursor: DuckDBPyConnection, scan: Scan, found: Sequence[Corruptible], dose: Dose
) -> tuple[Corruptible, ...]:
    """Where the share chose no row and the first one is taken, rows that are the same as that one go with it."""
    least = [each for each in found if each.limit > _threshold(dose)]
    if not least:
        return tuple(found)
    counts = (
        f"count(*) FILTER ({_can_change(each.corruption, scan.schema)} AND {_RANK} <= {each.limit})" for each in least
    )
    numbers = cursor.execute(f"SELECT {', '.join(counts)} FROM ({_ranked(cursor, scan, dose)})").fetchone()
    assert numbers is not None, "an aggregate has one row"
    counted = dict(zip(map(id, least), numbers, strict=True))
    return tuple(replace(each, rows=counted.get(id(each), each.rows)) for each in found)


def write_corrupted(cursor: DuckDBPyConnection, scan: Scan, corruptible: Corruptible, dose: Dose, target: Path) -> Scan:
    """Write the copy to files in `target`, which is not there yet, and return how to read it."""
    select = _SELECTS.get(corruptible.corruption.kind, _changed)(corruptible, scan.schema)
    text = select.format(rows=f"({_ranked(cursor, scan, dose)})")
    options = f"FORMAT parquet, PER_THREAD_OUTPUT, RETURN_STATS, FIELD_IDS {field_ids(scan.schema.fields)}"
    written = cursor.execute(f"COPY ({text}) TO {literal(str(target))} ({options})").fetchall()
    kept = [(str(path), int(rows), int(size)) for path, rows, size, *_ in written if rows]
    return Scan(
        scan.key,
        scan.snapshot_id,
        scan.schema,
        tuple(path for path, _, _ in kept),
        sum(rows for _, rows, _ in kept),
        sum(size for _, _, size in kept),
    )


def _ranked(cursor: DuckDBPyConnection, scan: Scan, dose: Dose) -> str:
    """The rows with the number by which they are chosen."""
    by = ", ".join(quoted(name) for name in dose.by or scan.schema.names)
    return f"SELECT *, hash({by}, {int(dose.seed)}) AS {_RANK} FROM ({scans.select(cursor, scan)})"


def _count(corruption: Corruption, schema: Schema, dose: Dose) -> tuple[str, str, str]:
    """How many rows it can change, how many of these are chosen, and the least number or the value that is chosen."""
    if corruption.kind is CorruptionKind.DROPPED:
        value = _span(corruption, schema)
        chosen = f"CAST(arg_min({value}, hash({value}, {int(dose.seed)})) AS VARCHAR)"
        return f"count(*) FILTER ({value} IS NOT NULL)", "0", chosen
    can = _can_change(corruption, schema)
    return (
        f"count(*) FILTER ({can})",
        f"count(*) FILTER ({can} AND {_RANK} <= {_threshold(dose)})",
        f"min({_RANK}) FILTER ({can})",
    )


def _corruptible(corruption: Corruption, found: tuple[int, int, int | str | None], dose: Dose) -> Corruptible:
    """At least one row is changed where one can be."""
    able, chosen, first = found
    if not able or first is None:
        return Corruptible(corruption, 0)
    if isinstance(first, str):
        return Corruptible(corruption, able, value=first)
    if corruption.kind is CorruptionKind.DOUBLED:
        return Corruptible(corruption, able)
    return Corruptible(corruption, max(chosen, 1), max(_threshold(dose), first))


def _threshold(dose: Dose) -> int:
    return min(int(dose.share * _HASHES), _HASHES - 1)


def _can_change(corruption: Corruption, schema: Schema) -> str:
    """Is another value made of it? A table as a whole can always be changed."""
    if not corruption.kind.of_rows:
        return "true"
    new = _new_values(corruption, schema)
    differs = " OR ".join(f"{text} IS DISTINCT FROM {quoted(name)}" for name, text in new.items())
    made = " AND ".join(f"{text} IS NOT NULL" for text in new.values())
    loses = corruption.kind in {CorruptionKind.NULLS, CorruptionKind.SWAPPED}
    return f"({differs})" if loses else f"(({differs}) AND {made})"


def _changed(corruptible: Corruptible, schema: Schema) -> str:
    """Each row, with other values in those that are chosen."""
    corruption = corruptible.corruption
    new = _new_values(corruption, schema)
    hit = f"{_can_change(corruption, schema)} AND {_RANK} <= {corruptible.limit}"
    cells = (
        f"CASE WHEN {hit} THEN {new[name]} ELSE {quoted(name)} END AS {quoted(name)}" if name in new else quoted(name)
        for name in schema.names
    )
    return _braced(f"SELECT {', '.join(cells)} FROM ") + "{rows}"


def _repeated(corruptible: Corruptible, schema: Schema) -> str:
    every = corruptible.corruption.kind is CorruptionKind.DOUBLED
    times = "[1, 2]" if every else f"CASE WHEN {_RANK} <= {corruptible.limit} THEN [1, 2] ELSE [1] END"
    names = ", ".join(map(quoted, schema.names))
    return _braced(f"SELECT {names} FROM (SELECT *, unnest({times}) AS {_TIMES} FROM ") + "{rows})"


def _without(corruptible: Corruptible, schema: Schema) -> str:
    value = f"CAST({_span(corruptible.corruption, schema)} AS VARCHAR)"
    gone = f" WHERE {value} IS DISTINCT FROM {literal(corruptible.value or '')}"
    return _braced(f"SELECT {', '.join(map(quoted, schema.names))} FROM ") + "{rows}" + _braced(gone)


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


_SELECTS: Final[Mapping[CorruptionKind, Callable[[Corruptible, Schema], str]]] = {
    CorruptionKind.DUPLICATED: _repeated,
    CorruptionKind.DOUBLED: _repeated,
    CorruptionKind.DROPPED: _without,
}


def _span(corruption: Corruption, schema: Schema) -> str:
    """What tells the rows that go together: a value, or the span of time in which one lies."""
    (name,) = corruption.columns
    return f"date_trunc('{corruption.unit}', {quoted(name)})" if corruption.unit else quoted(name)


def _new_values(corruption: Corruption, schema: Schema) -> dict[str, str]:
    """SQL of the new value of each column that is changed, in the column's own type, NULL where it has none."""
    if corruption.kind is CorruptionKind.SWAPPED:
        first, second = corruption.columns
        return {first: quoted(second), second: quoted(first)}
    (name,) = corruption.columns
    field = schema.find(name)
    assert field is not None, f"{name} is a column of the table"
    return {name: _VALUES[corruption.kind](field)}


def _nulls(field: Field) -> str:
    return f"CAST(NULL AS {spelled(field.type)})"


def _number(field: Field, change: str) -> str:
    """The changed number where the type holds it. Whole numbers are computed exactly, and decimals as wide ones."""
    name, type_ = quoted(field.name), spelled(field.type)
    wide = f"CAST({name} AS HUGEINT)" if kind_of(field.type) is ColumnKind.WHOLE else f"CAST({name} AS DOUBLE)"
    return f"TRY_CAST({change.format(wide)} AS {type_})"


def _divided(field: Field) -> str:
    return _number(field, "({} // 100)" if kind_of(field.type) is ColumnKind.WHOLE else "({} / 100)")


def _degrees(field: Field) -> str:
    """From Fahrenheit to Celsius where the name says so, otherwise the other way round."""
    said = field.name.lower()
    name, type_ = f"CAST({quoted(field.name)} AS DOUBLE)", spelled(field.type)
    is_fahrenheit = "fahrenheit" in said or said.endswith("_f")
    other = f"({name} - 32) * 5 / 9" if is_fahrenheit else f"{name} * 9 / 5 + 32"
    return f"TRY_CAST({other} AS {type_})"


def _year_late(field: Field) -> str:
    name = quoted(field.name)
    known = f"isfinite({name}) AND year({name}) BETWEEN 1 AND {_LAST_YEAR}"
    return f"CASE WHEN {known} THEN CAST({name} + INTERVAL 1 YEAR AS {spelled(field.type)}) END"


def _millis(field: Field) -> str:
    name = quoted(field.name)
    known = f"isfinite({name}) AND year({name}) BETWEEN 1 AND {_LAST_YEAR}"
    return f"CASE WHEN {known} THEN CAST(make_timestamp(epoch_us({name}) // 1000) AS {spelled(field.type)}) END"


def _half(field: Field) -> str:
    name = quoted(field.name)
    return f"left({name}, length({name}) // 2)"


def _other_case(field: Field) -> str:
    name = quoted(field.name)
    return f"CASE WHEN {name} = upper({name}) THEN lower({name}) ELSE upper({name}) END"


_VALUES: Final[Mapping[CorruptionKind, Callable[[Field], str]]] = {
    CorruptionKind.NULLS: _nulls,
    CorruptionKind.TIMES_1000: lambda field: _number(field, "({} * 1000)"),
    CorruptionKind.DIVIDED_BY_100: _divided,
    CorruptionKind.DEGREES: _degrees,
    CorruptionKind.MILLIS: _millis,
    CorruptionKind.WRONG_SIGN: lambda field: _number(field, "(-{})"),
    CorruptionKind.SHIFTED_DATES: _year_late,
    CorruptionKind.TRUNCATED: _half,
    CorruptionKind.OTHER_CASE: _other_case,
}

"""Reads Parquet files in place: their footers before the asset's code runs, their rows when the output is written.

A value that cannot be kept exactly ends the query that meets it. Only then are its file, row and column searched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from duckdb.sqltypes import DuckDBPyType

from lakeflow.adapters.duckdb.cast.exact import exact, refusing
from lakeflow.adapters.duckdb.cast.leaf import Cast, CastFault
from lakeflow.adapters.duckdb.failures import is_failure_of_machine, is_refusal
from lakeflow.adapters.duckdb.instance.instance import StepSession
from lakeflow.adapters.duckdb.instance.spill import OwnFolder
from lakeflow.adapters.duckdb.land import sql as reading
from lakeflow.adapters.duckdb.land.apart import Apart, Malformed, refuse_too_many
from lakeflow.adapters.duckdb.land.fetched import local_source
from lakeflow.adapters.duckdb.land.footers import Column, described, told_type
from lakeflow.adapters.duckdb.land.parquet_values import refuse_lost_digits
from lakeflow.adapters.duckdb.land.sql import HINT, PATH, POSITION, Delivered
from lakeflow.adapters.duckdb.land.unpacked import readable
from lakeflow.adapters.duckdb.names import listed, literal, quoted
from lakeflow.adapters.duckdb.types import spelled, type_of
from lakeflow.core.contract.drift import changed_type, drift_of, type_hint
from lakeflow.core.contract.fit import Fit, as_known, judged, landed_columns, with_columns
from lakeflow.core.contract.versions import types_of
from lakeflow.core.errors import AssetError, SchemaError
from lakeflow.core.model.file_source import FileSource
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.plan.landing import Delivery, FoundFile
from lakeflow.core.values import dataclass


@contextmanager
def in_place(step: StepSession, source: FileSource, delivery: Delivery, spill: Path) -> Iterator[Delivered]:
    """The rows of the files. AssetError naming the first file that is not as declared.

    Unpacked files are in a folder of their own in `spill` until this is closed.
    """
    own = OwnFolder(spill, "landing")
    try:
        own.path.mkdir(parents=True)
        paths = {
            _readable(step, file, source, own.path / str(number)): file for number, file in enumerate(delivery.files)
        }
        yield _delivered(step, source, delivery, paths)
    finally:
        own.release()


def _readable(step: StepSession, file: FoundFile, source: FileSource, target: Path) -> str:
    return str(readable(local_source(step.root, file, source, target, step.stores), file.name, source, target))


@dataclass(frozen=True)
class _Group:
    """Files that have the same columns, under one version of the contract: SQL of their rows as they stand, and what
    each column that lands becomes.
    """

    columns: tuple[Column, ...]
    paths: tuple[str, ...]
    casts: Mapping[str, Cast]

    def raw(self, paths: tuple[str, ...]) -> str:
        return _rows(self.columns, paths)

    def landed(self, names: Sequence[str], *, refuse: bool) -> str:
        """The rows as they land. A value that cannot be kept ends the query, or is NULL where its row is put apart."""
        casts = (self.casts[name] for name in names)
        values = (f"{refusing(cast) if refuse else cast.value} AS c{number}" for number, cast in enumerate(casts))
        return f"SELECT {', '.join([*values, PATH, POSITION])} FROM ({self.raw(self.paths)})"


def _delivered(step: StepSession, source: FileSource, delivery: Delivery, paths: Mapping[str, FoundFile]) -> Delivered:
    apart = Apart(step, source)
    apart.create()
    with reading.explained(source, paths):
        groups, undeclared = _groups(step, source, delivery, paths)
        refuse_lost_digits(step, paths)
        counts = dict(_asked(step, f"SELECT file_name, num_rows FROM parquet_file_metadata({listed(tuple(paths))})"))
    names = tuple(dict.fromkeys(name for group in groups for name in group.casts))
    if source.puts_apart:
        with reading.explained(source, paths):
            _put_apart(step, apart, groups)
        for path, rows in counts.items():
            refuse_too_many(apart, paths[path].name, path, rows)
    rows = " UNION ALL ".join(group.landed(names, refuse=not source.puts_apart) for group in groups)
    columns = {name: f"c{number}" for number, name in enumerate(names)}
    blaming = partial(_blaming, step, source, groups, paths)
    return Delivered(columns, rows, paths, dict.fromkeys(paths, 0), counts, undeclared, apart.table, blaming)


def _groups(
    step: StepSession, source: FileSource, delivery: Delivery, paths: Mapping[str, FoundFile]
) -> tuple[tuple[_Group, ...], dict[str, str]]:
    """The files by their columns and versions, and the types that nobody declares. AssetError for the first file that
    no version takes, and for such a type that is another one than before.
    """
    found = described(partial(_asked, step), paths)
    # Where nobody declares columns, all files have those of the first one that ever landed.
    first = tuple(delivery.undeclared) or tuple(name for name, _ in next(iter(found.values())))
    names = {path: as_known(source, first, (name for name, _ in columns)) for path, columns in found.items()}
    source = with_columns(source, first)
    fits = _fits(source, paths, names)
    by_shape = dict[tuple[int, tuple[Column, ...]], list[str]]()
    for path, fit in fits.items():
        by_shape.setdefault((fit.number, found[path]), []).append(path)
    types, read = _Types(source, dict(delivery.undeclared)), list[Sequence[DuckDBPyType]]()
    for (_, columns), of in by_shape.items():
        read.append(step.another().sql(_rows(columns, tuple(of))).types)
        types.learn(paths[of[0]].name, fits[of[0]], read[-1])
    groups = (
        _Group(columns, tuple(of), types.casts(fits[of[0]], each))
        for ((_, columns), of), each in zip(by_shape.items(), read, strict=True)
    )
    return tuple(groups), types.known


def _fits(source: FileSource, paths: Mapping[str, FoundFile], found: Mapping[str, tuple[str, ...]]) -> dict[str, Fit]:
    """How each file fits by the names of its columns. AssetError for the first that does not."""
    fits = {path: judged(source, paths[path].name, _named(names)) for path, names in found.items()}
    drift_of(((paths[path].name, fit) for path, fit in fits.items()), personal=False).refuse()
    return {path: fit for path, fit in fits.items() if isinstance(fit, Fit)}


def _named(names: tuple[str, ...]) -> Callable[[FileSource], tuple[str, ...]]:
    return lambda _: names


@dataclass
class _Types:
    """The type with which each column lands: as declared, or else as the first file has it. `known` are the types that
    nobody declares.
    """

    source: FileSource
    known: dict[str, str]
    as_read: dict[str, DuckDBPyType] = field(default_factory=dict)

    def learn(self, file: str, fit: Fit, types: Sequence[DuckDBPyType]) -> None:
        """AssetError for a type that nobody declares and that is another one than before: nothing widens silently."""
        declared = landed_columns(self.source)
        for name, at in fit.places.items():
            if declared.get(name):
                continue
            self.as_read.setdefault(name, types[at])
            told = told_type(types[at], name)
            before = self.known.setdefault(name, told)
            if told != before:
                raise AssetError(
                    f"{file}: its columns differ: {changed_type(name, before, told)}",
                    hint=type_hint(name, before, told),
                )

    def casts(self, fit: Fit, types: Sequence[DuckDBPyType]) -> dict[str, Cast]:
        """What each landed column becomes, for files of that version with columns of these types."""
        found, declared = dict[str, Cast](), landed_columns(self.source)
        older = types_of(self.source, fit.version)
        for name in (*declared, *(each for each in self.known if each not in declared)):
            at, lands = fit.places.get(name), declared.get(name) or self.known.get(name, "")
            if at is None:
                found[name] = Cast(f"CAST(NULL AS {self._absent(name, lands)})")
                continue
            cast = _cast(f"c{at}", types[at], (older.get(name, ""), declared.get(name, "")), name)
            found[name] = _capped(cast, f"c{at}", types[at], self.source.caps.cell, name)
        return found

    def _absent(self, name: str, lands: str) -> str:
        """The SQL type of a column that the file does not have."""
        if name in self.as_read:
            return _stored(self.as_read[name], name)
        return spelled(parse_type(lands or "string"))


def _cast(value: str, type_: DuckDBPyType, declared: tuple[str, str], name: str) -> Cast:
    """A column in the type that its version declares, then in today's; or in the type that a table will hold. A value
    that does not fit is refused when it is written.
    """
    judged_as, lands = (parse_type(each) if each else None for each in declared)
    wanted = judged_as or lands
    if wanted is None:
        try:
            return exact(value, type_, type_of(type_, name), name)
        except SchemaError:
            return Cast(value)
    first = exact(value, type_, wanted, name)
    if lands is None or str(lands) == str(wanted):
        return first
    then = exact(f"({first.value})", duckdb.sqltype(spelled(wanted)), lands, name)
    return Cast(then.value, (*first.faults, *then.faults))


def _capped(cast: Cast, value: str, type_: DuckDBPyType, cap: int, name: str) -> Cast:
    """The cast of a text or of bytes, of which a cell may have only so many."""
    if not cap or type_.id not in {"varchar", "blob"}:
        return cast
    size = f"octet_length({value})" if type_.id == "blob" else f"strlen({value})"
    too_large = CastFault(name, f"{size} > {cap}", f"more than {cap:,} bytes (see max_cell)", HINT)
    return Cast(cast.value, (too_large, *cast.faults))


def _stored(type_: DuckDBPyType, name: str) -> str:
    """The SQL type in which a table holds it; the type itself where no table can."""
    try:
        return spelled(type_of(type_, name))
    except SchemaError:
        return str(type_)


def _rows(columns: Sequence[Column], paths: tuple[str, ...]) -> str:
    """The rows with columns found by name and numbered, so that a column called `file_row_number` does not hide
    DuckDB's own.
    """
    entries = (
        f"{literal(name)}: {{'name': 'c{number}', 'type': {literal(type_)}, 'default_value': NULL}}"
        for number, (name, type_) in enumerate(columns)
    )
    return (
        f"SELECT *, file_row_number AS {POSITION} FROM read_parquet({listed(paths)}, "
        f"schema=MAP{{{', '.join(entries)}}}, hive_partitioning=false, filename={literal(PATH)})"
    )


def _put_apart(step: StepSession, apart: Apart, groups: Sequence[_Group]) -> None:
    """Put apart the rows with a value that cannot be kept."""
    for group in groups:
        faults = {fault.message: fault.condition for cast in group.casts.values() for fault in cast.faults}
        if not faults:
            continue
        reason = " ".join(f"WHEN {condition} THEN {literal(says)}" for says, condition in faults.items())
        for path in group.paths:
            shown = ", ".join(f"{quoted(name)} := c{at}" for at, (name, _) in enumerate(group.columns))
            rows = f"SELECT {POSITION} + 1, CASE {reason} END AS reason, CAST(struct_pack({shown}) AS VARCHAR)"
            rows = f"SELECT * FROM ({rows} FROM ({group.raw((path,))})) WHERE reason IS NOT NULL ORDER BY 1"
            found = step.another().execute(rows)
            bad = iter(found.fetchone, None)
            apart.add(path, (Malformed(ordinal, None, why, text) for ordinal, why, text in bad))


def _refuse_fault(step: StepSession, group: _Group, path: str, name: str) -> None:
    """AssetError for the first row of the file with a fault, if it has one."""
    for fault in (fault for cast in group.casts.values() for fault in cast.faults):
        bad = f"SELECT {POSITION} FROM ({group.raw((path,))}) WHERE {fault.condition} ORDER BY ALL LIMIT 1"
        for (position,) in _asked(step, bad):
            raise AssetError(f"{name}, row {position + 1}: {fault.message}", hint=HINT)


@contextmanager
def _blaming(
    step: StepSession, source: FileSource, groups: Sequence[_Group], paths: Mapping[str, FoundFile]
) -> Iterator[None]:
    """If a query over the rows fails because of a file that cannot be read or a row that cannot be kept: AssetError for
    that one.
    """
    try:
        yield
    except duckdb.Error as error:
        if not is_failure_of_machine(error):
            for found, path in ((group, path) for group in groups for path in group.paths):
                with reading.explained(source, {path: paths[path]}):
                    if is_refusal(error):
                        _refuse_fault(step, found, path, paths[path].name)
                    else:
                        _asked(step, f"SELECT sum(hash(rows)) FROM ({found.raw((path,))}) AS rows")
        raise


def _asked(step: StepSession, sql: str) -> list[tuple[Any, ...]]:
    return step.run(lambda: step.another().execute(sql).fetchall())

"""Rows of outside files that are malformed and are put apart, each with its file, line, reason and text.

They keep their place: where a line cannot be read as a row, the copy that is read has an empty row in its stead. So
every row has the ordinal that it has in its file, and rows in = rows landed + rows put apart.
"""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from lakeflow.adapters.duckdb.instance.instance import StepSession
from lakeflow.adapters.duckdb.land.json_files import half_letter
from lakeflow.adapters.duckdb.land.sql import PATH, TABLE
from lakeflow.adapters.duckdb.land.text.text_files import QUOTES, fault_of
from lakeflow.adapters.duckdb.land.text.text_lines import RawLine, end_of, raw_lines, reader
from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.core.errors import AssetError
from lakeflow.core.model.file_source import FileSource, Format
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

if TYPE_CHECKING:
    from lakeflow.adapters.duckdb.land.staged import Staged

NAME: Final = "lakeflow_apart"
_AT_A_TIME: Final = 10_000


@dataclass(frozen=True)
class Malformed:
    """The n-th row of a file, its first line where the file has lines, what is wrong with it, and its text."""

    ordinal: int
    line: int | None
    reason: str
    text: str | None


@dataclass
class Apart:
    """The table of malformed rows. `counts` says how many rows of each file are in it."""

    step: StepSession
    source: FileSource
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def table(self) -> str:
        return NAME if self.source.puts_apart else ""

    def create(self) -> None:
        if self.source.puts_apart:
            columns = "path VARCHAR, ordinal BIGINT, line BIGINT, reason VARCHAR, text VARCHAR"
            self.step.cursor.execute(f"CREATE TABLE {NAME} ({columns})")

    def add(self, path: str, rows: Iterator[Malformed]) -> None:
        """Put these rows of a file apart, a few at a time."""
        waiting = list[Malformed]()
        for row in rows:
            waiting.append(row)
            if len(waiting) == _AT_A_TIME:
                self._insert(path, waiting)
                waiting.clear()
        self._insert(path, waiting)

    def _insert(self, path: str, rows: Sequence[Malformed]) -> None:
        if rows:
            sides = [list(side) for side in zip(*((r.ordinal, r.line, r.reason, r.text) for r in rows), strict=True)]
            into = "SELECT $1, unnest($2::BIGINT[]), unnest($3::BIGINT[]), unnest($4::VARCHAR[]), unnest($5::VARCHAR[])"
            self.step.cursor.execute(f"INSERT INTO {NAME} {into}", [path, *sides])
            self.counts[path] = self.counts.get(path, 0) + len(rows)

    def sift(self, path: str, dialect: FileSource) -> str:
        """Copy a text file without the lines that are no rows, and put these apart. Gives the copy."""
        target = f"{path}.sifted"
        with Path(path).open("rb") as content, Path(target).open("w", encoding="utf-8", newline="") as copy:
            sift = _sift_json if dialect.format is Format.NDJSON else _sift_csv
            self.add(target, sift(content, copy, dialect))
        return target

    def take_faults(self, checks: Sequence[tuple[str, str]], staged: Staged, begin: int) -> None:
        """Put apart the staged rows with a value that cannot be kept. AssetError when too many rows of a file are."""
        if checks:
            reason = " ".join(f"WHEN {condition} THEN {literal(says)}" for condition, says in checks)
            bad = f"SELECT {PATH}, rowid AS place, CASE {reason} END AS reason FROM {TABLE} WHERE rowid >= {begin}"
            found = f"FROM ({bad}) WHERE reason IS NOT NULL"
            for (path,) in staged.run(f"SELECT DISTINCT {PATH} {found} ORDER BY 1"):
                mine = (
                    f"SELECT place - {staged.first[path]} + 1, reason {found} AND {PATH} = {literal(path)} ORDER BY 1"
                )
                self.add(path, self._told(path, staged.dialects[path], _fetched(self.step, mine)))
        for path, rows in staged.counts.items():
            refuse_too_many(self, staged.paths[path].name, path, rows)

    def _told(self, path: str, dialect: FileSource, faults: Iterator[tuple[int, str]]) -> Iterator[Malformed]:
        """Each row with its line and text, from one look through the file. Rows that are put apart already are left."""
        known = {o for (o,) in _fetched(self.step, f"SELECT ordinal FROM {NAME} WHERE path = {literal(path)}")}
        lines = rows_with_text(path, dialect)
        for ordinal, reason in faults:
            if ordinal in known:
                continue
            if dialect.format is Format.JSON:
                yield Malformed(ordinal, None, reason, None)
                continue
            line, text = next(((line, text) for at, line, text in lines if at == ordinal), (None, None))
            yield Malformed(ordinal, line, reason, text)


def refuse_too_many(apart: Apart, name: str, path: str, rows: int) -> None:
    """AssetError when a larger share of a file's rows is malformed than may be."""
    bad = apart.counts.get(path, 0)
    if bad > apart.source.max_fraction * rows:
        first = f"SELECT line, reason FROM {NAME} WHERE path = {literal(path)} ORDER BY ordinal LIMIT 1"
        ((line, reason),) = _fetched(apart.step, first)
        where = f"line {line}: " if line else ""
        raise AssetError(
            f"{name}: {bad:,} of {counted(rows, 'row')} are malformed, more than max_fraction = "
            f"{apart.source.max_fraction:g} allows; the first: {where}{reason}",
            hint="mend the file and deliver it again, or allow more; nothing of it has landed",
        )


def _fetched(step: StepSession, sql: str) -> Iterator[Any]:
    """The rows of a query over the step's own tables, a few at a time."""
    ((database,),) = step.cursor.execute("SELECT current_database()").fetchall()
    cursor = step.another()
    cursor.execute(f"USE {quoted(database)}").execute(sql)
    while rows := cursor.fetchmany(_AT_A_TIME):
        yield from rows


# ---- CSV ----


class _BrokenRecordError(ValueError):
    """A line on the way cannot be a part of any record."""


def _sift_csv(content: IO[bytes], copy: IO[str], dialect: FileSource) -> Iterator[Malformed]:
    """Copy the records. In place of one that is no row stands an empty row, and blank lines for its further lines."""
    lines, ordinal, header, width = (
        _Lines(raw_lines(content, dialect.caps.line)),
        0,
        dialect.has_header_line,
        len(dialect.columns),
    )
    marker = "0" + dialect.delimiter * (width - 1)
    while first := lines.first():
        line, (record, fault), taken = lines.number + 1, _record(lines, dialect), lines.taken
        if fault:
            lines.give_back()
            taken = [first]
        elif record and not header:
            fault = fault_of(record, [each.text for each in taken], dialect)
        text = "".join(each.text for each in taken)
        header, is_row = header and not record and not fault, not header and (bool(record) or bool(fault))
        ordinal += is_row
        if not fault:
            copy.write(text)
            continue
        ends = [end_of(each.text) or "\n" for each in taken]
        copy.write(marker + "".join(ends))
        yield Malformed(ordinal, line, fault, text.rstrip("\r\n"))


def _record(lines: _Lines, dialect: FileSource) -> tuple[list[str], str]:
    """The record that begins in the first line, or what is wrong with it."""
    if lines.taken[0].fault:
        return [], lines.taken[0].fault
    try:
        return next(reader(lines.record(dialect.caps.line), dialect), []), ""
    except (csv.Error, _BrokenRecordError):
        return [], QUOTES


@dataclass
class _Lines:
    """The lines of a file, of which those after the first of a record can be given back. `number` counts the lines
    before the record.
    """

    of: Iterator[RawLine]
    waiting: deque[RawLine] = field(default_factory=deque)
    taken: list[RawLine] = field(default_factory=list)
    number: int = 0

    def first(self) -> RawLine | None:
        """Begin a record."""
        self.number += len(self.taken)
        self.taken = []
        return self._next()

    def record(self, longest: int) -> Iterator[str]:
        """The lines of the record: the first, and as many more as are asked for."""
        yield self.taken[0].text
        size = len(self.taken[0].text)
        while found := self._next():
            size += len(found.text)
            if found.fault or size > longest:
                raise _BrokenRecordError
            yield found.text

    def give_back(self) -> None:
        """Take only the first line; the others may be records."""
        self.waiting.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def _next(self) -> RawLine | None:
        found = self.waiting.popleft() if self.waiting else next(self.of, None)
        if found is not None:
            self.taken.append(found)
        return found


# ---- JSON, one object a line ----


def _sift_json(content: IO[bytes], copy: IO[str], dialect: FileSource) -> Iterator[Malformed]:
    ordinal = 0
    for number, line in enumerate(raw_lines(content, dialect.caps.object, ends=b"\n"), 1):
        is_row = bool(line.text.strip()) or bool(line.fault)
        ordinal += is_row
        fault = line.fault or (_no_json(line.text, dialect) if is_row else "")
        copy.write("{}\n" if fault else line.text)
        if fault:
            yield Malformed(ordinal, number, fault, line.text.rstrip("\r\n"))


def _no_json(text: str, dialect: FileSource) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        return "no JSON"
    return half_letter(found, dialect.columns)


def rows_with_text(path: str, dialect: FileSource) -> Iterator[tuple[int, int, str]]:
    """The ordinal of each row, its first line, and its text."""
    with Path(path).open("rb") as content:
        if dialect.format is Format.NDJSON:
            filled = (
                (at, each.text)
                for at, each in enumerate(raw_lines(content, dialect.caps.object, ends=b"\n"), 1)
                if each.text.strip()
            )
            yield from ((ordinal, at, text.rstrip("\r\n")) for ordinal, (at, text) in enumerate(filled, 1))
            return
        lines, ordinal, header = _Lines(raw_lines(content, dialect.caps.line)), 0, dialect.has_header_line
        while lines.first():
            record, _ = _record(lines, dialect)
            ordinal += bool(record) and not header
            if record and not header:
                text = "".join(each.text for each in lines.taken)
                yield ordinal, lines.number + 1, text.rstrip("\r\n")
            header = header and not record

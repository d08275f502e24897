"""Slowly changing dimensions: the versions that come of rows with a time, between the versions that stand there.

For each key that came, the beginnings of its versions, their ends where nothing follows, and the rows that came are put
in order of time; what says the same as what stands before it goes; each ends where the next begins. So a row that is
late splits the version that held then, and one that repeats it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb import scan as scans
from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.adapters.duckdb.upsert import Again, in_new_columns, key_fields
from lakeflow.core.counting import counted
from lakeflow.core.errors import AssetError, SchemaError
from lakeflow.core.model import Deletes
from lakeflow.core.schema import Field, Schema
from lakeflow.core.table import Scan, WrittenFile
from lakeflow.core.versions import IS_CURRENT, VALID_FROM, VALID_TO, unversioned
from lakeflow.core.writing import Write, Written

_STAYS, _BEGINS, _CAME, _CLOSED = 0, 1, 2, 3
"""Which of several things said of one key at one moment holds: the greatest. `_STAYS` is the end of a version."""

_ONE_EACH: Final = "give each key one row a moment, or say which counts: keep = 'last by <column>'"


def keep_history(
    write: Write, came: tuple[WrittenFile, ...], cursor: DuckDBPyConnection, fresh: Again, again: Again
) -> Written:
    """What becomes of the table when these rows have come. `fresh` writes versions, `again` those that stay.

    AssetError when a row has no time, or two of one key have the same.
    """
    history = _History(write, cursor)
    history.load(tuple(file.path for file in came))
    base = _checked_base(write)
    history.compare(base)
    rows, replaced = history.counts()
    files = fresh(history.versions()) if rows else ()
    touched = history.touched(base) if base and replaced else ()
    if base and touched:
        files = (*files, *again(history.rest(replace(base, files=touched))))
    return Written(files, touched, rows, replaced)


def _checked_base(write: Write) -> Scan | None:
    if write.base is None:
        return None
    if write.base.schema.find(VALID_FROM) is None:
        raise SchemaError(
            f"the table has no column {VALID_FROM}, so it was not written as a history",
            hint=f"`lakeflow materialize {write.base.key} --full-refresh` builds it anew",
        )
    return in_new_columns(write, write.base)


@dataclass(frozen=True)
class _History:
    """The work on temporary tables of the cursor: columns are `k0`, … of the key and `c0`, … of what is versioned."""

    write: Write
    cursor: DuckDBPyConnection

    def load(self, files: tuple[str, ...]) -> None:
        """`came`: the rows that came, each at its moment `t`."""
        source = scans.named(files, unversioned(self.write.schema).fields) if files else f"({self._nothing()})"
        self._create("came", f"SELECT {self._columns()}, {self._moment()} AS t FROM {source}")
        (missing,) = self._row("SELECT count(*) FROM came WHERE t IS NULL")
        if missing:
            raise AssetError(
                f"column {self.write.at!r} is NULL in {counted(missing, 'row')}",
                hint="fill it, or leave those rows out: at says since when a row holds",
            )
        twice, rows = self._row(
            f"SELECT count(*), sum(n) FROM (SELECT count(*) AS n FROM came GROUP BY {self._keys}, t HAVING n > 1)"
        )
        if twice:
            keys = counted(twice, "key")
            raise AssetError(f"{keys} more than once at one moment, in {counted(rows, 'row')}", hint=_ONE_EACH)

    def compare(self, base: Scan | None) -> None:
        """`old`: versions of keys that are looked at; `new`: what they become; `gone` and `fresh`: the difference."""
        self._create("old", self._old(base))
        self._create("new", self._timeline())
        same = f"{self._same('o', 'n')} AND o.t = n.t AND o.u IS NOT DISTINCT FROM n.u AND {self._equal('o', 'n')}"
        self._create("gone", f"SELECT o.* FROM old AS o ANTI JOIN new AS n ON {same}")
        self._create("fresh", f"SELECT n.* FROM new AS n ANTI JOIN old AS o ON {same}")

    def counts(self) -> tuple[int, int]:
        """(new versions, versions of the base that do not hold any more)"""
        fresh, gone = self._row("SELECT (SELECT count(*) FROM fresh), (SELECT count(*) FROM gone)")
        return fresh, gone

    def versions(self) -> str:
        """SQL of the new versions, as rows of the table."""
        shown = {field.name: f"{short} AS {quoted(field.name)}" for short, field in self._named()}
        ends = {VALID_FROM: "t", VALID_TO: "u", IS_CURRENT: "u IS NULL"}
        shown |= {name: f"{sql} AS {quoted(name)}" for name, sql in ends.items()}
        return f"SELECT {', '.join(shown[field.name] for field in self.write.schema.fields)} FROM fresh"

    def touched(self, base: Scan) -> tuple[str, ...]:
        """Files of the base in which a version is that does not hold any more."""
        scans.refuse_unmarked(self.cursor, base)
        marks = [*key_fields(self.write), self._field(VALID_FROM)]
        on = " AND ".join([*(f"o.f{n} = g.k{n}" for n in range(len(marks) - 1)), f"o.f{len(marks) - 1} = g.t"])
        rows = scans.by_number(base.files, marks)
        found = self.cursor.execute(
            f"SELECT DISTINCT file_index FROM {rows} AS o SEMI JOIN gone AS g ON {on}"
        ).fetchall()
        return tuple(base.files[index] for (index,) in sorted(found))

    def rest(self, scan: Scan) -> str:
        """SQL of the rows that stay."""
        keys = [f"o.{quoted(field.name)} = g.k{n}" for n, field in enumerate(key_fields(self.write))]
        on = " AND ".join([*keys, f"o.{VALID_FROM} = g.t"])
        return f"SELECT o.* FROM ({scans.select(self.cursor, scan)}) AS o ANTI JOIN gone AS g ON {on}"

    def _old(self, base: Scan | None) -> str:
        if base is None:
            return "SELECT *, t AS u FROM came WHERE false"
        rows = scans.select(self.cursor, base)
        shown = f"SELECT {self._columns()}, {VALID_FROM} AS t, {VALID_TO} AS u FROM ({rows})"
        known = f"SELECT o.* FROM ({shown}) AS o SEMI JOIN came AS c ON {self._same('o', 'c')}"
        if self.write.deletes is Deletes.IGNORE:
            return known
        left = f"SELECT o.* FROM ({shown}) AS o ANTI JOIN came AS c ON {self._same('o', 'c')}"
        return f"{known} UNION ALL {left} WHERE o.u IS NULL AND o.t < {self._now()}"

    def _timeline(self) -> str:
        columns = f"{self._keys}{''.join(f', {short}' for short, _ in self._versioned())}"
        said = [
            f"SELECT {columns}, t, false AS ends, {_BEGINS} AS weight FROM old",
            f"SELECT {columns}, u, true, {_STAYS} FROM old WHERE u IS NOT NULL",
            f"SELECT {columns}, t, false, {_CAME} FROM came",
        ]
        if self.write.deletes is Deletes.CLOSE:
            left = f"old AS o ANTI JOIN came AS c ON {self._same('o', 'c')}"
            said.append(f"SELECT {columns}, {self._now()}, true, {_CLOSED} FROM {left}")
        one = f"row_number() OVER (PARTITION BY {self._keys}, t ORDER BY weight DESC) = 1"
        before = f"OVER (PARTITION BY {self._keys} ORDER BY t)"
        again = (
            f"coalesce(lag(ends) {before} = ends AND (ends OR lag({self._said()}) {before} = {self._said()}), false)"
        )
        picked = f"SELECT * FROM ({' UNION ALL '.join(said)}) QUALIFY {one}"
        kept = f"SELECT * FROM ({picked}) QUALIFY NOT {again}"
        return f"SELECT * EXCLUDE (ends, weight) FROM (SELECT *, lead(t) {before} AS u FROM ({kept})) WHERE NOT ends"

    # columns

    def _named(self) -> Iterator[tuple[str, Field]]:
        for n, field in enumerate(key_fields(self.write)):
            yield f"k{n}", field
        yield from self._versioned()

    def _versioned(self) -> Iterator[tuple[str, Field]]:
        keys = {field.name for field in key_fields(self.write)}
        given = unversioned(self.write.schema).fields
        for n, field in enumerate(field for field in given if field.name not in keys):
            yield f"c{n}", field

    def _columns(self) -> str:
        return ", ".join(f"{quoted(field.name)} AS {short}" for short, field in self._named())

    @property
    def _keys(self) -> str:
        return ", ".join(f"k{n}" for n in range(len(self.write.key)))

    def _compared(self) -> list[str]:
        """What makes a version another: not the moment that it begins."""
        return [short for short, field in self._versioned() if field.name.lower() != self.write.at.lower()]

    def _said(self) -> str:
        """A struct, for which NULL equals NULL."""
        return f"row({', '.join(self._compared() or ['true'])})"

    def _equal(self, left: str, right: str) -> str:
        pairs = (f"{left}.{short} IS NOT DISTINCT FROM {right}.{short}" for short in self._compared())
        return " AND ".join(pairs) or "true"

    def _same(self, left: str, right: str) -> str:
        return " AND ".join(f"{left}.k{n} = {right}.k{n}" for n in range(len(self.write.key)))

    # moments

    def _moment(self) -> str:
        return quoted(self._field(self.write.at).name) if self.write.at else self._now()

    def _now(self) -> str:
        """When the run writes, as the history counts time."""
        assert self.write.moment is not None, "a history is written at a moment"
        type_ = spelled(self._field(VALID_FROM).type)
        moment = f"CAST({literal(self.write.moment.isoformat())} AS TIMESTAMPTZ)"
        return f"CAST({moment} AT TIME ZONE 'UTC' AS {type_})" if "ZONE" not in type_ else moment

    def _field(self, name: str) -> Field:
        field = self.write.schema.find(name)
        assert field is not None, f"the schema of a history has {name}"
        return field

    # queries

    def _nothing(self) -> str:
        fields = unversioned(self.write.schema).fields
        nulls = (f"CAST(NULL AS {spelled(field.type)}) AS {quoted(field.name)}" for field in fields)
        return f"SELECT {', '.join(nulls)} WHERE false"

    def _create(self, name: str, query: str) -> None:
        self.cursor.execute(f"CREATE TEMP TABLE {name} AS {query}")

    def _row(self, query: str) -> tuple[int, ...]:
        return tuple(self.cursor.execute(query).fetchall()[0])


def staged(write: Write) -> Write:
    """How the rows that come are written before they are versions: only the columns that the code gives."""
    return replace(write, schema=Schema(unversioned(write.schema).fields))

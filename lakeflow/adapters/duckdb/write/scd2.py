"""Slowly changing dimensions: merges new rows, each with a time, into the versions of an scd2 table.

For each key that came:

1. Its old versions, their ends and its new rows are put in order of time.
2. A row that says the same as the one before it is dropped.
3. Each version ends where the next one begins.

So a late row splits the version that held at its time, and a row that repeats a version changes nothing
(docs/decisions/0035, 0073).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.adapters.duckdb.read.sameness import exactly
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.adapters.duckdb.write import tombstones, twins
from lakeflow.adapters.duckdb.write.refused_values import AbsentError
from lakeflow.adapters.duckdb.write.upsert import Again, gone, in_new_columns, key_fields
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.asset import Deletes
from lakeflow.core.model.scd2_columns import IS_CURRENT, VALID_FROM, VALID_TO, unversioned
from lakeflow.core.model.schema import Field, Schema
from lakeflow.core.model.table import Scan, WrittenFile
from lakeflow.core.run.write import Ties, Write, WriteResult
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

_STAYS, _REMEMBERED, _BEGINS, _CAME, _CLOSED = range(5)
"""Of several statements about one key at one moment, the greatest of these counts. `_STAYS` is the end of a version,
`_REMEMBERED` a tombstone of before."""


def keep_versions(
    write: Write, came: tuple[WrittenFile, ...], cursor: DuckDBPyConnection, fresh: Again, again: Again
) -> WriteResult:
    """What these new rows do to the table. `fresh` writes new versions, `again` writes the rows of changed files that
    stay.

    AssetError when a row has no time, or two of one key have the same.
    """
    versions = _Versions(write, cursor)
    versions.load(tuple(file.path for file in came))
    base = _checked_base(write)
    versions.compare(base)
    rows, replaced = versions.counts()
    files = fresh(versions.new()) if rows else ()
    touched = versions.touched(base) if base and replaced else ()
    if base and touched:
        files = (*files, *again(versions.rest(replace(base, files=touched))))
    made = WriteResult(files, touched, rows, replaced, turns=versions.turns(base), open=versions.standing(base))
    return replace(made, tombstones=versions.dead_afterwards())


def _checked_base(write: Write) -> Scan | None:
    if write.base is None:
        return None
    if write.base.schema.find(VALID_FROM) is None:
        raise SchemaError(
            f"the table has no column {VALID_FROM}, so it was not written as a history",
            hint=f"`lakeflow plan {write.base.key} --full-refresh` says what a rebuild would remove",
        )
    return in_new_columns(write, write.base)


@dataclass(frozen=True)
class _Versions:
    """Works on temporary tables of the cursor, with columns `k0`, … for the key and `c0`, … for the versioned
    columns.
    """

    write: Write
    cursor: DuckDBPyConnection

    def load(self, files: tuple[str, ...]) -> None:
        """Make the table `came`: the new rows, each at its moment `t`, and whether it `ends` the version of its key."""
        fields = unversioned(self.write.schema).fields
        rows = f"SELECT * FROM {scans.named(files, fields)}" if files else scans.nothing(fields)
        ends = gone(self.write, self.cursor, rows) if self.write.deleted else "false"
        moment = quoted(self._field(self.write.at).name) if self.write.at else self._now()
        self._create("came", f"SELECT {self._columns()}, {moment} AS t, {ends} AS ends FROM ({rows})")
        (missing,) = self._row("SELECT count(*) FROM came WHERE t IS NULL")
        if missing:
            raise AbsentError(
                f"column {self.write.at!r} is NULL in {counted(missing, 'row')}",
                column=self.write.at,
                hint="fill it, or leave those rows out: at says since when a row holds",
            )
        twins.refuse_twins(self.write, self.cursor, "came", self._keys.split(", "), "t")
        self._remembered.load(self.write.tombstones)

    def compare(self, base: Scan | None) -> None:
        """Make the tables `old` (the versions that may change), `new` (what they become), and `gone` and `fresh` (the
        difference).
        """
        self._create("old", self._old(base))
        self._create("said", self._said_by_keep())
        self._create("line", self._moments())
        self._create("new", f"SELECT *, {self._is_current('t', 'u')} AS w FROM ({self._became()})")
        ends = "o.t = n.t AND o.u IS NOT DISTINCT FROM n.u AND o.w IS NOT DISTINCT FROM n.w"
        same = f"{self._same('o', 'n')} AND {ends} AND {self._equal('o', 'n', self._values())}"
        self._create("gone", f"SELECT o.* FROM old AS o ANTI JOIN new AS n ON {same}")
        self._create("fresh", f"SELECT n.* FROM new AS n ANTI JOIN old AS o ON {same}")

    def dead_afterwards(self) -> str:
        """The table's tombstones after this write: those that count at their moment, whether or not they end a version.

        Without `at`, no row comes that is older than what stands.
        """
        if not (self.write.deleted and self.write.at):
            return ""
        columns = ", ".join(self._told)
        before = f"SELECT o.* FROM {tombstones.KEYS} AS o ANTI JOIN came AS c ON {self._same('o', 'c')}"
        now = f"SELECT {columns} FROM line WHERE ends AND weight IN ({_REMEMBERED}, {_CAME})"
        return self._remembered.text(f"SELECT {columns} FROM ({before}) UNION ALL {now}")

    def counts(self) -> tuple[int, int]:
        """How many versions are new, and how many versions of the base are gone."""
        fresh, gone = self._row("SELECT (SELECT count(*) FROM fresh), (SELECT count(*) FROM gone)")
        return fresh, gone

    def turns(self, base: Scan | None) -> str:
        """The first moment after now at which a version begins or ends: until then `is_current` is right."""
        moments = ["SELECT unnest([t, u]) AS m FROM fresh"]
        if base is not None and base.files:
            keys = ", ".join(f"{quoted(field.name)} AS k{n}" for n, field in enumerate(key_fields(self.write)))
            at = f"SELECT {keys}, {VALID_FROM} AS t, {VALID_TO} AS u"
            coming = f"{at} FROM ({scans.select(self.cursor, base)}) WHERE t > {self._now()} OR u > {self._now()}"
            stays = f"({coming}) AS o ANTI JOIN gone AS g ON {self._same('o', 'g')} AND o.t = g.t"
            moments.append(f"SELECT unnest([o.t, o.u]) FROM {stays}")
        first = f"SELECT min(m) FROM ({' UNION ALL '.join(moments)}) WHERE m > {self._now()}"
        text = self.cursor.execute(f"SELECT strftime(({first})::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00')").fetchall()
        return str(text[0][0] or "")

    def standing(self, base: Scan | None) -> int:
        """How many versions have no end after this write."""
        counts = ["SELECT count(*) - count(u) AS n FROM fresh", "SELECT count(u) - count(*) FROM gone"]
        if base is not None and base.files:
            counts.append(f"SELECT count(*) - count({VALID_TO}) FROM ({scans.select(self.cursor, base)})")
        (found,) = self._row(f"SELECT sum(n)::BIGINT FROM ({' UNION ALL '.join(counts)})")
        return found

    def new(self) -> str:
        """SQL of the new versions, as rows of the table."""
        shown = {field.name: f"{short} AS {quoted(field.name)}" for short, field in self._named()}
        ends = {VALID_FROM: "t", VALID_TO: "u", IS_CURRENT: "w"}
        shown |= {name: f"{sql} AS {quoted(name)}" for name, sql in ends.items()}
        return f"SELECT {', '.join(shown[field.name] for field in self.write.schema.fields)} FROM fresh"

    def touched(self, base: Scan) -> tuple[str, ...]:
        """Files of the base that hold a version which is gone."""
        marks = [*key_fields(self.write), self._field(VALID_FROM)]
        on = " AND ".join([*(f"o.f{n} = g.k{n}" for n in range(len(marks) - 1)), f"o.f{len(marks) - 1} = g.t"])
        rows = scans.placed(self.cursor, base, marks)
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
        """All versions of keys that came; of other keys, those that end now or whose `is_current` is no longer
        right.
        """
        if base is None:
            return "SELECT * EXCLUDE ends, t AS u, false AS w FROM came WHERE false"
        ends = f"{VALID_FROM} AS t, {VALID_TO} AS u, {IS_CURRENT} AS w"
        shown = f"SELECT {self._columns()}, {ends} FROM ({scans.select(self.cursor, base)})"
        known = f"SELECT o.* FROM ({shown}) AS o SEMI JOIN came AS c ON {self._same('o', 'c')}"
        left = f"SELECT o.* FROM ({shown}) AS o ANTI JOIN came AS c ON {self._same('o', 'c')}"
        looked_at = f"o.w IS DISTINCT FROM {self._is_current('o.t', 'o.u')}"
        if self.write.deletes is Deletes.CLOSE:
            looked_at += f" OR {self._holds('o')}"
        return f"{known} UNION ALL {left} WHERE {looked_at}"

    def _said_by_keep(self) -> str:
        """The new rows, or the table's own row where `keep` says that it counts more at the same moment.

        AssetError where both count the same and differ.
        """
        if not self.write.last_by:
            return "FROM came"
        last, on = self._short(self.write.last_by), f"{self._same('o', 'c')} AND o.t = c.t"
        if self.write.ties is Ties.REFUSED:
            other = f"(c.ends OR NOT ({self._equal('o', 'c', self._values())}))"
            keys = ", ".join(f"c.{key}" for key in self._keys.split(", "))
            tied = f"SELECT {keys} FROM old AS o JOIN came AS c ON {on} WHERE o.{last} IS NOT DISTINCT FROM c.{last}"
            twins.refuse_ties(self.write, self.cursor, f"{tied} AND {other}", self._keys.split(", "))
            gone = f"SELECT {keys} FROM {tombstones.KEYS} AS o JOIN came AS c ON {on} AND NOT c.ends"
            tied = f"{gone} WHERE o.{last} IS NOT DISTINCT FROM c.{last}"
            twins.refuse_ties(self.write, self.cursor, tied, self._keys.split(", "))
        more = f"{on} AND {twins.is_late(f'c.{last}', f'o.{last}')}"
        stands = f"SELECT o.* EXCLUDE (u, w), false AS ends FROM old AS o SEMI JOIN came AS c ON {more}"
        gone = f"SELECT {self._gone()}, true AS ends FROM {tombstones.KEYS} AS o SEMI JOIN came AS c ON {more}"
        stands += f" UNION ALL BY NAME {gone}"
        timely = f"SELECT c.* FROM came AS c ANTI JOIN {tombstones.KEYS} AS o ON {more}"
        return f"SELECT c.* FROM ({timely}) AS c ANTI JOIN old AS o ON {more} UNION ALL BY NAME {stands}"

    def _moments(self) -> str:
        """For each key the moments at which something was said, each with the statement that counts."""
        columns = f"{self._keys}{''.join(f', {short}' for short, _ in self._versioned())}"
        same = self._same("o", "c")
        said = [
            f"SELECT {columns}, t, false AS ends, {_BEGINS} AS weight FROM old",
            f"SELECT {columns}, u, true, {_STAYS} FROM old WHERE u IS NOT NULL",
            f"SELECT {columns}, t, ends, {_CAME} FROM said",
            f"SELECT {self._gone()}, true, {_REMEMBERED} FROM {tombstones.KEYS} AS o SEMI JOIN came AS c ON {same}",
        ]
        if self.write.deletes is Deletes.CLOSE:
            said += [self._closed(columns), self._back(columns)]
        one = f"row_number() OVER (PARTITION BY {self._keys}, t ORDER BY weight DESC) = 1"
        return f"SELECT * FROM ({' UNION ALL '.join(said)}) QUALIFY {one}"

    def _became(self) -> str:
        """What was said as versions: without what says the same as before, each ends where the next begins."""
        before = f"OVER (PARTITION BY {self._keys} ORDER BY t)"
        before_it, version = f"lag({self._version()}) {before}", self._version()
        again = f"coalesce(lag(ends) {before} = ends AND (ends OR {before_it} = {version}), false)"
        kept = f"SELECT * FROM line QUALIFY NOT {again}"
        return f"SELECT * EXCLUDE (ends, weight) FROM (SELECT *, lead(t) {before} AS u FROM ({kept})) WHERE NOT ends"

    def _closed(self, columns: str) -> str:
        """The ends of keys that did not come: now, but at least a microsecond (of dates: a day) after their version
        began.
        """
        left = f"old AS o ANTI JOIN came AS c ON {self._same('o', 'c')} WHERE {self._holds('o')}"
        step = "1" if str(self._field(VALID_FROM).type) == "date" else "INTERVAL 1 MICROSECOND"
        return f"SELECT {columns}, greatest({self._now()}, o.t + {step}), true, {_CLOSED} FROM {left}"

    def _back(self, columns: str) -> str:
        """Keys that had ended and come again hold from now on, however old their row is."""
        last = f"SELECT * FROM said QUALIFY row_number() OVER (PARTITION BY {self._keys} ORDER BY t DESC) = 1"
        ends = f"SELECT {self._keys}, u FROM old UNION ALL SELECT {self._keys}, t FROM {tombstones.KEYS}"
        ended = f"SELECT {self._keys}, max(u) AS e FROM ({ends}) GROUP BY {self._keys} HAVING count(*) = count(u)"
        both = f"({last}) AS s JOIN ({ended}) AS o ON {self._same('s', 'o')} WHERE s.t < o.e AND NOT s.ends"
        named = ", ".join(f"s.{column}" for column in columns.split(", "))
        return f"SELECT {named}, greatest({self._now()}, o.e), false, {_CAME} FROM {both}"

    @property
    def _told(self) -> dict[str, Field]:
        """What a tombstone tells, by the names of the temporary tables."""
        told = {f"k{n}": field for n, field in enumerate(key_fields(self.write))}
        told |= {"t": self._field(self.write.at or VALID_FROM)}
        last = self.write.last_by
        return told | ({self._short(last): self._field(last)} if last and self._short(last) not in told else {})

    @property
    def _remembered(self) -> tombstones.Remembered:
        return tombstones.Remembered(self.cursor, self._told)

    def _gone(self) -> str:
        """The columns of a remembered tombstone, as those of a row."""
        told = self._told
        values = (short if short in told else f"NULL AS {short}" for short, _ in self._versioned())
        return ", ".join((self._keys, *values, "t"))

    def _holds(self, version: str) -> str:
        """SQL that tells whether a version has begun and has no end."""
        return f"({version}.u IS NULL AND {version}.t <= {self._now()})"

    def _is_current(self, begin: str, end: str) -> str:
        return f"({begin} <= {self._now()} AND ({end} IS NULL OR {end} > {self._now()}))"

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

    def _values(self) -> list[tuple[str, Field]]:
        """All columns outside of the key."""
        return list(self._versioned())

    def _compared(self) -> list[tuple[str, Field]]:
        """The columns whose change begins a new version: those of `track`, or else all; never the column of the
        moment.
        """
        tracked = {name.lower() for name in self.write.track}
        if unknown := tracked - {field.name.lower() for _, field in self._versioned()}:
            name = min(unknown)
            raise SchemaError(f"track names column {name!r}, which is not produced", hint=f"select {name} too")
        named = ((short, field, field.name.lower()) for short, field in self._versioned())
        return [
            (short, field)
            for short, field, name in named
            if name != self.write.at.lower() and (not tracked or name in tracked)
        ]

    def _version(self) -> str:
        """A struct, for which NULL equals NULL."""
        return f"row({', '.join(exactly(short, field.type) for short, field in self._compared()) or 'true'})"

    def _equal(self, left: str, right: str, values: list[tuple[str, Field]]) -> str:
        sides = ([exactly(f"{side}.{short}", field.type) for side in (left, right)] for short, field in values)
        return " AND ".join(f"{ours} IS NOT DISTINCT FROM {theirs}" for ours, theirs in sides) or "true"

    def _short(self, name: str) -> str:
        return next(short for short, field in self._named() if field.name.lower() == name.lower())

    def _same(self, left: str, right: str) -> str:
        return " AND ".join(f"{left}.k{n} = {right}.k{n}" for n in range(len(self.write.key)))

    # moments

    def _now(self) -> str:
        """The moment of the write, in the type of the version columns."""
        assert self.write.moment is not None, "an scd2 table is written at a moment"
        type_ = spelled(self._field(VALID_FROM).type)
        moment = f"CAST({literal(self.write.moment.isoformat())} AS TIMESTAMPTZ)"
        return f"CAST({moment} AT TIME ZONE 'UTC' AS {type_})" if "ZONE" not in type_ else moment

    def _field(self, name: str) -> Field:
        field = self.write.schema.find(name)
        assert field is not None, f"the schema of an scd2 table has {name}"
        return field

    # queries

    def _create(self, name: str, query: str) -> None:
        self.cursor.execute(f"CREATE TEMP TABLE {name} AS {query}")

    def _row(self, query: str) -> tuple[int, ...]:
        return tuple(self.cursor.execute(query).fetchall()[0])


def staged(write: Write) -> Write:
    """The write of the new rows before they become versions: only the columns that the code gives."""
    return replace(write, schema=Schema(unversioned(write.schema).fields))

"""Any SELECT over tables with personal columns, and where personal values really went in it.

The tables stand twice, in two databases that differ in nothing but the personal values. So a column of a result that
differs, or that holds one of the planted texts, carries something of a person, whatever was computed of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, TypeAlias

import duckdb

PERSONAL: Final = frozenset({"email", "phone", "tags", "info"})
"""The personal columns of `bronze.people`."""
CANARY: Final = "KNRY"

_TABLES: Final = """
create schema bronze; create schema silver;
create table bronze.people as select i::int as id, '{c}' || i || 'e{v}' as email, '{c}' || i || 'p{v}' as phone,
  ['{c}' || i || 't{v}', '{c}' || i || 'u{v}'] as tags,
  {{'mail': '{c}' || i || 'm{v}', 'zip': '{c}' || i || 'z{v}'}} as info,
  case when i % 2 = 0 then 'Ulm' else 'Bonn' end as city, 'n' || i as note from range(1, 5) t(i);
create table bronze.visits as
  select i::int as id, 'place' || i as place, 'h' || i as email, 'Ulm' as city from range(1, 5) t(i);
create table silver.cities as select * from (values ('Ulm', 'DE'), ('Bonn', 'DE')) v(city, country);
"""

Column: TypeAlias = tuple[str, str]
"""A name, and `s` for a text, `i` for a number, `l` for a list of texts, `t` for a struct, `x` for anything else."""


def databases() -> tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection]:
    found = []
    for variant in ("aa", "bb"):
        connection = duckdb.connect(config={"threads": "1", "python_enable_replacements": "false"})
        connection.execute(_TABLES.format(c=CANARY, v=variant))
        found.append(connection)
    return found[0], found[1]


def carriers(databases: Sequence[duckdb.DuckDBPyConnection], text: str) -> dict[str, bool] | None:
    """Of each column of the result, whether it carries something of a person; None where that cannot be told.

    Which rows there are may depend on a person: only what stands in them counts.
    """
    (names, first), (others, second) = (_values(connection, text) for connection in databases)
    if names != others or len(set(names)) < len(names) or not first or len(first[0]) > _MOST:
        return None
    told = [len(one) == len(two) for one, two in zip(first, second, strict=True)]
    return {
        name: (is_told and _told(one) != _told(two)) or any(CANARY in value.upper() for value in one)
        for name, one, two, is_told in zip(names, first, second, told, strict=True)
    }


def _told(values: Sequence[str]) -> set[str]:
    """What is not a word or a number of everybody's: which one of these comes first hangs on how rows are hashed."""
    return {_EVERYBODYS.sub("", value) for value in values}


_EVERYBODYS: Final = re.compile(
    r"n[1-4]|place[1-4]|h[1-4]|ulm|bonn|de|email|phone|note|tags|info|city|name|none|true|false|null|\b\d{1,3}\b",
    re.IGNORECASE,
)
_MOST: Final = 2000
"""Rows of a result that is looked at."""


def _values(connection: duckdb.DuckDBPyConnection, text: str) -> tuple[list[str], list[list[str]]]:
    relation = connection.sql(text)
    rows = relation.limit(_MOST + 1).fetchall()
    return [name.lower() for name in relation.columns], [list(map(repr, values)) for values in zip(*rows, strict=True)]


@dataclass
class Source:
    name: str
    columns: list[Column]


@dataclass
class Maker:
    """Makes SELECTs by chance; `describe` tells the columns of a text."""

    chance: Random
    connection: duckdb.DuckDBPyConnection
    ctes: dict[str, list[Column]] = field(default_factory=dict)
    names: int = 0

    def select(self) -> str:
        """A whole statement."""
        head = ""
        for _ in range(self.chance.choice((0, 0, 1, 2))):
            head += self._cte(head)
        return head + self._body(2)

    # Statements

    def _cte(self, head: str) -> str:
        name, body = self._name("w"), self._body(1)
        recursive = self.chance.random() < 0.2
        if recursive:
            inner = f"select k, n + 1, m from {name} where n < 3"
            values = self._expr(self._sources_of("bronze.people p"), 1)
            body = f"select {values} as k, 0 as n, 'x' as m from bronze.people p union all {self._swapped(inner, name)}"
        columns = self._described(f"{head}{', ' if head else 'with '}{name} as ({body}) from {name}")
        if columns is None and not recursive:
            return ""
        word = ("recursive " if recursive else "") if not head else ""
        aliases = ""
        if columns and not recursive and self.chance.random() < 0.3:
            given = [self._name("c") for _ in columns[: self.chance.randint(1, len(columns))]]
            aliases = f"({', '.join(given)})"
            columns = [*zip(given, (kind for _, kind in columns), strict=False), *columns[len(given) :]]
        self.ctes[name] = columns or [("k", "s"), ("n", "i"), ("m", "s")]
        return f"{', ' if head else f'with {word}'}{name}{aliases} as ({body}) "

    def _swapped(self, inner: str, name: str) -> str:
        if self.chance.random() < 0.5:
            return inner
        return f"select m, n + 1, (select max(email) from bronze.people) from {name} where n < 4"

    def _body(self, depth: int) -> str:
        kind = self.chance.random()
        if depth and kind < 0.12:
            word = self.chance.choice(
                ("union all", "union", "union all by name", "union by name", "except", "intersect")
            )
            return f"{self._plain(depth - 1)} {word} {self._plain(depth - 1)}"
        if depth and kind < 0.16:
            return f"from (values ({self._constant()}, {self._scalar(0)})) v(a, b)"
        return self._plain(depth)

    def _plain(self, depth: int) -> str:
        text, sources = self._from(depth)
        if self.chance.random() < 0.06:
            return f"from {text}"
        is_grouped = self.chance.random() < 0.15
        projections = ", ".join(self._grouped(sources) if is_grouped else self._projections(sources, depth))
        where = f" where {self._condition(sources)}" if self.chance.random() < 0.2 else ""
        behind = ""
        if is_grouped:
            behind = self.chance.choice((" group by all", " group by all order by all"))
        elif self.chance.random() < 0.1:
            behind = f" qualify row_number() over (partition by {self._column(sources, 's')}) < 999"
        elif self.chance.random() < 0.1:
            behind = f" order by {self._column(sources, 's')}"
        if self.chance.random() < 0.1:
            return f"from {text} select {projections}{where}{behind}"
        distinct = f"distinct on ({self._column(sources, 's')}) " if not behind and self.chance.random() < 0.05 else ""
        return f"select {distinct}{projections} from {text}{where}{behind}"

    # FROM

    def _from(self, depth: int) -> tuple[str, list[Source]]:
        text, source = self._table(depth)
        sources = [source]
        while self.chance.random() < 0.35 and len(sources) < 3:
            joined, other = self._joined(sources, depth)
            if other is None or not any(other.name == each.name for each in sources):
                text += joined
                sources += [other] if other is not None else []
        return text, sources

    def _joined(self, sources: list[Source], depth: int) -> tuple[str, Source | None]:
        kind = self.chance.random()
        if kind < 0.15:
            name = self._name("l")
            body = f"select {self._expr(sources, 1)} as y, {self._expr(sources, 1)}"
            word = self.chance.choice((", lateral", " cross join lateral", ","))
            return f"{word} ({body}) {name}", Source(name, [("y", "x")])
        if kind < 0.25:
            name = self._name("u")
            item = self._list(sources)
            return self.chance.choice(
                (
                    (f", unnest({item}) {name}(z)", Source(name, [("z", "s")])),
                    (f", unnest({item}) as {name}", Source(name, [(name, "s")])),
                    (
                        f" cross join unnest({item}) with ordinality as {name}(z, o)",
                        Source(name, [("z", "s"), ("o", "i")]),
                    ),
                )
            )
        text, other = self._table(depth)
        shared = [name for name, kind in sources[0].columns if kind in "is" and name in dict(other.columns)]
        if shared and self.chance.random() < 0.5:
            word = self.chance.choice(("join", "left join", "full join", "right join", "semi join", "anti join"))
            keep = None if word in ("semi join", "anti join") else other
            return f" {word} {text} using ({self.chance.choice(shared)})", keep
        word = self.chance.choice(
            (" cross join {}", ", {}", " natural join {}", " positional join {}", " join {} on true")
        )
        return word.format(text), other

    def _table(self, depth: int) -> tuple[str, Source]:  # noqa: PLR0911 - one for each kind
        kind = self.chance.random()
        if depth and kind < 0.3:
            return self._derived(f"({self._body(depth - 1)})")
        if self.ctes and kind < 0.5:
            name = self.chance.choice(list(self.ctes))
            return name, Source(name, self.ctes[name])
        table = self.chance.choice(
            ("bronze.people", "bronze.people", "bronze.people", "bronze.visits", "silver.cities")
        )
        if kind > 0.93:
            return self._derived(self._pivoted(table))
        columns = self._described(f"from {table}") or []
        if kind > 0.7:
            return table, Source(table.removeprefix("bronze.").removeprefix("silver."), columns)
        name = self.chance.choice((self._name("t"), self._name("t"), "email", "info", "p"))
        if kind > 0.66:
            return f"{name}: {table}", Source(name, columns)
        if kind < 0.54:
            given = self._name("c")
            return f"{table} as {name}({given})", Source(name, [(given, columns[0][1]), *columns[1:]])
        return f"{table} {name}", Source(name, columns)

    def _pivoted(self, table: str) -> str:
        if table != "bronze.people":
            return f"(from {table})"
        item = self.chance.choice(("max(email)", "count(*)", "any_value(note)", "first(tags)"))
        return self.chance.choice(
            (
                f"(pivot {table} on city in ('Ulm', 'Bonn') using {item})",
                f"(pivot (select * exclude (info) from {table}) on city in ('Ulm') using {item} group by id)",
                f"(unpivot (select id, email, note from {table}) on email, note into name k value v)",
                f"(unpivot (select id, city, note from {table}) on city, note into name k value v)",
                f"(from {table} unpivot (v for k in (email, phone)))",
                f"(unpivot (from {table}) on columns('^(email|note)$'))",
            )
        )

    def _derived(self, text: str) -> tuple[str, Source]:
        columns = self._described(f"from {text}")
        name = self._name("d")
        if not columns:
            return "bronze.people p", Source("p", self._described("from bronze.people") or [])
        if self.chance.random() < 0.25:
            given = [self._name("c") for _ in columns[: self.chance.randint(1, len(columns))]]
            kinds = (kind for _, kind in columns)
            renamed = [*zip(given, kinds, strict=False), *columns[len(given) :]]
            return f"{text} {name}({', '.join(given)})", Source(name, renamed)
        return f"{text} {name}", Source(name, columns)

    def _sources_of(self, text: str) -> list[Source]:
        return [Source(text.rpartition(" ")[2], self._described(f"from {text}") or [])]

    # Select lists

    def _projections(self, sources: list[Source], depth: int) -> list[str]:
        return [self._projection(sources, depth) for _ in range(self.chance.choice((1, 1, 2, 3)))]

    def _projection(self, sources: list[Source], depth: int) -> str:
        one = self.chance.choice(sources)
        some = self.chance.choice(one.columns or [("id", "i")])[0]
        kind = self.chance.random()
        stars: list[Callable[[], str]] = [
            lambda: "*",
            lambda: f"{one.name}.*",
            lambda: f"* exclude ({_quoted(some)})",
            lambda: "* exclude (email, phone, tags, info)",
            lambda: f"{one.name}.* exclude (email, phone, tags, info)",
            lambda: f"* replace ({self._expr(sources, 1)} as {_quoted(some)})",
            lambda: f"* rename ({_quoted(some)} as {self._name('r')})",
            lambda: f"columns('{self.chance.choice(('em.*', 'c.*', '.*', 'n.*|id', '(e|c)(.*)'))}')",
            lambda: "columns('(.)(.*)') as '\\2_\\1'",
            lambda: f"columns(lambda c: c like '{self.chance.choice(('em%', 'c%', '%'))}')",
            lambda: "columns(* exclude (email, phone, tags, info))",
            lambda: f"columns([{_text(some)}])",
            lambda: f"max(columns({self.chance.choice(('*', chr(39) + 'em.*' + chr(39)))})) over ()",
            lambda: (
                f"columns('{self.chance.choice(('em.*', 'n.*', 'city|note'))}')::varchar || {self._expr(sources, 1)}"
            ),
            lambda: f"upper(columns('{self.chance.choice(('em.*', 'n.*', 'city|note'))}'))",
            lambda: f"coalesce(*columns('{self.chance.choice(('em.*', 'n.*', 'city|note'))}')) as {self._name('k')}",
            lambda: f"* like '{self.chance.choice(('em%', 'c%', '%'))}'",
            lambda: f"* not like '{self.chance.choice(('em%', 'c%'))}'",
            lambda: f"* similar to '{self.chance.choice(('em.*', 'c.*'))}'",
            lambda: f"{some}.*" if dict(one.columns).get(some) == "t" else f"{one.name}.*",
            lambda: f"unnest({one.name})",
            lambda: f"unnest({self._list(sources)}) as {self._name('k')}",
            lambda: f"unnest({self._struct(sources)})",
            lambda: f"unnest({self._struct(sources)}, recursive := true)",
        ]
        if kind < 0.3:
            return self.chance.choice(stars)()
        if kind < 0.36:
            return f"#{self.chance.randint(1, max(1, len(one.columns)))}" + self.chance.choice(
                ("", f" as {self._name('k')}")
            )
        expression = self._expr(sources, depth)
        form = self.chance.random()
        if form < 0.3:
            return expression
        name = self.chance.choice((self._name("k"), self._name("k"), "email", "note", "id"))
        return f"{name}: {expression}" if form < 0.4 else f"{expression} as {name}"

    def _grouped(self, sources: list[Source]) -> list[str]:
        column, text = self._column(sources), self._column(sources, "s")
        several = [
            f"count({column})",
            "count(*)",
            f"count(distinct {column})",
            f"max({column})",
            f"any_value({column})",
            "any_value(columns(*))",
            "max(columns('em.*'))",
            f"string_agg({text}, ',' order by {column})",
            f"list({column})",
            f"arg_max({text}, {column})",
            f"arg_min({column}, {text})",
            f"histogram({text})",
            f"mode({text})",
            f"mode() within group (order by {text})",
            f"percentile_disc(0.5) within group (order by {column})",
            f"quantile_disc({text}, 0.5)",
            f"max({text}) filter (where {self._condition(sources)})",
            f"first({column} order by {text})",
            f"bool_or({self._condition(sources)})",
            f"approx_count_distinct({column})",
            f"{{'a': max({text})}}.a",
            f"min({text}).upper()",
        ]
        found = [f"{self.chance.choice(several)} as {self._name('k')}"]
        if self.chance.random() < 0.3:
            found.append(self.chance.choice(several))
        if self.chance.random() < 0.5:
            found.append(self.chance.choice((self._column(sources, "s"), "city")))
        return found

    # Expressions

    def _expr(self, sources: list[Source], depth: int) -> str:
        if depth <= 0 or self.chance.random() < 0.25:
            return self._column(sources) if self.chance.random() < 0.85 else self._constant()

        def text() -> str:
            return self._expr(sources, depth - 1)

        one = self.chance.choice(sources)
        column = self._column(sources, "s")
        v = self._name("x")
        return self.chance.choice(
            (
                lambda: f"upper({column})",
                lambda: f"{column}.upper()",
                lambda: f"{column}.upper().lower()",
                lambda: f"({text()})::varchar",
                lambda: f"({text()})::varchar || 'x'",
                lambda: f"concat({text()}, {text()})",
                lambda: f"coalesce({column}, {column})",
                lambda: f"case when {self._condition(sources)} then {text()}::varchar else 'no' end",
                lambda: f"if({self._condition(sources)}, {text()}::varchar, 'x')",
                lambda: f"nullif({column}, 'x')",
                lambda: f"{column} collate nocase",
                lambda: f"{column}[1:3]",
                lambda: f"substr({column}, 1, 20)",
                lambda: f"[{text()}]",
                lambda: f"{{'a': {text()}, 'b': 1}}",
                lambda: f"({{'a': {text()}}}).a",
                lambda: f"struct_pack(q := {text()})",
                lambda: f"({text()}, {text()})",
                lambda: f"map {{'a': {text()}}}",
                lambda: f"[{v}.upper() for {v} in {self._list(sources)} if {v} <> '']",
                lambda: f"list_transform({self._list(sources)}, lambda {v}: {v} || {column})",
                lambda: f"list_transform([1], lambda {v}: {column})",
                lambda: f"list_filter({self._list(sources)}, lambda {v}: {v} is not null)",
                lambda: f"list_reduce({self._list(sources)}, lambda {v}, y: {v} || y)",
                lambda: f"{self._list(sources)}[1]",
                lambda: f"{self._struct(sources)}",
                lambda: one.name,
                lambda: f"to_json({one.name})",
                lambda: f"to_json({one.name}) -> 'email'",
                lambda: f"{one.name}['{self.chance.choice(one.columns or [('id', 'i')])[0]}']",
                lambda: f"struct_extract({one.name}, '{self.chance.choice(one.columns or [('id', 'i')])[0]}')",
                lambda: f"row({one.name})",
                lambda: f"md5({column})",
                lambda: f"length({column})",
                lambda: f"typeof({column})",
                lambda: f"regexp_extract({column}, '.*')",
                lambda: f"printf('%s', {column})",
                lambda: f"greatest({column}, {column})",
                lambda: f"try_cast({column} as varchar)",
                lambda: f"{self._condition(sources)}",
                lambda: f"({self._scalar_in(sources)})",
                lambda: f"array({self._scalar_in(sources)})",
                lambda: f"exists (select 1 from bronze.people e where e.email = {column})",
                lambda: f"max({column}) over (partition by {self._column(sources)})",
                lambda: f"lag({text()}, 1, {text()}) over (order by {column})",
                lambda: f"first_value({text()}) over (order by {column})",
                lambda: f"row_number() over (order by {column})",
                lambda: f"count({column}) over ()",
                lambda: f"rank() over (partition by {column} order by {column})",
                lambda: f"{column} in ('a', {column})",
                lambda: f"variant_extract({{'q': {column}}}::variant, 'q')::varchar",
                lambda: f"json_object('k', {column})",
                lambda: f"format('{{}}', {column})",
                lambda: f"list_value({column}, 'x').list_first()",
            )
        )()

    def _condition(self, sources: list[Source]) -> str:
        column = self._column(sources, "s")
        return self.chance.choice(
            (
                f"{column} is not null",
                f"{column} like '%1%'",
                f"{column} <> ''",
                f"{column} in (select email from bronze.people)",
                "exists (from bronze.people)",
                f"{column} between 'A' and 'z'",
                f"starts_with({column}, 'K')",
                f"not ({column} is null)",
            )
        )

    def _scalar(self, depth: int) -> str:
        return f"(select max({self.chance.choice(('email', 'note', 'city', 'phone'))}) from bronze.people)"

    def _scalar_in(self, sources: list[Source]) -> str:
        column, name = self._column(sources), self._name("q")
        return self.chance.choice(
            (
                "select max(email) from bronze.people",
                "select max(note) from bronze.people",
                "select count(email) from bronze.people",
                f"select {column}",
                f"select max({name}.email) from bronze.visits {name}",
                f"select max({column}) from silver.cities {name}",
                f"select email from (select 1 as one) {name} limit 1",
                f"select {name}.y from (select {column} as y) {name}",
                f"from (select {column}) limit 1",
            )
        )

    def _list(self, sources: list[Source]) -> str:
        lists = [f"{each.name}.{_quoted(name)}" for each in sources for name, kind in each.columns if kind == "l"]
        return self.chance.choice([*lists, f"[{self._column(sources, 's')}]", f"[{self._column(sources, 's')}, 'x']"])

    def _struct(self, sources: list[Source]) -> str:
        found = [f"{each.name}.{_quoted(name)}" for each in sources for name, kind in each.columns if kind == "t"]
        return self.chance.choice(
            [*found, f"{{'a': {self._column(sources)}}}", f"{{'b': {{'a': {self._column(sources)}}}}}"]
        )

    def _column(self, sources: list[Source], kind: str = "") -> str:
        found = [(each.name, name) for each in sources for name, of in each.columns if not kind or of == kind]
        if not found:
            return "'none'"
        table, name = self.chance.choice(found)
        return self.chance.choice((f"{table}.{_quoted(name)}", f"{table}.{_quoted(name)}", _quoted(name)))

    def _constant(self) -> str:
        return self.chance.choice(("'k'", "1", "null", "'email'", "date '2020-01-01'"))

    def _name(self, letter: str) -> str:
        self.names += 1
        return f"{letter}{self.names}"

    def _described(self, text: str) -> list[Column] | None:
        try:
            rows = self.connection.execute(f"describe {text}").fetchall()
        except duckdb.Error:
            return None
        return [(name, _kind(type_)) for name, type_, *_ in rows]


def _kind(type_: str) -> str:
    if type_ == "VARCHAR":
        return "s"
    if type_ == "VARCHAR[]":
        return "l"
    return "t" if type_.startswith("STRUCT") else "i" if type_ in ("INTEGER", "BIGINT") else "x"


def _quoted(name: str) -> str:
    return name if name.isidentifier() else '"' + name.replace('"', '""') + '"'


def _text(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"

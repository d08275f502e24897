"""Reads a SQL file: the tables that it names, where its columns come from, and everything wrong with it.

The text is only read here; the user's own text is what runs. Two parsers read it: sqlglot gives names their places and
explains faults, and DuckDB's own tree tells what the SELECT does. Where the two differ, the text is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Final, NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from lakeflow.core.errors import Fault
from lakeflow.core.keys import AssetKey, ExternalKey, Layer
from lakeflow.core.sql.column_lineage import flows_of
from lakeflow.core.sql.query import NO_OTHERS, PUBLISHED, Allowed, ParsedQuery, Reference
from lakeflow.core.sql.rowwise import look
from lakeflow.core.sql.statements import Doubt, Node, at_of, doubts, files_of, key_of, path_of, tables
from lakeflow.core.sql.tokens import Token, UnclosedError, line_at, tokens
from lakeflow.core.wording import did_you_mean

_STARTS: Final = frozenset({"select", "with", "from", "values", "table", "("})


class Dialect(NamedTuple):
    """The SQL in which a text is written: sqlglot's name of it, ours, and how it is cut into words."""

    name: str
    called: str
    cut: Callable[[str], tuple[Token, ...]]


DUCKDB: Final = Dialect("duckdb", "DuckDB's dialect", tokens)


def read_query(text: str, path: str, allowed: Allowed = NO_OTHERS, dialect: Dialect = DUCKDB) -> ParsedQuery:
    """What a text of exactly one SELECT reads; otherwise the faults."""
    try:
        found = dialect.cut(text)
    except UnclosedError as error:
        return _faulty(path, line_at(text, error.start), f"a {error.what} is never closed", _close(error.what))
    if fault := _not_one_select(text, path, found):
        return ParsedQuery(faults=(fault,))
    try:
        parsed = [
            each for each in sqlglot.parse(text, dialect=dialect.name) if each and type(each) is not exp.Semicolon
        ]
        if len(parsed) == 1 and isinstance(parsed[0], exp.Query | exp.Values):
            return _SelectReader(text, path, allowed).read(parsed[0])
    except ParseError as error:
        return _unreadable(text, path, error, dialect)
    except (SqlglotError, RecursionError) as error:
        return _faulty(
            path, line_at(text, found[0].start), f"the SQL cannot be read: {type(error).__name__}", "simplify it"
        )
    return _faulty(path, line_at(text, found[0].start), "the statement is not a SELECT", ONE_SELECT)


def with_tree(query: ParsedQuery, tree: Node, text: str, path: str) -> ParsedQuery:
    """Add what DuckDB's own tree tells: where values come from, and what else the SELECT does."""
    found = list(doubts(tree))
    outside = (_of(text, path, each, _LAND) for each in found if each.reads_outside)
    faults = (_of(text, path, each, each.hint) for each in found if not each.reads_outside)
    return replace(
        query,
        flows=flows_of(tree),
        files=files_of(tree),
        outside=tuple(sorted({*query.outside, *outside})),
        faults=tuple(sorted({*query.faults, *faults, *_unseen(query, tree, text, path)})),
    )


_LAND: Final = "land it with a bronze asset and read that one"


def _of(text: str, path: str, doubt: Doubt, hint: str) -> Fault:
    """The line of a node, which DuckDB places by byte."""
    line = text.encode(errors="surrogatepass")[: doubt.at].count(b"\n") + 1
    message = f"{doubt.message}, which only bronze may" if doubt.reads_outside else doubt.message
    return Fault(path, line, message, hint)


def _unseen(query: ParsedQuery, tree: Node, text: str, path: str) -> Iterator[Fault]:
    """A table that DuckDB would read and sqlglot did not find."""
    seen = {each.key for each in (*query.references, *query.published)}
    for table in tables(tree):
        key = key_of(table)
        if key is not None and key not in seen:
            doubt = Doubt(
                f"{'.'.join(path_of(table))} is read in a place that lakeflow does not understand", "", at_of(table)
            )
            yield _of(text, path, doubt, "simplify the SELECT")


def _close(what: str) -> str:
    return _NESTED if what == "comment" else "close it"


_NESTED: Final = "close it; `/*` opens a comment inside a comment, so write a glob of a header as folder and files"
ONE_SELECT: Final = "write exactly one SELECT; it may begin with WITH, and lakeflow writes the table"


def _faulty(path: str, line: int, message: str, hint: str) -> ParsedQuery:
    return ParsedQuery(faults=(Fault(path, line, message, hint),))


def _not_one_select(text: str, path: str, found: tuple[Token, ...]) -> Fault | None:
    if not found:
        return Fault(path, 1, "there is no SELECT", ONE_SELECT)
    if found[0].text.lower() not in _STARTS:
        return Fault(path, line_at(text, found[0].start), f"{found[0].text!r} does not begin a SELECT", ONE_SELECT)
    for end, following in pairwise(found):
        if end.text == ";" and following.text != ";":
            return Fault(path, line_at(text, following.start), "there is more than one statement", ONE_SELECT)
    return None


def _unreadable(text: str, path: str, error: ParseError, dialect: Dialect) -> ParsedQuery:
    """The parser's message without its token dumps. At the end of the text sqlglot points at line 1 (measured)."""
    first = error.errors[0] if error.errors else {}
    what = str(first.get("description") or "it cannot be parsed")
    if "SENTINEL" in what:
        return _faulty(path, line_at(text.rstrip(), len(text.rstrip())), "the SQL ends too early", "finish the SELECT")
    what = re.sub(r"Required keyword: .*\.(\w+)'>", lambda found: f"{found[1].upper()} is incomplete", what)
    what = re.sub(r"<Token .*", "something else", what)
    near = f" near {first['highlight']!r}" if first.get("highlight") else ""
    message = f"the SQL cannot be read: {what}{near}"
    return _faulty(path, int(first.get("line") or 1), message, f"write it in {dialect.called}")


class _SelectReader:
    """Sorts the tables that one parsed SELECT mentions by their kind."""

    def __init__(self, text: str, path: str, allowed: Allowed) -> None:
        self.allowed = allowed
        self.read_own: set[str] = set()
        self.external: set[ExternalKey] = set()
        self.text = text
        self.path = path
        self.references: dict[AssetKey, int] = {}
        self.published: dict[AssetKey, int] = {}
        self.outside: list[Fault] = []
        self.faults: list[Fault] = []

    def read(self, query: exp.Expr) -> ParsedQuery:
        for table in query.find_all(exp.Table):
            if not table.find_ancestor(exp.Hint):
                self._table(table)
        look(query, dict(self.allowed.new), self._part)
        return ParsedQuery(
            references=_ordered(self.references),
            published=_ordered(self.published),
            own=frozenset(self.read_own),
            external=frozenset(self.external),
            outside=tuple(sorted(self.outside)),
            faults=tuple(sorted(self.faults)),
        )

    def _table(self, table: exp.Table) -> None:
        if isinstance(table.this, exp.Func):
            return  # `with_tree` finds what it does
        if not isinstance(table.this, exp.Identifier):
            self._fault(table, f"{self._spelled(table)!r} is no table", _NAMES)
        elif not table.db:
            self._unqualified(table)
        else:
            self._qualified(table)

    def _unqualified(self, table: exp.Table) -> None:
        name = table.name
        if _is_cte(table):
            return
        if name.lower() in self.allowed.own:
            self.read_own.add(name.lower())
        elif table.this.quoted and re.search(r"[./*\\]", name):
            self.outside.append(self._outside(table, repr(name)))
        else:
            own = "".join(f", or {each}: the rows of its new files" for each in sorted(self.allowed.own))
            self._fault(
                table, f"table {name!r} names no layer", f"write layer.name, such as silver.{name.lower()}{own}"
            )

    def _qualified(self, table: exp.Table) -> None:
        catalog, layer = table.catalog.lower(), table.db.lower()
        if catalog not in ("", PUBLISHED):
            self._elsewhere(table)
        elif layer not in list(Layer):
            hint = did_you_mean(layer, list(Layer), _NAMES)
            self._fault(table, f"{table.db!r} in {self._spelled(table)!r} is no layer", hint)
        else:
            into = self.published if catalog else self.references
            key, line = AssetKey(Layer(layer), table.name.lower()), self._line(table)
            into[key] = min(line, into.get(key, line))

    def _elsewhere(self, table: exp.Table) -> None:
        """A table besides layers, by its declared spelling: DuckDB takes names in any case."""
        spelled = self._spelled(table)
        key = next((key for key in self.allowed.external if str(key).lower() == spelled.lower()), None)
        if key:
            self.external.add(key)
        else:
            hint = f'{_NAMES}; a table of another catalog is declared: external = ["{spelled}"]'
            self._fault(table, f"{spelled!r} stands in another database", hint)

    def _part(self, node: exp.Expr, what: str, hint: str) -> None:
        self._fault(node, f"the SELECT {what}", hint)

    def _outside(self, node: exp.Expr, what: str) -> Fault:
        return Fault(self.path, self._line(node), f"{what} reads outside the lake, which only bronze may", _LAND)

    def _fault(self, node: exp.Expr, message: str, hint: str) -> None:
        self.faults.append(Fault(self.path, self._line(node), message, hint))

    def _spelled(self, table: exp.Table) -> str:
        return ".".join(part.name for part in table.parts)

    def _line(self, node: exp.Expr) -> int:
        """The line of a node. Only names have positions, so any other node takes that of its first name."""
        for each in node.walk():
            if "start" in each.meta:
                return line_at(self.text, each.meta["start"])
        return line_at(self.text, len(self.text) - len(self.text.lstrip()))


_NAMES: Final = f"tables are named layer.name, where the layers are {', '.join(Layer)}"


def _ordered(found: Mapping[AssetKey, int]) -> tuple[Reference, ...]:
    return tuple(Reference(key, line) for key, line in sorted(found.items()))


def _is_cte(table: exp.Table) -> bool:
    """Does the bare name mean a common table expression that is visible here?

    The body of a WITH sees all its members. A member sees only those before it, and itself where it is recursive.
    """
    name, inside = table.name.lower(), None
    node: exp.Expr | None = table.parent
    while node is not None:
        if isinstance(node, exp.CTE):
            inside = node
            if node.alias.lower() == name and _repeats(node, table):
                return True
        elif any(cte.alias.lower() == name for cte in _visible(node, inside)):
            return True
        node = node.parent
    return False


def _visible(node: exp.Expr, inside: exp.CTE | None) -> list[exp.CTE]:
    with_ = node.args.get("with_") or node.args.get("with")
    if not isinstance(with_, exp.With):
        return []
    members: list[exp.CTE] = with_.expressions
    if inside is None or inside.parent is not with_:
        return members
    return members[: next(index for index, member in enumerate(members) if member is inside)]


def _repeats(member: exp.CTE, table: exp.Table) -> bool:
    """Does a name at this place in the member mean the member itself? Only on the right of its UNION: DuckDB looks for
    a file where it stands elsewhere, whatever WITH RECURSIVE says.
    """
    recursive = isinstance(member.parent, exp.With) and bool(member.parent.args.get("recursive"))
    union = member.this.unnest()
    if not recursive or not isinstance(union, exp.Union):
        return False
    node: exp.Expr | None = table
    while node is not None and node is not union:
        if node is union.expression:
            return True
        node = node.parent
    return False

"""Terms in Spark SQL with their types: what two engines compare alike, and what they do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lakeflow.core.keys import EMPTY
from lakeflow.core.model.schema import Decimal, List, Map, Primitive, Schema, Struct, Type
from lakeflow.core.values import dataclass

TEXT: Final = Primitive("string")
TRUTH: Final = Primitive("boolean")
INT: Final = Primitive("int")
LONG: Final = Primitive("long")
FLOAT: Final = Primitive("float")
DOUBLE: Final = Primitive("double")
DATE: Final = Primitive("date")
TIMESTAMP: Final = Primitive("timestamp")
TIMESTAMPTZ: Final = Primitive("timestamptz")
COUNTS: Final = Primitive("list of counts")
"""What an array of numbers is: nothing but an answer."""

WHOLE: Final = frozenset({INT, LONG})
FLOATING: Final = frozenset({FLOAT, DOUBLE})
TIMES: Final = frozenset({DATE, TIMESTAMP, TIMESTAMPTZ})
EXACT_AS_DOUBLE: Final = 15
"""Digits. A longer decimal may become one double in one engine, and its neighbour in another."""


class NotTheSameError(Exception):
    """Why something is not asked of Spark: nobody knows that it means there what it means in DuckDB."""


@dataclass(frozen=True)
class Phrase:
    """A term of Spark SQL. Its type is None where it is NULL."""

    sql: str
    type: Type | None


@dataclass(frozen=True)
class TermSource:
    """What a FROM clause reads: its name there, and its columns with their types."""

    name: str
    columns: Mapping[str, Type | None]


@dataclass(frozen=True)
class View:
    """A view that Spark has, and the columns of the table that it stands for."""

    name: str
    schema: Schema


@dataclass(frozen=True)
class TermScope:
    """What a term may name. `query` says a SELECT inside of it."""

    views: Mapping[str, View]
    query: Callable[[Any, TermScope], Any]
    sources: tuple[TermSource, ...] = ()
    aliases: Mapping[str, Type | None] = EMPTY


_PARTS: Final = frozenset({"this", "expression", "expressions"})
_MORE: Final[Mapping[str, frozenset[str]]] = {
    "attimezone": frozenset({"zone"}),
    "case": frozenset({"ifs", "default"}),
    "cast": frozenset({"to"}),
    "column": frozenset({"table"}),
    "count": frozenset({"big_int"}),
    "group": frozenset({"all"}),
    "if": frozenset({"true"}),
    "in": frozenset({"query"}),
    "join": frozenset({"on", "kind", "side"}),
    "least": frozenset({"ignore_nulls"}),
    "literal": frozenset({"is_string"}),
    "ordered": frozenset({"desc", "nulls_first"}),
    "round": frozenset({"decimals"}),
    "subquery": frozenset({"alias"}),
    "table": frozenset({"db", "catalog", "alias"}),
    "values": frozenset({"alias"}),
    "window": frozenset({"partition_by", "order", "spec", "over"}),
    "windowspec": frozenset({"kind", "start", "start_side"}),
}
"""The parts of a node that are read here, besides what all have."""


def refuse_more(node: Any) -> None:
    """NotTheSameError where a node has parts that nobody reads here."""
    known = _PARTS | _MORE.get(node.key, frozenset())
    if more := sorted(key for key, value in node.args.items() if value and key not in known):
        raise NotTheSameError(f"{node.key} with {more[0]} is not known to mean the same in DuckDB and in Spark")


def name(text: str) -> str:
    return "`" + text.replace("`", "``") + "`"


def text(value: str) -> str:
    """The literal of a text: in Spark a backslash escapes what follows it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def kind(type_: Type | None) -> str:
    """Terms of one kind compare with each other."""
    if isinstance(type_, Decimal) or type_ in WHOLE | FLOATING:
        return "number"
    if type_ in TIMES:
        return "time"
    return str(type_) if type_ in (TEXT, TRUTH, None) else "nothing that compares"


def comparable(left: Phrase, right: Phrase) -> tuple[Phrase, Phrase]:
    """Both as terms that the engines compare alike; NotTheSameError otherwise."""
    if left.type is None or right.type is None:
        return left, right
    if kind(left.type) != kind(right.type) or kind(left.type).startswith("nothing"):
        raise NotTheSameError(f"{left.type} and {right.type} do not compare alike in DuckDB and in Spark")
    if kind(left.type) == "number":
        return _numbers(left, right)
    return (_at_once(left, right), _at_once(right, left)) if kind(left.type) == "time" else (left, right)


def _numbers(left: Phrase, right: Phrase) -> tuple[Phrase, Phrase]:
    types = {left.type, right.type}
    if FLOAT in types and types not in ({FLOAT}, {FLOAT, DOUBLE}):
        raise NotTheSameError(f"{left.type} and {right.type} do not compare alike in DuckDB and in Spark")
    if types & FLOATING:
        exact_as_double(left)
        exact_as_double(right)
    return left, right


def exact_as_double(term: Phrase) -> None:
    if isinstance(term.type, Decimal) and term.type.precision > EXACT_AS_DOUBLE:
        raise NotTheSameError(f"{term.type} as a double may differ in its last digit in DuckDB and in Spark")


def _at_once(term: Phrase, other: Phrase) -> Phrase:
    """A date is the beginning of its day; with a time that has a zone, one that has none is in UTC."""
    wanted = TIMESTAMPTZ if TIMESTAMPTZ in (term.type, other.type) else TIMESTAMP
    if term.type in (other.type, wanted):
        return term
    return Phrase(f"CAST({term.sql} AS {'TIMESTAMP' if wanted == TIMESTAMPTZ else 'TIMESTAMP_NTZ'})", wanted)


def shown(term: Phrase) -> Phrase:
    """The value as a text for people, spelled as DuckDB does it wherever a rule reads that text."""
    match term.type:
        case Struct() | List() | Map():
            return Phrase(f"to_json({term.sql})", TEXT)
        case Primitive("binary"):
            return Phrase(f"hex({term.sql})", TEXT)
        case Primitive("timestamptz"):
            return Phrase(f"concat(CAST({term.sql} AS STRING), '+00')", TEXT)
    return Phrase(f"CAST({term.sql} AS STRING)", TEXT)

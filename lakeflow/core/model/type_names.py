"""Types as people spell them, in Iceberg's words or DuckDB's, read into one value.

Iceberg (spec, "Schemas and Data Types"): `decimal(9,2)`, `fixed[16]`, `struct<a: int, b: list<string>>`,
`map<string, long>`. DuckDB: `DECIMAL(9,2)`, `STRUCT(a INTEGER, b VARCHAR[])`, `MAP(VARCHAR, BIGINT)`, `INTEGER[]`.
Letter case and white space do not matter outside quoted names. A DuckDB type that Iceberg lacks is read as the
narrowest one that holds all its values; where there is none (INTERVAL, ENUM, TIMESTAMP_NS …) it is a SchemaError.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context
from decimal import Decimal as Number
from typing import Any, Final
from uuid import UUID

from lakeflow.core.errors import SchemaError
from lakeflow.core.model.schema import PRIMITIVES, Decimal, Field, Fixed, List, Map, Primitive, Struct, Type
from lakeflow.core.time.units import EPOCH
from lakeflow.core.wording import did_you_mean

_MAX_PRECISION: Final = 38

_DUCKDB: Final[Mapping[str, Type]] = {
    **{word: Primitive("boolean") for word in ("bool", "logical")},
    **{
        word: Primitive("int") for word in ("tinyint", "int1", "smallint", "int2", "short", "integer", "int4", "signed")
    },
    **{word: Primitive("int") for word in ("signed", "int16", "int32", "utinyint", "uint8", "usmallint", "uint16")},
    **{word: Primitive("long") for word in ("bigint", "int8", "int64", "uinteger", "uint32")},
    **{word: Decimal(20, 0) for word in ("ubigint", "uint64")},
    # Parquet would hold them as doubles and lose digits (docs/decisions); a value too wide fails its cast loudly.
    **{word: Decimal(_MAX_PRECISION, 0) for word in ("hugeint", "int128", "uhugeint", "uint128")},
    **{word: Primitive("float") for word in ("real", "float4")},
    **{word: Primitive("double") for word in ("float8",)},
    **{word: Primitive("string") for word in ("varchar", "text", "char", "bpchar", "nvarchar", "json")},
    **{word: Primitive("binary") for word in ("blob", "bytea", "varbinary")},
    **{word: Primitive("timestamp") for word in ("datetime", "timestamp_us", "timestamp_ms", "timestamp_s")},
    "time without time zone": Primitive("time"),
    "timestamp without time zone": Primitive("timestamp"),
    "timestamp with time zone": Primitive("timestamptz"),
}
_WORDS: Final[Mapping[str, Type]] = {**{name: Primitive(name) for name in PRIMITIVES}, **_DUCKDB}
_DECIMALS: Final = frozenset({"decimal", "numeric", "dec"})
_SIZED: Final = frozenset({"varchar", "char", "bpchar", "nvarchar", "string", "text"})
_DUCKDB_DECIMAL: Final = Decimal(18, 3)
_REFUSED: Final[Mapping[str, str]] = {
    "interval": "store a number of seconds, or two timestamps",
    "enum": "declare string",
    "bit": "declare binary or string",
    "union": "declare struct, one field per member",
    "variant": "declare string and store JSON",
    "timetz": "declare time",
    "time with time zone": "declare time",
    "timestamp_ns": "declare timestamp: tables of format v2 hold microseconds",
    "timestamptz_ns": "declare timestamptz: tables of format v2 hold microseconds",
    "null": "declare the type that the values have",
}

_TOKEN: Final = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([A-Za-z_]\w*)|(\d+)|([<>()\[\],:?]))')
_ZONED: Final = re.compile(r"\s+(with|without)\s+time\s+zone\b", re.IGNORECASE)


def parse_type(text: str) -> Type:
    """The type that `text` spells, ids unassigned; SchemaError says what is wrong with it."""
    reader = _TypeParser(text)
    type_ = reader.type()
    reader.end()
    return type_


class _TypeParser:
    """Recursive descent over the spelling of one type."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def type(self) -> Type:
        word = self._word().lower()
        if word in ("time", "timestamp") and (zone := _ZONED.match(self.text, self.position)):
            self.position = zone.end()
            word = f"{word} {zone[1].lower()} time zone"
        type_ = self._nested(word) if word in ("struct", "row", "list", "map") else self._leaf(word)
        return self._arrays(type_)

    def end(self) -> None:
        if self.text[self.position :].strip():
            raise self._error(f"{self.text[self.position :].strip()!r} is left over")

    def _nested(self, word: str) -> Type:
        closing = {"<": ">", "(": ")"}.get(opening := self._sign("<", "("))
        type_: Type
        if word == "list":
            type_ = List(Field("element", self.type()))
        elif word == "map":
            key = self.type()
            self._sign(",")
            type_ = Map(Field("key", key, required=True), Field("value", self.type()))
        else:
            type_ = Struct(self._fields(opening))
        self._sign(closing or "")
        return type_

    def _fields(self, opening: str) -> tuple[Field, ...]:
        fields = [self._field(opening)]
        while self._peek(","):
            fields.append(self._field(opening))
        names = [field.name.lower() for field in fields]
        if len(set(names)) < len(names):
            raise self._error("two fields of a struct have the same name")
        return tuple(fields)

    def _field(self, opening: str) -> Field:
        name = self._word(quoted=True)
        if opening == "<":
            self._sign(":")
        return Field(name, self.type())

    def _leaf(self, word: str) -> Type:
        if word in _REFUSED:
            raise SchemaError(f"the type {self.text!r} cannot be stored in Iceberg", hint=_REFUSED[word])
        if word in _DECIMALS:
            return self._decimal()
        if word == "fixed":
            return self._fixed()
        if word not in _WORDS:
            raise SchemaError(f"{word!r} is not a type", hint=did_you_mean(word, _KNOWN, _SOME))
        if word in _SIZED and self._peek("("):
            self._number()
            self._sign(")")
        return _WORDS[word]

    def _decimal(self) -> Decimal:
        if not self._peek("("):
            return _DUCKDB_DECIMAL
        precision = self._number()
        scale = self._number() if self._peek(",") else 0
        self._sign(")")
        if not (1 <= precision <= _MAX_PRECISION and scale <= precision):
            raise self._error(f"a decimal has 1 to {_MAX_PRECISION} digits, and no more than those after the point")
        return Decimal(precision, scale)

    def _fixed(self) -> Fixed:
        closing = {"[": "]", "(": ")"}[self._sign("[", "(")]
        length = self._number()
        self._sign(closing)
        return Fixed(length)

    def _arrays(self, type_: Type) -> Type:
        while self._peek("["):
            if not self._peek("]"):
                self._number()
                self._sign("]")
            type_ = List(Field("element", type_))
        return type_

    def _next(self) -> re.Match[str]:
        if not (match := _TOKEN.match(self.text, self.position)):
            raise self._error("it ends too early" if not self.text[self.position :].strip() else "a sign is wrong")
        return match

    def _word(self, *, quoted: bool = False) -> str:
        match = self._next()
        self.position = match.end()
        if quoted and match[1]:
            return match[1].replace('""', '"')
        if match[2] is None:
            raise self._error(f"a {'name' if quoted else 'type'} is missing before {match[0].strip()!r}")
        return match[2]

    def _number(self) -> int:
        match = self._next()
        if match[3] is None:
            raise self._error(f"a number is missing before {match[0].strip()!r}")
        self.position = match.end()
        return int(match[3])

    def _sign(self, *signs: str) -> str:
        match = self._next()
        if match[4] not in signs:
            raise self._error(f"{' or '.join(signs)} is missing before {match[0].strip()!r}")
        self.position = match.end()
        return match[4]

    def _peek(self, sign: str) -> bool:
        match = _TOKEN.match(self.text, self.position)
        if match is None or match[4] != sign:
            return False
        self.position = match.end()
        return True

    def _error(self, what: str) -> SchemaError:
        return SchemaError(f"{self.text!r} is not a type: {what}", hint=_SOME)


_KNOWN: Final = frozenset({*_WORDS, *_DECIMALS, "fixed", "struct", "list", "map"})
_SOME: Final = "for example string, long, decimal(9,2), timestamptz, list<int>, struct<a: int>"


_MICROSECOND: Final = timedelta(microseconds=1)


_EXACT: Final = Context(prec=76)


def parse_value(type_: Type, text: str) -> Any:
    """The engine's text of a value; None where Python has no such value (years before 1 or after 9999, NaN)."""
    try:
        value = _parser(type_)(text)
    except (ValueError, LookupError, ArithmeticError):
        return None
    return None if isinstance(value, float) and math.isnan(value) else value


def _parser(type_: Type) -> Callable[[str], Any]:
    match type_:
        case Decimal(_, scale):
            return lambda text: Number(text).quantize(Number(1).scaleb(-scale), context=_EXACT)
        case Fixed():
            return bytes.fromhex
        case Primitive(name) if name in _PARSERS:
            return _PARSERS[name]
    return _no_value


def _no_value(_text: str) -> None:
    return None


def _boolean(text: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[text.lower()]


def _date(text: str) -> int:
    return (date.fromisoformat(text) - EPOCH.date()).days


def _time(text: str) -> int:
    of = time.fromisoformat(text)
    return ((of.hour * 60 + of.minute) * 60 + of.second) * 1_000_000 + of.microsecond


def _timestamp(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // _MICROSECOND


def _timestamptz(text: str) -> int:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return (at - EPOCH) // _MICROSECOND


def date_text(days: int) -> str:
    """How engines write the date that is so many days after 1970; OverflowError beyond the years of Python."""
    return (EPOCH + timedelta(days=days)).date().isoformat()


def timestamp_text(micros: int) -> str:
    """The same of a timestamp, in microseconds."""
    return (EPOCH + timedelta(microseconds=micros)).replace(tzinfo=None).isoformat(sep=" ")


_PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "boolean": _boolean,
    "int": int,
    "long": int,
    "float": float,
    "double": float,
    "date": _date,
    "time": _time,
    "timestamp": _timestamp,
    "timestamptz": _timestamptz,
    "string": str,
    "uuid": UUID,
    "binary": bytes.fromhex,
}

r"""The value that a text means in a type, and the texts whose value the type cannot hold.

A text with a point or an exponent means the `float` or `double` nearest to it, as everywhere. Digits without a point
are a whole number, which is kept or refused. Dates and times are ISO 8601 without weeks; `/` may stand for `-`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import duckdb

from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.core.model.schema import Decimal, List, Map, Primitive, Struct, Type

TEXT: Final = frozenset({"varchar", "enum"})
"""Ids of DuckDB's types that are text."""

VARCHAR: Final = duckdb.sqltype("VARCHAR")
MEND: Final = "mend the text, or declare the column as string"

_DAY: Final = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}"
_CLOCK: Final = r"([01]?\d|2[0-3]):\d{1,2}(:\d{1,2}(\.\d{0,6}0*)?)?"
"""A time to the microsecond; further digits must be zeros."""
_ZONE: Final = r"\s?(Z|z|[+-](0?\d|1[0-5])(:?[0-5]\d(:[0-5]\d)?)?|[A-Za-z][\w+-]*(/[\w+-]+)*)"
_NAMED: Final = r"^(.*\d)\s?([A-Za-z][\w+-]+(?:/[\w+-]+)*)\s*$"
"""A time followed by the name of a zone with two letters or more."""
_MIDNIGHT: Final = r"([T ]+00:00(:00(\.0*)?)?)?"

_PATTERNS: Final[Mapping[str, str]] = {
    "int": r"[+-]?\d+(\.0*)?",
    "long": r"[+-]?\d+(\.0*)?",
    "date": f"{_DAY}{_MIDNIGHT}",
    "time": _CLOCK,
    "timestamp": f"{_DAY}([T ]+{_CLOCK})?",
    "timestamptz": f"{_DAY}([T ]+{_CLOCK}({_ZONE})?)?",
}
_NO_NUMBER: Final = r"(?i)\s*[+-]?(inf|infinity|nan)\s*"
_SOMETHING: Final = r"^\s*[+-]?[0.]*[1-9]"
"""Any digit but zero."""
_WHOLE_DIGITS: Final = r"^\s*\+?(-?)0*(\d+?)(\.0*)?\s*$"
_EXACT_BELOW: Final[Mapping[str, int]] = {"float": 2**24, "double": 2**53}
"""From here on a float or a double does not hold every whole number, and no fraction."""


def text_loses(text: str, target: Type) -> str:
    """SQL: is the text no value of the type, or one that its cast would change? Empty where that is impossible."""
    if target == Primitive("string"):
        return ""
    cast = f"TRY_CAST({text} AS {spelled(target)})"
    pattern = _pattern(target)
    if str(target) in _EXACT_BELOW:
        return f"{text} IS NOT NULL AND ({cast} IS NULL OR {_float_loses(text, str(target))})"
    if pattern:
        pattern = rf"\s*{pattern}\s*"
        return f"{text} IS NOT NULL AND ({cast} IS NULL OR NOT regexp_full_match({text}, {literal(pattern)}))"
    return f"{text} IS NOT NULL AND {cast} IS NULL"


def _pattern(target: Type) -> str:
    if isinstance(target, Decimal):
        return rf"[+-]?\d*(\.\d{{0,{target.scale}}}0*)?"
    return _PATTERNS.get(str(target), "")


def _float_loses(text: str, target: str) -> str:
    """SQL: overflow, underflow, a whole number between two floats, or a fraction of a number too large to have one."""
    number, limit = f"TRY_CAST({text} AS {target.upper()})", _EXACT_BELOW[target]
    digits = f"regexp_replace({text}, {literal(_WHOLE_DIGITS)}, '\\1\\2')"
    plain = f"NOT regexp_matches({text}, '[eE]')"
    return (
        f"CASE WHEN contains({text}, '_') THEN true "
        f"WHEN NOT isfinite({number}) THEN NOT regexp_full_match({text}, {literal(_NO_NUMBER)}) "
        f"WHEN {number} = 0 THEN regexp_matches({text}, {literal(_SOMETHING)}) "
        f"WHEN abs({number}) >= {limit} AND {plain} THEN format('{{:.0f}}', CAST({number} AS DOUBLE)) <> {digits} "
        "ELSE false END"
    )


def clock_is_unclear(text: str) -> str:
    """SQL: does the text name a zone whose clocks skip that time, or show it twice (when they are set back)?"""
    moment, zone = f"TRY_CAST({text} AS TIMESTAMPTZ)", f"regexp_extract({text}, {literal(_NAMED)}, 2)"
    clock = f"TRY_CAST(regexp_extract({text}, {literal(_NAMED)}, 1) AS TIMESTAMP)"
    again = (
        f"timezone({zone}, {moment} {sign} INTERVAL {span} MINUTE) = {clock}" for sign in "+-" for span in (30, 60)
    )
    return (
        f"CASE WHEN {moment} IS NOT NULL AND regexp_matches({text}, {literal(_NAMED)}) "
        f"THEN timezone({zone}, {moment}) <> {clock} OR {' OR '.join(again)} ELSE false END"
    )


def shape_in_text(target: Type) -> str:
    """The type in DuckDB's words, with text in place of every type that is not nested."""
    match target:
        case Struct(fields):
            return f"STRUCT({', '.join(f'{quoted(field.name)} {shape_in_text(field.type)}' for field in fields)})"
        case List(element):
            return f"{shape_in_text(element.type)}[]"
        case Map(key, value):
            return f"MAP({shape_in_text(key.type)}, {shape_in_text(value.type)})"
    return "VARCHAR"


_QUOTED: Final = r"""'(?:[^'\\]|\\['"\\])*'|"(?:[^"\\]|\\['"\\])*\""""
"""A text inside a nested value, as DuckDB spells it: a backslash may stand only before a quote or another backslash."""
_JSON_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_UNCLEAR: Final = r"""['"\\]|Q\s*[^\s\]}),:=]|[^\s\[{(,:=]\s*Q|^\s*Q|Q\s*$|[\[{(,:=]\s*,|[,:=]\s*[\]})]""".replace(
    "Q", "\x01"
)
"""A quote that opens or closes nothing, an escape that DuckDB forgets, or an empty place."""


def json_in_text(text: str) -> str:
    """SQL of the text where it is a JSON object or array, otherwise NULL."""
    rest = f"regexp_replace({text}, {literal(_JSON_STRING)}, '', 'g')"
    valid = f"json_valid({text}) AND NOT regexp_matches({rest}, ',\\s*[\\]}}]')"
    return f"CASE WHEN regexp_matches({text}, '^\\s*[\\[{{]') AND {valid} THEN {text} END"


def spelled_plainly(text: str, json: str) -> str:
    """SQL of the text where it is no JSON and has only one meaning as DuckDB spells lists, structs and maps, otherwise
    NULL.
    """
    rest = f"regexp_replace({text}, {literal(_QUOTED)}, chr(1), 'g')"
    clear = f"NOT contains({text}, chr(1)) AND NOT regexp_matches({rest}, {literal(_UNCLEAR)})"
    return f"CASE WHEN {json} IS NULL AND {clear} THEN {text} END"

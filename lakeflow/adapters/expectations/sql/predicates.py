"""Row rules as SQL that is TRUE for a bad row, FALSE for a good one and NULL for a row that the rule does not judge."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

from lakeflow.adapters.expectations.sql.literals import literal, text
from lakeflow.adapters.expectations.table import CannotCheck, Operand

Values = Mapping[str, Any]
Rule = Callable[[Sequence[Operand], Values], str]


def bad_row(metric: str, columns: Sequence[Operand], values: Values) -> str:
    """The rule of a map metric (`column_values.between`); CannotCheck for a rule that has no SQL here."""
    rule = RULES.get(metric)
    if rule is None:
        raise CannotCheck(unsupported(metric))
    return rule(columns, values)


def unsupported(metric: str) -> str:
    return f"{metric!r} is not compiled to SQL; write it as a bad-row query (UnexpectedRowsExpectation or a .sql check)"


def regexes(values: Values) -> tuple[str, ...]:
    """The regular expressions among the arguments of a check."""
    one = values.get("regex")
    return (one,) if one else tuple(values.get("regex_list") or ())


def interval(subject: str, values: Values, spell: Callable[[Any], str]) -> str:
    """SQL that is TRUE inside the bounds `min_value`, `max_value`, `strict_min`, `strict_max`."""
    low, high = values.get("min_value"), values.get("max_value")
    rules = []
    if low is not None:
        rules.append(f"{subject} {'>' if values.get('strict_min') else '>='} {spell(low)}")
    if high is not None:
        rules.append(f"{subject} {'<' if values.get('strict_max') else '<='} {spell(high)}")
    if not rules:
        raise CannotCheck("neither min_value nor max_value is given")
    return f"({' AND '.join(rules)})"


def members(column: Operand, values: Values) -> tuple[str, ...]:
    """The literals of `value_set`, without its NULLs, which equal nothing."""
    given = values.get("value_set")
    if given is None:
        raise CannotCheck("value_set is not given")
    return tuple(dict.fromkeys(literal(value, column) for value in given if value is not None))


def _null(columns: Sequence[Operand], _: Values) -> str:
    return f"{columns[0].sql} IS NULL"


def _nonnull(columns: Sequence[Operand], _: Values) -> str:
    return f"{columns[0].sql} IS NOT NULL"


def _between(columns: Sequence[Operand], values: Values) -> str:
    column = columns[0]
    if not (column.is_number or column.is_time or column.is_text):
        raise CannotCheck(f"{column.name} is {column.type}, which has no order")
    return f"NOT {interval(column.sql, values, lambda bound: literal(bound, column))}"


def _in_set(columns: Sequence[Operand], values: Values) -> str:
    column = columns[0]
    allowed = members(column, values)
    return f"{column.sql} NOT IN ({', '.join(allowed)})" if allowed else _judged(column, "TRUE")


def _not_in_set(columns: Sequence[Operand], values: Values) -> str:
    column = columns[0]
    forbidden = members(column, values)
    return f"{column.sql} IN ({', '.join(forbidden)})" if forbidden else _judged(column, "FALSE")


def _judged(column: Operand, answer: str) -> str:
    return f"CASE WHEN {column.sql} IS NOT NULL THEN {answer} END"


def _spelled(column: Operand) -> str:
    if column.is_text:
        return column.sql
    if str(column.type) in ("int", "long", "uuid"):
        return f"CAST({column.sql} AS VARCHAR)"
    raise CannotCheck(f"{column.name} is {column.type}, not text; cast it in a bad-row query")


def _length_between(columns: Sequence[Operand], values: Values) -> str:
    return f"NOT {interval(f'length({_spelled(columns[0])})', values, lambda bound: str(int(bound)))}"


def _length_equals(columns: Sequence[Operand], values: Values) -> str:
    return f"length({_spelled(columns[0])}) <> {int(values['value'])}"


def _matches(columns: Sequence[Operand], values: Values) -> str:
    return _joined([f"regexp_matches({_spelled(columns[0])}, {text(regex)})" for regex in regexes(values)], values)


def _match(columns: Sequence[Operand], values: Values) -> str:
    return f"NOT ({_matches(columns, values)})"


def _not_match(columns: Sequence[Operand], values: Values) -> str:
    return f"({_matches(columns, {**values, 'match_on': 'any'})})"


def _likes(columns: Sequence[Operand], values: Values) -> str:
    one = values.get("like_pattern")
    patterns = (one,) if one else tuple(values.get("like_pattern_list") or ())
    escape = f" ESCAPE {text(values['escape'])}" if values.get("escape") else ""
    return _joined([f"{_spelled(columns[0])} LIKE {text(pattern)}{escape}" for pattern in patterns], values)


def _joined(matches: Sequence[str], values: Values) -> str:
    if not matches:
        raise CannotCheck("no pattern is given")
    return (" AND " if values.get("match_on") == "all" else " OR ").join(matches)


def _like(columns: Sequence[Operand], values: Values) -> str:
    return f"NOT ({_likes(columns, values)})"


def _not_like(columns: Sequence[Operand], values: Values) -> str:
    return f"({_likes(columns, {**values, 'match_on': 'any'})})"


def _greater(columns: Sequence[Operand], values: Values) -> str:
    left, right = _alike(columns)
    if values.get("or_equal"):
        return f"NOT ({left.sql} >= {right.sql} OR ({left.sql} IS NULL AND {right.sql} IS NULL))"
    return f"NOT ({left.sql} > {right.sql})"


def _pair_equal(columns: Sequence[Operand], _: Values) -> str:
    left, right = _alike(columns)
    return f"NOT coalesce({left.sql} = {right.sql}, FALSE)"


def _pair_in_set(columns: Sequence[Operand], values: Values) -> str:
    left, right = columns
    pairs = [
        f"({left.sql} = {literal(one, left)} AND {right.sql} = {literal(two, right)})"
        for one, two in values.get("value_pairs_set") or ()
    ]
    if not pairs:
        raise CannotCheck("value_pairs_set is not given")
    return f"NOT ({' OR '.join(pairs)})"


def _sum_equal(columns: Sequence[Operand], values: Values) -> str:
    for column in columns:
        if not column.is_number:
            raise CannotCheck(f"{column.name} is {column.type}, which cannot be added up")
    widest = next((column for column in columns if column.is_float), columns[0])
    return f"{' + '.join(column.sql for column in columns)} <> {literal(values['sum_total'], widest)}"


def _all_equal(columns: Sequence[Operand], _: Values) -> str:
    first, *others = _alike(columns)
    return f"({' OR '.join(f'{first.sql} IS DISTINCT FROM {other.sql}' for other in others)})"


def _all_different(columns: Sequence[Operand], _: Values) -> str:
    pairs = combinations(_alike(columns), 2)
    return f"({' OR '.join(f'{one.sql} IS NOT DISTINCT FROM {two.sql}' for one, two in pairs)})"


def _alike(columns: Sequence[Operand]) -> Sequence[Operand]:
    """The columns, proved comparable: engines disagree on how a number compares with a text."""
    kinds = {"number" if column.is_number else "time" if column.is_time else str(column.type) for column in columns}
    if len(kinds) > 1:
        types = ", ".join(f"{column.name} is {column.type}" for column in columns)
        raise CannotCheck(f"columns of different kinds do not compare: {types}")
    return columns


RULES: Final[Mapping[str, Rule]] = {
    "column_values.nonnull": _null,
    "column_values.null": _nonnull,
    "column_values.between": _between,
    "column_values.in_set": _in_set,
    "column_values.not_in_set": _not_in_set,
    "column_values.value_length.between": _length_between,
    "column_values.value_length.equals": _length_equals,
    "column_values.match_regex": _match,
    "column_values.not_match_regex": _not_match,
    "column_values.match_regex_list": _match,
    "column_values.not_match_regex_list": _not_match,
    "column_values.match_like_pattern": _like,
    "column_values.not_match_like_pattern": _not_like,
    "column_values.match_like_pattern_list": _like,
    "column_values.not_match_like_pattern_list": _not_like,
    "column_pair_values.a_greater_than_b": _greater,
    "column_pair_values.equal": _pair_equal,
    "column_pair_values.in_set": _pair_in_set,
    "multicolumn_sum.equal": _sum_equal,
    "multicolumn_values.equal": _all_equal,
    "select_column_values.unique.within_record": _all_different,
}


_MOST_REPEATS: Final = 1000


_TOKEN: Final = re.compile(
    r"""
    \\(?P<escape>.)
    | \[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]                # a class of characters: all but escapes is literal
    | (?P<python>\(\?(?:<[=!]|[=!>(\#]|P=|[a-zA-Z]*[xuaL])) # look-around, atomic group, conditional, flags
    | (?P<possessive>(?:[*+?]|\{\d+(?:,\d*)?\})\+)
    | \{(?P<least>\d+)(?:,(?P<most>\d*))?\}
    | .
    """,
    re.VERBOSE | re.DOTALL,
)


_PYTHON_ESCAPES: Final = frozenset("123456789ZuUN")


def only_python_reads(pattern: str) -> bool:
    """Does Python compile the regular expression, and RE2 refuse it?"""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return any(_refused(token) for token in _TOKEN.finditer(pattern))


def _refused(token: re.Match[str]) -> bool:
    if token["python"] or token["possessive"]:
        return True
    repeats = (token["least"] or "0", token["most"] or "0")
    return token["escape"] in _PYTHON_ESCAPES or any(int(number) > _MOST_REPEATS for number in repeats)

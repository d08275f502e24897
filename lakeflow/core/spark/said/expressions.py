"""Expressions of a metric, which is SQL for DuckDB, said in Spark SQL with the very same meaning.

Only what stands here is said, each as it is known to mean the same in both; all else is refused. So a tree is read by
sqlglot, and none is written by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlglot import exp

from lakeflow.core.model.schema import Decimal, Type
from lakeflow.core.spark.said import aggregates
from lakeflow.core.spark.said.patterns import in_java
from lakeflow.core.spark.said.terms import (
    COUNTS,
    DATE,
    DOUBLE,
    FLOAT,
    FLOATING,
    INT,
    LONG,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    TRUTH,
    WHOLE,
    NotTheSameError,
    Phrase,
    TermScope,
    comparable,
    exact_as_double,
    kind,
    name,
    refuse_more,
    shown,
    text,
)

_SIGNS: Final[Mapping[type[exp.Expr], str]] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "<=>",
}
_WORDS: Final[Mapping[type[exp.Expr], str]] = {exp.And: "AND", exp.Or: "OR"}
_ARITHMETIC: Final[Mapping[type[exp.Expr], str]] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
_DIGITS: Final = 15


def say(node: exp.Expr, scope: TermScope) -> Phrase:
    """The expression in Spark SQL. NotTheSameError where it is not known to mean the same there."""
    refuse_more(node)
    if type(node) in _SIGNS:
        return _compared(node, scope, _SIGNS[type(node)])
    if type(node) in _WORDS:  # however many they are, they nest no deeper
        parts = [_truth(each, scope) for each in node.flatten(unnest=False)]
        return Phrase(f"({f' {_WORDS[type(node)]} '.join(parts)})", TRUTH)
    if type(node) in _ARITHMETIC:
        return _computed(node, scope, _ARITHMETIC[type(node)])
    if (found := aggregates.say(node, scope, say)) is not None:
        return found
    how = _SAYS.get(type(node))
    if how is None:
        raise NotTheSameError(f"{type(node).__name__} is not known to mean the same in DuckDB and in Spark")
    return how(node, scope)


def _truth(node: exp.Expr, scope: TermScope) -> str:
    said = say(node, scope)
    if said.type not in (TRUTH, None):
        raise NotTheSameError(f"{said.type} is no condition")
    return said.sql


def _compared(node: Any, scope: TermScope, sign: str) -> Phrase:
    left, right = comparable(say(node.this, scope), say(node.expression, scope))
    return Phrase(f"({left.sql} {sign} {right.sql})", TRUTH)


def _differs(node: exp.NullSafeNEQ, scope: TermScope) -> Phrase:
    return Phrase(f"(NOT {_compared(node, scope, '<=>').sql})", TRUTH)


def _computed(node: Any, scope: TermScope, sign: str) -> Phrase:
    left, right = say(node.this, scope), say(node.expression, scope)
    return Phrase(f"({left.sql} {sign} {right.sql})", _sum_type(left, right, sign))


def _sum_type(left: Phrase, right: Phrase, sign: str) -> Type:
    """The type of both added. Overflows are errors in both engines."""
    if kind(left.type) != "number" or kind(right.type) != "number":
        raise NotTheSameError(f"{left.type} {sign} {right.type} is not known to be the same in DuckDB and in Spark")
    comparable(left, right)
    types = {left.type, right.type}
    if types & FLOATING:
        return FLOAT if types == {FLOAT} else DOUBLE
    if types <= WHOLE:
        return INT if types == {INT} else LONG
    one, two = map(_as_decimal, (left.type, right.type))
    scale = max(one.scale, two.scale)
    digits = max(one.precision - one.scale, two.precision - two.scale) + scale + 1
    if sign == "*" or digits > 38:
        raise NotTheSameError(f"{left.type} {sign} {right.type} may not be exact")
    return Decimal(digits, scale)


def _as_decimal(type_: Type | None) -> Decimal:
    return type_ if isinstance(type_, Decimal) else Decimal(10 if type_ == INT else 19, 0)


def _divided(node: exp.Div, scope: TermScope) -> Phrase:
    """Whole numbers and doubles: the quotient is a double in both engines. By zero Spark raises."""
    left, right = say(node.this, scope), say(node.expression, scope)
    types = {left.type, right.type}
    if not (types <= WHOLE or types == {DOUBLE} or types <= {DOUBLE, *WHOLE}):
        raise NotTheSameError(f"{left.type} / {right.type} is not known to be the same in DuckDB and in Spark")
    return Phrase(f"(CAST({left.sql} AS DOUBLE) / CAST({right.sql} AS DOUBLE))", DOUBLE)


def _column(node: exp.Column, scope: TermScope) -> Phrase:
    for source in scope.sources:
        if (not node.table or node.table.lower() == source.name.lower()) and node.name.lower() in source.columns:
            spelled = f"{name(source.name)}.{name(node.name)}" if node.table else name(node.name)
            return Phrase(spelled, source.columns[node.name.lower()])
    raise NotTheSameError(f"there is no column {node.name}")


def _literal(node: exp.Literal, _: TermScope) -> Phrase:
    if node.is_string:
        return Phrase(text(node.this), TEXT)
    digits = node.this
    if "e" in digits.lower():
        return Phrase(f"{digits}D", DOUBLE)
    whole, _, part = digits.partition(".")
    if part:
        return Phrase(digits, Decimal(max(len(whole.lstrip("0")) + len(part), 1), len(part)))
    size = int(digits)
    return Phrase(digits, INT if size < 2**31 else LONG if size < 2**63 else Decimal(len(digits), 0))


def _negative(node: exp.Neg, scope: TermScope) -> Phrase:
    said = say(node.this, scope)
    return Phrase(f"(- {said.sql})", said.type)


def _cast(node: exp.Cast, scope: TermScope) -> Phrase:
    to, value = node.to.this.name, node.this
    to = "TIMESTAMP" if to == "TIMESTAMPNTZ" else to
    if to in ("TIMESTAMP", "TIMESTAMPTZ") and isinstance(value, exp.Literal) and value.is_string:
        return _moment(value.this, TIMESTAMPTZ if to == "TIMESTAMPTZ" else TIMESTAMP)
    said = say(value, scope)
    if to == "TEXT":
        return shown(said)
    if to in ("DOUBLE", "FLOAT") and _is_exact(value, said, to):
        return Phrase(f"CAST({said.sql} AS {to})", DOUBLE if to == "DOUBLE" else FLOAT)
    if to == "BIGINT" and said.type in WHOLE:
        return Phrase(f"CAST({said.sql} AS BIGINT)", LONG)
    if to == "TIMESTAMP" and said.type in (DATE, TIMESTAMP):
        return Phrase(f"CAST({said.sql} AS TIMESTAMP_NTZ)", TIMESTAMP)
    if to == "DATE" and said.type in (DATE, TIMESTAMP):
        return Phrase(f"CAST({said.sql} AS DATE)", DATE)
    raise NotTheSameError(f"a cast of {said.type} to {to} is not known to be the same in DuckDB and in Spark")


def _is_exact(value: exp.Expr, said: Phrase, to: str) -> bool:
    bare = value.this if isinstance(value, exp.Neg) else value
    if isinstance(bare, exp.Literal):
        significant = len(bare.this.lower().partition("e")[0].replace(".", "").strip("0"))
        return significant <= _DIGITS or bare.is_string
    exact_as_double(said)
    return kind(said.type) == "number" and to == "DOUBLE"


def _moment(value: str, type_: Type) -> Phrase:
    at = datetime.fromisoformat(value)
    if type_ == TIMESTAMPTZ:
        return Phrase(f"TIMESTAMP '{at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ')}+00:00'", type_)
    return Phrase(f"TIMESTAMP_NTZ '{at.isoformat(sep=' ')}'", type_)


def _without_zone(node: exp.AtTimeZone, scope: TermScope) -> Phrase:
    said = say(node.this, scope)
    if said.type != TIMESTAMPTZ or node.args["zone"].this != "UTC":
        raise NotTheSameError(f"{said.type} at a time zone is not known to be the same in DuckDB and in Spark")
    return Phrase(f"CAST({said.sql} AS TIMESTAMP_NTZ)", TIMESTAMP)


def _null_if(node: exp.Nullif, scope: TermScope) -> Phrase:
    said, other = say(node.this, scope), node.expression
    if said.type in FLOATING and isinstance(other, exp.Literal) and other.this == "nan":
        return Phrase(f"CASE WHEN isnan({said.sql}) THEN NULL ELSE {said.sql} END", said.type)
    left, right = comparable(said, say(other, scope))
    return Phrase(f"nullif({left.sql}, {right.sql})", said.type)


def _is(node: exp.Is, scope: TermScope) -> Phrase:
    said, other = say(node.this, scope), node.expression
    if isinstance(other, exp.Null):
        return Phrase(f"({said.sql} IS NULL)", TRUTH)
    if isinstance(other, exp.Boolean) and said.type in (TRUTH, None):
        return Phrase(f"({said.sql} IS {str(other.this).upper()})", TRUTH)
    raise NotTheSameError("IS is not known to mean the same in DuckDB and in Spark")


def _in(node: exp.In, scope: TermScope) -> Phrase:
    """One comparison for each value, but for texts and whole numbers: only of these all engines keep the same set."""
    if node.args.get("query"):
        return _in_query(node, scope)
    said = say(node.this, scope)
    pairs = [comparable(said, say(each, scope)) for each in node.expressions]
    if {right.type for _, right in pairs} <= ({TEXT} if said.type == TEXT else WHOLE if said.type in WHOLE else set()):
        return Phrase(f"({said.sql} IN ({', '.join(right.sql for _, right in pairs)}))", TRUTH)
    return Phrase(f"({' OR '.join(f'{left.sql} = {right.sql}' for left, right in pairs)})", TRUTH)


def _in_query(node: exp.In, scope: TermScope) -> Phrase:
    """A join of two columns without NULLs: Spark would send all that its own NOT IN reads to every executor."""
    said = say(node.this, scope)
    rows = scope.query(node.args["query"].this, scope)
    (type_,) = rows.columns.values()
    left, right = comparable(said, Phrase("`lakeflow: value`", type_))
    present = f"({rows.sql}) AS `lakeflow: present`(`lakeflow: value`)"
    return Phrase(f"EXISTS (SELECT 1 FROM {present} WHERE {right.sql} = {left.sql})", TRUTH)


def _like(node: exp.Like, scope: TermScope, escape: str = "") -> Phrase:
    said, pattern = say(node.this, scope), node.expression
    if said.type != TEXT or not isinstance(pattern, exp.Literal):
        raise NotTheSameError(f"LIKE of {said.type} is not known to mean the same in DuckDB and in Spark")
    return Phrase(f"({said.sql} LIKE {text(_pattern(pattern.this, escape))})", TRUTH)


def _pattern(pattern: str, escape: str) -> str:
    """The pattern with Spark's escape, a backslash; DuckDB has none unless it is named."""
    made, letters = [], iter(pattern)
    for letter in letters:
        if escape and letter == escape:
            literal = next(letters, None)
            if literal is None:
                raise NotTheSameError("the pattern ends with its escape character")
        elif letter in "%_":
            made.append(letter)
            continue
        else:
            literal = letter
        if ord(literal) > 0xFFFF:
            raise NotTheSameError("Spark does not find characters beyond the first 65,536 in a LIKE pattern")
        made.append(f"\\{literal}" if literal in "%_\\" else literal)
    return "".join(made)


def _escaped(node: exp.Escape, scope: TermScope) -> Phrase:
    if not isinstance(node.this, exp.Like) or len(node.expression.this) != 1:
        raise NotTheSameError("ESCAPE is not known to mean the same in DuckDB and in Spark")
    return _like(node.this, scope, node.expression.this)


def _case(node: exp.Case, scope: TermScope) -> Phrase:
    for each in node.args["ifs"]:
        refuse_more(each)
    branches = [(_truth(each.this, scope), say(each.args["true"], scope)) for each in node.args["ifs"]]
    default = node.args.get("default")
    other = say(default, scope) if default else Phrase("NULL", None)
    types = {said.type for said in (*(said for _, said in branches), other)} - {None}
    if node.this or len(types) > 1:
        raise NotTheSameError("CASE over several types is not known to mean the same in DuckDB and in Spark")
    whens = " ".join(f"WHEN {condition} THEN {said.sql}" for condition, said in branches)
    return Phrase(f"CASE {whens} ELSE {other.sql} END", next(iter(types), None))


def _coalesce(node: exp.Coalesce, scope: TermScope) -> Phrase:
    parts = [say(each, scope) for each in (node.this, *node.expressions)]
    kinds = {kind(each.type) for each in parts if each.type}
    if len(kinds) > 1:
        raise NotTheSameError("coalesce over several types is not known to mean the same in DuckDB and in Spark")
    return Phrase(f"coalesce({', '.join(each.sql for each in parts)})", parts[0].type)


def _length(node: exp.Length, scope: TermScope) -> Phrase:
    said = say(node.this, scope)
    if said.type != TEXT:
        raise NotTheSameError(f"the length of {said.type} is not known to be the same in DuckDB and in Spark")
    return Phrase(f"length({said.sql})", INT)


def _left(node: exp.Left, scope: TermScope) -> Phrase:
    return Phrase(f"left({say(node.this, scope).sql}, {int(node.expression.this)})", TEXT)


def _md5(node: exp.MD5, scope: TermScope) -> Phrase:
    return Phrase(f"md5({say(node.this, scope).sql})", TEXT)


def _anonymous(node: exp.Anonymous, scope: TermScope) -> Phrase:
    """`isfinite`, the only function that has no class of its own."""
    if node.name.lower() != "isfinite":
        raise NotTheSameError(f"{node.name} is not known to mean the same in DuckDB and in Spark")
    value = f"CAST({say(node.expressions[0], scope).sql} AS DOUBLE)"
    return Phrase(f"(NOT isnan({value}) AND abs({value}) < CAST('inf' AS DOUBLE))", TRUTH)


def _absolute(node: exp.Abs, scope: TermScope) -> Phrase:
    said = say(node.this, scope)
    return Phrase(f"abs({said.sql})", said.type)


def _round(node: exp.Round, scope: TermScope) -> Phrase:
    return Phrase(f"round({say(node.this, scope).sql}, {int(node.args['decimals'].this)})", DOUBLE)


def _least(node: exp.Least, scope: TermScope) -> Phrase:
    parts = [say(each, scope) for each in (node.this, *node.expressions)]
    return Phrase(f"least({', '.join(each.sql for each in parts)})", parts[0].type)


def _scalar(node: exp.Subquery, scope: TermScope) -> Phrase:
    rows = scope.query(node.this, scope)
    return Phrase(f"({rows.sql})", next(iter(rows.columns.values())))


def _array(node: exp.Array, scope: TermScope) -> Phrase:
    return Phrase(f"array({', '.join(say(each, scope).sql for each in node.expressions)})", COUNTS)


def _regex(node: exp.RegexpLike, scope: TermScope) -> Phrase:
    said, pattern = say(node.this, scope), node.expression
    if said.type != TEXT or not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise NotTheSameError(f"a regular expression over {said.type} is not known to mean the same in Spark")
    return Phrase(f"({said.sql} RLIKE {text(in_java(pattern.this))})", TRUTH)


def _not(node: exp.Not, scope: TermScope) -> Phrase:
    return Phrase(f"(NOT {_truth(node.this, scope)})", TRUTH)


def _paren(node: exp.Paren, scope: TermScope) -> Phrase:
    said = say(node.this, scope)
    return Phrase(f"({said.sql})", said.type)


def _boolean(node: exp.Boolean, _: TermScope) -> Phrase:
    return Phrase(str(bool(node.this)).upper(), TRUTH)


_SAYS: Final[Mapping[type[exp.Expr], Callable[[Any, TermScope], Phrase]]] = {
    exp.Abs: _absolute,
    exp.Anonymous: _anonymous,
    exp.Array: _array,
    exp.AtTimeZone: _without_zone,
    exp.Boolean: _boolean,
    exp.Case: _case,
    exp.Cast: _cast,
    exp.Coalesce: _coalesce,
    exp.Column: _column,
    exp.Div: _divided,
    exp.Escape: _escaped,
    exp.In: _in,
    exp.Is: _is,
    exp.Least: _least,
    exp.Left: _left,
    exp.Length: _length,
    exp.Like: _like,
    exp.Literal: _literal,
    exp.MD5: _md5,
    exp.Neg: _negative,
    exp.Not: _not,
    exp.Null: lambda _, __: Phrase("NULL", None),
    exp.NullSafeNEQ: _differs,
    exp.Nullif: _null_if,
    exp.Paren: _paren,
    exp.RegexpLike: _regex,
    exp.Round: _round,
    exp.Subquery: _scalar,
}

"""The kinds of lakeflow's own expectations, each with its rule by its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from lakeflow.adapters.expectations.checks import names
from lakeflow.adapters.expectations.checks.check import Rule
from lakeflow.adapters.expectations.checks.column_types import spelled
from lakeflow.adapters.expectations.checks.expectation import BadOnes, ExpectationRule
from lakeflow.adapters.expectations.checks.foreign_keys import orphans, refer, relation
from lakeflow.adapters.expectations.checks.own import AgainstMain, CrossTableRule, OwnRule
from lakeflow.adapters.expectations.library.criteria import Mostly
from lakeflow.adapters.expectations.library.library import OwnKind
from lakeflow.adapters.expectations.metrics import samples
from lakeflow.adapters.expectations.metrics.metrics import Plan
from lakeflow.adapters.expectations.metrics.plans import Aggregate, Dated, FromSchema, MetricQuery
from lakeflow.adapters.expectations.sql import conditions
from lakeflow.adapters.expectations.sql.domains import Domain
from lakeflow.adapters.expectations.sql.literals import naive
from lakeflow.adapters.expectations.table import Audited, CannotCheck, identifier
from lakeflow.core.model.scd2_columns import IS_CURRENT
from lakeflow.core.wording import counted

Args = Mapping[str, Any]


def rule_of(own: OwnKind, table: Audited, *, allow_empty: bool) -> Rule:
    """The rule of a kind. CannotCheck when the arguments make no sense for this table."""
    if own.overridden:
        raise CannotCheck("it overrides _validate: a subclass of lakeflow's own expectations may only set defaults")
    return _KINDS[own.kind](own.args, table, allow_empty)


def name_of(own: OwnKind) -> str:
    """The name of the check, without its condition."""
    return _NAMES[own.kind](own.args)


def _foreign_key(args: Args, table: Audited, allow_empty: bool) -> Rule:
    own = _several(args["columns"])
    others = _several(args["referenced_columns"] or own)
    if len(others) != len(own):
        raise CannotCheck(f"{counted(len(own), 'column')} cannot reference {len(others)}")
    columns = tuple(table.column(name) for name in own)
    domain = Domain(columns, conditions.where(args["row_condition"], table))
    secret = any(name.lower() in table.elsewhere for name in others)
    seen = replace(table, pii=table.pii | {name.lower() for name in own}) if secret else table
    source = orphans(table, domain, relation(args["references"]), others)
    judged = Aggregate(f"count(*) FILTER ({refer(domain).strip()})")
    bad = BadOnes("failed", samples.rows_of(seen, domain, source))
    metrics: dict[str, Plan] = {
        "rows": Aggregate(domain.count()),
        "judged": judged,
        "failed": MetricQuery(f"SELECT count(*) {source}"),
    }
    return CrossTableRule(_of_rows(args, metrics, bad, allow_empty), args["references"])


def _no_key_disappears(args: Args, table: Audited, allow_empty: bool) -> Rule:
    own = _several(args["columns"] or table.primary_key or table.version_key)
    if not own:
        raise CannotCheck(f"{table.asset} declares no key; name the columns that are its key")
    columns = tuple(table.column(name) for name in own)
    same = " AND ".join(f"now.{identifier(c.name)} IS NOT DISTINCT FROM main.{identifier(c.name)}" for c in columns)
    clause = Domain((), _current(None, table)).clause()
    main, now = (f"(SELECT * FROM {rows}{clause})" for rows in (table.published, table.relation))
    source = f"FROM {main} AS main ANTI JOIN {now} AS now ON {same}"
    bad = BadOnes("failed", samples.rows_of(replace(table, primary_key=()), Domain(columns), source))
    rows = MetricQuery(f"SELECT count(*) FROM {table.published}{clause}")
    metrics = {"rows": rows, "judged": rows, "failed": MetricQuery(f"SELECT count(*) {source}")}
    return AgainstMain(_of_rows(args, metrics, bad, allow_empty), (*own, *_marks(table)))


def _current(condition: Any, table: Audited) -> str | None:
    """The row condition. In an scd2 table only current versions count, because readers no longer see a key whose last
    version ended.
    """
    said = conditions.where(condition, table)
    parts = [f"({part})" for part in (said, *map(identifier, _marks(table))) if part]
    return " AND ".join(parts) or None


def _marks(table: Audited) -> tuple[str, ...]:
    return (IS_CURRENT,) if table.version_key else ()


def _of_rows(args: Args, metrics: Mapping[str, Plan], bad: BadOnes, allow_empty: bool) -> ExpectationRule:
    share = Mostly(float(args["mostly"]), bad="failed", rows="rows", kept="judged")
    return ExpectationRule(metrics, share, looked=metrics["judged"], bad=bad, allow_empty=allow_empty)


def _row_count(args: Args, table: Audited, allow_empty: bool) -> Rule:
    domain = Domain((), _current(args["row_condition"], table))
    main = MetricQuery(f"SELECT count(*) FROM {table.published}{domain.clause()}")
    relative = args["min_ratio"] is not None or args["max_ratio"] is not None
    metrics: dict[str, Plan] = {"rows": Aggregate(domain.count()), "main": main}
    rule = OwnRule("row_count", args, metrics, main if relative else None, allow_empty)
    return AgainstMain(rule, (*conditions.columns(args["row_condition"]), *_marks(table)))


def _fresh(args: Args, table: Audited, allow_empty: bool) -> Rule:
    column = table.column(args["column"])
    if not column.is_time:
        raise CannotCheck(f"{column.name} is {column.type}, neither date nor time")
    at = naive(column.sql, column)
    metrics: dict[str, Plan] = {
        "newest": Dated(f"max({at}) FILTER ({at} <= {{moment}})"),
        "future": Dated(f"count(*) FILTER ({at} > {{moment}})"),
    }
    personal = table.is_personal((column.name,))
    return OwnRule("fresh", args, metrics, Aggregate(f"count({column.sql})"), allow_empty, personal)


def _schema(args: Args, table: Audited, _: bool) -> Rule:
    return OwnRule("schema", args, {"breaches": FromSchema(tuple(_breaches(args, table)))})


def _distribution(args: Args, table: Audited, allow_empty: bool) -> Rule:
    column = table.column(args["column"])
    domain = Domain((column,), conditions.where(args["row_condition"], table))
    counts = (f"SELECT count({column.sql}) FROM {rows}{domain.clause()}" for rows in (table.relation, table.published))
    looked = MetricQuery(f"SELECT least({', '.join(f'({count})' for count in counts)})")
    rule = OwnRule("distribution", args, {"distance": _distance(domain, table)}, looked, allow_empty)
    return AgainstMain(rule, (column.name, *conditions.columns(args["row_condition"])))


def _breaches(args: Args, table: Audited) -> list[str]:
    promised = {name.lower(): (name, type_) for name, type_ in args["columns"].items()}
    found = [field.name for field in table.schema.fields]
    breaches = [f"column {name} is missing" for key, (name, _) in promised.items() if table.schema.find(key) is None]
    for field in table.schema.fields:
        name, type_ = promised.get(field.name.lower(), (None, None))
        if name is None and not args["allow_extra"]:
            breaches.append(f"column {field.name} is not in the contract")
        elif type_ is not None and spelled(type_) != str(field.type):
            breaches.append(f"column {field.name} is {field.type}, promised {type_}")
    kept = [name.lower() for name in found if name.lower() in promised]
    if args["ordered"] and kept != [key for key in promised if key in kept]:
        breaches.append(f"the order is {', '.join(found)}")
    return breaches


def _distance(domain: Domain, table: Audited) -> MetricQuery:
    """The distance, rounded, since the order in which threads add floats shows in the last digits."""
    column = domain.columns[0]
    parts = (
        f"SELECT {column.sql} AS v, {share} / sum(count(*)) OVER () AS share FROM {rows}{domain.clause()} GROUP BY 1"
        for share, rows in (("count(*)", table.relation), ("-count(*)", table.published))
    )
    both = f"SELECT v, sum(share) AS gap FROM ({' UNION ALL '.join(parts)}) GROUP BY 1"
    if column.is_number or column.is_time:
        gaps = f"SELECT abs(sum(gap) OVER (ORDER BY v NULLS FIRST ROWS UNBOUNDED PRECEDING)) AS gap FROM ({both})"
        return MetricQuery(f"SELECT round(max(gap), 12) FROM ({gaps})")
    return MetricQuery(f"SELECT round(sum(abs(gap)) / 2, 12) FROM ({both})")


def _several(names: Any) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


_KINDS: Final[Mapping[str, Callable[[Args, Audited, bool], Rule]]] = {
    "foreign_key": _foreign_key,
    "no_key_disappears": _no_key_disappears,
    "row_count": _row_count,
    "fresh": _fresh,
    "schema": _schema,
    "distribution": _distribution,
}


def _listed(columns: Any) -> str:
    found = _several(columns)
    return found[0] if len(found) == 1 else f"({', '.join(found)})"


def _references(args: Args) -> str:
    renamed = args["referenced_columns"]
    into = f" {_listed(renamed)}" if renamed and _listed(renamed) != _listed(args["columns"]) else ""
    return f"{_listed(args['columns'])} exists in {args['references']}{into}"


def _kept(args: Args) -> str:
    return f"no {_listed(args['columns']) if args['columns'] else 'key'} of main disappears"


def _near_main(args: Args) -> str:
    bounds = {"min_change": "at least {:+,}", "max_change": "at most {:+,}"}
    bounds |= {"min_ratio": "at least {:g} ×", "max_ratio": "at most {:g} ×"}
    said = (text.format(args[name]) for name, text in bounds.items() if args[name] is not None)
    return f"row count near main ({', '.join(said)})"


_NAMES: Final[Mapping[str, Callable[[Args], str]]] = {
    "foreign_key": _references,
    "no_key_disappears": _kept,
    "row_count": _near_main,
    "fresh": lambda args: f"{args['column']} at most {args['max_age']} old",
    "schema": lambda args: f"schema contract of {counted(len(args['columns']), 'column')}",
    "distribution": lambda args: f"{args['column']} within {names.value(args['max_distance'])} of main's distribution",
}

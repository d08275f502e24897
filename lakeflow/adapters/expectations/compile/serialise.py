"""Writes checks whose rule is data as text, and reads them back exactly. Arrays are tagged, objects are mappings."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from enum import Enum
from functools import partial
from typing import Any, Final

from lakeflow.adapters.expectations.checks.bad_rows import BadRows
from lakeflow.adapters.expectations.checks.check import Check, Stated
from lakeflow.adapters.expectations.checks.expectation import BadOnes, ExpectationRule
from lakeflow.adapters.expectations.checks.own import AgainstMain, CrossTableRule, OwnRule
from lakeflow.adapters.expectations.library.criteria import (
    Commonest,
    Equal,
    Inside,
    Mostly,
    NoneFound,
    Quantiles,
    Settled,
)
from lakeflow.adapters.expectations.library.divergence import BinsNear, SharesNear
from lakeflow.adapters.expectations.metrics.keys import Keys
from lakeflow.adapters.expectations.metrics.marks import Marks
from lakeflow.adapters.expectations.metrics.per_value import PerValue
from lakeflow.adapters.expectations.metrics.plans import Aggregate, Dated, FromSchema, MetricQuery, ResultShape
from lakeflow.adapters.expectations.metrics.text_rules import FitsJsonSchema, HasFormat, IsDate, IsJson, Matches
from lakeflow.adapters.expectations.sql.domains import Hint, Says
from lakeflow.adapters.expectations.table import Operand
from lakeflow.core.model.check import Outcome, Severity, Thresholds
from lakeflow.core.model.quarantine import Refusal
from lakeflow.core.model.schema import Decimal, Primitive

_RECORDS: Final[Mapping[str, type]] = {
    kind.__name__: kind
    for kind in (
        *(Severity, Outcome, ResultShape, Says),
        *(Check, ExpectationRule, BadOnes, Stated, BadRows, OwnRule, AgainstMain, CrossTableRule),
        *(Mostly, Inside, Equal, NoneFound, Settled, Commonest, Quantiles, SharesNear, BinsNear),
        *(Refusal, Thresholds, Aggregate, Dated, Hint, MetricQuery, Keys, Marks, FromSchema),
        *(PerValue, IsJson, FitsJsonSchema, IsDate, HasFormat, Matches, Operand, Primitive, Decimal),
    )
}


def _of(kind: type, items: Sequence[Any]) -> Any:
    return kind(*items)


_MAKERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "list": list,
    "tuple": tuple,
    "time": lambda items: dt.datetime.fromisoformat(*items),
    **{name: partial(_of, kind) for name, kind in _RECORDS.items()},
}


class NotDataError(Exception):
    """A check that runs code of the library or of the user cannot be cached."""


def dumps(checks: Sequence[Check]) -> str:
    """The checks as text. NotDataError when one of them is not data."""
    return json.dumps(_plain(list(checks)), ensure_ascii=False, separators=(",", ":"))


def loads(text: str) -> list[Check]:
    """The checks of a text. ValueError for text that `dumps` did not write."""
    try:
        checks = _made(json.loads(text))
    except (TypeError, LookupError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if not isinstance(checks, list) or not all(isinstance(check, Check) for check in checks):
        raise ValueError("no list of checks")
    return checks


def _plain(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    name = type(value).__name__
    if _RECORDS.get(name) is type(value):
        return [name, *(_plain(part) for part in _parts(value))]
    if type(value) in (list, tuple):
        return [name, *map(_plain, value)]
    if isinstance(value, Mapping) and all(type(key) is str for key in value):
        return {key: _plain(item) for key, item in value.items()}
    if type(value) is dt.datetime:
        return ["time", value.isoformat()]
    raise NotDataError(name)


def _parts(record: Any) -> list[Any]:
    return [record.value] if isinstance(record, Enum) else [getattr(record, field.name) for field in fields(record)]


def _made(value: Any) -> Any:
    if isinstance(value, list):
        kind, *items = value
        return _MAKERS[kind]([_made(item) for item in items])
    if isinstance(value, dict):
        return {key: _made(item) for key, item in value.items()}
    return value

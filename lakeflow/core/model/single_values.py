"""An engine's text of a value → the value as Iceberg holds it (spec, "Appendix D: Single-value serialization").

Dates are days, times microseconds of the day, timestamps microseconds, all since 1970 in UTC.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context
from decimal import Decimal as Number
from typing import Any, Final
from uuid import UUID

from lakeflow.core.model.schema import Decimal, Fixed, Primitive, Type

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
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

"""The numbers behind a check's outcome, as plain JSON and back: a result of Great Expectations is built from them.

JSON has no times, no infinity and no decimals; each of these is an object with one field.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

_MOST: Final = 64_000
"""The most characters of JSON that are kept for one check; a column may have a million distinct values."""
_TIME: Final = "time"
_DATE: Final = "date"
_FLOAT: Final = "float"
_MAP: Final = "map"


def evidence(expectation: Mapping[str, Any] | None, metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """The evidence of an expectation, without metrics that are too long; empty for any other check."""
    if expectation is None:
        return {}
    kept = {name: packed(value) for name, value in metrics.items()}
    return {"expectation": dict(expectation), "metrics": kept if len(json.dumps(kept)) <= _MOST else {}}


def packed(value: Any) -> Any:
    """The value as JSON; a value that JSON cannot hold becomes text."""
    found: Any
    match value:
        case None | bool() | int() | str():
            found = value
        case float() | decimal.Decimal():
            found = float(value) if math.isfinite(value) else {_FLOAT: str(float(value))}
        case dt.datetime():
            found = {_TIME: value.isoformat()}
        case dt.date():
            found = {_DATE: value.isoformat()}
        case Mapping():
            found = {_MAP: [[packed(key), packed(held)] for key, held in value.items()]}
        case list() | tuple() | set() | frozenset():
            found = [packed(each) for each in value]
        case _:
            found = str(value)
    return found


def unpacked(value: Any) -> Any:
    if isinstance(value, list):
        return [unpacked(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    ((kind, held),) = value.items()
    readers: Mapping[str, Callable[[Any], Any]] = {
        _TIME: dt.datetime.fromisoformat,
        _DATE: dt.date.fromisoformat,
        _FLOAT: float,
        _MAP: lambda pairs: {unpacked(key): unpacked(each) for key, each in pairs},
    }
    return readers[kind](held)


def counts(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metrics that count rows. Of a personal column nothing else may be kept."""
    return {name: value for name, value in metrics.items() if name.endswith("count") and isinstance(value, int)}

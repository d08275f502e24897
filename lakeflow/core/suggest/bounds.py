"""Bounds with slack: round numbers outside of what was seen, on the side of zero that was seen."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final

Bounds = tuple[Any, Any]
EXACT: Final = 2**53
"""The library makes floats of bounds, and from here on not all whole numbers are one."""
_DIGITS: Final = 2


def number_bounds(low: Any, high: Any, slack: float) -> tuple[int | float, int | float]:
    """Bounds that lie this part of the spread further out. A share stays between 0 and 1."""
    least, most = Decimal(str(low)), Decimal(str(high))
    pad = (most - least) * Decimal(str(slack))
    step = _step(max(most - least, abs(most), abs(least)) if most == least else most - least)
    below, above = _to(least - pad, step, ROUND_FLOOR), _to(most + pad, step, ROUND_CEILING)
    if least >= 0 > below:
        below = Decimal(0)
    if most <= 0 < above:
        above = Decimal(0)
    if isinstance(low, float | Decimal) and least >= 0 and most <= 1:
        below, above = Decimal(0), Decimal(1)
    return _plain(below), _plain(above)


def count_bounds(low: int, high: int, slack: float) -> tuple[int, int]:
    """Bounds of a count: so many times less than the least, so many times more than the most."""
    step = _step(Decimal(max(low, 1)))
    below = _to(Decimal(low) / Decimal(str(1 + slack)), step, ROUND_FLOOR)
    above = _to(Decimal(high) * Decimal(str(1 + slack)), _step(Decimal(max(high, 1))), ROUND_CEILING)
    return max(int(below), 1 if low else 0), max(int(above), 1)


def time_bounds(low: date, high: date, slack: float) -> tuple[str, str]:
    """The first days of years, with at least a month of slack: a table rarely says more of its years."""
    pad = max((high - low) * slack, timedelta(days=31))
    return f"{_year(low, -pad):04}-01-01", f"{min(_year(high, pad) + 1, 9999):04}-01-01"


def age_bound(age: timedelta) -> str:
    """Twice that age, as whole hours or days."""
    hours = max(math.ceil(age / timedelta(hours=1) * 2), 1)
    return f"{hours}h" if hours <= 72 else f"{math.ceil(hours / 24)} days"


def as_number(value: Any) -> float:
    """A value as a number, to tell how near a bound it lies: a time as days."""
    if isinstance(value, datetime):
        return (value - datetime(1970, 1, 1)) / timedelta(days=1)
    return float(value.toordinal() - date(1970, 1, 1).toordinal()) if isinstance(value, date) else float(value)


def _year(value: date, by: timedelta) -> int:
    try:
        return max((value + by).year, 1)
    except OverflowError:
        return 1 if by < timedelta(0) else 9999


def _step(span: Decimal) -> Decimal:
    return Decimal(1).scaleb(span.adjusted() - _DIGITS + 1) if span else Decimal(1)


def _to(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (value / step).to_integral_value(rounding) * step


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)

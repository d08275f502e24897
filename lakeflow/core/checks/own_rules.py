"""The rules of lakeflow's own expectations: they take an audit's numbers and give success or failure.

Both the Great Expectations classes in `lakeflow.expectations` and the audit judge by these functions, so the audit need
not import the library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted, parse_seconds

Args = Mapping[str, Any]
Values = Mapping[str, Any]


@dataclass(frozen=True)
class RuleResult:
    """`observed` is what Great Expectations calls the observed value, `details` the numbers behind it.

    `told` is the finding in words.
    """

    success: bool
    observed: Any = None
    details: Mapping[str, Any] | None = None
    told: str = ""


def rule(kind: str, args: Args, values: Values) -> RuleResult:
    """Judge these numbers as an expectation of that kind with these arguments would."""
    return _RULES[kind](args, values)


def enough(rows: int, failed: int, mostly: float) -> bool:
    """Is the share of good rows at least `mostly`? Great Expectations counts the share in the same way."""
    return rows == 0 or (rows - failed) / rows >= mostly


def _row_count(args: Args, values: Values) -> RuleResult:
    """Compare the rows now with the rows on main: difference and ratio must each lie within their bounds (included)."""
    rows, before = values["rows"], values["main"]
    change, ratio = rows - before, rows / before if before else None
    success = _within(change, args["min_change"], args["max_change"])
    success = success and _within(ratio, args["min_ratio"], args["max_ratio"])
    shown = "" if ratio is None else f", {ratio:.4g} ×"
    told = f"found {counted(rows, 'row')}, main has {before:,} ({change:+,}{shown})"
    return RuleResult(success, rows, {"main": before, "change": change, "ratio": ratio}, told)


def _fresh(args: Args, values: Values) -> RuleResult:
    """Judge freshness. Times are naive, in UTC. A value later than the audit does not tell how old the table is."""
    ahead = values.get("future", 0)
    beside = f"; {counted(ahead, 'value')} from the future not counted" if ahead else ""
    if values["newest"] is None:
        return RuleResult(success=False, details={"future": ahead}, told=f"no value is as old as the audit{beside}")
    newest, at = values["newest"].isoformat(sep=" "), values["at"].isoformat(sep=" ", timespec="seconds")
    age = (values["at"] - values["newest"]).total_seconds()
    shown = str(timedelta(seconds=int(age)))
    details = {"at": at, "age_seconds": age, "future": ahead}
    told = f"the newest is {newest}, {shown} old at {at}{beside}"
    return RuleResult(age <= parse_seconds(args["max_age"]), newest, details, told)


def _schema(_: Args, values: Values) -> RuleResult:
    breaches = list(values["breaches"])
    return RuleResult(not breaches, breaches, told="; ".join(breaches))


def _distribution(args: Args, values: Values) -> RuleResult:
    distance = values["distance"]
    return RuleResult(distance <= args["max_distance"], distance, told=f"the distance from main is {distance:.4g}")


def _within(value: float | None, low: float | None, high: float | None) -> bool:
    """Does the value lie within the bounds? An unknown value does not."""
    if low is None and high is None:
        return True
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


_RULES: Final[Mapping[str, Callable[[Args, Values], RuleResult]]] = {
    "row_count": _row_count,
    "fresh": _fresh,
    "schema": _schema,
    "distribution": _distribution,
}

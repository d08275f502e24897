"""What may be said of the values of one column: one of a few, of one shape, so long, or between bounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby, pairwise
from typing import Any, Final

from lakeflow.core.model.check import Severity
from lakeflow.core.suggest.bounds import EXACT, as_number, count_bounds, number_bounds, time_bounds
from lakeflow.core.suggest.profile import MOST_VALUES, ColumnKind, SeenSnapshot
from lakeflow.core.suggest.proposal import Proposal, Topic, Watched, library
from lakeflow.core.wording import counted

ENOUGH: Final = 3
"""What fewer snapshots showed may be chance: only a warning rests on it."""
_OFTEN: Final = 20
"""How many rows a value of a set has on average."""
_MOST_NUMBERS: Final = 5
_MANY_ROWS: Final = 100
_WIDEST: Final = 60
_RECENT: Final = timedelta(days=400)
_CLASSES: Final = {"A": "[A-Z]", "a": "[a-z]", "9": "[0-9]"}
_NUMBER: Final = re.compile(r"[-+]?[0-9.]+")
_SHAPE: Final = re.compile(r"[Aa9 ._:/@#+-]+")


def value_check(name: str, kind: ColumnKind, history: Sequence[SeenSnapshot]) -> Proposal | None:
    """The narrowest check of a column's values that its past is certain of; None where there is none. `history` is
    newest first.
    """
    for propose in _PROPOSERS[kind]:
        if (found := propose(name, history)) is not None:
            return found
    return None


def light_unless_seen(proposal: Proposal, history: Sequence[SeenSnapshot]) -> Proposal:
    return proposal if len(history) >= ENOUGH else replace(proposal, severity=Severity.WARNING)


def in_snapshots(history: Sequence[SeenSnapshot]) -> str:
    return f"in {counted(len(history), 'snapshot')}"


def _one_of(name: str, history: Sequence[SeenSnapshot]) -> Proposal | None:
    """Only where each value has many rows, and the newest snapshot brought none; a warning where some came and went."""
    every = [seen.column(name).values for seen in history]
    if any(values is None for values in every):
        return None
    sets = [frozenset(values or ()) for values in every]
    values = sorted(frozenset().union(*sets))
    often = history[0].rows >= _OFTEN * len(values)
    if not 0 < len(values) <= (_MOST_NUMBERS if _are_numbers(values) else MOST_VALUES) or not often:
        return None
    if len(sets) > 1 and sets[0] - frozenset().union(*sets[1:]):
        return None  # it grows: a set would be too small one day
    if any(len(value) > _WIDEST for value in values if isinstance(value, str)):
        return None
    said = f"{counted(len(values), 'value')} {in_snapshots(history)}"
    found = library(_of(name), "ExpectColumnValuesToBeInSet", {"value_set": values}, said)
    if len(set(sets)) > 1:
        return replace(found, severity=Severity.WARNING, evidence=f"{said}, not all of them in each", close=True)
    return light_unless_seen(found, history)


def _are_numbers(values: Sequence[Any]) -> bool:
    return not any(isinstance(value, str) and not _NUMBER.fullmatch(value) for value in values)


def _of_one_shape(name: str, history: Sequence[SeenSnapshot]) -> Proposal | None:
    """Only where every value of every snapshot has the same shape, and there are many."""
    every = [seen.column(name).shapes for seen in history]
    shapes = frozenset().union(*(shapes or ("", " ") for shapes in every))
    rows = sum(seen.rows - (seen.column(name).nulls or 0) for seen in history[:1])
    if len(shapes) != 1 or rows < _MANY_ROWS:
        return None
    (shape,) = shapes
    if not _SHAPE.fullmatch(shape) or not set(shape) & _CLASSES.keys():
        return None
    said = f"all of {rows:,} values, {in_snapshots(history)}"
    return library(_of(name), "ExpectColumnValuesToMatchRegex", {"regex": _regex(shape)}, said)


def _of(name: str) -> tuple[Topic, tuple[str, ...]]:
    return Topic.VALUES, (name,)


def _regex(shape: str) -> str:
    parts = []
    for letter, run in groupby(shape):
        many = len(list(run))
        one = _CLASSES.get(letter, rf"\{letter}" if letter in ".+" else letter)
        parts.append(f"{one}{{{many}}}" if many > 1 else one)
    return f"^{''.join(parts)}$"


def _so_long(name: str, history: Sequence[SeenSnapshot]) -> Proposal | None:
    shortest = [seen.column(name).shortest for seen in history]
    longest = [seen.column(name).longest for seen in history]
    least, most = [each for each in shortest if each is not None], [each for each in longest if each is not None]
    if len(least) < len(history) or len(most) < len(history) or not max(most):
        return None
    said = f"{spread_of(min(least), max(most), 'character')} {in_snapshots(history)}"
    if min(least) == max(most) and history[0].rows >= _MANY_ROWS:
        arguments: dict[str, Any] = {"value": max(most)}
        return light_unless_seen(library(_of(name), "ExpectColumnValueLengthsToEqual", arguments, said), history)
    _, high = count_bounds(max(most), max(most), 1.0)
    arguments = {"min_value": min(*least, 1), "max_value": high}
    found = library(_of(name), "ExpectColumnValueLengthsToBeBetween", arguments, said)
    near = Watched(tuple(map(float, most)), high, high=high).is_close
    return light_unless_seen(replace(found, close=near), history)


def _between(name: str, history: Sequence[SeenSnapshot]) -> Proposal | None:
    lows = [seen.column(name).low for seen in history]
    highs = [seen.column(name).high for seen in history]
    if None in lows or None in highs or not all(_is_bound(each) for each in (*lows, *highs)):
        return None
    low, high = min(lows), max(highs)
    if low == high:
        return None
    below, above = number_bounds(low, high, _slack(history))
    return _ranged(name, history, (lows, highs), (below, None if _grows(highs) else above))


def _between_times(name: str, history: Sequence[SeenSnapshot]) -> Proposal | None:
    """A time that moves with the publishes has no upper bound: it would fail one day."""
    lows = [seen.column(name).low for seen in history]
    highs = [seen.column(name).high for seen in history]
    if None in lows or None in highs:
        return None
    below, above = time_bounds(min(lows), max(highs), _slack(history))
    today = history[0].at.replace(tzinfo=None)
    recent = as_number(max(highs)) > as_number(today - _RECENT)
    return _ranged(name, history, (lows, highs), (below, None if recent or _grows(highs) else above))


def _ranged(
    name: str, history: Sequence[SeenSnapshot], ends: tuple[list[Any], list[Any]], bounds: tuple[Any, Any]
) -> Proposal:
    lows, highs = ends
    below, above = bounds
    arguments = {"min_value": below} | ({} if above is None else {"max_value": above})
    said = f"{spread(min(lows), max(highs))} {in_snapshots(history)}"
    found = library(_of(name), "ExpectColumnValuesToBeBetween", arguments, said)
    return light_unless_seen(replace(found, close=_is_near(lows, highs, below, above)), history)


def _is_near(lows: list[Any], highs: list[Any], below: Any, above: Any) -> bool:
    """Zero and one are bounds of a kind of number, which nothing comes near by chance; years are not worth a word."""
    if isinstance(below, str):
        return False
    scale = (max(highs) if above is None else above) - below
    low = None if below == 0 else below
    high = None if above in {0, 1} else above
    ends = (
        Watched(tuple(map(as_number, lows)), scale, low=low),
        Watched(tuple(map(as_number, highs)), scale, high=high),
    )
    return any(each.is_close for each in ends)


def _is_bound(value: Any) -> bool:
    return bool(abs(value) < EXACT)  # False for infinity, too


def _slack(history: Sequence[SeenSnapshot]) -> float:
    return 0.5 if len(history) >= ENOUGH else 1.0


def _grows(newest_first: Sequence[Any]) -> bool:
    """Is each publish's greatest value greater than the one before? A counter or a clock knows no bound."""
    return len(newest_first) >= ENOUGH and all(newer > older for newer, older in pairwise(newest_first))


def spread(low: Any, high: Any) -> str:
    """Both ends of what was seen, or the one there is."""
    return _shown(low) if low == high else f"{_shown(low)} to {_shown(high)}"


def spread_of(low: int, high: int, noun: str) -> str:
    """The same of so many things."""
    return counted(low, noun) if low == high else f"{low:,} to {counted(high, noun)}"


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


_PROPOSERS: Final[dict[ColumnKind, tuple[Callable[[str, Sequence[SeenSnapshot]], Proposal | None], ...]]] = {
    ColumnKind.TEXT: (_one_of, _of_one_shape, _so_long),
    ColumnKind.WHOLE: (_one_of, _between),
    ColumnKind.FRACTION: (_between,),
    ColumnKind.EXACT: (_between,),
    ColumnKind.DATE: (_between_times,),
    ColumnKind.MOMENT: (_between_times,),
    ColumnKind.UUID: (),
    ColumnKind.OTHER: (),
}

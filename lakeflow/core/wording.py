"""Words for people: counted things, sizes, near misses and differences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from difflib import SequenceMatcher, get_close_matches
from typing import Final


def counted(number: int, noun: str) -> str:
    """`1 asset`, `4 assets`, `26,109 rows`."""
    return f"{number:,} {noun}{'s'[: abs(number) != 1]}"


_SPELLED: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?:(?P<unit>[KMGT])(?P<binary>i)?)?B?", re.IGNORECASE)


_UNITS: Final = ((86_400, 86_400, "d"), (3_600, 3_600, "h"), (60, 60, "min"), (0, 1, "s"))
"""For each unit: from how many seconds on it is used, its length in seconds, its name."""
_FINER: Final = ((172_800, 86_400, "d"), *_UNITS[1:])
_AGE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|h|d|w|(?:second|minute|hour|day|week)s?)\s*", re.IGNORECASE)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DIFFERENCES: Final = 8
_LONGEST_NAME: Final = 40
_POWERS: Final = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_bytes(text: str) -> int:
    """`"4GB"` is 4·10⁹ bytes and `"4GiB"` 4·2³⁰; a number alone is bytes. ValueError for anything else."""
    found = _SPELLED.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no amount of bytes")
    base = 1024 if found["binary"] else 1000
    return int(float(found["number"]) * base ** _POWERS[(found["unit"] or "").upper()])


def parse_seconds(age: str) -> float:
    """`"90 minutes"`, `"36h"`, `"2 days"` → seconds; ValueError for anything else."""
    match = _AGE.fullmatch(age)
    if match is None:
        raise ValueError(f"{age!r} is no age; write 90 minutes, 36h or 2 days")
    return float(match[1]) * _SECONDS[match[2][0].lower()]


def age(then: datetime, now: datetime) -> str:
    """`2 min`, `5 h`, `1 d`; a clock that runs backwards gives `0 s`."""
    return _in_units(then, now, _UNITS)


def lateness(then: datetime, now: datetime) -> str:
    """The same in hours up to two days: beside `due within 24h`, one day would not tell whether it is late."""
    return _in_units(then, now, _FINER)


def _in_units(then: datetime, now: datetime, units: Sequence[tuple[int, int, str]]) -> str:
    seconds = max(0, int((now - then).total_seconds()))
    return next(f"{seconds // length} {unit}" for start, length, unit in units if seconds >= start)


def nearest(word: str, options: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The option that looks most like `word`, letter case ignored; None when no option is as close as `cutoff` (up to
    1).
    """
    spelled = {option.lower(): str(option) for option in options}
    found = get_close_matches(word.lower(), sorted(spelled), n=1, cutoff=cutoff)
    return spelled[found[0]] if found else None


def did_you_mean(word: str, options: Iterable[str], otherwise: str) -> str:
    """A hint: the nearest option as a question, else `otherwise`."""
    return _asked(nearest(word, options), otherwise)


def did_you_mean_asset(key: object, options: Iterable[object], otherwise: str) -> str:
    """As `did_you_mean` for `layer.name`, so that a shared layer does not make names look alike."""
    return _asked(nearest(str(key), map(str, options), cutoff=0.8), otherwise)


def _asked(found: str | None, otherwise: str) -> str:
    return otherwise if found is None else f"did you mean {found!r}?"


def differences(expected: Sequence[str], found: Sequence[str]) -> str:
    """`− total; + sum` for missing and new columns, `renamed: total → sum` where they stand at the same place.

    Long names are cut: a file without a header would show its first row here.
    """
    said = list(_said(expected, found))
    more = f"; and {len(said) - _DIFFERENCES:,} more" if len(said) > _DIFFERENCES else ""
    return "; ".join(said[:_DIFFERENCES]) + more


def _said(expected: Sequence[str], found: Sequence[str]) -> Iterator[str]:
    for kind, start, stop, first, last in SequenceMatcher(None, expected, found, autojunk=False).get_opcodes():
        before, after = expected[start:stop], found[first:last]
        if kind == "replace" and len(before) == len(after):
            pairs = zip(before, after, strict=True)
            yield from (
                f"renamed: {cut(old)} → {cut(new)} (column {at})" for at, (old, new) in enumerate(pairs, start + 1)
            )
        elif kind != "equal":
            yield from (f"− {cut(old)} (column {at})" for at, old in enumerate(before, start + 1))
            yield from (f"+ {cut(new)} (column {at})" for at, new in enumerate(after, first + 1))


def cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…"

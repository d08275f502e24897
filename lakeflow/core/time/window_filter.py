"""Conditions by which the rows of an input go into a partition in time, as values."""

from __future__ import annotations

from lakeflow.core.time.timeline import BOUNDS
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class WindowFilter:
    """Conditions over one row of an input, under its name `alias`, that all hold for the rows of a partition. They name
    both of its bounds. Where they only compare one column with the bounds, and take the first but not the last,
    `column` names it in lower case.
    """

    alias: str
    conditions: tuple[str, ...]
    column: str = ""


def filter_by(expression: str) -> WindowFilter:
    """The filter that a time of a row gives, which its author declares as SQL."""
    start, end = BOUNDS
    return WindowFilter("", (f"({expression}\n) >= ${start}", f"({expression}\n) < ${end}"))

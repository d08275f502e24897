"""One proposed check: a plain expectation with its severity, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from lakeflow.core.model.check import Severity
from lakeflow.core.values import dataclass

LIBRARY: Final = "gxe"
OURS: Final = "lfx"
_SOON: Final = 5
"""Publishes from now, at the pace of those before."""
_NEAR: Final = 0.1


class Topic(StrEnum):
    """What a check says of its columns. A suite needs one check of each."""

    FILLED = "filled"
    VALUES = "values"
    UNIQUE = "unique"
    ROWS = "rows"
    FRESH = "fresh"


About = tuple[Topic, frozenset[str]]
"""A topic, and the columns in lower case."""


@dataclass(frozen=True)
class Watched:
    """A number that a check bounds: what it was in each snapshot, newest first, its bounds, and how far these are
    apart.
    """

    numbers: tuple[float, ...]
    scale: float
    low: float | None = None
    high: float | None = None

    @property
    def is_close(self) -> bool:
        """Is the number near one of its bounds, or will it be outside in a few publishes if it goes on as it did?"""
        if not self.numbers:
            return False
        pace = (self.numbers[0] - self.numbers[-1]) / max(len(self.numbers) - 1, 1)
        then = self.numbers[0] + _SOON * pace
        room = _NEAR * self.scale
        below = self.low is not None and (then < self.low or min(self.numbers) < self.low + room)
        above = self.high is not None and (then > self.high or max(self.numbers) > self.high - room)
        return below or above


@dataclass(frozen=True)
class Proposal:
    """`expectation` is the class behind `module` (the library's, or ours), `evidence` what it rests on, in words. Both
    are free of values of personal columns. `close` says that it may fail soon. `name` is what audits call it, once one
    has.
    """

    topic: Topic
    columns: tuple[str, ...]
    module: str
    expectation: str
    arguments: Mapping[str, Any]
    evidence: str
    severity: Severity = Severity.CRITICAL
    close: bool = False
    name: str = ""

    @property
    def about(self) -> About:
        return self.topic, frozenset(name.lower() for name in self.columns)

    @property
    def against_main(self) -> bool:
        return self.module == OURS and self.topic is Topic.ROWS


def library(
    about: tuple[Topic, tuple[str, ...]], expectation: str, arguments: Mapping[str, Any], evidence: str
) -> Proposal:
    """A check in the library's words. A column of its own comes first among its arguments."""
    topic, columns = about
    return Proposal(topic, columns, LIBRARY, expectation, arguments, evidence)

"""Divides the machine among the steps that run at the same time, so that together they never take more than
there is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Upstreams, ancestors, downstreams
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Resources:
    """Threads, and bytes of memory, that a database engine may take."""

    threads: int
    memory: int


@dataclass(frozen=True)
class Effort:
    """Seconds since some moment, and seconds of processors that were spent by then."""

    wall: float
    processor: float

    def since(self, earlier: Effort) -> Effort:
        return Effort(self.wall - earlier.wall, self.processor - earlier.processor)

    def idle(self, cores: int) -> float:
        """The core-seconds in which a core did nothing for this process."""
        return max(0.0, self.wall * cores - self.processor)


SMALL: Final = Resources(1, 2**30)
LARGE: Final = 32 * 2**20
"""Bytes of files. A step that reads as many keeps every core busy for a second or longer, so it gets the whole machine.
Together with another step it would get only a part of it, and keep that part after the other step has ended.
"""


def parallel_steps(machine: Resources, parallel: int, needs: Upstreams) -> int:
    """How many steps may run at the same time: as many as asked for, with a thread each; one where each step waits for
    another.
    """
    return 1 if _is_chain(needs) else max(1, min(parallel, machine.threads))


def beginning(
    waiting: Sequence[AssetKey], under_way: Mapping[AssetKey, bool], large: Collection[AssetKey], parallel: int
) -> Sequence[AssetKey]:
    """Which of the steps that are ready begin now; `under_way` says of each whether its rows are written. A large one
    begins before all others, and only when no rows of another are being written.
    """
    if any(key in large and not written for key, written in under_way.items()):
        return ()
    if first := next((key for key in waiting if key in large), None):
        return (first,) if all(under_way.values()) and len(under_way) < parallel else ()
    return waiting[: parallel - len(under_way)]


def resources_for(
    machine: Resources, parallel: int, key: AssetKey, unfinished: Collection[AssetKey], needs: Upstreams
) -> Resources:
    """What a step gets: an equal share with each unfinished step that is independent of it, for only such a step can
    run at the same time. Of k steps under way each counted the other k - 1 when it began, and so took at most 1/k of
    the machine.
    """
    related = ancestors([key], needs) | ancestors([key], downstreams(needs))
    independent = sum(other not in related for other in unfinished)
    parts = min(parallel, 1 + independent)
    return Resources(max(1, machine.threads // parts), machine.memory // parts)


def _is_chain(needs: Upstreams) -> bool:
    """Does of any two steps one wait for the other?"""
    return all(len(ancestors([key], needs) | ancestors([key], downstreams(needs))) == len(needs) for key in needs)

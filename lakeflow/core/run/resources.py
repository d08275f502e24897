"""The machine, shared out among steps that are under way together, so that they never take more than there is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Upstreams, ancestors, downstreams


@dataclass(frozen=True)
class Resources:
    """Threads, and bytes of memory, that a database engine may take."""

    threads: int
    memory: int


SMALL: Final = Resources(1, 2**30)
LARGE: Final = 32 * 2**20
"""Bytes of files. A step that reads as many keeps every core busy for a second or longer, so it has the machine to
itself: beside another it would have a part of it, to the end, also when the other has long ended.
"""


def parallel_steps(machine: Resources, parallel: int, needs: Upstreams) -> int:
    """How many steps may be under way together: as many as asked for, with a thread each; one where all is a chain."""
    return 1 if _is_chain(needs) else max(1, min(parallel, machine.threads))


def beginning(
    waiting: Sequence[AssetKey], under_way: Collection[AssetKey], large: Collection[AssetKey], parallel: int
) -> Sequence[AssetKey]:
    """Which of the steps that are ready begin now: a large one before all others, once nothing else is under way."""
    if any(key in large for key in under_way):
        return ()
    if first := next((key for key in waiting if key in large), None):
        return () if under_way else (first,)
    return waiting[: parallel - len(under_way)]


def resources_for(
    machine: Resources, parallel: int, key: AssetKey, unfinished: Collection[AssetKey], needs: Upstreams
) -> Resources:
    """What a step gets for as long as it runs, fixed when it begins: an equal share with each unfinished step that is
    independent of it, for only such a step can run at the same time. Of k steps under way each counted the other k - 1
    when it began, and so took at most 1/k of the machine.
    """
    related = ancestors([key], needs) | ancestors([key], downstreams(needs))
    independent = sum(other not in related for other in unfinished)
    parts = min(parallel, 1 + independent)
    return Resources(max(1, machine.threads // parts), machine.memory // parts)


def _is_chain(needs: Upstreams) -> bool:
    """Is there for any two steps one that waits for the other?"""
    return all(len(ancestors([key], needs) | ancestors([key], downstreams(needs))) == len(needs) for key in needs)

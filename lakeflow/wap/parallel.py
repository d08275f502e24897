"""Steps side by side: those that do not wait for each other are under way together.

Only one of them at a time acts on the attempt, its tables and its ledger: the one that holds the lock. Long work (an
asset's code, a comparison, an audit) is done without it. So the story of a step reads as if it were alone, and no
state needs a lock of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from graphlib import TopologicalSorter
from threading import Event, Lock, get_ident
from typing import Final, TypeVar

from lakeflow.core.keys import AssetKey
from lakeflow.core.run.resources import beginning

Result = TypeVar("Result")

_TICK: Final = 0.1
"""Seconds: a signal may reach another thread, so the one that waits must look up now and then."""


class Stopped(BaseException):
    """Raised in steps under way when the run ends before them. Nothing may catch it but who started them."""


class StepLock:
    """Only the thread that holds it changes the attempt. A thread that never took it may do long work freely."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._holder = 0
        self._stopped = Event()

    @contextmanager
    def held(self) -> Iterator[None]:
        self._take()
        try:
            self._look()
            yield
        finally:
            self._drop()

    def release_while(self, work: Callable[[], Result]) -> Result:
        """The result of long work, during which others may act. Stopped when the run has ended meanwhile."""
        if self._holder != get_ident():
            return work()
        self._drop()
        try:
            return work()
        finally:
            self._take()
            self._look()

    def pause(self, seconds: float) -> None:
        """Do nothing for a while, unless the run ends."""
        self.release_while(lambda: self._stopped.wait(seconds))

    def stop(self) -> None:
        self._stopped.set()

    def _take(self) -> None:
        self._lock.acquire()
        self._holder = get_ident()

    def _drop(self) -> None:
        self._holder = 0
        self._lock.release()

    def _look(self) -> None:
        if self._stopped.is_set():
            raise Stopped


class ParallelSteps:
    """At most `count` steps at once; a step that `is_large`, asked when it is ready, runs alone.

    `interrupt` ends the long work of all that are under way.
    """

    def __init__(
        self, count: int, step_lock: StepLock, is_large: Callable[[AssetKey], bool], interrupt: Callable[[], None]
    ) -> None:
        self._count = count
        self._step_lock = step_lock
        self._is_large = is_large
        self._interrupt = interrupt

    def run(self, needs: Mapping[AssetKey, frozenset[AssetKey]], act: Callable[[AssetKey], None]) -> None:
        """Act on every key, after all that it needs; those that are ready together begin in the order of `needs`, large
        ones first.

        What one raises ends them all, and so does Ctrl-C; when this returns or raises, nothing is under way.
        """
        sorter, order = TopologicalSorter(needs), {key: place for place, key in enumerate(needs)}
        sorter.prepare()
        if self._count == 1:
            for key in order:  # needs come first in it
                act(key)
            return
        under_way: dict[Future[None], AssetKey] = {}
        waiting, large = set[AssetKey](), set[AssetKey]()
        with ThreadPoolExecutor(self._count, thread_name_prefix="step") as pool:
            try:
                while sorter.is_active():
                    ready = sorter.get_ready()
                    waiting.update(ready)
                    large.update(filter(self._is_large, ready))
                    in_order = sorted(waiting, key=order.__getitem__)
                    for key in beginning(in_order, under_way.values(), large, self._count):
                        waiting.discard(key)
                        under_way[pool.submit(self._carried, act, key)] = key
                    for future in wait(under_way, _TICK, FIRST_COMPLETED).done:
                        future.result()
                        sorter.done(under_way.pop(future))
            except BaseException:
                self._end(pool, under_way)
                raise

    def _carried(self, act: Callable[[AssetKey], None], key: AssetKey) -> None:
        with self._step_lock.held():
            act(key)

    def _end(self, pool: ThreadPoolExecutor, under_way: Mapping[Future[None], AssetKey]) -> None:
        """Until none is under way any more: leaving earlier would let a step act on a run that has ended."""
        self._step_lock.stop()
        pool.shutdown(wait=False, cancel_futures=True)
        while any(not future.done() for future in under_way):
            try:
                self._interrupt()
                wait(under_way, _TICK)
            except KeyboardInterrupt:
                continue  # pressed again: this is what is being done

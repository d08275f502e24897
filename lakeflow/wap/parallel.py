"""Runs steps at the same time where none waits for another.

Only the step that holds the lock may change the attempt, its tables and the ledger. It releases the lock during long
work: an asset's code, a comparison, an audit. So the code of a step reads as if it ran alone, and no state needs a lock
of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from graphlib import TopologicalSorter
from queue import SimpleQueue
from threading import Event, Lock, get_ident
from typing import Final, TypeVar

from lakeflow.core.keys import AssetKey
from lakeflow.core.run.resources import beginning

Result = TypeVar("Result")

_TICK: Final = 0.1
"""Seconds between two looks: a signal may reach another thread, so the thread that waits must wake now and then."""


class Stopped(BaseException):
    """Raised in running steps when the run ends before them. Only the code that started the steps may catch it."""


class EndsEarly(KeyboardInterrupt):
    """The process was asked to end: the steps at work are done, and others were left."""


class StepLock:
    """A lock: only the thread that holds it may change the attempt. A thread that never took it may do long work at any
    time.
    """

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
        """The result of long work, during which other steps may hold the lock. Stopped when the run has ended
        meanwhile.
        """
        if self._holder != get_ident():
            return work()
        self._drop()
        try:
            return work()
        finally:
            self._take()
            self._look()

    def beside(self, work: Callable[[], Result], other: Callable[[], None]) -> Result:
        """The result of long work. Meanwhile a thread of its own takes the lock and does the `other`."""
        with ThreadPoolExecutor(1, thread_name_prefix="beside") as pool:
            done = pool.submit(self._holding, other)
            result = work()
        done.result()
        return result

    def _holding(self, work: Callable[[], None]) -> None:
        with self.held():
            work()

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
    """At most `count` steps at once; a step that `is_large`, asked when it is ready, runs alone until it is eased.

    `interrupt` ends the long work of all that are under way. While `is_ending`, no further step begins.
    """

    def __init__(
        self,
        count: int,
        step_lock: StepLock,
        is_large: Callable[[AssetKey], bool],
        interrupt: Callable[[], None],
        is_ending: Callable[[], bool],
    ) -> None:
        self._count = count
        self._step_lock = step_lock
        self._is_large = is_large
        self._interrupt = interrupt
        self._is_ending = is_ending
        self._eased: SimpleQueue[AssetKey] = SimpleQueue()
        self._news = Event()

    def ease(self, key: AssetKey) -> None:
        """What kept the whole machine busy is done: others may begin beside the rest of this step, which says so."""
        self._eased.put(key)
        self._news.set()

    def run(self, needs: Mapping[AssetKey, frozenset[AssetKey]], act: Callable[[AssetKey], None]) -> None:
        """Act on every key, after all that it needs; those that are ready together begin in the order of `needs`, large
        ones first.

        What one raises ends them all, and so does Ctrl-C; when this returns or raises, nothing is under way. EndsEarly
        where the process was asked to end before the last one began.
        """
        sorter, order = TopologicalSorter(needs), {key: place for place, key in enumerate(needs)}
        sorter.prepare()
        if self._count == 1:
            for key in order:  # needs come first in it
                self._leave_if_ending(under_way=0)
                act(key)
            return
        under_way: dict[Future[None], AssetKey] = {}
        waiting, large, eased = set[AssetKey](), set[AssetKey](), set[AssetKey]()
        with ThreadPoolExecutor(self._count, thread_name_prefix="step") as pool:
            try:
                while sorter.is_active():
                    self._leave_if_ending(len(under_way))
                    ready = sorter.get_ready()
                    waiting.update(ready)
                    large.update(filter(self._is_large, ready))
                    in_order = [] if self._is_ending() else sorted(waiting, key=order.__getitem__)
                    written = {key: key in eased for key in under_way.values()}
                    for key in beginning(in_order, written, large, self._count):
                        waiting.discard(key)
                        begun = pool.submit(self._carried, act, key)
                        under_way[begun] = key
                        begun.add_done_callback(lambda _: self._news.set())
                    self._news.wait(_TICK)
                    self._news.clear()
                    while not self._eased.empty():
                        eased.add(self._eased.get())
                    for future in [each for each in under_way if each.done()]:
                        future.result()
                        sorter.done(under_way.pop(future))
            except BaseException:
                self._end(pool, under_way)
                raise

    def _leave_if_ending(self, under_way: int) -> None:
        if not under_way and self._is_ending():
            raise EndsEarly

    def _carried(self, act: Callable[[AssetKey], None], key: AssetKey) -> None:
        with self._step_lock.held():
            act(key)

    def _end(self, pool: ThreadPoolExecutor, under_way: Mapping[Future[None], AssetKey]) -> None:
        """Stop all steps and wait for them: a step that still ran could change a run that has ended."""
        self._step_lock.stop()
        pool.shutdown(wait=False, cancel_futures=True)
        while any(not future.done() for future in under_way):
            try:
                self._interrupt()
                wait(under_way, _TICK)
            except KeyboardInterrupt:
                continue  # Ctrl-C was pressed again: the steps are being stopped already

"""A pool of DuckDB instances, one for each step that runs.

Threads and memory belong to an instance. Steps on one instance would compete for its memory. With an instance each, a
step takes the share of the machine that it was given, and no more. Making one takes about 50 ms, so instances are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from lakeflow.adapters.duckdb.instance.instance import Instance
from lakeflow.core.run.resources import Resources


class Instances:
    """The pool. The first instance is made at once, which finds bad settings, and may be used for looking at any
    time.
    """

    def __init__(self, make: Callable[[], Instance]) -> None:
        self._make = make
        self._lock = Lock()
        self.first = make()
        self._all = [self.first]
        self._idle = [self.first]

    @contextmanager
    def lent(self, resources: Resources | None) -> Iterator[Instance]:
        """An instance of that size that nobody else uses meanwhile."""
        with self._lock:
            instance = self._idle.pop() if self._idle else None
        if instance is None:
            instance = self._new()
        try:
            if resources is not None:
                instance.resize(resources)
            yield instance
        finally:
            if resources is not None:
                instance.release()
            with self._lock:
                self._idle.append(instance)

    @contextmanager
    def fresh(self, resources: Resources | None) -> Iterator[Instance]:
        """A new instance of that size, which will not be used again."""
        instance = self._new()
        try:
            if resources is not None:
                instance.resize(resources)
            yield instance
        finally:
            with self._lock:
                self._all.remove(instance)
            instance.close()

    def interrupt(self) -> None:
        for instance in tuple(self._all):
            instance.interrupt()

    def close(self) -> None:
        for instance in tuple(self._all):
            instance.close()

    def _new(self) -> Instance:
        made = self._make()
        with self._lock:
            self._all.append(made)
        return made

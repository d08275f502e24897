"""Gives up jobs for which a cluster runs nothing. Spark itself waits for ever for workers that are gone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeAlias

from pyspark.errors import PySparkException

from lakeflow.adapters.spark.java import Py4JError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lakeflow.core.settings.spark import SparkSettings

Standing: TypeAlias = tuple[object, ...]
"""How far jobs have come; the same again means that nothing has happened."""
_LOOKS: Final = 20
"""So many times during the wait it is asked how far the jobs are, and once a second at most."""


class IdleWatch:
    """Looks on while code runs. Where for so many `seconds` no task of a job runs, all jobs are cancelled: then it
    `gave_up`, and whoever waits for them hears of it.
    """

    def __init__(self, session: SparkSession, seconds: float) -> None:
        self.seconds = seconds
        self.gave_up = False
        self._context = session.sparkContext
        self._over = threading.Event()

    @contextmanager
    def open(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch, name="idle jobs", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        last, since = None, monotonic()
        try:
            while not self._over.wait(min(1.0, self.seconds / _LOOKS)):
                now = self._standing()
                if now is None or now != last:
                    last, since = now, monotonic()
                elif monotonic() - since >= self.seconds:
                    self.gave_up = True
                    self._context.cancelAllJobs()
                    return
        except (PySparkException, Py4JError, ConnectionError, EOFError):
            return  # the driver is gone, and whoever waits for its answer hears that, too

    def _standing(self) -> Standing | None:
        """Where the jobs that wait stand; None where a task of theirs runs, or there is no job."""
        tracker = self._context.statusTracker()
        jobs = tuple(tracker.getActiveJobsIds())
        stages = [found for each in tracker.getActiveStageIds() if (found := tracker.getStageInfo(each)) is not None]
        if not jobs or any(stage.numActiveTasks for stage in stages):
            return None
        return jobs, *((stage.stageId, stage.numCompletedTasks, stage.numFailedTasks) for stage in stages)


@contextmanager
def watching(session: SparkSession, settings: SparkSettings) -> Iterator[IdleWatch | None]:
    """Watch the jobs of a session on a cluster; on this machine alone there is nothing that could go away. A server of
    Spark Connect has jobs of its own, which a client does not see.
    """
    if settings.is_here or settings.remote:
        yield None
        return
    watch = IdleWatch(session, settings.idle_timeout)
    with watch.open():
        yield watch

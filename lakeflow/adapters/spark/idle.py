"""Gives up jobs for which a cluster runs nothing. Spark itself waits for ever for workers that are gone."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from pyspark.errors import PySparkException

from lakeflow.adapters.spark.java import Py4JError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lakeflow.core.settings.spark import SparkSettings

Standing: TypeAlias = tuple[object, ...]
"""How far jobs have come; the same again means that nothing has happened."""
_LOOKS: Final = 20
"""So many times during the wait it is asked how far the jobs are, and once a second at most."""


class Jobs(Protocol):
    """The jobs of one session."""

    def standing(self) -> Standing | None:
        """Where the jobs that wait stand; None where a task of theirs runs, or no job waits for one."""
        ...

    def cancel(self) -> None: ...


class DriverJobs:
    """Those of a driver that this process has started, which is asked."""

    def __init__(self, session: SparkSession) -> None:
        self._context = session.sparkContext

    def standing(self) -> Standing | None:
        tracker = self._context.statusTracker()
        jobs = tuple(tracker.getActiveJobsIds())
        stages = [found for each in tracker.getActiveStageIds() if (found := tracker.getStageInfo(each)) is not None]
        if not jobs or any(stage.numActiveTasks for stage in stages):
            return None
        return jobs, *((stage.stageId, stage.numCompletedTasks, stage.numFailedTasks) for stage in stages)

    def cancel(self) -> None:
        self._context.cancelAllJobs()


class ServerJobs:
    """Those of a server of Spark Connect, which tells its clients how far each operation is whenever that changes."""

    def __init__(self, session: SparkSession) -> None:
        self._session = session
        self._told: dict[str | None, tuple[int, Standing, bool]] = {}

    def __call__(self, stages: Iterable[Any] | None, inflight_tasks: int, operation_id: str | None, done: bool) -> None:
        """What the server tells; see `pyspark.sql.SparkSession.registerProgressHandler`."""
        if done:
            self._told.pop(operation_id, None)
            return
        far = tuple((each.stage_id, each.num_completed_tasks, each.num_tasks) for each in stages or ())
        waits = any(completed < tasks for _, completed, tasks in far)
        self._told[operation_id] = (inflight_tasks, far, waits)

    def standing(self) -> Standing | None:
        told = tuple(self._told.items())
        if any(running for _, (running, _, _) in told) or not any(waits for _, (_, _, waits) in told):
            return None
        return told

    def cancel(self) -> None:
        self._session.interruptAll()


class IdleWatch:
    """Looks on while code runs. Where for so many `seconds` no task of a job runs, all jobs are cancelled: then it
    `gave_up`, and whoever waits for them hears of it.
    """

    def __init__(self, jobs: Jobs, seconds: float) -> None:
        self.seconds = seconds
        self.gave_up = False
        self._jobs = jobs
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
                now = self._jobs.standing()
                if now is None or now != last:
                    last, since = now, monotonic()
                elif monotonic() - since >= self.seconds:
                    self.gave_up = True
                    self._jobs.cancel()
                    return
        except (PySparkException, Py4JError, ConnectionError, EOFError):
            return  # the driver is gone, and whoever waits for its answer hears that, too


@contextmanager
def watching(session: SparkSession, settings: SparkSettings) -> Iterator[IdleWatch | None]:
    """Watch the jobs of a session on a cluster; on this machine alone there is nothing that could go away."""
    if settings.is_here:
        yield None
    elif settings.remote:
        with _told_by(session) as jobs, (watch := IdleWatch(jobs, settings.idle_timeout)).open():
            yield watch
    else:
        with (watch := IdleWatch(DriverJobs(session), settings.idle_timeout)).open():
            yield watch


@contextmanager
def _told_by(session: Any) -> Iterator[ServerJobs]:
    """The jobs of a session of Spark 4, whose clients are told how far they are."""
    jobs = ServerJobs(session)
    session.registerProgressHandler(jobs)
    try:
        yield jobs
    finally:
        session.removeProgressHandler(jobs)

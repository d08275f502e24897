"""What a server of Spark Connect tells of its jobs, and when that means that its cluster runs nothing of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any

import pytest

from tests.spark.session import required

SECONDS = 0.3


@dataclass(frozen=True)
class Stage:
    """As `pyspark.sql` tells one."""

    stage_id: int
    num_tasks: int
    num_completed_tasks: int


@dataclass
class Session:
    """A session whose operations can be interrupted."""

    interrupted: int = 0
    handlers: list[Any] = field(default_factory=list)

    def interruptAll(self) -> None:  # noqa: N802 - as Spark calls it
        self.interrupted += 1


@pytest.mark.parametrize(
    ("told", "idle"),
    [
        ([], False),
        ([(0, 2, 0, 0)], True),
        ([(0, 2, 0, 1)], False),
        ([(0, 2, 0, 1), (0, 2, 1, 0)], True),
        ([(0, 2, 2, 0)], False),
        ([(0, 2, 0, 0), None], False),
    ],
    ids=["nothing", "no task runs", "one runs", "no further one runs", "all are done", "it is over"],
)
def test_jobs_of_a_server_that_lack_tasks_are_interrupted_where_none_runs(
    told: list[tuple[int, int, int, int] | None], idle: bool
) -> None:
    required()
    from lakeflow.adapters.spark.idle import IdleWatch, ServerJobs

    session: Any = Session()
    jobs = ServerJobs(session)
    with (watch := IdleWatch(jobs, SECONDS)).open():
        for each in told:
            stages = [Stage(*each[:3])] if each else []
            jobs(stages=stages, inflight_tasks=each[3] if each else 0, operation_id="one", done=each is None)
        until = monotonic() + 10 * SECONDS
        while not watch.gave_up and monotonic() < until:
            sleep(0.01)
    assert (watch.gave_up, session.interrupted) == (idle, int(idle))

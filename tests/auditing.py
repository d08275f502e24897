"""Audits without their process: of checks that are SQL alone, on lakes that tests open.

An audit has a process of its own so that code in check files can end no run. Where no check file has code, the same
steps give the same answers here, and a test saves two forks and their end. What has code or personal data is audited in
a process, and so is everything in tests of audits, of user code, of processes and of faults (`apart`, and `whole` of
tests/seed.py).
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from lakeflow.adapters.processes import Child, child
from lakeflow.adapters.processes.protocol import Call, OneWayCall, Progress, Reply, decode_answer, encode, reply_of
from lakeflow.core.model.check import CheckKind
from tests import seed

if TYPE_CHECKING:
    from lakeflow.adapters.expectations.audit import Suites

_ASSEMBLY: Final = "lakeflow.lake.assembly"
_SHORT: Final = 60.0
"""Seconds: what is given less time than this may be a test of time, which only a process can end."""

_in_processes: Final[list[str]] = []
"""Who asks for processes: nobody, as a rule."""


class AuditsHere:
    """A worker as a run sees it, which becomes a process when it is first asked for what needs one."""

    def __init__(self, spawn: Callable[[str], Child], log_path: str) -> None:
        self._spawn = partial(spawn, log_path)
        self._child: Child | None = None
        self._answers: deque[Progress | Reply] = deque()

    def send(self, wish: Call | OneWayCall) -> None:
        if self._child is None and _is_sql_alone(wish):
            self._answers += _answers(wish)
        else:
            self._process().send(wish)

    def receive(self, timeout: float | None = None) -> Progress | Reply:
        return self._answers.popleft() if self._answers else self._process().receive(timeout)

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()

    def _process(self) -> Child:
        if self._child is None:
            self._child = self._spawn()
        return self._child


def _is_sql_alone(wish: Call | OneWayCall) -> bool:
    if wish.method != "audit":
        return False
    request = wish.arguments[0].request
    sql = all(file.kind is CheckKind.ROWS for file in request.suite.files) and not wish.arguments[0].places.need_spark
    return sql and request.timeout >= _SHORT and not _suites(wish).table.guarded


def _answers(wish: Call | OneWayCall) -> list[Progress | Reply]:
    """What a worker sends for this call, taken apart and put together as on its way through a pipe."""
    from lakeflow.adapters.duckdb.locked import Spare
    from lakeflow.workers import audit

    said = list[Any]()
    with ExitStack() as after:
        task = audit._Task(wish.arguments[0], _suites(wish), Spare(), None, after)
        said.append(reply_of(partial(audit._audit, task, _Told(said)), traces=True))  # type: ignore[arg-type]
    return [decode_answer(encode(each)) for each in said]


def _suites(wish: Call | OneWayCall) -> Suites:
    from lakeflow.adapters.expectations.audit import Suites
    from lakeflow.adapters.expectations.compile.cache import SuiteCache
    from lakeflow.adapters.machine.cache_folder import CacheFolder

    (job,) = wish.arguments
    return Suites(job.request, SuiteCache(CacheFolder(job.kept)))


class _Told:
    """The run, as its worker sees it."""

    def __init__(self, said: list[Any]) -> None:
        self.send = said.append


def grow() -> None:
    """From here on lakes in this process audit here, where an audit is SQL alone."""
    assembly: Any = sys.modules.get(_ASSEMBLY)
    if assembly is None or hasattr(assembly._auditor, "before"):
        return
    before = assembly._auditor

    def auditor(project: Any, settings: Any, *more: Any) -> Any:
        made = before(project, settings, *more)
        alone = assembly.stores_of(project, settings) is None  # the keys of a store are handed to processes
        if alone and not _in_processes and child._start is not seed._start_whole:
            made._spawn = partial(AuditsHere, made._spawn)
        return made

    auditor.before = before  # type: ignore[attr-defined]
    assembly._auditor = auditor


@contextmanager
def apart() -> Iterator[None]:
    """Inside, every audit has its process."""
    _in_processes.append("a test")
    try:
        yield
    finally:
        _in_processes.pop()

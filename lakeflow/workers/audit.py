"""The audit worker: `python -m lakeflow.workers.audit <pid of the parent>`.

`lakeflow.adapters.processes.auditor` starts it.

It ends when its parent does, whatever a check is doing.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cached_property, partial
from typing import Any, Final

from lakeflow.adapters.duckdb.failures import ErrorContext
from lakeflow.adapters.duckdb.locked import LockedDuckDB, Spare
from lakeflow.adapters.duckdb.store.kept import KeptFiles
from lakeflow.adapters.expectations.audit import Engines, Past, Suites, declared, refusals, steps
from lakeflow.adapters.expectations.compile.cache import SuiteCache
from lakeflow.adapters.expectations.faults import faults
from lakeflow.adapters.expectations.library import library as seam
from lakeflow.adapters.expectations.table import CannotCheck, FunctionResult, QueryResult
from lakeflow.adapters.machine.cache_folder import CacheFolder
from lakeflow.adapters.processes import Parent, silence
from lakeflow.adapters.processes.auditor import Job
from lakeflow.adapters.processes.protocol import OneWayCall, Progress, reply_of
from lakeflow.core.errors import AssetError, Fault
from lakeflow.core.model.check import DeclaredCheck, Outcome
from lakeflow.core.model.quarantine import Refusal
from lakeflow.core.model.run import CheckResult
from lakeflow.core.model.table import Scan
from lakeflow.core.run.audits.audit_progress import AuditProgress
from lakeflow.core.spark.asked import Question, SparkAnswer
from lakeflow.core.values import dataclass
from lakeflow.workers.spark_queries import SparkQueries
from lakeflow.workers.stores import taken

_WITHHELD: Final = "what its checks print is not kept, because personal data is involved"


def main() -> None:
    parent, library, spare = Parent(goes_first=1000), _LibraryLoader(), Spare()
    handed = taken()
    stores = KeptFiles(handed) if handed else None
    while True:
        spare.make()
        wish = parent.receive()
        if isinstance(wish, OneWayCall):
            library.load()
            continue
        (job,) = wish.arguments
        suites = Suites(job.request, SuiteCache(CacheFolder(job.kept)))
        if suites.need_library(job.lost):
            library.load()
        if suites.run_code(job.lost):
            library.settle()
        os.chdir(job.request.root)
        with ExitStack() as after:  # DuckDB is closed when the reply is gone: nobody need wait for that
            work = partial(_METHODS[wish.method], _Task(job, suites, spare, stores, after), parent)
            parent.send(reply_of(work, traces=not suites.table.guarded))


@dataclass(frozen=True)
class _Task:
    """A job with the resources that it uses; `after` closes what it opened."""

    job: Job
    suites: Suites
    spare: Spare
    stores: KeptFiles | None
    after: ExitStack

    def queries(self, relations: Mapping[str, Scan], *, personal: bool) -> _LazyQueries:
        make = partial(LockedDuckDB, settings=self.job.settings, spare=self.spare, stores=self.stores)
        place = ErrorContext(self.job.request.asset, personal=personal)
        return self.after.enter_context(_LazyQueries(relations, make, place))


class _LibraryLoader:
    """Imports Great Expectations, which takes seconds: once, in the background, and only when asked to."""

    def __init__(self) -> None:
        self._loading = threading.Thread(target=seam.load, name="great-expectations", daemon=True)

    def load(self) -> None:
        if self._loading.ident is None:
            self._loading.start()

    def settle(self) -> None:
        """Wait for an import that has begun: two threads that import one library at once can see it half made."""
        if self._loading.ident is not None:
            self._loading.join()


def _audit(task: _Task, parent: Parent) -> None:
    job, request, guarded = task.job, task.job.request, task.suites.table.guarded
    if guarded:
        sys.stderr.write(f"{request.asset}: {_WITHHELD}\n")
        task.after.enter_context(silence())
    try:
        past = Past(frozenset(job.answered), job.lost, job.too_long)
        for step in steps(request, _engines(task, parent, personal=guarded), past, task.suites):
            parent.send(Progress(step))
    except AssetError as error:
        parent.send(Progress(AuditProgress("snapshot", "snapshot", done=True, result=_unreadable(error))))


def _engines(task: _Task, parent: Parent, *, personal: bool) -> Engines:
    """Who answers what. AssetError when the rows that DuckDB is asked of cannot be read."""
    request, places = task.job.request, task.job.places
    here = few = task.queries(request.views, personal=personal)
    if request.added_rows:
        few = task.queries(request.added_rows.views(request.asset), personal=personal)
    ask = partial(_ask, parent)
    spark = (SparkQueries(request.views, ask, why) for why in (places.all_rows, places.added, places.written))
    every, added, written = spark
    if not (places.added or (places.all_rows and few is here)):
        few.open()
    if not places.all_rows:
        return Engines(here, few, few, written)
    return Engines(every, (added if places.added else few) if request.added_rows else every, here, written)


def _ask(parent: Parent, question: Question) -> SparkAnswer:
    """Ask Spark by way of the run, which has its process. CannotCheck where there is no answer; what it says quotes no
    personal value, and tells what to type.
    """
    parent.send(Progress(question))
    (told,) = parent.receive().arguments
    if isinstance(told, AssetError):
        raise CannotCheck(told.message)
    assert isinstance(told, SparkAnswer), "the run answers with nothing else"
    return told


def _refusals(task: _Task, _parent: Parent) -> tuple[Refusal, ...]:
    return refusals(task.job.request, task.suites)


def _faults(task: _Task, _parent: Parent) -> tuple[Fault, ...]:
    request = task.job.request
    return tuple(faults(request, task.suites, task.queries(request.views, personal=True)))


def _declared(task: _Task, _parent: Parent) -> tuple[DeclaredCheck, ...]:
    return declared(task.job.request, task.suites)


_METHODS: Final[Mapping[str, Callable[[_Task, Parent], Any]]] = {
    "audit": _audit,
    "refusals": _refusals,
    "faults": _faults,
    "declared": _declared,
}


def _unreadable(error: AssetError) -> CheckResult:
    return CheckResult("snapshot readable", Outcome.ERRORED, detail=error.message)


class _LazyQueries:
    """DuckDB on these relations, locked down; it is opened when the first check asks for it.

    Telling it thousands of file names takes longer than reading the few files that a run added.
    """

    def __init__(
        self, relations: Mapping[str, Scan], make: Callable[[Mapping[str, Scan]], LockedDuckDB], place: ErrorContext
    ) -> None:
        self._relations = relations
        self._make = make
        self._place = place

    def __enter__(self) -> _LazyQueries:
        return self

    def __exit__(self, *_: object) -> None:
        if opened := vars(self).get("_duckdb"):
            opened.close()

    def open(self) -> None:
        """Open it. AssetError when a relation cannot be read."""
        self._duckdb  # noqa: B018 - is made now

    @cached_property
    def _duckdb(self) -> LockedDuckDB:
        return self._make(self._relations)

    def execute(self, sql: str) -> QueryResult:
        columns, rows = self._duckdb.execute(sql)
        return QueryResult(columns, rows)

    def batches(self, sql: str) -> Iterator[Any]:
        return self._duckdb.batches(sql)

    def call(self, function: Callable[..., Any], inputs: Mapping[str, str], shown: int) -> FunctionResult:
        return self._duckdb.call(function, inputs, self._place, shown)

    def select(self, sql: str) -> str:
        return self._duckdb.select(sql)

    def bad_rows(self, sql: str, shown: int) -> FunctionResult:
        raise AssertionError("its own SQL is asked with `select`")

    @property
    def why(self) -> str:
        return ""

    def knows(self, sql: str) -> bool:
        return True

    def proves_keys(self) -> bool:
        return True


if __name__ == "__main__":
    main()

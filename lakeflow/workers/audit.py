"""The audit worker: `python -m lakeflow.workers.audit <pid of the parent>`.

Started by `lakeflow.adapters.processes.auditor`.

It ends when its parent does, whatever a check is doing.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

from lakeflow.adapters.duckdb.failures import ErrorContext
from lakeflow.adapters.duckdb.locked import LockedDuckDB, Spare
from lakeflow.adapters.expectations.audit import Past, Suites, refusals, steps
from lakeflow.adapters.expectations.compile.cache import SuiteCache
from lakeflow.adapters.expectations.faults import faults
from lakeflow.adapters.expectations.library import library as seam
from lakeflow.adapters.expectations.table import FunctionResult, QueryResult
from lakeflow.adapters.machine.cache_folder import CacheFolder
from lakeflow.adapters.processes import Parent, silence
from lakeflow.adapters.processes.auditor import AuditorTask, Job, Message, decode_job, encode_message
from lakeflow.core.errors import AssetError, Fault
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult
from lakeflow.core.model.table import Scan
from lakeflow.core.run.audit_request import AuditRequest

_WITHHELD: Final = "what its checks print is not kept, because personal data is involved"


def main() -> None:
    parent = Parent()
    _be_first_to_go()
    library, spare = _LibraryLoader(), Spare()
    while True:
        spare.make()
        job = decode_job(parent.receive())
        if job.request is None:
            library.load()
            continue
        suites = Suites(job.request, SuiteCache(CacheFolder(job.kept)))
        if suites.need_library(job.lost):
            library.load()
        if suites.run_code(job.lost):
            library.settle()
        if job.asks is AuditorTask.REFUSALS:
            os.chdir(job.request.root)
            parent.send(encode_message(Message(refusals=refusals(job.request, suites))))
        elif job.asks is AuditorTask.FAULTS:
            parent.send(encode_message(Message(faults=_faults(job, job.request, suites, spare))))
        else:
            _serve(job, job.request, suites, parent, spare)


def _be_first_to_go() -> None:
    """When the machine is out of memory, Linux ends this process before the run that it audits for, or any other."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


class _LibraryLoader:
    """Great Expectations, which takes seconds to import: once, in the background, and only when asked for."""

    def __init__(self) -> None:
        self._loading = threading.Thread(target=seam.load, name="great-expectations", daemon=True)

    def load(self) -> None:
        if self._loading.ident is None:
            self._loading.start()

    def settle(self) -> None:
        """Wait for a load that has begun: two threads that import one library at once can see it half made."""
        if self._loading.ident is not None:
            self._loading.join()


def _serve(job: Job, request: AuditRequest, suites: Suites, parent: Parent, spare: Spare) -> None:
    """The last answer goes before DuckDB is closed, for which nobody need wait."""
    os.chdir(request.root)
    past = Past(frozenset(job.answered), job.lost, job.too_long)
    with ExitStack() as opened:
        if suites.table.guarded:
            sys.stderr.write(f"{request.asset}: {_WITHHELD}\n")
            opened.enter_context(silence())
        try:
            place = ErrorContext(request.asset, personal=suites.table.guarded)
            make = partial(LockedDuckDB, settings=job.settings, spare=spare)
            queries = few = opened.enter_context(_LazyQueries(request.views, make, place))
            if request.appended:
                few = opened.enter_context(_LazyQueries(request.appended.views(request.asset), make, place))
            few.open()
            for step in steps(request, queries, past, suites, few):
                parent.send(encode_message(Message(step.unit, step.name, step.path, step.done, step.result)))
        except AssetError as error:
            parent.send(encode_message(Message("snapshot", "snapshot", done=True, result=_unreadable(error))))
        parent.send(encode_message(Message()))


def _faults(job: Job, request: AuditRequest, suites: Suites, spare: Spare) -> tuple[Fault, ...]:
    os.chdir(request.root)
    make, place = partial(LockedDuckDB, settings=job.settings, spare=spare), ErrorContext(request.asset, personal=True)
    with _LazyQueries(request.views, make, place) as queries:
        return tuple(faults(request, suites, queries))


def _unreadable(error: AssetError) -> CheckResult:
    return CheckResult("snapshot readable", Outcome.ERRORED, detail=error.message)


class _LazyQueries:
    """DuckDB on these relations, locked down, as the checks ask for it; opened when the first does.

    To name thousands of files to it takes longer than to look at the few that a run added.
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
        """AssetError when a relation cannot be read."""
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


if __name__ == "__main__":
    main()

"""The `Auditor` port: checks run in one process for each run, so that nothing in them can end the run.

The worker (`lakeflow.workers.audit`) announces each step before it begins. When it dies or a step takes too long, that
step is errored with the reason, a new worker takes its place, and the rest of the checks still run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lakeflow.adapters.processes.child import START
from lakeflow.adapters.processes.protocol import Call, OneWayCall, Progress, Reply, value_of
from lakeflow.core.errors import AssetError, Fault
from lakeflow.core.keys import EMPTY
from lakeflow.core.model.check import CheckFile, CheckKind, DeclaredCheck, Outcome, Suite
from lakeflow.core.model.quarantine import Refusal
from lakeflow.core.model.run import CheckResult
from lakeflow.core.ports.asking import Cluster, OpenQuestions
from lakeflow.core.run.audits.audit_places import EVERYTHING_HERE, AuditPlaces, places_of
from lakeflow.core.run.audits.audit_progress import SHARED_SCAN, AuditProgress
from lakeflow.core.run.audits.audit_request import AuditRequest
from lakeflow.core.run.resources import Resources
from lakeflow.core.spark.asked import Question, SparkAnswer
from lakeflow.core.spark.reach import NO_BOUND, AuditReach
from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    from lakeflow.adapters.processes import Child

_NOBODY: Final = "there is no Spark here"
_BARREN: Final = 2
"""The audit gives up after this many workers that die outside of any step."""


@dataclass(frozen=True)
class Job:
    """An audit, or the rest of one.

    `answered` steps are not repeated, nor are `lost` ones (unit → reason).

    `too_long` is why the shared scan was given up; `settings` are DuckDB's; `kept` is the folder of cached suites.
    `places` say what Spark is asked.
    """

    request: AuditRequest
    settings: Mapping[str, str] = EMPTY
    answered: tuple[str, ...] = ()
    lost: Mapping[str, str] = EMPTY
    too_long: str = ""
    kept: str | None = None
    places: AuditPlaces = EVERYTHING_HERE


@dataclass(frozen=True)
class Beyond:
    """How far an audit reaches here, and what makes who answers beyond that; None: nobody does."""

    reach: AuditReach = NO_BOUND
    make: Callable[[], Cluster] | None = None


@dataclass(frozen=True)
class WorkerResources:
    """What the worker's DuckDB may take: `memory` as in `"2GB"`, `spill` is a folder. None: DuckDB's own defaults.

    `release` removes the folder once no worker is left. What is `beyond` is asked of Spark.
    """

    threads: int | None = None
    memory: str | None = None
    spill: str | None = None
    release: Callable[[], None] = lambda: None
    beyond: Beyond = Beyond()


_UNLIMITED: Final = WorkerResources()


class ProcessAuditor:
    """Audits one at a time in a worker that `spawn` starts on demand.

    What check files print goes to `log_path`. `kept` is the folder of cached suites. `covers` says for which check
    files there is one: these can be audited without Great Expectations.
    """

    def __init__(
        self,
        spawn: Callable[[str], Child],
        log_path: str,
        limits: WorkerResources = _UNLIMITED,
        kept: str | None = None,
        covers: Callable[[CheckFile], bool] = lambda file: file.kind is not CheckKind.SUITE,
    ) -> None:
        self._beyond = limits.beyond
        self._cluster: Cluster | None = None
        self._spawn = spawn
        self._log_path = log_path
        self._kept = kept
        self._covers = covers
        given = {"threads": limits.threads, "memory_limit": limits.memory, "temp_directory": limits.spill}
        self._settings = {name: str(value) for name, value in given.items() if value is not None}
        self._release = limits.release
        self._turn = threading.Lock()
        self._starting = threading.Lock()
        self._worker: Child | None = None
        self._closed = False
        self._interruptions = 0

    def start(self, suites: Iterable[Suite] = ()) -> None:
        """Start the worker, and let it load Great Expectations when a suite needs that. Waits for neither."""
        with self._starting:
            if self._worker is None and not self._closed:
                self._worker = self._spawn(self._log_path)
            if self._worker is not None and not all(self._covers(file) for suite in suites for file in suite.files):
                self._worker.send(OneWayCall("load"))

    def audit(self, request: AuditRequest) -> tuple[CheckResult, ...]:
        """One result per check, as the port says. Blocks while another thread audits.

        Spark comes first: its code may wait for this auditor's turn.
        """
        places, interruptions = places_of(request, self._beyond.reach), self._interruptions
        with self._opened(request, places) as asked, self._turn:
            progress = _AuditSoFar(places, asked)
            try:
                while not progress.complete:
                    if self._interruptions > interruptions:
                        progress.give_up("the audit was interrupted")
                    else:
                        self._converse(request, progress)
            except BaseException:
                self._drop()  # nobody waits for the worker's further answers
                raise
            return tuple(progress.results.values())

    def _opened(self, request: AuditRequest, places: AuditPlaces) -> AbstractContextManager[OpenQuestions | None]:
        if not places.need_spark or self._beyond.make is None:
            return nullcontext()
        self._cluster = self._cluster or self._beyond.make()
        personal = any(column.pii for column in request.columns.values()) or bool(request.inherited | request.pii)
        return self._cluster.open(request.asset, request.views, personal=personal)

    def interrupt(self) -> None:
        self._interruptions += 1
        self._drop()
        if self._cluster is not None:
            self._cluster.interrupt()

    def refusals(self, request: AuditRequest) -> tuple[Refusal, ...]:
        """The checks whose failing rows go to quarantine, as the port says. Blocks while another thread audits."""
        refusals: tuple[Refusal, ...] = self._asked(request, "refusals", "what goes to quarantine")
        return refusals

    def faults(self, request: AuditRequest) -> tuple[Fault, ...]:
        """The faults of an asset's check files for rows with the scan's schema; no data is read. Without columns in the
        scan, the files are only executed. AssetError when the worker dies.
        """
        faults: tuple[Fault, ...] = self._asked(request, "faults", "what is wrong with its check files")
        return faults

    def declared(self, request: AuditRequest) -> tuple[DeclaredCheck, ...]:
        """Every check that an audit would run, in its order; no data is read. AssetError when the worker dies."""
        checks: tuple[DeclaredCheck, ...] = self._asked(request, "declared", "which checks it has")
        return checks

    def _asked(self, request: AuditRequest, method: str, what: str) -> Any:
        with self._turn:
            self.start()
            worker = self._worker
            if worker is None:
                raise AssetError(f"{request.asset}: the auditor was closed", asset=request.asset)
            try:
                worker.send(Call(method, (Job(request, self._settings, kept=self._kept),)))
                return self._value(worker.receive(START + request.timeout))
            except (TimeoutError, ValueError, ChildProcessError) as error:
                self._drop()
                why = f"{what} cannot be told: the audit worker failed ({type(error).__name__})"
                raise AssetError(f"{request.asset}: {why}", hint=f"see {self._log_path}", asset=request.asset) from None
            except BaseException:
                self._drop()
                raise

    def _value(self, answer: Progress | Reply) -> Any:
        """The value of a reply. ChildProcessError for an error of the worker itself, which is in the log."""
        if isinstance(answer, Reply) and answer.error is not None:
            answer = replace(answer, error=ChildProcessError(str(answer.error)))
        return value_of(answer, self._log)

    def _log(self, lines: tuple[str, ...]) -> None:
        with suppress(OSError), Path(self._log_path).open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.writelines(f"{line}\n" for line in lines)

    def close(self) -> None:
        """End the worker. A running audit ends errored."""
        self._closed = True
        self._drop()
        if self._cluster is not None:
            self._cluster.close()
        self._release()

    def _converse(self, request: AuditRequest, progress: _AuditSoFar) -> None:
        if self._closed:
            progress.give_up("the auditor was closed")
            return
        self.start()
        worker = self._worker
        if worker is None:  # closed by another thread meanwhile
            return
        worker.send(Call("audit", (replace(progress.job(request, self._sized(request.resources)), kept=self._kept),)))
        try:
            while not progress.complete:
                patience = request.timeout if progress.heard else START + request.timeout
                said = self._value(worker.receive(patience))
                if isinstance(said, Question):
                    worker.send(OneWayCall("told", (progress.told(said, request.timeout),)))
                else:
                    progress.note(said)
        except TimeoutError:
            self._drop()
            progress.lose(f"it took longer than {request.timeout:g} s and was stopped", slow=True)
        except ValueError:
            self._drop()
            progress.lose("its process answered what makes no sense")
        except ChildProcessError as death:
            self._drop()
            progress.lose(f"its process ended with {death}; see {self._log_path}")

    def _sized(self, resources: Resources | None) -> Mapping[str, str]:
        """DuckDB's settings for a share of the machine."""
        if resources is None:
            return self._settings
        return self._settings | {"threads": str(resources.threads), "memory_limit": f"{resources.memory}B"}

    def _drop(self) -> None:
        with self._starting:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()


@dataclass
class _AuditSoFar:
    """How far an audit has come, over all workers that it needed."""

    places: AuditPlaces = EVERYTHING_HERE
    asked: OpenQuestions | None = None
    results: dict[str, CheckResult] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    too_long: str = ""
    running: AuditProgress | None = None
    heard: bool = False
    complete: bool = False
    barren: int = 0

    def job(self, request: AuditRequest, settings: Mapping[str, str]) -> Job:
        self.running, self.heard = None, False
        return Job(request, settings, tuple(self.results), dict(self.lost), self.too_long, places=self.places)

    def told(self, question: Question, patience: float) -> SparkAnswer | AssetError:
        """Spark's answer, or why there is none."""
        try:
            return self.asked.ask(question, patience) if self.asked else AssetError(_NOBODY)
        except AssetError as error:
            return error

    def note(self, step: AuditProgress | None) -> None:
        """Note a step of the audit, or its end."""
        self.heard = True
        if step is None:
            self.complete = True
            return
        self.running = None if step.done else step
        if step.result is not None:
            self.results[step.unit] = step.result

    def lose(self, reason: str, *, slow: bool = False) -> None:
        step = self.running
        if step is None:
            self.barren += 1
            if self.barren >= _BARREN:
                self.give_up(f"the audit worker does not run: {reason}")
        elif step.unit != SHARED_SCAN:
            self.lost[step.unit] = reason
            self.results[step.unit] = CheckResult(step.name, Outcome.ERRORED, detail=reason, path=step.path)
        elif slow:
            self.too_long = f"the scan that many checks share: {reason}"
        else:
            self.lost[SHARED_SCAN] = reason

    def give_up(self, reason: str) -> None:
        self.results["worker"] = CheckResult("audit", Outcome.ERRORED, detail=reason)
        self.complete = True

"""The `Auditor` port: checks run in a process of their own, one per run, so that nothing in them can take a run down.

The worker (`lakeflow.worker`) announces each step before it begins. When it dies or a step takes too long, that
step is errored with the reason, a new worker takes its place, and the rest of the checks still run.
One JSON object a line crosses the pipes in either direction.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from pydantic import TypeAdapter, ValidationError

from lakeflow.core.model import EMPTY, CheckKind, Outcome, Suite
from lakeflow.core.ports import AuditRequest
from lakeflow.core.runs import CheckResult

SHARED_SCAN: Final = "shared scan"
_START: Final = 120.0
"""Seconds that a worker may take to come up: its imports alone are 3 to 7 on an idle machine."""
_BARREN: Final = 2
"""So many workers that die outside any step, and the audit gives up."""


@dataclass(frozen=True)
class Job:
    """An audit, or what is left of one; without a request, only the wish that Great Expectations be loaded.

    `answered` steps are not done again, `lost` ones (unit → reason) neither.

    `too_long` is why the shared scan was given up; `settings` are DuckDB's.
    """

    request: AuditRequest | None = None
    settings: Mapping[str, str] = EMPTY
    answered: tuple[str, ...] = ()
    lost: Mapping[str, str] = EMPTY
    too_long: str = ""


@dataclass(frozen=True)
class Message:
    """A step that begins, or is `done`, maybe with the result of its check. No `unit`: the audit is complete."""

    unit: str = ""
    name: str = ""
    path: str = ""
    done: bool = False
    result: CheckResult | None = None


_JOB: Final = TypeAdapter(Job)
_MESSAGE: Final = TypeAdapter(Message)


def encode(value: Job | Message) -> bytes:
    """One line of JSON."""
    adapter: TypeAdapter[Job] | TypeAdapter[Message] = _JOB if isinstance(value, Job) else _MESSAGE
    # Empty mappings of the core are no dicts: `fallback` spells them, and the warning about them says nothing new.
    return adapter.dump_json(value, fallback=dict, warnings=False) + b"\n"  # type: ignore[arg-type] # the pair matches


def decode_job(line: bytes) -> Job:
    return _JOB.validate_json(line)


def decode_message(line: bytes) -> Message:
    return _MESSAGE.validate_json(line)


def needs_expectations(suite: Suite) -> bool:
    return any(file.kind is CheckKind.SUITE for file in suite.files)


class ProcessAuditor:
    """Audits one at a time in a worker that is started on demand and dies with this process.

    What check files print goes to `log_path`. `threads` and `memory_limit` (`"2GB"`) bound the worker's DuckDB.
    """

    def __init__(self, log_path: str, threads: int | None = None, memory_limit: str | None = None) -> None:
        self._log_path = log_path
        given = {"threads": threads, "memory_limit": memory_limit, "temp_directory": f"{log_path}.spill"}
        self._settings = {name: str(value) for name, value in given.items() if value is not None}
        self._turn = threading.Lock()
        self._starting = threading.Lock()
        self._worker: _Worker | None = None
        self._closed = False

    def start(self, suites: Iterable[Suite] = ()) -> None:
        """Start the worker, and have it load Great Expectations when a suite needs it; waits for neither."""
        with self._starting:
            if self._worker is None and not self._closed:
                self._worker = _Worker(self._log_path)
            if self._worker is not None and any(map(needs_expectations, suites)):
                self._worker.send(Job())

    def audit(self, request: AuditRequest) -> tuple[CheckResult, ...]:
        """One result per check, as the port says. Blocks while another thread audits."""
        with self._turn:
            progress = _Progress()
            try:
                while not progress.complete:
                    self._converse(request, progress)
            except BaseException:
                self._drop()  # what it would still answer belongs to nobody
                raise
            return tuple(progress.results.values())

    def close(self) -> None:
        """End the worker, also in the middle of an audit: that one ends errored."""
        self._closed = True
        self._drop()

    def _converse(self, request: AuditRequest, progress: _Progress) -> None:
        if self._closed:
            progress.give_up("the auditor was closed")
            return
        self.start()
        worker = self._worker
        if worker is None:  # closed by another thread meanwhile
            return
        worker.send(progress.job(request, self._settings))
        try:
            while not progress.complete:
                progress.note(worker.receive(request.timeout if progress.heard else _START + request.timeout))
        except _Slow:
            self._drop()
            progress.lose(f"it took longer than {request.timeout:g} s and was stopped", slow=True)
        except _Died as death:
            self._drop()
            progress.lose(f"its process ended with {death}; see {self._log_path}")

    def _drop(self) -> None:
        with self._starting:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()


@dataclass
class _Progress:
    """How far an audit has come, over all workers that it needed."""

    results: dict[str, CheckResult] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    too_long: str = ""
    running: Message | None = None
    heard: bool = False
    complete: bool = False
    barren: int = 0

    def job(self, request: AuditRequest, settings: Mapping[str, str]) -> Job:
        self.running, self.heard = None, False
        return Job(request, settings, tuple(self.results), dict(self.lost), self.too_long)

    def note(self, message: Message) -> None:
        self.heard = True
        self.complete = not message.unit
        self.running = None if message.done else message
        if message.result is not None:
            self.results[message.unit] = message.result

    def lose(self, reason: str, *, slow: bool = False) -> None:
        step = self.running
        if step is None or not step.unit:
            self._lose_between(reason)
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

    def _lose_between(self, reason: str) -> None:
        self.barren += 1
        if self.barren >= _BARREN:
            self.give_up(f"the audit worker does not run: {reason}")


class _Slow(Exception):  # noqa: N818 - control flow inside this file
    """Nothing came in time."""


class _Died(Exception):  # noqa: N818 - control flow inside this file
    """The worker is gone; says how."""


class _Worker:
    """One worker process. Its keeper thread starts it, hands on what it says, and sees it end.

    The thread lives as long as the process: Linux sends the parent-death signal when the *thread* that started
    a process ends, so a short-lived one would kill its worker.
    """

    def __init__(self, log_path: str) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        self._tried = threading.Event()
        self._killed = False
        self._fate = "no process"
        self._keeper = threading.Thread(target=self._keep, args=(log_path,), name="audit-worker", daemon=True)
        self._keeper.start()

    def send(self, job: Job) -> None:
        """A worker that is gone is noticed by `receive`."""
        self._tried.wait()
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, ValueError):
                self._process.stdin.write(encode(job))
                self._process.stdin.flush()

    def receive(self, timeout: float) -> Message:
        """The next message; _Slow after `timeout` seconds, _Died when the worker is gone."""
        try:
            line = self._lines.get(timeout=timeout)
        except Empty:
            raise _Slow from None
        if line is None:
            raise _Died(self._fate)
        try:
            return decode_message(line)
        except ValidationError:
            raise _Died("an answer that makes no sense") from None

    def kill(self) -> None:
        """With everything that the checks started; returns when it is gone."""
        self._tried.wait()
        process = self._process
        if process is not None:
            if process.poll() is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
            self._keeper.join()

    def _keep(self, log_path: str) -> None:
        try:
            process = self._process = _spawn(log_path)
        except OSError as error:
            self._fate = str(error)
            return
        finally:
            if self._process is None:
                self._lines.put(None)
            self._tried.set()
        assert process.stdout is not None
        assert process.stdin is not None
        with process.stdout:
            for line in process.stdout:
                self._lines.put(line)
        self._fate = _fate(process.wait())
        with suppress(OSError):  # what could not be delivered any more
            process.stdin.close()
        self._lines.put(None)


def _spawn(log_path: str) -> subprocess.Popen[bytes]:
    Path(log_path).parent.mkdir(parents=True, exist_ok=True)
    home = str(Path(__file__).parents[2])
    path = os.pathsep.join(part for part in (home, os.environ.get("PYTHONPATH", "")) if part)
    with Path(log_path).open("ab") as log:
        return subprocess.Popen(
            # -P: the working directory is the user's, and no module of theirs may replace one of ours
            [sys.executable, "-P", "-m", "lakeflow.worker", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "PYTHONPATH": path, "GX_ANALYTICS_ENABLED": "false"},
            process_group=0,  # a terminal's Ctrl-C is the parent's to decide
        )


def _fate(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"{name} (out of memory?)" if name == "SIGKILL" else name

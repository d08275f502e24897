"""Watches runs and hands each attempt that has ended to the exporter, in a thread that no run waits for."""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from importlib.util import find_spec
from threading import Thread
from typing import Final

from lakeflow.adapters.otel.trace import TracedRun, trace_of
from lakeflow.core.errors import ConfigError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunRecord, RunState
from lakeflow.core.run.events import Logged, RunEnded, RunStarted, StepEnded, StepPhase

_INSTALL: Final = "pip install 'lakeflow-wap[otel]'"
_PATIENCE: Final = 5.0
"""So many seconds the interpreter waits at its end for what is still being sent."""


def require_installed() -> None:
    """ConfigError where the extra is missing."""
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter") is None:
        raise ConfigError("otel needs OpenTelemetry's SDK and exporter, which are not installed", hint=_INSTALL)


class Recorder:
    """An observer of runs. `pipeline` names the lake; `export` sends one attempt of a run, and may take its time."""

    def __init__(
        self, pipeline: str, clock: Callable[[], datetime], export: Callable[[TracedRun, float], None]
    ) -> None:
        self._pipeline = pipeline
        self._clock = clock
        self._export = export
        self._began: dict[str, datetime] = {}
        self._runs: dict[str, RunRecord] = {}
        self._times: dict[str, dict[AssetKey, tuple[datetime, datetime]]] = {}
        self._sending: list[Thread] = []
        atexit.register(self._join)

    def watch(self, event: Logged) -> None:
        now = self._clock()
        match event:
            case RunStarted(run):
                self._began[run.id], self._runs[run.id], self._times[run.id] = now, run, {}
            case StepPhase(run_id, asset, _):
                self._reached(run_id, asset, now)
            case StepEnded(run_id, step):
                self._reached(run_id, step.asset, now)
                if run_id in self._runs:
                    self._runs[run_id] = self._runs[run_id].with_step(step)
            case RunEnded(run):
                self._ended(run, now)
            case _:
                pass

    def close(self) -> None:
        """Send runs that stopped without an end. Nobody waits for that but the interpreter, when it ends."""
        for run in list(self._runs.values()):
            state = RunState.FAILED if run.state is RunState.RUNNING else run.state
            self._ended(replace(run, state=state), self._clock())
        if not any(thread.is_alive() for thread in self._sending):
            atexit.unregister(self._join)

    def _join(self) -> None:
        end = time.monotonic() + _PATIENCE
        for thread in self._sending:
            thread.join(max(0.0, end - time.monotonic()))

    def _reached(self, run: str, asset: AssetKey, now: datetime) -> None:
        if run in self._times:
            first, _ = self._times[run].get(asset, (now, now))
            self._times[run][asset] = (first, now)

    def _ended(self, run: RunRecord, now: datetime) -> None:
        if self._runs.pop(run.id, None) is None:
            return
        traced = trace_of(run, self._pipeline, self._times.pop(run.id), self._began.pop(run.id), now)
        self._sending = [thread for thread in self._sending if thread.is_alive()]
        sending = Thread(target=self._send, args=(traced,), name="otel", daemon=True)
        with suppress(RuntimeError):  # no thread to be had, or the interpreter ends: the run goes on
            sending.start()
            self._sending.append(sending)

    def _send(self, traced: TracedRun) -> None:
        with suppress(Exception):  # what a collector answers is nothing to a run
            self._export(traced, _PATIENCE)

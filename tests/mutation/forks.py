"""A pytest plugin that collects tests once and then forks: each mutant is a child that runs the tests that reach it.

The parent never runs a test, so that every child begins with the same memory: no connection, no thread, no lake.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Final, NoReturn

import psutil
import pytest
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state

from tests.mutation.mutants import Mutant, Mutated, of_sql, users, where

KILLED: Final = 1
_SOME_WORK: Final = 0.1
"""Seconds of work below which a process only waits: a thread of it may look at the clock now and then."""


@dataclass(eq=False)
class Forks:
    """`known` says how mutants of these modules ended before; only those that nothing killed are tested again. A child
    writes to `note` which test failed.
    """

    modules: Sequence[Mutated]
    known: Mapping[str, Mapping[str, str]]
    quickest: int | None
    sample: int
    write: Callable[[Mutated, Mapping[str, Mapping[str, str]]], None]
    note: Path
    failed: bool = False
    killers: list[str] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed = self.failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        reached = self._reached(session.items)
        gc.freeze()
        used = users(self.modules)
        items = {item.nodeid: item for item in session.items}
        for mutated in self.modules:
            known = self.known.get(mutated.name, {})
            ends = {}
            for mutant in [*mutated.mutants(), *of_sql(sys.modules[mutated.name], used)][:: self.sample]:
                end = known.get(where(mutant.name, mutant.change), "survived")
                if end in {"survived", "no test"}:
                    tests = self._likely_first(_meeting(mutant, reached))[: self.quickest]
                    end = self._end(mutant, [items[name] for name in tests], sum(reached[name][0] for name in tests))
                ends[mutant.name] = {"end": end, "change": mutant.change}
                print(f"{end:<9} {mutant.name}", flush=True)
            self.write(mutated, ends)
        self._reached(session.items)  # else what failed may have been the machine
        return True

    def _likely_first(self, tests: Sequence[str]) -> list[str]:
        """What killed the mutants before this one will often kill it too."""
        latest = [name for name in dict.fromkeys(reversed(self.killers)) if name in tests][:3]
        return [*latest, *(name for name in tests if name not in latest)]

    def _reached(self, items: Sequence[pytest.Item]) -> Mapping[str, tuple[float, list[str]]]:
        """Of each test, its seconds and the functions of the module that it calls; all of them must pass.

        What they import late is imported here, so that no mutant has to.
        """
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder, "reached.json")
            if _in_child(lambda: self._record(items, page), seconds=1200):
                raise pytest.UsageError(f"it fails without any mutant: {self.note.read_text(encoding='utf-8')}")
            said = json.loads(page.read_text(encoding="utf-8"))
        for name in said["imported"]:
            with suppress(Exception):  # what a test made and removed again, or what only that test may import
                importlib.import_module(name)
        return {name: tuple(found) for name, found in said["reached"].items()}

    def _record(self, items: Sequence[pytest.Item], page: Path) -> None:
        before = {*sys.modules}
        set_mutant_under_test("stats")
        found = {}
        for item in items:
            state()._stats.clear()
            began = time.process_time()
            self._run([item])
            found[item.nodeid] = (time.process_time() - began, sorted(state()._stats))
        imported = [name for name in sys.modules if name not in before]
        page.write_text(json.dumps({"reached": found, "imported": imported}), encoding="utf-8")

    def _end(self, mutant: Mutant, items: Sequence[pytest.Item], seconds: float) -> str:
        if not items:
            return "no test"

        def become() -> None:
            mutant.apply()
            self._run(items)

        end = {0: "survived", KILLED: "killed"}.get(_in_child(become, seconds), "timeout")
        if self.note.exists():
            self.killers.append(self.note.read_text(encoding="utf-8"))
            self.note.unlink()
        return end

    def _run(self, items: Sequence[pytest.Item]) -> None:
        """In a child: these tests, until the first that fails, which ends the process."""
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                self.note.write_text(item.nodeid, encoding="utf-8")
                os._exit(KILLED)


def _meeting(mutant: Mutant, reached: Mapping[str, tuple[float, list[str]]]) -> list[str]:
    """The tests that call what is mutated, the quickest first; all of them for a statement whose users none watches."""
    watched = mutant.reached_by & {name for _, found in reached.values() for name in found}
    everything = bool(mutant.sql) and not watched
    return sorted(
        (name for name, (_, found) in reached.items() if everything or watched & {*found}),
        key=lambda name: reached[name][0],
    )


def _in_child(work: Callable[[], None], seconds: float) -> int:
    """How a child that does this work ends: with 0, with its own code, or with -signal.

    It may take five times as long as its tests took before, in seconds of work and not of the clock, since others use
    the machine too; a child that waits for ever is ended by the clock.
    """
    limit = ceil(5 * seconds + 3)
    with tempfile.TemporaryDirectory(prefix="mutant-", ignore_cleanup_errors=True) as folder:
        child = os.fork()
        if child == 0:
            _alone(work, folder, limit)
        return _waited(child, 10 * limit)


def _alone(work: Callable[[], None], folder: str, limit: int) -> NoReturn:
    os.setsid()
    os.chdir(folder)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
    os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
    code = KILLED
    try:
        work()
        code = 0
    finally:  # however it ends, it must not go on as the parent
        os._exit(code)


def _waited(child: int, seconds: float) -> int:
    """The child's exit code; whatever it started ends with it. One that did no work for so long waits for ever: where
    others use the machine, little work may take long.
    """
    worked, deadline = 0.0, time.monotonic() + seconds
    pause = 0.002
    while not (found := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() >= deadline:
            if (now := _work_of(child)) < worked + _SOME_WORK:
                break
            worked, deadline = now, time.monotonic() + seconds
        time.sleep(pause)
        pause = min(pause * 1.3, 0.05)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(found[1] if found[0] else os.waitpid(child, 0)[1])


def _work_of(child: int) -> float:
    """The seconds of work of a child that has not been waited for, and of what it waited for itself."""
    seconds: Sequence[float] = psutil.Process(child).cpu_times()[:4]
    return sum(seconds)

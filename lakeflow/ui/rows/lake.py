"""The lake that rows are asked of: a process of its own, so that a long question keeps nobody waiting, takes no memory
of the pages, and ends when its time is over, whatever it is doing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from time import monotonic
from typing import Any, Final, TypeVar

from lakeflow.adapters.processes import Child
from lakeflow.adapters.processes.child import START
from lakeflow.adapters.processes.protocol import URGENT, Call, OneWayCall, Reply, value_of
from lakeflow.core.compare.comparison import Comparison
from lakeflow.core.errors import LakeflowError, UsageError
from lakeflow.core.listings import Comparisons, Runs
from lakeflow.core.model.asset import Project
from lakeflow.core.model.table import Rows
from lakeflow.core.plan.readmission import Quarantined
from lakeflow.core.values import dataclass
from lakeflow.ui.kept import Glance

SECONDS: Final = 10.0
_BRIEF: Final = 0.3
"""For this part of the time of a question a page waits for rows that it shows besides."""
_GRACE: Final = 1.0
"""Seconds that an interrupted question has to end; many a function goes on, and then its process is ended."""
BOUNDS: Final = {"memory_limit": "1GB", "threads": "2"}
"""What one question may take, where the settings of the page's server do not say."""
_MODULE: Final = "lakeflow.ui.rows.answering"
_Answer = TypeVar("_Answer")
Compared = tuple[str, int, int, int]
"""An asset, two of its snapshots, and how many rows of each kind were asked for."""


@dataclass
class RowLake:
    """The process is started when somebody first asks for rows. One thread may ask."""

    root: Path
    settings: Mapping[str, str]
    seconds: float = SECONDS
    _process: RowProcess | None = None
    _project: Project | None = field(default=None, repr=False)
    _compared: dict[Compared, Comparison] = field(default_factory=dict, repr=False)

    def answer(self, glance: Glance, make: Callable[[Glance], _Answer], seconds: float | None = None) -> _Answer:
        """What `make` gives with the answers of the lake. UsageError where these take longer than they may."""
        if self._project is not glance.outlook.project:
            self._project, self._compared = glance.outlook.project, {}  # what is masked may have changed
        if self._process is None or self._process.is_over:
            self._process = RowProcess(self.root, {**BOUNDS, **self.settings})
        most = self.seconds if seconds is None else min(seconds, self.seconds)
        asked = AskedQuestions(self._process, most, monotonic() + most, self._compared)
        return make(replace(glance, rows=asked))

    @property
    def briefly(self) -> float:
        return self.seconds * _BRIEF

    def close(self) -> None:
        """End the process, also while it answers."""
        if self._process is not None:
            self._process.end()


class RowProcess:
    """The process, from its start to its end. LakeflowErrors where it does not start."""

    def __init__(self, root: Path, settings: Mapping[str, str]) -> None:
        self.is_over = False
        self._child = Child(_MODULE, os.devnull)
        self._child.send(Call("open", (str(root), dict(settings))))
        try:
            value_of(self._child.receive(START), _unheard)
        except (TimeoutError, ChildProcessError, ValueError) as death:
            self.end()
            raise UsageError(f"the process that answers questions does not start: {death}") from None
        except BaseException:
            self.end()
            raise

    def ask(self, method: str, arguments: tuple[Any, ...], named: Mapping[str, Any], until: float) -> Any:
        """TimeoutError when the clock passes `until`; ChildProcessError where the question ended the process."""
        self._child.send(Call(method, (arguments, named)))
        try:
            reply = self._child.receive(max(until - monotonic(), 0.0))
        except TimeoutError:
            self._interrupt()
            raise
        except (ChildProcessError, ValueError):
            self.end()
            raise
        return value_of(reply, _unheard)

    def _interrupt(self) -> None:
        """A new process costs a second, so the question is asked to end first, twice: it may have begun another."""
        for _ in range(2):
            self._child.send(OneWayCall("interrupt"), URGENT)
            try:
                if isinstance(self._child.receive(_GRACE / 2), Reply):
                    return
            except (TimeoutError, ChildProcessError, ValueError):
                continue
        self.end()

    def end(self) -> None:
        self.is_over = True
        self._child.kill()


def _unheard(_lines: tuple[str, ...]) -> None:
    """A traceback may hold values of the data."""


@dataclass(frozen=True)
class AskedQuestions:
    """The questions of one page, which may take so many `seconds` together. `compared` are snapshots that were compared
    for other pages.
    """

    process: RowProcess
    seconds: float
    until: float
    compared: dict[Compared, Comparison] = field(default_factory=dict, repr=False)

    def diff(self, asset: str, between: str, *, where: str = "", rows: int) -> Comparison:
        found: Comparison = self._ask("diff", asset, between, where=where, rows=rows)
        return found

    def between(self, asset: str, before: int, after: int, *, rows: int) -> Comparison:
        asked = (asset, before, after, rows)
        if asked not in self.compared:
            self.compared[asked] = self.diff(asset, f"s{before}..s{after}", rows=rows)
        return self.compared[asked]

    def diff_run(self, run: str, *, where: str = "", rows: int) -> Comparisons:
        found: Comparisons = self._ask("diff_run", run, where=where, rows=rows)
        return found

    def quarantined(self, asset: str, *, limit: int) -> Quarantined:
        found: Quarantined = self._ask("quarantined", asset, limit=limit)
        return found

    def query(self, sql: str, *, ref: str, as_of: str | None, limit: int) -> Rows:
        found: Rows = self._ask("query", sql, ref=ref, as_of=as_of, limit=limit)
        return found

    def runs(self, limit: int) -> Runs:
        found: Runs = self._ask("runs", limit)
        return found

    def show(self, asset: str, options: dict[str, str], *, columns: Sequence[str], limit: int) -> Rows:
        found: Rows = self._ask("show", asset, options, columns=columns, limit=limit)
        return found

    def snapshot_at(self, asset: str, as_of: str) -> int:
        found: int = self._ask("snapshot_at", asset, as_of)
        return found

    def _ask(self, method: str, *arguments: Any, **named: Any) -> Any:
        if self.process.is_over:
            raise _too_long(self.seconds)
        try:
            return self.process.ask(method, arguments, named, self.until)
        except TimeoutError:
            raise _too_long(self.seconds) from None
        except (ChildProcessError, ValueError) as death:
            raise _too_much(str(death)) from None
        except RuntimeError as error:
            if str(error) == MemoryError.__name__:
                raise _too_much("there is no more memory for it") from None
            raise


def _too_long(seconds: float) -> LakeflowError:
    return UsageError(
        f"it took longer than the {seconds:g} s that a page may take",
        hint="the command at the foot of the page has no such limit",
    )


def _too_much(what: str) -> LakeflowError:
    """It took all the memory that it may, or the process crashed."""
    return UsageError(
        f"the process that answers questions gave this one up: {what}",
        hint="ask for less; the command at the foot of the page has other limits",
    )

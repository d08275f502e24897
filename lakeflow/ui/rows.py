"""The lake that rows are asked of: apart from the one that pages look at, so that a long question keeps nobody waiting,
and for a limited time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from pathlib import Path
from threading import Event, Thread
from typing import Final, TypeVar

from lakeflow.core.compare.comparison import Comparison
from lakeflow.core.errors import UsageError
from lakeflow.core.model.asset import Project
from lakeflow.core.values import dataclass
from lakeflow.lake import lake as lakes
from lakeflow.lake.reading import ReadableLake
from lakeflow.ui.kept import Glance

SECONDS: Final = 10.0
_BRIEF: Final = 0.3
"""For this part of the time of a question a page waits for rows that it shows besides."""
_AGAIN: Final = 0.25
BOUNDS: Final = {"memory_limit": "1GB", "threads": "2"}
"""What one question may take, where the settings of the page's server do not say."""
_Answer = TypeVar("_Answer")


@dataclass
class RowLake:
    """A lake of its own on the same tables, opened when somebody first asks for rows. One thread may use it."""

    root: Path
    settings: Mapping[str, str]
    seconds: float = SECONDS
    _lake: ReadableLake | None = None
    _project: Project | None = field(default=None, repr=False)
    _compared: dict[object, Comparison] = field(default_factory=dict, repr=False)

    def answer(self, glance: Glance, make: Callable[[Glance], _Answer], seconds: float | None = None) -> _Answer:
        """What `make` gives of the lake. UsageError where that takes longer than it may."""
        lake, most = self._of(glance), self.seconds if seconds is None else min(seconds, self.seconds)
        with _limited(lake, most) as is_over:
            try:
                answer = make(replace(glance, lake=lake, compared=self._compared))
            except Exception as error:
                if is_over():
                    raise _too_long(most) from error
                raise
            if is_over():  # the page says what DuckDB said when it was interrupted
                raise _too_long(most)
            return answer

    @property
    def briefly(self) -> float:
        return self.seconds * _BRIEF

    def close(self) -> None:
        if self._lake is not None:
            self._lake.close()
            self._lake = None

    def _of(self, glance: Glance) -> ReadableLake:
        if self._lake is None or self._project is not glance.outlook.project:
            before, self._lake, settings = self._lake, None, {**BOUNDS, **self.settings}
            self._lake = lakes.look_again(before, settings) if before else lakes.look(self.root, settings=settings)
            self._project = glance.outlook.project
            self._compared = {}  # what is masked may have changed
        return self._lake


@contextmanager
def _limited(lake: ReadableLake, seconds: float) -> Iterator[Callable[[], bool]]:
    """End what is asked of the lake within the `with`, when its time is over; again and again, for a question may begin
    another.
    """
    done, over = Event(), Event()

    def watch() -> None:
        while not done.wait(_AGAIN if over.is_set() else seconds):
            over.set()
            lake.interrupt()

    watcher = Thread(target=watch, name="time limit", daemon=True)
    watcher.start()
    try:
        yield over.is_set
    finally:
        done.set()
        watcher.join()


def _too_long(seconds: float) -> UsageError:
    return UsageError(
        f"it took longer than the {seconds:g} s that a page may take",
        hint="the command at the foot of the page has no such limit",
    )

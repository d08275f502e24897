"""What all commands share: the choice of the lake, its settings, how it is opened, and how an answer is written."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, redirect_stdout
from dataclasses import field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import click

from lakeflow.cli.ci.telling import tell_error
from lakeflow.cli.output import MARKDOWN, Answer, OutputFormat, emit
from lakeflow.core.errors import LakeflowError
from lakeflow.core.keys import EMPTY
from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    from lakeflow.adapters.iceberg import Copied
    from lakeflow.core.keys import AssetKey
    from lakeflow.core.view.findings import Finding
    from lakeflow.core.view.rows import Setting
    from lakeflow.lake.keeping.moving import MovedLake
    from lakeflow.lake.lake import Lake
    from lakeflow.lake.reading import ReadableLake
    from lakeflow.lake.rescue import Rebuilt, RestoredLedger

_LOOKS_MAKE: Final = 1_000_000
"""More objects than a look at a thousand tables makes. They stay until it ends, and searching them for garbage took a
twentieth of it.
"""


@dataclass(frozen=True)
class Session:
    """The global options. `debug` shows third-party warnings and the traceback of a bug. What is to be done
    `afterwards` is done when the answer is written. `place` is the setting that says where a command looks: main, for
    one that takes no `--env`; otherwise what that option says, or what the settings do.
    """

    project: str = "."
    settings: Mapping[str, str] = EMPTY
    color: bool = True
    debug: bool = False
    place: Mapping[str, str] = field(default_factory=lambda: {"env": "main"})
    afterwards: ExitStack = field(default_factory=ExitStack, compare=False)

    def with_setting(self, key: str, value: object) -> Session:
        """The session with an option that is a setting under another name; None: the option was not given."""
        return self if value is None else replace(self, settings={**self.settings, key: str(value)})

    def within(self, environment: str | None) -> Session:
        """The session for a command that takes `--env`; None: the option was not given."""
        return replace(self, place=EMPTY if environment is None else {"env": environment})

    @property
    def environment(self) -> str:
        """The environment that the option names. Where a setting does, what is typed next is there by itself."""
        named = self.place.get("env", "main")
        return "" if named == "main" else named

    @property
    def placed(self) -> Mapping[str, str]:
        """The settings with where the command looks."""
        return {**self.settings, **self.place}

    def hush(self) -> None:
        """Keep messages of other libraries off the screen, unless somebody debugs; the run's log has them."""
        if not self.debug:
            warnings.simplefilter("ignore")
            logging.getLogger().addHandler(logging.NullHandler())

    def lake(self) -> AbstractContextManager[Lake]:
        """The open lake. What user code prints meanwhile goes to stderr: stdout is reserved for the answer."""
        return self._opened(lambda: importlib.import_module("lakeflow.lake.once").open_once)

    def loaded(self) -> AbstractContextManager[Lake]:
        """The open lake for a command that judges the project's files or calls their functions: all of them are run."""
        return self._opened(lambda: _api().open)

    @contextmanager
    def _opened(self, opening: Callable[[], Callable[..., Lake]]) -> Iterator[Lake]:
        self.hush()
        with redirect_stdout(sys.stderr):
            opened = opening()(self.project, settings=self.placed)
            lake = replace(opened, afterwards=self.afterwards.callback)
            with lake, contextlib.chdir(lake.project.root):  # relative paths in SQL and Python code begin here
                yield lake

    @contextmanager
    def looking(self) -> Iterator[ReadableLake]:
        """The lake for a command that only looks; the project's Python files are not run where reading them is
        enough.
        """
        self.hush()
        gc.set_threshold(_LOOKS_MAKE)
        with redirect_stdout(sys.stderr):
            lake: ReadableLake = _api().look(self.project, settings=self.placed)
            with lake, contextlib.chdir(lake.project.root):
                yield lake

    def configuration(self) -> tuple[Setting, ...]:
        found: tuple[Setting, ...] = _api().configuration(self.project, settings=self.settings)
        return found

    def doctor(self, *, deep: bool) -> tuple[Finding, ...]:
        """The doctor, which works where the lake cannot be opened. The project's own code may print meanwhile."""
        self.hush()
        with redirect_stdout(sys.stderr):
            found: tuple[Finding, ...] = _care().doctor(self.project, deep=deep, settings=self.settings)
        return found

    def mend_times(self) -> tuple[AssetKey, ...]:
        done: tuple[AssetKey, ...] = _care().mend_times(self.project, settings=self.settings)
        return done

    def relocate(self) -> tuple[AssetKey, ...]:
        done: tuple[AssetKey, ...] = _care().relocate(self.project, settings=self.settings)
        return done

    def backup(self, directory: Path) -> Copied:
        done: Copied = _care().backup(directory, self.project, settings=self.settings)
        return done

    def migrate(self, to: str, warehouse: str) -> MovedLake:
        done: MovedLake = _care().migrate(to, self.project, warehouse=warehouse, settings=self.settings)
        return done

    def rebuild_catalog(self) -> Rebuilt:
        done: Rebuilt = _care().rebuild_catalog(self.project, settings=self.settings)
        return done

    def rebuild_ledger(self) -> RestoredLedger:
        done: RestoredLedger = _care().rebuild_ledger(self.project, settings=self.settings)
        return done

    def adopt_warehouse(self) -> str:
        done: str = _care().adopt_warehouse(self.project, settings=self.settings)
        return done


def _api() -> ModuleType:
    """The Python API, imported only here: help and usage errors answer without any heavy library."""
    return importlib.import_module("lakeflow.lake.lake")


def _care() -> ModuleType:
    """What is done to a lake as a whole, imported only here as well."""
    return importlib.import_module("lakeflow.lake.care")


def _placed() -> ModuleType:
    """What says how commands are typed in an environment, imported only there."""
    return importlib.import_module("lakeflow.cli.placed")


def now() -> datetime:
    return datetime.now(UTC)


def wants_markdown() -> bool:
    """Is the answer of the command that runs asked for as Markdown, for which more is looked up?"""
    return bool(click.get_current_context().params["output"] == MARKDOWN)


def answers(*forms: str) -> Callable[[Callable[..., Answer | int]], Callable[..., None]]:
    """Turn a function that takes the session and its parameters and returns an answer into a command.

    A function that has written everything itself (a stream of events) returns its exit code instead.
    """
    choice = click.Choice([str(form) for form in forms])

    def decorate(function: Callable[..., Answer | int]) -> Callable[..., None]:
        def command(output: str, **parameters: Any) -> None:
            context = click.get_current_context()
            session: Session = context.obj
            with session.afterwards:
                try:
                    answer = function(session, **parameters)
                except LakeflowError as error:
                    if error.hint and session.environment:
                        error.hint = _placed().placed_hint(error.hint, session.environment, context)
                    tell_error(session.project, error)
                    raise
                if isinstance(answer, int):
                    context.exit(answer)
                if session.environment:
                    answer = _placed().placed(answer, session.environment, context)
                emit(answer, output, context.command_path.partition(" ")[2], color=session.color)
            context.exit(answer.exit_code)

        named = functools.update_wrapper(command, function)
        return click.option("-o", "--output", default=str(OutputFormat.TABLE), show_default=True, type=choice)(named)

    return decorate

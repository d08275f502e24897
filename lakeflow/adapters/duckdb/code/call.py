"""Runs the user's function: what it prints goes to stderr, and an error says file and line."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, TextIO

import duckdb

from lakeflow.adapters.duckdb.failures import ErrorContext, is_refusal
from lakeflow.adapters.duckdb.instance.interrupt import is_interrupt
from lakeflow.core.column_names import hint_of_renamed
from lakeflow.core.errors import CodeError, LakeflowError
from lakeflow.core.model.asset import PythonCode


class _Diversion:
    """stdout belongs to the whole process: the first step that runs user code redirects it, the last one restores
    it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._stdout: TextIO = sys.stdout

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._depth == 0:
                self._stdout, sys.stdout = sys.stdout, sys.stderr
            self._depth += 1
        try:
            yield
        finally:
            with self._lock:
                self._depth -= 1
                if self._depth == 0:
                    sys.stdout = self._stdout


printing_to_stderr: Final = _Diversion()


def call(code: PythonCode, inputs: dict[str, object], place: ErrorContext) -> object:
    """The function's result. CodeError for what it raises, `sys.exit` included; KeyboardInterrupt passes."""
    with printing_to_stderr():
        try:
            return code.function(**inputs)
        except LakeflowError:
            raise
        except (Exception, SystemExit) as error:
            if is_interrupt(error):
                raise KeyboardInterrupt from error
            if is_refusal(
                error
            ):  # the error comes from what it reads: code that knows the rows says which file and row
                raise duckdb.InvalidInputException(str(error)) from None
            raised = _told(error, code, place)
            if place.personal:
                raise raised from None
            raise raised from error


def _told(error: BaseException, code: PythonCode, place: ErrorContext) -> CodeError:
    where = f"{code.path}:{_line(error.__traceback__, code)}"
    if isinstance(error, SystemExit):
        said = "" if place.personal else f" with {error.code!r}"
        return CodeError(
            f"{place.key}: the code called exit{said} ({where})",
            hint="raise an exception that says what is wrong, or return the table",
            asset=place.key,
        )
    text = "" if place.personal or not str(error) else f": {error}"
    withheld = "the message is withheld because personal data is involved" if place.personal else None
    hint = withheld or hint_of_renamed(text)
    return CodeError(f"{place.key}: {type(error).__name__}{text} ({where})", hint=hint, asset=place.key)


def _line(traceback: TracebackType | None, code: PythonCode) -> int:
    """The last line of the user's own file in the error's traceback."""
    file, line = inspect.unwrap(code.function).__code__.co_filename, code.line
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == file:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line

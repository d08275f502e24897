"""What a person or a program is told when a command cannot answer, and the exit code that goes with it."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from lakeflow.core.errors import LakeflowError, ProjectError

INTERRUPTED: Final = 130
UNEXPECTED: Final = 1
USAGE: Final = 2
_INTERRUPTED: Final = "interrupted; nothing was lost: readers see what was published"


@dataclass(frozen=True)
class Failure:
    """`lines` for stderr, `entries` for the errors of the envelope."""

    exit_code: int
    lines: tuple[str, ...]
    entries: tuple[dict[str, Any], ...]


def failure_of(error: BaseException) -> Failure:
    """Which failure an exception is. A bug tells its type and place only: its text may hold values of the data."""
    if isinstance(error, ProjectError):
        return _project(error)
    if isinstance(error, LakeflowError):
        return _said(error.exit_code, error.code, error.message, error.hint, str(error.asset) if error.asset else None)
    if isinstance(error, click.UsageError):
        return _usage(error)
    if isinstance(error, click.ClickException):
        return _said(USAGE, "usage", error.format_message())
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return _said(INTERRUPTED, "interrupted", _INTERRUPTED, "`lakeflow status` says where things stand")
    return _said(UNEXPECTED, "unexpected", _bug(error), "set LAKEFLOW_DEBUG=1 to see the traceback")


def _said(exit_code: int, code: str, message: str, hint: str | None = None, asset: str | None = None) -> Failure:
    first, *rest = message.splitlines() or [code]
    hints = [f"hint: {hint}"] if hint else []
    return Failure(exit_code, (f"error: {first}", *rest, *hints), (entry(code, message, hint, asset),))


def entry(code: str, message: str, hint: str | None = None, asset: str | None = None) -> dict[str, Any]:
    """One member of the envelope's errors."""
    return {"code": code, "message": message, "hint": hint, "asset": asset}


def _project(error: ProjectError) -> Failure:
    """Each fault is an error of its own for programs."""
    text = _said(error.exit_code, error.code, error.message, error.hint)
    faults = [
        entry(error.code, str(fault), fault.hint) | {"path": fault.path, "line": fault.line} for fault in error.faults
    ]
    return Failure(error.exit_code, text.lines, tuple(faults))


def _usage(error: click.UsageError) -> Failure:
    path = error.ctx.command_path if error.ctx else "lakeflow"
    return _said(USAGE, "usage", error.format_message(), f"`{path} --help` shows how")


def _bug(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"unexpected {type(error).__name__}{_place(frames)}; main holds only what was published before"


def _place(frames: Sequence[traceback.FrameSummary]) -> str:
    """The innermost line of our own code, else of any."""
    ours = [frame for frame in frames if "lakeflow" in Path(frame.filename).parts]
    return f" at {Path(at.filename).name}:{at.lineno}" if (at := next(reversed(ours or frames), None)) else ""

"""Reports a command's failure to people and programs, with its exit code."""

from __future__ import annotations

import errno
import json
import sys
import traceback
from collections.abc import Container, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import click

from lakeflow.as_json.envelope import entries_of, entry
from lakeflow.cli.output import Answer, OutputFormat, envelope, show, write
from lakeflow.cli.text import Text, line
from lakeflow.core.errors import LakeflowError, ProjectError
from lakeflow.core.model.run import RunRecord, RunState
from lakeflow.core.values import dataclass

INTERRUPTED: Final = 130
UNEXPECTED: Final = 1
_FULL: Final = ("the disk has no space, or no free inode, left", "make room (`df -h`, and `df -i` for inodes)")
_OPEN: Final = ("too many files are open", "raise the limit: `ulimit -n 1024`")
_RIGHTS: Final = ("the file system does not allow it", "check owner, permissions and whether it is mounted read-only")
_SYSTEM: Final = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), _FULL),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), _OPEN),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _RIGHTS),
    errno.EIO: ("the disk failed to read or write", "look at the system's log, then at `lakeflow doctor --deep`"),
}
"""What an operating system refuses, in words, with what helps."""
USAGE: Final = 2
_INTERRUPTED: Final = "interrupted; nothing was lost: readers see what was published"


@dataclass(frozen=True)
class Failure:
    """`lines` for stderr, `entries` for the errors of the envelope."""

    exit_code: int
    lines: tuple[str, ...]
    entries: tuple[dict[str, Any], ...]


class ToldError(Exception):
    """A failure that the envelope on stdout tells already, because it had begun; people are to be told still."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


def failure_of(error: BaseException) -> Failure:
    """The failure that an exception means. A bug shows only its type and place, since its text may hold values of the
    data.
    """
    if isinstance(error, ProjectError):
        return _project(error)
    if isinstance(error, LakeflowError):
        return _said(error.exit_code, error.code, error.message, error.hint, str(error.asset) if error.asset else None)
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "lakeflow"
        return _said(USAGE, "usage", error.format_message(), f"`{path} --help` shows how")
    if isinstance(error, click.ClickException):
        return _said(USAGE, "usage", error.format_message())
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return _said(INTERRUPTED, "interrupted", _INTERRUPTED, "`lakeflow status` says where things stand")
    return _unexpected(error)


def _unexpected(error: BaseException) -> Failure:
    """A refusal of the operating system, or a bug. Either may come after a publish, so the hint points to the
    ledger.
    """
    if isinstance(error, OSError) and error.errno in _SYSTEM:
        what, hint = _SYSTEM[error.errno]
        at = f" at {error.filename}" if error.filename else ""
        return _said(UNEXPECTED, "system", f"{what}{at}", f"{hint}; `lakeflow runs` says what was published")
    hint = "`lakeflow runs` says what was published; LAKEFLOW_DEBUG=1 shows the traceback"
    return _said(UNEXPECTED, "unexpected", _bug(error), hint)


def _said(exit_code: int, code: str, message: str, hint: str | None = None, asset: str | None = None) -> Failure:
    first, *rest = message.splitlines() or [code]
    hints = [f"hint: {hint}"] if hint else []
    return Failure(exit_code, (f"error: {first}", *rest, *hints), (entry(code, message, hint, asset),))


def _project(error: ProjectError) -> Failure:
    """One entry for each fault of the project's files."""
    text = _said(error.exit_code, error.code, error.message, error.hint)
    return Failure(error.exit_code, text.lines, entries_of(error))


def _bug(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    # The innermost line of lakeflow's own code, otherwise of any code.
    ours = [frame for frame in frames if "lakeflow" in Path(frame.filename).parts]
    place = f" at {Path(at.filename).name}:{at.lineno}" if (at := next(reversed(ours or frames), None)) else ""
    return f"unexpected {type(error).__name__}{place}"


EXIT_CODES: Final = {
    RunState.CONFLICT: 3,
    **dict.fromkeys((RunState.PUBLISHED, RunState.SUPERSEDED, RunState.DISCARDED, RunState.ROLLED_BACK), 0),
}


def exit_code(run: RunRecord | None) -> int:
    """0 done, discarded, rolled back or nothing to do; 3 conflict; 1 anything else that did not publish."""
    return 0 if run is None else EXIT_CODES.get(run.state, 1)


_STYLES: Final = {"error": "bold red", "hint": "cyan"}


def report(error: BaseException, arguments: Sequence[str], commands: Container[str]) -> int:
    """Report a failure: text on stderr, JSON on stdout if requested. Returns the exit code. `arguments` may be
    impossible to parse: they are only searched for options.
    """
    failure = failure_of(error.cause if isinstance(error, ToldError) else error)
    for text in failure.lines:
        show(_styled(text), sys.stderr, color="--no-color" not in arguments)
    if isinstance(error, ToldError):
        return failure.exit_code
    if "--events" in arguments:
        # The last line of an event stream that a failure broke off.
        event = {"event": "error", "exit_code": failure.exit_code, "errors": list(failure.entries)}
        write(json.dumps(event) + "\n", sys.stdout)
    elif _asks_json(arguments):
        command = next((word for word in arguments if word in commands), "")
        answer = Answer(data={}, screen=Text(), exit_code=failure.exit_code, errors=failure.entries)
        write(envelope(command, answer) + "\n", sys.stdout)
    return failure.exit_code


def _asks_json(arguments: Sequence[str]) -> bool:
    pairs = pairwise([*arguments, ""])
    spelled = {f"--output={OutputFormat.JSON}", f"-o{OutputFormat.JSON}", f"-o={OutputFormat.JSON}"}
    return any(word in spelled or (word in {"-o", "--output"} and after == OutputFormat.JSON) for word, after in pairs)


def _styled(text: str) -> Text:
    word, colon, rest = text.partition(": ")
    return line((word + colon, _STYLES[word]), rest) if word in _STYLES else line(text)

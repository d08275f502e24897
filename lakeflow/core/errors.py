"""Every error that lakeflow raises on purpose.

LakeflowError
├── UsageError            exit 2   the command or call cannot be carried out as asked
│   ├── UnseenError                readers saw nothing of a table then
│   ├── SelectionError             nothing matches; carries "did you mean"
│   ├── ConfigError                a setting has a bad value; says where it came from
│   └── ProjectError               the files have faults: all of them, each with file and line
├── AssetError            exit 1   code or data of one asset: the step is errored, main untouched
│   ├── SchemaError                the columns produced cannot be stored as asked
│   ├── CodeNotKeptError           code of another version is not here in full
│   └── CodeError                  the asset's code raised, crashed or took too long: it may go better another time
│       └── EngineLostError        what ran the code is gone, and must be started again
├── ConflictError         exit 3   main moved in a way that may not be overwritten
├── BusyError             exit 4   another run holds the asset or the database
└── LakeError             exit 2   the lake itself: moved, newer than this release, unreadable

A held audit is a result, not an error: no exception stands for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakeflow.core.redaction import redacted_message
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakeflow.core.keys import TableKey


class LakeflowError(Exception):
    """What is wrong and where; `hint` is what to type next.

    Neither may hold a secret or a value out of the data. The login and the query of every URL in them are hidden here,
    so that no log, ledger or screen that repeats them has to.
    """

    exit_code = 1
    code = "error"

    def __init__(self, message: str, *, hint: str | None = None, asset: TableKey | None = None) -> None:
        self.message = redacted_message(message)
        self.hint = hint and redacted_message(hint)
        super().__init__(self.message)
        self.asset = asset


class UsageError(LakeflowError):
    """The command or call cannot be carried out as asked. Exit code 2."""

    exit_code = 2
    code = "usage"


class UnseenError(UsageError):
    """Readers saw nothing of a table at the time that is asked for. Exit code 2."""


class SelectionError(UsageError):
    """A selection means nothing, or cannot be read; the hint says what was meant. Exit code 2."""

    code = "selection"


class ConfigError(UsageError):
    """A setting has a bad value; the message says which and where it came from. Exit code 2."""

    code = "config"


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong with the project's files: `path:line` relative to the root."""

    path: str
    line: int
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class ProjectError(UsageError):
    """All faults of the project's files at once, sorted by place. Exit code 2."""

    code = "project"

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        lines = [f"{counted(len(self.faults), 'fault')} in the project's files"]
        lines += [f"  {fault}\n    {fault.hint}" for fault in self.faults]
        super().__init__("\n".join(lines), hint="mend the files, then `lakeflow check`")


class AssetError(LakeflowError):
    """Code or data of one asset: its step is errored, and main is untouched. Exit code 1."""

    code = "asset"


class SchemaError(AssetError):
    """The columns produced cannot be stored as asked. Exit code 1."""

    code = "schema"


class CodeError(AssetError):
    """The asset's code raised, crashed or took too long. It may go better another time: that is what `retries` are for.
    Exit code 1.
    """


class EngineLostError(CodeError):
    """What ran the code is gone, and is started again for whatever comes next. Exit code 1."""


class CodeNotKeptError(AssetError):
    """Code of another version than today's is not here in full: the message says what is missing. Exit code 1."""


class ConflictError(LakeflowError):
    """Main moved in a way that may not be overwritten; nothing was published, and `retry` writes again. Exit code 3."""

    exit_code = 3
    code = "conflict"


class BusyError(LakeflowError):
    """Another run holds the asset, or another process the database; later it may go. Exit code 4."""

    exit_code = 4
    code = "busy"


class LakeError(LakeflowError):
    """The lake itself cannot be used: moved, newer than this release, damaged. Exit code 2."""

    exit_code = 2
    code = "lake"

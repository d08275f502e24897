"""Every error that lakeflow raises on purpose.

LakeflowError
├── UsageError            exit 2   the command or call cannot be carried out as asked
│   ├── SelectionError             nothing matches; carries "did you mean"
│   ├── ConfigError                a setting has a bad value; says where it came from
│   └── ProjectError               the files have faults: all of them, each with file and line
├── AssetError            exit 1   code or data of one asset: the step is errored, main untouched
│   ├── SchemaError                the columns produced cannot be stored as asked
│   └── CodeError                  the asset's code raised, crashed or took too long: it may go better another time
├── ConflictError         exit 3   main moved in a way that may not be overwritten
├── BusyError             exit 4   another run holds the asset or the database
└── LakeError             exit 2   the lake itself: moved, newer than this release, unreadable

A held audit is a result, not an error: no exception stands for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakeflow.core.redaction import redacted_message
from lakeflow.core.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakeflow.core.keys import TableKey


class LakeflowError(Exception):
    """What is wrong and where; `hint` is what to type next.

    Neither may hold a secret or a value out of the data: of every URL in them the login and the query are hidden here,
    so that no log, ledger or screen which repeats them has to.
    """

    exit_code = 1
    code = "error"

    def __init__(self, message: str, *, hint: str | None = None, asset: TableKey | None = None) -> None:
        self.message = redacted_message(message)
        self.hint = hint and redacted_message(hint)
        super().__init__(self.message)
        self.asset = asset


class UsageError(LakeflowError):
    exit_code = 2
    code = "usage"


class SelectionError(UsageError):
    code = "selection"


class ConfigError(UsageError):
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
    """All faults of the files at once, sorted by place."""

    code = "project"

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        lines = [f"{counted(len(self.faults), 'fault')} in the project's files"]
        lines += [f"  {fault}\n    {fault.hint}" for fault in self.faults]
        super().__init__("\n".join(lines), hint="mend the files, then `lakeflow check`")


class AssetError(LakeflowError):
    code = "asset"


class SchemaError(AssetError):
    code = "schema"


class CodeError(AssetError):
    """What `retries` are for."""


class ConflictError(LakeflowError):
    exit_code = 3
    code = "conflict"


class BusyError(LakeflowError):
    exit_code = 4
    code = "busy"


class LakeError(LakeflowError):
    exit_code = 2
    code = "lake"

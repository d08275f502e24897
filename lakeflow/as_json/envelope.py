"""The one envelope of every JSON answer: the command line's, and that of a page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lakeflow.core.errors import LakeflowError, ProjectError

SCHEMA_VERSION: Final = 1


def enveloped(
    command: str, data: Mapping[str, Any], exit_code: int = 0, errors: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The shape of every JSON answer, errors included. It is pure ASCII, so that no terminal acts on it."""
    return json.dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "command": command,
            "ok": exit_code == 0,
            "exit_code": exit_code,
            "data": data,
            "errors": list(errors),
        },
        indent=2,
    )


def entry(code: str, message: str, hint: str | None = None, asset: str | None = None) -> dict[str, Any]:
    """One member of the envelope's errors."""
    return {"code": code, "message": message, "hint": hint, "asset": asset}


def entries_of(error: LakeflowError) -> tuple[dict[str, Any], ...]:
    """The errors of an envelope that an error means: one for each fault of the project's files."""
    if isinstance(error, ProjectError):
        return tuple(
            entry(error.code, str(fault), fault.hint) | {"path": fault.path, "line": fault.line}
            for fault in error.faults
        )
    return (entry(error.code, error.message, error.hint, str(error.asset) if error.asset else None),)

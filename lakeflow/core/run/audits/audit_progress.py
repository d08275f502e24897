"""How far an audit has come: what its worker tells the run, step by step."""

from __future__ import annotations

from typing import Final

from lakeflow.core.model.run import CheckResult
from lakeflow.core.values import dataclass

SHARED_SCAN: Final = "shared scan"
"""The step in which the questions of many checks are answered at once."""


@dataclass(frozen=True)
class AuditProgress:
    """A step that begins (`result` is None and `done` is False), or that is done, with the result if it is a check."""

    unit: str
    name: str
    path: str = ""
    done: bool = False
    result: CheckResult | None = None

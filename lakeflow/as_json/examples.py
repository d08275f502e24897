"""What came of examples, as JSON."""

from __future__ import annotations

from typing import Any

from lakeflow.core.expected.compare import RowDifference
from lakeflow.core.expected.outcome import ExampleResult


def example_json(result: ExampleResult) -> dict[str, Any]:
    return {
        "asset": str(result.asset),
        "name": result.name,
        "path": result.path,
        "line": result.line,
        "ok": result.ok,
        "message": result.message or None,
        "hint": result.hint or None,
        "difference": None if result.difference is None else _difference(result.difference),
    }


def _difference(found: RowDifference) -> dict[str, Any]:
    """Every row that differs, as a list of texts in the order of the columns."""
    return {
        "columns": list(found.columns),
        "missing": [list(row) for row in found.missing],
        "unexpected": [list(row) for row in found.unexpected],
    }

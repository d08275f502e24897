"""A run that a test knows to have taken place."""

from __future__ import annotations

from lakeflow.core.model.run import RunRecord


def ran(run: RunRecord | None) -> RunRecord:
    """The run that `materialize` answers with. AssertionError where there was nothing to do."""
    assert run is not None, "there was nothing to do"
    return run

"""What readers see of an asset while something newer waits for a decision."""

from __future__ import annotations

from datetime import datetime

from lakeflow.cli.words import age, in_rows
from lakeflow.core.planning import short_id
from lakeflow.core.views import AssetStatus


def readers_see(status: AssetStatus, now: datetime, *, words: str = "readers still see") -> str:
    """`readers still see s4411 (26,109 rows, 2 d old)`."""
    if status.snapshot_id is None:
        return f"{words} nothing: it was never published"
    old = f", {age(status.published_at, now)} old" if status.published_at else ""
    return f"{words} {short_id(status.snapshot_id)} ({in_rows(status.rows)}{old})"

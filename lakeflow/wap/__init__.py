"""The story: write to a branch, audit that very snapshot, decide, publish what passed in one commit."""

from lakeflow.wap.backfill import backfill
from lakeflow.wap.collecting import collect, garbage
from lakeflow.wap.computing import compute
from lakeflow.wap.decisions import discard, publish_held, rollback
from lakeflow.wap.inspecting import Look, inspect, tables_around
from lakeflow.wap.looking import as_they_are
from lakeflow.wap.readmitting import quarantined
from lakeflow.wap.run import Request, materialize, preview, retry
from lakeflow.wap.tables import adopt, drop
from lakeflow.wap.world import Origin, Policy, World

__all__ = [
    "Look",
    "Origin",
    "Policy",
    "Request",
    "World",
    "adopt",
    "as_they_are",
    "backfill",
    "collect",
    "compute",
    "discard",
    "drop",
    "garbage",
    "inspect",
    "materialize",
    "preview",
    "publish_held",
    "quarantined",
    "retry",
    "rollback",
    "tables_around",
]

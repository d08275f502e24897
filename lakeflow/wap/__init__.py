"""The story: write to a branch, audit that very snapshot, decide, publish what passed in one commit."""

from lakeflow.wap.decide.garbage import collect, garbage
from lakeflow.wap.decide.runs import discard, publish_held, rollback
from lakeflow.wap.decide.tables import adopt, drop
from lakeflow.wap.look.audit import AuditTarget, inspect, tables_around
from lakeflow.wap.look.preview import compute
from lakeflow.wap.look.runs import as_they_are
from lakeflow.wap.run.backfill import backfill
from lakeflow.wap.run.materialize import Request, materialize, preview, retry
from lakeflow.wap.step.readmitting import quarantined
from lakeflow.wap.world import Invocation, Policy, World

__all__ = [
    "AuditTarget",
    "Invocation",
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

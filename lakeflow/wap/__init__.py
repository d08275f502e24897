"""The story: write to a branch, audit that very snapshot, decide, publish what passed in one commit.

A function here has the name of the method of `Lake` that calls it.
"""

from lakeflow.wap.attempt import Stops
from lakeflow.wap.decide.compact import CompactRequest, compact
from lakeflow.wap.decide.discard import discard
from lakeflow.wap.decide.garbage import collect_garbage, garbage
from lakeflow.wap.decide.leave_out import leave_out
from lakeflow.wap.decide.rollback import return_to, rollback
from lakeflow.wap.decide.runs import publish
from lakeflow.wap.decide.tables import adopt, drop
from lakeflow.wap.decide.tags import tag, tags, untag
from lakeflow.wap.facts import gather
from lakeflow.wap.look.audits.audit import audit, failing
from lakeflow.wap.look.audits.mutate import MutationRequest, mutate
from lakeflow.wap.look.audits.recorded import last_audits
from lakeflow.wap.look.audits.suggest import suggest
from lakeflow.wap.look.diff import Shown, diff, diff_run
from lakeflow.wap.look.export import export
from lakeflow.wap.look.impact import impact
from lakeflow.wap.look.log import Log, LogEntry, log
from lakeflow.wap.look.preview import preview
from lakeflow.wap.look.query import columns, connect, query, snapshot_at
from lakeflow.wap.look.rested import marked, rested
from lakeflow.wap.look.runs import runs
from lakeflow.wap.look.show import quarantined, show
from lakeflow.wap.look.verify import verify
from lakeflow.wap.parallel import EndsEarly
from lakeflow.wap.ports import Invocation, Policy, World
from lakeflow.wap.replay.replay import replay
from lakeflow.wap.run.backfill import backfill
from lakeflow.wap.run.materialize import materialize, readmit, retry
from lakeflow.wap.run.plan import Request, plan
from lakeflow.wap.run.unland import UnlandRequest, unland

__all__ = [
    "CompactRequest",
    "EndsEarly",
    "Invocation",
    "Log",
    "LogEntry",
    "MutationRequest",
    "Policy",
    "Request",
    "Shown",
    "Stops",
    "UnlandRequest",
    "World",
    "adopt",
    "audit",
    "backfill",
    "collect_garbage",
    "columns",
    "compact",
    "connect",
    "diff",
    "diff_run",
    "discard",
    "drop",
    "export",
    "failing",
    "garbage",
    "gather",
    "impact",
    "last_audits",
    "leave_out",
    "log",
    "marked",
    "materialize",
    "mutate",
    "plan",
    "preview",
    "publish",
    "quarantined",
    "query",
    "readmit",
    "replay",
    "rested",
    "retry",
    "return_to",
    "rollback",
    "runs",
    "show",
    "snapshot_at",
    "suggest",
    "tag",
    "tags",
    "unland",
    "untag",
    "verify",
]

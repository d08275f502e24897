"""The story: write to a branch, audit that very snapshot, decide, publish what passed in one commit.

A function here has the name of the method of `Lake` that calls it.

Each is imported when it is first asked for: a command that looks waits for no code that writes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
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
    from lakeflow.wap.look.parity import Bounds, parity
    from lakeflow.wap.look.preview import preview
    from lakeflow.wap.look.query import columns, connect, query, snapshot_at
    from lakeflow.wap.look.rested import marked, rested
    from lakeflow.wap.look.runs import runs
    from lakeflow.wap.look.show import quarantined, show
    from lakeflow.wap.look.verify import verify
    from lakeflow.wap.parallel import EndsEarly
    from lakeflow.wap.ports import Invocation, Policy, World
    from lakeflow.wap.replaying.replay import replay
    from lakeflow.wap.run.backfill import backfill
    from lakeflow.wap.run.begin import materialize, readmit
    from lakeflow.wap.run.materialize import retry
    from lakeflow.wap.run.plan import Request, plan
    from lakeflow.wap.run.unland import UnlandRequest, unland
else:
    _HOMES: Final = {
        "attempt": ("Stops",),
        "decide.compact": (
            "CompactRequest",
            "compact",
        ),
        "decide.discard": ("discard",),
        "decide.garbage": (
            "collect_garbage",
            "garbage",
        ),
        "decide.leave_out": ("leave_out",),
        "decide.rollback": (
            "return_to",
            "rollback",
        ),
        "decide.runs": ("publish",),
        "decide.tables": (
            "adopt",
            "drop",
        ),
        "decide.tags": (
            "tag",
            "tags",
            "untag",
        ),
        "facts": ("gather",),
        "look.audits.audit": (
            "audit",
            "failing",
        ),
        "look.audits.mutate": (
            "MutationRequest",
            "mutate",
        ),
        "look.audits.recorded": ("last_audits",),
        "look.audits.suggest": ("suggest",),
        "look.diff": (
            "Shown",
            "diff",
            "diff_run",
        ),
        "look.export": ("export",),
        "look.impact": ("impact",),
        "look.log": (
            "Log",
            "LogEntry",
            "log",
        ),
        "look.parity": (
            "Bounds",
            "parity",
        ),
        "look.preview": ("preview",),
        "look.query": (
            "columns",
            "connect",
            "query",
            "snapshot_at",
        ),
        "look.rested": (
            "marked",
            "rested",
        ),
        "look.runs": ("runs",),
        "look.show": (
            "quarantined",
            "show",
        ),
        "look.verify": ("verify",),
        "parallel": ("EndsEarly",),
        "ports": (
            "Invocation",
            "Policy",
            "World",
        ),
        "replaying.replay": ("replay",),
        "run.backfill": ("backfill",),
        "run.begin": (
            "materialize",
            "readmit",
        ),
        "run.materialize": ("retry",),
        "run.plan": (
            "Request",
            "plan",
        ),
        "run.unland": (
            "UnlandRequest",
            "unland",
        ),
    }
    _PLACES: Final = {name: module for module, names in _HOMES.items() for name in names}

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
        return found


__all__ = [
    "Bounds",
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
    "parity",
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

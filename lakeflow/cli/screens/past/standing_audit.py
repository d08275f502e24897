"""The audit of what readers see of one asset, as lines."""

from __future__ import annotations

from datetime import datetime

from lakeflow.cli.screens.checks import every_check
from lakeflow.cli.text import Text, align, line
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import Ruling
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.view.audited.standing_audit import StandingAudit
from lakeflow.core.wording import age

_SAID = {Ruling.PUBLISH: "passed", Ruling.FORCED: "published by force", Ruling.HOLD: "failed on what readers see"}


def standing_audit_lines(found: StandingAudit | None, now: datetime) -> list[Text]:
    """Was it audited, by which checks, when, and on which code?"""
    if found is None:
        return []
    code = f"version {found.code_version[:6]}" if found.code_version else "not recorded"
    commit = f", commit {found.git[:7]}{''.join(found.git.partition('+')[1:])}" if found.git else ""
    told = [(line("Audited"), _audited(found, now)), (line("Code"), line(f"{code}{commit}"))]
    return [*align(told), *every_check(found.checks)]


def _audited(found: StandingAudit, now: datetime) -> Text:
    what = short_id(found.snapshot_id)
    if found.ruling is None or found.at is None:
        return line(f"{what} was audited by nobody: `lakeflow materialize {found.asset}` audits it")
    passed = sum(check.outcome is Outcome.PASSED for check in found.checks)
    checks = f"{passed} of {len(found.checks)} checks passed" if found.checks else "no check is recorded"
    why = f": {found.reason}" if found.ruling is Ruling.FORCED and found.reason else ""
    when = f"{age(found.at, now)} ago in run {found.run} by {found.actor}"
    return line(f"{what} {_SAID[found.ruling]} {when}, {checks}{why}")

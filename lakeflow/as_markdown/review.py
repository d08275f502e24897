"""A plan, as a comment on a pull request: what would run and why, what fails, what it costs, and what changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lakeflow.as_markdown.changes import change_blocks
from lakeflow.as_markdown.comparisons import comparison_blocks, rows_table
from lakeflow.as_markdown.page import Block, Weight, bounded, page
from lakeflow.as_markdown.text import Markdown, bullets, code, fold, joined, paragraph, said
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Action, CheckResult
from lakeflow.core.model.table import Rows
from lakeflow.core.plan.planning import Plan, Step
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.review.review import FailedAudit, Review
from lakeflow.core.wording import counted
from lakeflow.core.words import count, percent, scope_said

_NAMES = 20
_WHERE = Markdown("`lakeflow plan` and `lakeflow diff ASSET` show all of it.")


def review_markdown(review: Review) -> str:
    """What `plan` says, as a comment."""
    return page(said(f"lakeflow plan: {review.plan.headline}"), tuple(_blocks(review)), _WHERE)


def _blocks(review: Review) -> Iterator[Block]:
    plan = review.plan
    warnings = bullets(tuple(said(f"⚠ {warning}") for warning in plan.warnings[:_NAMES]))
    yield Block("", said("warnings"), warnings, Weight.FAILS)
    yield from failure_blocks(review.failed)
    yield from change_blocks(review.changes)
    yield Block("Assets by reason", said("assets by reason"), _by_reason(plan), Weight.PLAN)
    yield Block("Assets by reason", said("each step"), _steps(plan), Weight.DETAIL)
    yield from comparison_blocks(review.compared)
    yield Block("Cost in rows", said("the cost in rows"), _cost(review), Weight.COST)


def failure_blocks(failed: Sequence[FailedAudit]) -> Iterator[Block]:
    title = "Checks that fail"
    rows = [_failure(one, check) for one in failed for check in one.checks]
    header = ("asset", "check", "severity", "found", "file")
    yield Block(title, said("checks that fail"), bounded(header, rows, "checks"), Weight.FAILS)
    for one in failed:
        for check in one.checks:
            if check.samples:
                summary = paragraph(code(str(one.asset)), " ", code(check.name), ": rows that fail")
                what = paragraph("rows that fail ", code(check.name), " of ", code(str(one.asset)))
                yield Block(title, what, fold(summary, rows_table(_as_rows(check))), Weight.SAMPLES)


def _failure(one: FailedAudit, check: CheckResult) -> Sequence[Markdown]:
    name = paragraph(code(str(one.asset)), " held" if one.held else "")
    return (name, code(check.name), said(f"{check.severity}, {check.outcome}"), said(_found(check)), said(check.path))


def _found(check: CheckResult) -> str:
    return "; ".join(part for part in (_how_much(check), *scope_said(check)) if part)


def _how_much(check: CheckResult) -> str:
    if check.detail or check.failed_rows is None:
        return check.detail
    share = f" of {count(check.rows)} rows ({percent(check.failed_rows, check.rows)})" if check.rows else " rows"
    return f"{count(check.failed_rows)}{share}"


def _as_rows(check: CheckResult) -> Rows:
    columns = tuple(dict.fromkeys(name for sample in check.samples for name in sample))
    return Rows(columns, tuple(tuple(sample.get(name) for name in columns) for sample in check.samples))


def _by_reason(plan: Plan) -> Markdown:
    """By the first reason of each step, the most frequent first."""
    groups: dict[str, list[AssetKey]] = {}
    for step in plan.steps:
        groups.setdefault(str(step.reasons[0].cause) if step.reasons else "asked", []).append(step.asset)
    for held in plan.held:
        groups.setdefault(f"held by run {held.run}", []).append(held.asset)
    if plan.fresh:
        groups["fresh"] = list(plan.fresh)
    rows = [(said(why), said(count(len(keys))), named(keys)) for why, keys in groups.items()]
    return bounded(("reason", "assets", "which"), rows, "reasons", frozenset({1}))


def named(keys: Sequence[AssetKey]) -> Markdown:
    named = joined([code(str(key)) for key in keys[:_NAMES]])
    return paragraph(named, f" and {len(keys) - _NAMES:,} more" if len(keys) > _NAMES else "")


def _steps(plan: Plan) -> Markdown:
    rows = [(code(str(step.asset)), said(str(step.action)), said(_why(step))) for step in plan.steps]
    return fold(said(f"{counted(len(rows), 'step')} in their order"), bounded(("asset", "does", "why"), rows, "steps"))


def _why(step: Step) -> str:
    why = "; ".join(map(str, (*step.reasons, *step.drift)))
    audits = step.action is Action.AUDIT and step.base_id is not None
    return f"{why}; audits {short_id(step.base_id)}, writes nothing" if audits and step.base_id else why


def _cost(review: Review) -> Markdown:
    """What is known before anything runs: rows of inputs that stand, and how many rows stand where a step writes."""
    writing = [step for step in review.plan.steps if step.action is Action.WRITE]
    rows = [
        (
            code(str(step.asset)),
            said(count(review.plan.reads.get(step.asset))),
            said(count(review.standing[step.asset]) if step.asset in review.standing else "none yet"),
        )
        for step in writing
    ]
    total = sum(review.standing.get(step.asset, 0) for step in writing)
    summary = (
        f"about {counted(review.plan.rows_to_read, 'row')} to read; "
        f"{counted(total, 'row')} stand in the {counted(len(writing), 'table')} that are written"
    )
    header = ("asset", "rows to read", "rows that readers see now")
    return fold(said(summary), bounded(header, rows, "assets", frozenset({1, 2})))

"""What an environment makes of the lake, as a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from lakeflow.as_markdown.changes import change_blocks
from lakeflow.as_markdown.comparisons import comparison_blocks
from lakeflow.as_markdown.page import Block, Weight, bounded, page
from lakeflow.as_markdown.review import failure_blocks, named
from lakeflow.as_markdown.text import Markdown, code, fold, said
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Action, StepState
from lakeflow.core.review.environment import EnvironmentReview, LastStep
from lakeflow.core.wording import counted
from lakeflow.core.words import count

_WHERE = Markdown("`lakeflow env diff NAME` and `lakeflow check --against main` show all of it.")


def environment_markdown(review: EnvironmentReview) -> str:
    """What `env diff` says, as a comment."""
    changed = sum(one.changes for one in review.compared)
    told = [f"{changed} of {counted(len(review.compared), 'table')} changed"]
    left = sum(not one.came_through for one in review.steps)
    told += [f"{counted(left, 'asset')} not built"] if left else []
    told += [counted(len(review.changes.breaking), "breaking change")] if review.changes.breaking else []
    return page(said(f"lakeflow env {review.standing.name}: {', '.join(told)}"), tuple(_blocks(review)), _WHERE)


def _blocks(review: EnvironmentReview) -> Iterator[Block]:
    yield Block("What was not built", said("what was not built"), _left(review), Weight.FAILS)
    yield from failure_blocks(review.failed)
    yield from change_blocks(review.changes)
    yield Block("Assets by reason", said("assets by reason"), _by_reason(review), Weight.PLAN)
    yield from comparison_blocks(review.compared)
    yield Block("Cost in rows", said("the cost in rows"), _cost(review), Weight.COST)


def _left(review: EnvironmentReview) -> Markdown:
    """A step that came to nothing, with why. Readers of main see nothing of any of it."""
    rows = [
        (code(str(one.asset)), said(str(one.step.state or "running")), said(one.step.reason))
        for one in review.steps
        if not one.came_through
    ]
    return bounded(("asset", "came to", "why"), rows, "assets")


def _by_reason(review: EnvironmentReview) -> Markdown:
    groups: dict[str, list[AssetKey]] = {}
    for one in review.steps:
        groups.setdefault(_why(one), []).append(one.asset)
    rows = [(said(why), said(count(len(keys))), named(keys)) for why, keys in groups.items()]
    return bounded(("reason", "assets", "which"), rows, "reasons", frozenset({1}))


def _why(one: LastStep) -> str:
    """The first reason of the step, without what is of it alone: `code changed (1061cd → 1b8f0d)` is one of many."""
    first = one.step.reasons[0] if one.step.reasons else "asked"
    return first.partition(" (")[0].partition(":")[0]


def _cost(review: EnvironmentReview) -> Markdown:
    """What the last step of each asset read and gave; a promote takes what it gave over and reads none of it."""
    ran = [one for one in review.steps if one.step.state is not StepState.SKIPPED]
    steps = [one for one in ran if one.step.action is Action.WRITE]
    rows = [
        (
            code(str(one.asset)),
            said(count(one.rows_read)),
            said(count(one.step.rows)),
            said(f"{one.step.seconds:.1f} s"),
        )
        for one in steps
    ]
    read, gave = (
        sum(each or 0 for each in column)
        for column in ([one.rows_read for one in steps], [one.step.rows for one in steps])
    )
    unread = sum(each.rows or 0 for each in review.standing.built)
    summary = (
        f"{counted(read, 'row')} of inputs read, {counted(gave, 'row')} given; "
        f"a promote takes {counted(unread, 'row')} over and reads none"
    )
    header = ("asset", "rows of its inputs", "rows that it gave", "took")
    return fold(said(summary), bounded(header, rows, "assets", frozenset({1, 2, 3})))

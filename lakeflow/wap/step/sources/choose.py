"""Chooses what a step reads and writes, by its plan and by the snapshots that are pinned now."""

from __future__ import annotations

from dataclasses import replace

from lakeflow.core.model.asset import Asset, OnRewrite
from lakeflow.core.model.run import Action
from lakeflow.core.model.write_mode import ANEW
from lakeflow.core.plan.increments import Consumption, consumption
from lakeflow.core.plan.landing import Landing
from lakeflow.core.plan.planning import Step
from lakeflow.core.plan.reasons import Cause
from lakeflow.core.plan.scd2_rebuilds import is_dated_by_runs
from lakeflow.core.plan.taken_out import as_asked
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.quarantine import Quarantine, quarantine_of
from lakeflow.wap.step.sources.files import Files
from lakeflow.wap.step.sources.new_rows import GoesOn, NewRows
from lakeflow.wap.step.sources.partitions import Partitioned
from lakeflow.wap.step.sources.readmission import Readmission
from lakeflow.wap.step.sources.rebuilt import RebuiltVersions
from lakeflow.wap.step.sources.source import Source
from lakeflow.wap.step.sources.standing import Standing, Undecided
from lakeflow.wap.step.sources.unlanding import Unlanding


def source_of(attempt: Attempt, step: Step) -> Source:
    """Choose by the plan, on the snapshots that are pinned now: an upstream may have run since the plan was made.

    1. A step that only audits reads nothing; a readmission reads its quarantine.
    2. Files land: only new ones, or all of them where everything is made anew.
    3. Any other step reads its inputs. Of incremental inputs it reads the new rows, or all rows for a rebuild, or it
       waits for a person.
    4. A table with partitions in time is built from any of these, window by window.
    """
    declared, causes = attempt.asset(step.asset), {reason.cause for reason in step.reasons}
    plain = Source(declared, declared, quarantine_of(attempt, declared))
    if step.action is Action.AUDIT:
        return Standing(*_same(plain))
    if Cause.READMIT in causes:
        return Readmission(*_same(plain))
    rows = _files(attempt, step, plain) if declared.files else _rows(attempt, step, plain)
    if declared.timeline is None:
        return rows
    return Partitioned(*_same(rows), rows, step.partitions, step.within)


def _same(source: Source) -> tuple[Asset, Asset, Quarantine]:
    return source.declared, source.asset, source.quarantine


def _anew(source: Source) -> Source:
    """The asset replaces all rows of its table, whatever write mode it declares."""
    return replace(source, asset=replace(source.asset, write=ANEW))


def _files(attempt: Attempt, step: Step, plain: Source) -> Source:
    anew = any(reason.cause is Cause.FULL_REFRESH for reason in step.reasons)
    landing = attempt.facts.landings.get(step.asset, Landing())
    assert plain.declared.files is not None, "asked only of what lands files"
    landing = as_asked(landing, step.reasons, plain.declared.files.once)
    if gone := tuple(each.after for each in step.reasons if each.cause is Cause.UNLANDS):
        return Unlanding(*_same(plain), landing, gone)
    return Files(*_same(_anew(plain) if anew else plain), landing)


def _rows(attempt: Attempt, step: Step, plain: Source) -> Source:
    """Take what the plan decided. Where it decided nothing, read all rows the first time, and afterwards the new
    ones.
    """
    causes = {reason.cause for reason in step.reasons}
    if waits := next((reason.after for reason in step.reasons if reason.cause is Cause.WAITS), ""):
        return Undecided(*_same(plain), waits)
    if Cause.FULL_REFRESH in causes:
        return _anew(plain)
    if Cause.REBUILD in causes and step.base_id is not None:
        return _rebuilt(plain)
    if not plain.asset.new_rows or step.base_id is None:
        return plain
    heads = {key: head for key in plain.asset.new_rows if (head := attempt.pinned(key)) is not None}
    came = consumption(plain.asset, attempt.tables.get(step.asset), attempt.tables, heads)
    return _increments(plain, came, goes_on=Cause.GOES_ON in causes)


def _increments(plain: Source, came: Consumption, *, goes_on: bool) -> Source:
    """The increments to read. If an input was rewritten after the plan was made, the plan's `on_rewrite` says whether
    to go on.
    """
    if not came.rebuild:
        return NewRows(*_same(plain), came)
    if goes_on:
        return GoesOn(*_same(plain))
    if plain.asset.on_rewrite is OnRewrite.HOLD or is_dated_by_runs(plain.asset):
        return Undecided(*_same(plain), came.rebuild)
    return _rebuilt(plain)


def _rebuilt(plain: Source) -> Source:
    anew = _anew(plain)
    return RebuiltVersions(*_same(anew)) if plain.asset.write.traits.versioned else anew

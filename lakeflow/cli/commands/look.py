"""Commands that only look: status, runs, snapshots, show, preview."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lakeflow.as_json.standing_audit import standing_audit_json
from lakeflow.as_json.values import (
    at_work_json,
    rows_json,
    run_json,
    snapshot_json,
    status_json,
    undefined_json,
)
from lakeflow.cli.answers.failing import AuditedPlace, failing_answer, failing_step, ref_of
from lakeflow.cli.answers.run import readers_of
from lakeflow.cli.commands.options import (
    SELECTION_HELP,
    as_of_option,
    asset_argument,
    env_option,
    limit_option,
    takes_selection,
)
from lakeflow.cli.output import Answer, OutputFormat, Records, screen_width
from lakeflow.cli.screens.history import runs_records, runs_screen, snapshots_records, snapshots_screen
from lakeflow.cli.screens.lake import (
    at_work_lines,
    status_records,
    status_screen,
    undefined_lines,
    waiting_lines,
)
from lakeflow.cli.screens.past.standing_audit import standing_audit_lines
from lakeflow.cli.screens.rows import expanded_screen, rows_records, rows_screen
from lakeflow.cli.screens.run import run_screen, steps_records
from lakeflow.cli.session import Session, answers, now
from lakeflow.cli.text import line, screen
from lakeflow.core.errors import UsageError
from lakeflow.core.readers.names import READERS
from lakeflow.core.view.history import on_branches
from lakeflow.core.view.rows import Health
from lakeflow.core.words import readers_see

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakeflow.core.listings import Statuses
    from lakeflow.core.model.run import RunRecord
    from lakeflow.core.view.audited.standing_audit import StandingAudit
    from lakeflow.core.view.rows import AssetStatus
    from lakeflow.lake.lake import Lake
    from lakeflow.lake.reading import ReadableLake


@click.command(epilog=SELECTION_HELP)
@takes_selection
@click.option("--exit-code", "strict", is_flag=True, help="End with 1 unless all of them are healthy.")
@env_option
@answers(*OutputFormat)
def status(session: Session, selection: tuple[str, ...], exclude: str, strict: bool) -> Answer:
    """Say how the assets stand, what needs a decision first."""
    with session.looking() as lake:
        statuses = lake.status(*selection, exclude=exclude)
        left = () if selection or exclude else lake.undefined()
        waiting = _left_behind(statuses)
        at_work = lake.at_work()
        audited = _standing_audit(lake, selection, statuses)
        data = {
            "assets": [status_json(one) for one in statuses],
            "audit": standing_audit_json(audited),
            "undefined": [undefined_json(table) for table in left],
            "waiting": [run_json(run) for run in waiting],
            "at_work": [at_work_json(run) for run in at_work],
        }
        told = (at_work_lines(at_work, now()), waiting_lines(waiting, now()), undefined_lines(left))
        shown = screen([status_screen(statuses, now())], standing_audit_lines(audited, now()), *told)
        ill = strict and any(one.health is not Health.HEALTHY for one in statuses)
        return Answer(data, shown, status_records(statuses), exit_code=int(ill))


def _standing_audit(
    lake: ReadableLake, selection: tuple[str, ...], statuses: Sequence[AssetStatus]
) -> StandingAudit | None:
    """Say of an asset named alone whether what readers see was audited, by which checks, when, on which code."""
    named = len(statuses) == 1 and selection == (str(statuses[0].asset),)
    return lake.standing_audit(selection[0]) if named else None


@click.command()
@click.argument("run", required=False)
@click.option("--log", "logged", is_flag=True, help="What happened when in RUN, from its log.")
@limit_option
@env_option
@answers(*OutputFormat)
def runs(session: Session, run: str | None, logged: bool, limit: int) -> Answer:
    """List the runs, newest first, or show one."""
    if logged and not run:
        raise click.UsageError("--log needs a run; `lakeflow runs` lists them")
    with session.looking() as lake:
        if run and logged:
            return _log(lake, run)
        return _one_run(lake, run) if run else _all_runs(lake, limit)


@click.command()
@asset_argument
@env_option
@answers(*OutputFormat)
def snapshots(session: Session, asset: str) -> Answer:
    """Show the snapshots of an asset, newest first: open branches, then what readers see and saw."""
    with session.looking() as lake:
        rows = lake.snapshots(asset)
        key = str(lake.select(asset)[0])
        # How an asset stands hangs on all others: it is asked only where a run may wait for a decision.
        one = lake.status(key)[0] if on_branches(rows) else None
        data = {"asset": key, "snapshots": [snapshot_json(row) for row in rows]}
        return Answer(data, snapshots_screen(key, rows, one, now()), snapshots_records(rows))


@click.command()
@asset_argument
@click.option("--ref", help="A branch such as `audit_…`; `held`: the one that waits for a decision.  [default: main]")
@click.option("--snapshot", help="`s` and the first digits of a snapshot id.")
@as_of_option
@click.option("--failing", is_flag=True, help="The rows that failed its checks.")
@click.option("--where", metavar="SQL", default="", help="Only rows for which this condition on its columns holds.")
@click.option("--order-by", metavar="SQL", default="", help="Rows in the order of these columns: `total desc, id`.")
@click.option("--columns", metavar="NAMES", default="", help="Only these columns, with commas between them.")
@click.option("-x", "--expanded", is_flag=True, help="One column a line.")
@click.option("--how", type=click.Choice(READERS), help="The lines that read it in another engine.")
@limit_option
@env_option
@answers(*OutputFormat)
def show(session: Session, asset: str, ref: str | None, snapshot: str | None, **options: Any) -> Answer:
    """Show the first rows of an asset, or (--failing) those that fail its checks.

    As readers see them, or on a branch (--ref), at a snapshot (--snapshot), or as they saw them (--as-of).
    """
    as_of: str | None = options["as_of"]
    if sum(where is not None for where in (ref, snapshot, as_of)) > 1:
        raise click.UsageError("--ref, --snapshot and --as-of exclude each other")
    if options["failing"] and any(options[word] for word in ("where", "order_by", "columns", "expanded")):
        raise click.UsageError("--failing shows the rows that each check found, as it found them")
    if options["how"]:
        if as_of or ref or snapshot or any(options[word] for word in ("failing", "where", "order_by", "columns")):
            raise click.UsageError("--how says how to read what readers see, all of it: it goes alone")
        return _how(session, asset, options["how"])
    with session.lake() as lake:
        one = _status_of(lake, asset)
        then = f"s{lake.snapshot_at(str(one.asset), as_of)}" if as_of else snapshot
        place = AuditedPlace(ref_of(one, ref or "main"), then)
        if options["failing"]:
            return failing_answer(failing_step(lake, one, place, options["limit"]), one, options["limit"], now())
        return _rows(lake, one, place, options)


def _how(session: Session, asset: str, how: str) -> Answer:
    with session.looking() as lake:
        key, lines = str(lake.select(asset)[0]), lake.how_to_read(asset, how)
    records: Records = (("line",), [(text,) for text in lines.splitlines()])
    return Answer(
        {"asset": key, "how": how, "lines": lines.splitlines()},
        screen([line(text) for text in lines.splitlines()]),
        records,
    )


@click.command(epilog="Its inputs are what readers see now. Personal columns are masked.")
@asset_argument
@limit_option
@env_option
@answers(*OutputFormat)
def preview(session: Session, asset: str, limit: int) -> Answer:
    """Compute an asset and show its first rows; writes nothing."""
    with session.lake() as lake:
        one = _status_of(lake, asset)
        rows = lake.preview(str(one.asset), limit=limit)
        note = f"nothing was written; {readers_see(one, now())}"
        return Answer(
            {"asset": str(one.asset), **rows_json(rows)},
            rows_screen(rows, note=note, width=screen_width()),
            rows_records(rows),
        )


def _all_runs(lake: ReadableLake, limit: int) -> Answer:
    found = lake.marked(*lake.runs(limit))
    return Answer({"runs": [run_json(run) for run in found]}, runs_screen(found, now()), runs_records(found))


def _one_run(lake: ReadableLake, prefix: str) -> Answer:
    (run,) = lake.marked(lake.run(prefix))
    readers = readers_of(lake, run)
    return Answer({"run": run_json(run, readers)}, run_screen(run, readers, now()), steps_records(run))


def _log(lake: ReadableLake, prefix: str) -> Answer:
    run, lines = lake.run(prefix).id, lake.run_log(prefix)
    records: list[tuple[str, ...]] = [(text,) for text in lines]
    return Answer({"run": run, "log": list(lines)}, screen([line(text) for text in lines]), (("line",), records))


def _rows(lake: Lake, one: AssetStatus, place: AuditedPlace, asked: dict[str, Any]) -> Answer:
    rows = lake.show(
        str(one.asset),
        ref=place.ref,
        snapshot=place.snapshot,
        where=asked["where"],
        order_by=asked["order_by"],
        columns=[name.strip() for name in asked["columns"].split(",") if name.strip()],
        limit=asked["limit"],
    )
    where = {"asset": str(one.asset), "ref": None if place.snapshot else place.ref, "snapshot": place.snapshot}
    elsewhere = place.ref != "main" or place.snapshot is not None
    note = readers_see(one, now()) if elsewhere or one.held else ""
    shown = (
        expanded_screen(rows, note=note) if asked["expanded"] else rows_screen(rows, note=note, width=screen_width())
    )
    return Answer({**where, **rows_json(rows)}, shown, rows_records(rows))


def _left_behind(statuses: Statuses) -> list[RunRecord]:
    """The runs that left one of these assets unpublished, and that nobody has gone on with."""
    keys = {one.asset for one in statuses}
    return [run for run in statuses.waiting if any(step.asset in keys and step.open for step in run.steps)]


def _status_of(lake: Lake, asset: str) -> AssetStatus:
    found = lake.status(asset)
    if len(found) != 1:
        raise UsageError(f"{asset!r} means {len(found)} assets", hint="name one, like `silver.weather`")
    return found[0]

"""Finds where tables, their files and the ledger disagree. Facts in, findings out (promises I1, I3, I4 and I5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime
from itertools import takewhile

from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.asset import Project
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import UNPUBLISHED_ENDS, Action, Ruling, RunRecord, RunState, StepState, VerdictRecord
from lakeflow.core.model.table import MAIN, Looked, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.run.leases import CurrentLeases, died
from lakeflow.core.values import dataclass
from lakeflow.core.view.findings import Finding, Level
from lakeflow.core.view.history import BRANCH_PREFIX
from lakeflow.core.wording import counted

_PUBLISHED = frozenset({Ruling.PUBLISH, Ruling.FORCED})
_RULED = _PUBLISHED | {Ruling.UNCHANGED}


@dataclass(frozen=True)
class Stock:
    """The files that a table's kept snapshots need: their number, and for each missing file the snapshots that need it.
    `damaged` maps a file to what is wrong with it, and `concerns` such a file to the snapshots that need it.
    `content` maps a file to what of its rows is not as metadata says.

    `read` data files were compared with what was written; for `unknown` ones nothing was recorded to compare with.
    """

    key: AssetKey
    files: int
    missing: Mapping[str, frozenset[int]] = EMPTY
    damaged: Mapping[str, str] = EMPTY
    read: int = 0
    unknown: int = 0
    concerns: Mapping[str, frozenset[int]] = EMPTY
    content: Mapping[str, str] = EMPTY


@dataclass(frozen=True)
class Evidence:
    """All tables as one read found them, and the ledger's records. `open_runs` are runs that are running or left
    something unpublished. `unread` tables could not be judged.
    """

    tables: Mapping[AssetKey, Table]
    states: Mapping[str, RunState]
    open_runs: Sequence[RunRecord]
    standing: CurrentLeases
    verdicts: Mapping[AssetKey, Sequence[VerdictRecord]]
    unread: frozenset[AssetKey] = frozenset()


def lacks(stock: Stock, found: Table) -> Iterator[Finding]:
    """I4: no live snapshot misses a file."""
    table = str(stock.key)
    if stock.missing:
        first = min(stock.missing)
        snapshots = frozenset[int]().union(*stock.missing.values())
        needed = ", ".join(short_id(snapshot) for snapshot in sorted(snapshots)[:3])
        more = f" and {len(snapshots) - 3} more snapshots" if len(snapshots) > 3 else ""
        count = len(stock.missing)
        noun = "file is" if count == 1 else "files are"
        message = f"{count} {noun} missing, such as {first}; needed by {needed}{more}"
        yield Finding(Level.PROBLEM, table, message, f"restore it from a copy of the lake{_or_again(stock, found)}")
    for message in stock.damaged.values():
        yield Finding(Level.PROBLEM, table, message, "restore it from a copy of the lake")


def _or_again(stock: Stock, table: Table) -> str:
    """The other way out where readers miss only rows that its inputs give again; older snapshots stay broken."""
    readers = [path for path, snapshots in stock.missing.items() if table.main in snapshots]
    made = next((made for each in table.ancestry(table.main) if (made := provenance_of(each.summary))), None)
    replaces = made is not None and bool(made.write) and WriteMode(made.write).traits.replaces
    if not replaces or not readers or not all(path.endswith(".parquet") for path in readers):
        return ""
    return f", or `lakeflow materialize {stock.key} --force` writes what readers see anew"


def whole(stocks: Sequence[Stock]) -> str:
    """The finding about tables that miss no file."""
    files = sum(stock.files for stock in stocks)
    read, unknown = sum(stock.read for stock in stocks), sum(stock.unknown for stock in stocks)
    said = f"{len(stocks)} load, and the {files:,} files that they need are there"
    if read or unknown:
        said += f"; {counted(read, 'data file')} read, as written"
    return said + (f"; nobody recorded what {counted(unknown, 'file')} held" if unknown else "")


def disagreements(evidence: Evidence) -> Iterator[Finding]:
    """Everything on which refs, snapshots and ledger disagree. A sound lake gives nothing, with held runs or
    without.
    """
    yield from _dead_runs(evidence)
    yield from unmatched(evidence)
    for key, table in sorted(evidence.tables.items()):
        if MAIN not in _lost(table):
            yield from _unruled(table, evidence.verdicts.get(key, ()))


def unmatched(evidence: Evidence) -> Iterator[Finding]:
    """Refs and records of runs that nothing answers to on the other side."""
    yield from _lost_branches(evidence)
    for _, table in sorted(evidence.tables.items()):
        yield from _lost_heads(table)
        yield from _stray_branches(table, evidence)
    for key, verdicts in sorted(evidence.verdicts.items()):
        yield from _unreachable(key, verdicts, evidence)


def _lost(table: Table) -> dict[str, int]:
    """The refs that point to a snapshot which the table does not have."""
    return {ref: head for ref, head in table.refs.items() if head not in table.snapshots}


def _lost_heads(table: Table) -> Iterator[Finding]:
    for ref, head in sorted(_lost(table).items()):
        message = f"ref {ref} points to snapshot {head}, which the table does not have"
        yield Finding(Level.PROBLEM, str(table.key), message, "restore the table's metadata folder from a copy")


def _dead_runs(evidence: Evidence) -> Iterator[Finding]:
    for run in evidence.open_runs:
        if died(run, evidence.standing):
            message = "stands as running, but its process is gone; readers see what was published before"
            yield Finding(Level.WARNING, f"run {run.id}", message, f"`lakeflow retry {run.id}` goes on with it")


def _stray_branches(table: Table, evidence: Evidence) -> Iterator[Finding]:
    for ref in sorted(table.refs):
        run = ref.removeprefix(BRANCH_PREFIX)
        if not ref.startswith(BRANCH_PREFIX):
            continue
        state = evidence.states.get(run)
        hint = f"look at it with `lakeflow show {table.key} --ref {ref}`; drop it with the engine that made it"
        if state is None:
            yield Finding(Level.WARNING, str(table.key), f"branch {ref} belongs to no recorded run", hint)
        elif state not in UNPUBLISHED_ENDS | {RunState.RUNNING, RunState.SUPERSEDED}:
            words = f"branch {ref} is open, but its run stands as {state.replace('_', ' ')}"
            yield Finding(Level.WARNING, str(table.key), words, hint)


def _lost_branches(evidence: Evidence) -> Iterator[Finding]:
    """Held steps whose branch is gone."""
    for run in evidence.open_runs:
        # What only was audited again stands on main, and has no branch.
        waits = [step for step in run.steps if step.state is StepState.HELD and step.action is Action.WRITE]
        held = [step for step in waits if step.snapshot_id is not None]
        for step in held if run.state in UNPUBLISHED_ENDS else ():
            if step.asset in evidence.unread:
                continue
            table = evidence.tables.get(step.asset)
            if table is None or table.refs.get(run.branch) != step.snapshot_id:
                message = f"run {run.id} is {run.state}, but its branch {run.branch} is gone or was moved"
                yield Finding(Level.WARNING, str(step.asset), message, f"`lakeflow retry {run.id}` writes it again")


def _unruled(table: Table, verdicts: Sequence[VerdictRecord]) -> Iterator[Finding]:
    """I1: everything on main, since the last snapshot with a verdict, that no verdict names."""
    ruled = {verdict.snapshot_id for verdict in verdicts if verdict.ruling in _RULED}
    unruled = list(takewhile(lambda snapshot: snapshot.id not in ruled, table.ancestry(table.main)))
    ours = [snapshot for snapshot in unruled if provenance_of(snapshot.summary)]
    if ours:
        names = ", ".join(short_id(snapshot.id) for snapshot in ours[:3])
        message = f"no verdict is recorded for {names} on main: the ledger is not the one that published it"
        hint = f"restore the catalog's database from a copy, or `lakeflow materialize --force {table.key}`"
        yield Finding(Level.PROBLEM, str(table.key), message, hint)
    elif unruled:
        message = f"main was changed outside lakeflow: nobody audited {short_id(unruled[0].id)}"
        yield Finding(Level.WARNING, str(table.key), message, f"`lakeflow materialize {table.key}` audits it")


def ahead_of_time(tables: Mapping[AssetKey, Table], now: datetime) -> Iterator[Finding]:
    for key, table in sorted(tables.items()):
        if ahead := table.runs_ahead(now):
            message = (
                f"it was last written at {ahead:%Y-%m-%d %H:%M} UTC, and now is {now:%Y-%m-%d %H:%M}: a clock was or "
                "is wrong; until then what is written keeps that time, and writers of other engines are refused"
            )
            hint = "once this machine's clock is right, `lakeflow doctor --mend-times` sets such times to now"
            yield Finding(Level.WARNING, str(key), message, hint)


def published_last(verdicts: Sequence[VerdictRecord], states: Mapping[str, RunState]) -> VerdictRecord | None:
    """The last verdict that put a snapshot of the asset on main, unless it was rolled back or the table was dropped
    since.
    """
    taken_back: set[int] = set()
    for verdict in takewhile(lambda each: each.ruling is not Ruling.DROPPED, reversed(verdicts)):
        if verdict.ruling is Ruling.ROLLED_BACK:
            taken_back.add(verdict.snapshot_id)
        stands = verdict.snapshot_id not in taken_back and states.get(verdict.run) is not RunState.ROLLED_BACK
        if verdict.ruling in {*_PUBLISHED, Ruling.RETURNED} and stands:
            return verdict
    return None


@dataclass(frozen=True)
class UndefinedTable:
    """A table of the catalog that no asset defines any more; `table` is None where `fault` says why it is not read."""

    key: AssetKey
    table: Table | None
    fault: str = ""


def not_defined(there: Set[AssetKey], project: Project) -> Set[AssetKey]:
    """The tables, of those that are there, whose asset is no longer defined, and from which no asset says it was
    renamed.
    """
    pending = {asset.renamed_from for key, asset in project.assets.items() if key not in there}
    return there - project.assets.keys() - pending


def undefined(looked: Looked) -> tuple[UndefinedTable, ...]:
    """Tables that no asset defines. They stay until dropped."""
    return tuple(
        UndefinedTable(key, looked.tables.get(key), looked.broken[key].message if key in looked.broken else "")
        for key in sorted({*looked.tables, *looked.broken})
    )


def left_behind(tables: Sequence[UndefinedTable]) -> Iterator[Finding]:
    """Tell of those that can be read; another finding tells what is wrong with one that cannot."""
    for table in (each.table for each in tables if each.table):
        rows = (
            ""
            if table.published is None or table.published.rows is None
            else f" ({counted(table.published.rows, 'row')})"
        )
        message = f"no asset defines it any more; its table{rows} is kept"
        yield Finding(
            Level.WARNING, str(table.key), message, f"`lakeflow drop {table.key}` takes it out of the catalog"
        )


def _unreachable(key: AssetKey, verdicts: Sequence[VerdictRecord], evidence: Evidence) -> Iterator[Finding]:
    """I3: what was published last is main or an ancestor of it, unless its run was rolled back."""
    if (last := published_last(verdicts, evidence.states)) is None:
        return
    table = evidence.tables.get(key)
    if table is None:
        message = f"the ledger says that run {last.run} published it, but the catalog has no such table"
        yield Finding(
            Level.PROBLEM,
            str(key),
            message,
            f"`lakeflow materialize --force {key}` begins it anew, without its history",
        )
    elif last.snapshot_id not in {snapshot.id for snapshot in table.ancestry(table.main)}:
        message = f"{short_id(last.snapshot_id)}, which run {last.run} published, is not in what readers see"
        hint = f"`lakeflow snapshots {key}` shows what they see"
        yield Finding(Level.WARNING, str(key), message, hint)

"""Readmission: rows in a quarantine that pass today's checks go back into an asset that reads each row once.

The quarantine is a log of refusals, and no row leaves it. A readmission is a write of the asset that reads the waiting
rows: rows that pass are appended to the asset, rows that fail are appended to the quarantine again. So the waiting rows
are those that came after the last snapshot of the quarantine that was read. The summary of the asset's own snapshots
holds that position. It moves with the rows in one commit, a rollback takes it back, and no row is readmitted twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lakeflow.core.column_names import FILE, OLD_NAMES
from lakeflow.core.errors import LakeError, UsageError
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.asset import Asset, Project, SqlCode
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.quarantine import CHECK, COLUMNS, MALFORMED, SUFFIX, TEXT, owner_of, quarantine_key
from lakeflow.core.model.run import Action, StepRecord
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Rows, Table
from lakeflow.core.plan.facts import Facts, published
from lakeflow.core.plan.increments import Rewritten, increment
from lakeflow.core.plan.planning import Plan, Step
from lakeflow.core.plan.reasons import Cause, Reason
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Waiting:
    """The rows of a quarantine that wait, as of its snapshot `head`: the rows of these appends, or all rows where it is
    None. Those of files that were taken out again do not, and are not counted.
    """

    head: int
    rows: int
    appends: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Quarantined:
    """What waits in a quarantine: how many rows, and the first of them."""

    asset: AssetKey
    waiting: int
    rows: Rows


def position(owner: Table | None) -> int:
    """The snapshot of the quarantine up to which its rows were offered again; 0 where none were since it was replaced.
    Every write repeats it, so the newest snapshot of ours on main knows it.
    """
    for snapshot in owner.ancestry(owner.main) if owner else ():
        if made := provenance_of(snapshot.summary):
            return made.readmitted
    return 0


def waiting_now(facts: Facts, owner: AssetKey) -> Waiting | None:
    """As `waiting`, of the tables of these facts; None where there is no quarantine either."""
    table = facts.tables.get(quarantine_key(owner))
    found = waiting(facts.tables.get(owner), table) if table else None
    return replace(found, rows=found.rows - facts.gone.get(owner, 0)) if found else None


def waiting(owner: Table | None, quarantine: Table) -> Waiting | None:
    """All that came since the last readmission, also of files that were taken out. None when the quarantine holds
    nothing yet. LakeError when nobody can tell which of its rows were readmitted.
    """
    head, since = quarantine.published, position(owner)
    if head is None:
        return None
    if not since:
        return Waiting(head.id, head.rows or 0)
    came = increment(quarantine, since, head.id)
    if isinstance(came, Rewritten):
        raise LakeError(
            f"{quarantine.key} {came.why}: which of its rows went back cannot be told",
            hint=f"`lakeflow snapshots {quarantine.key}` shows who wrote it",
            asset=quarantine.key,
        )
    return Waiting(head.id, came.rows, tuple(snapshot.id for snapshot in came.appends))


def quarantine_of(project: Project, key: AssetKey) -> AssetKey:
    """The quarantine of the asset, or that table itself; UsageError when the asset has none."""
    owner = owner_of(key) or key
    if quarantine_key(owner) not in project.assets:
        hint = "`on_fail: quarantine` in the meta of a row check sends the rows that fail it to a quarantine"
        raise UsageError(f"{owner} has no quarantine", hint=hint)
    return quarantine_key(owner)


def plan_readmission(project: Project, facts: Facts, selected: Sequence[AssetKey]) -> Plan:
    """One step that writes the asset from its quarantine, and one for the rows that are refused again. No step where no
    row waits.

    UsageError for an asset without a quarantine, and for one whose code sees the refused rows again, or where nothing
    orders the rows of a key.
    """
    quarantine = quarantine_of(project, selected[0])
    (owner,) = project.assets[quarantine].upstreams
    _require_offered_once(project.assets[owner])
    table = facts.tables.get(owner)
    found = waiting_now(facts, owner) if table and table.main is not None else None
    if not found or not found.rows:
        return Plan((), fresh=(owner, quarantine), total=len(project.assets))
    why = (Reason(Cause.READMIT, upstream=quarantine, rows=found.rows),)
    step = Step(owner, Action.WRITE, why, table.main if table else None)
    rest = Step(
        quarantine, Action.WRITE, (Reason(Cause.UPSTREAM_RUNS, upstream=owner),), found.head, frozenset({owner})
    )
    return Plan((step, rest), total=len(project.assets), rows_to_read=found.rows)


def as_recorded(facts: Facts, tables: Mapping[AssetKey, Table], record: StepRecord) -> StepRecord:
    """The record of a readmission. It keeps the code version and the inputs that main was made with, so that a change
    of either still shows.
    """
    quarantine = quarantine_key(record.asset)
    stands, head = published(tables[record.asset], facts.verdicts.get(record.asset, ())), tables[quarantine].main
    assert stands is not None, "a readmission is planned onto a main"
    assert head is not None, "only published rows wait"
    return replace(
        record,
        code_version=facts.made_by(stands),
        reads_digest=stands.reads_digest,
        inputs={**stands.inputs, str(quarantine): head},
    )


def as_readmission(asset: Asset, quarantined: Schema, own: Schema, out: tuple[str, ...] = ()) -> Asset:
    """The asset as a readmission treats it: its code reads the columns that both tables have, without rows of
    files that were taken `out`. Rows in a quarantine are masked already.
    """
    quarantine, kept = quarantine_key(asset.key), {name.lower() for name in own.names} - set(COLUMNS)
    renames = {} if FILE in quarantined.names else OLD_NAMES
    kept |= {now for was, now in renames.items() if was in kept}
    place = (asset.code.path, asset.code.line)
    named = ((name, renames.get(name, name)) for name in quarantined.names)
    columns = ", ".join(f"{_quoted(name)} as {_quoted(now)}" for name, now in named if now.lower() in kept)
    # A malformed row never was a row of the asset: it comes with the file that its sender mends.
    only = f" where {CHECK} is distinct from '{MALFORMED}'" if TEXT in quarantined.names else ""
    return replace(
        asset,
        code=SqlCode(f"select {columns} from {quarantine}{only}{_without(out, quarantined, only)}", *place),
        inputs={str(quarantine): quarantine},
        externals=EMPTY,
        new_rows=frozenset(),
        new_keys=EMPTY,
        files=None,
        columns={name: replace(column, mask=None) for name, column in asset.columns.items()},
    )


def _without(out: tuple[str, ...], quarantined: Schema, only: str) -> str:
    of_files = came_from(out, quarantined)
    return f" {'and' if only else 'where'} ({of_files}) is not true" if of_files else ""


def came_from(files: tuple[str, ...], quarantined: Schema) -> str:
    """What is true of a refused row of these files, as SQL; empty where no row can be."""
    if not files or FILE not in quarantined.names:
        return ""
    names = ", ".join("'" + name.replace("'", "''") + "'" for name in files)
    return f"{FILE} in ({names})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def readmits(step: StepRecord) -> bool:
    """Were the rows of this step read from the asset's own quarantine?"""
    return f"{step.asset}{SUFFIX}" in step.inputs


def read_by(step: StepRecord) -> Mapping[str, int]:
    """The snapshots that the rows of this step were read from. A readmission keeps main's inputs and reads none."""
    quarantine = f"{step.asset}{SUFFIX}"
    return {quarantine: step.inputs[quarantine]} if quarantine in step.inputs else step.inputs


def _require_offered_once(asset: Asset) -> None:
    traits = asset.write.traits
    if traits.keyed and asset.new_rows and not (asset.at if traits.versioned else asset.last_by):
        what = 'at = "changed_at"' if traits.versioned else 'keep = "last by changed_at"'
        raise UsageError(
            f"{asset.key}: nothing says whether a refused row is older than what stands for its key",
            hint=f"declare {what}; or `lakeflow materialize {asset.key} --full-refresh` judges all rows",
        )
    if not (traits.adds or asset.new_rows):
        raise UsageError(
            f"{asset.key} is written by {asset.write}: its code sees the refused rows again whenever it runs",
            hint=f"`lakeflow materialize {asset.key} --force` judges all of them by today's checks",
        )

"""What a version did to one table, and why: compared with the write of lakeflow before it, by what snapshots say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lakeflow.core.keys import AssetKey
from lakeflow.core.log.versions import Moved, MoveKind
from lakeflow.core.model.provenance import Provenance, provenance_of
from lakeflow.core.model.run import MoveNote
from lakeflow.core.model.table import Table
from lakeflow.core.values import dataclass

Tables = Mapping[str, Table[Any]]
"""Tables by name, as recorded inputs name them; those of other catalogs too."""


@dataclass(frozen=True)
class InputMoved:
    """An input that was read at another snapshot than the write before. `rows` is by how many it grew, where both
    snapshots are still kept.
    """

    table: str
    before: int | None
    after: int | None
    rows: int | None = None


@dataclass(frozen=True)
class CodeChange:
    """Other code than the write before. `git` is where each was committed, empty outside a repository; `diff` the lines
    that differ, where somebody asked and the text of both is kept.
    """

    before: str
    after: str
    git_before: str = ""
    git_after: str = ""
    diff: str | None = None


@dataclass(frozen=True)
class TableChange:
    """One table in a version.

    `before` and `snapshot_id` are what readers saw and see; `added` is by how many rows the table grew. `passed` of
    `total` checks; None where nobody audited. `is_first` says that there was nothing before. `code`, `checks_changed`,
    `inputs` and `landed` compare with the write of lakeflow before: None, or nothing, where nothing changed or the
    snapshot that would tell has expired. `planned` is why the run planned the step, in the plan's words. `tags` name
    the snapshot. `taken_back` is the version that took it off main, if that has a number and still stands; `built_on` a
    table and its snapshot on which this one rests and which was taken back since.
    """

    asset: AssetKey
    kind: MoveKind
    snapshot_id: int | None
    before: int | None
    rows: int | None = None
    added: int | None = None
    passed: int | None = None
    total: int | None = None
    is_first: bool = False
    code: CodeChange | None = None
    checks_changed: bool = False
    landed: bool = False
    inputs: tuple[InputMoved, ...] = ()
    planned: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    is_expired: bool = False
    is_taken_back: bool = False
    taken_back: int | None = None
    built_on: tuple[str, int] | None = None


def change(moved: Moved, tables: Tables) -> TableChange:
    """Everything that the tables tell of one move."""
    table, one = moved.table, moved.passage
    snapshot = table.snapshots.get(one.snapshot_id or 0)
    note = one.move.note if one.move else None
    audited = note if moved.kind not in {MoveKind.ROLLED_BACK, MoveKind.ANOTHER_ENGINE} else None
    made = provenance_of(snapshot.summary) if snapshot and moved.kind in {MoveKind.PUBLISHED, MoveKind.FORCED} else None
    earlier = _earlier(table, one.before) if made else None
    return TableChange(
        asset=table.key,
        kind=moved.kind,
        snapshot_id=one.snapshot_id,
        before=one.before,
        rows=snapshot.rows if snapshot else 0 if one.snapshot_id is None else None,
        added=_grown(table, one.before, one.snapshot_id),
        passed=audited.passed if audited else None,
        total=audited.total if audited else None,
        is_first=one.before is None and one.snapshot_id is not None,
        code=_code(earlier, made),
        checks_changed=bool(earlier and made and earlier.checks != made.checks),
        landed=bool(made and (made.landed, made.reads_digest) != _landed(earlier)),
        inputs=_inputs(earlier, made, tables) if made else (),
        planned=note.planned if note else (),
        partial=tuple(made.partial.split(",")) if made and made.partial else (),
        tags=tuple(sorted(name for name in table.tags if table.refs[name] == one.snapshot_id)),
        is_expired=one.snapshot_id is not None and snapshot is None,
        is_taken_back=moved.is_taken_back,
        taken_back=moved.taken_back,
    )


def who(moved: Moved) -> MoveNote | None:
    """Who moved main and why, as the move records it; None where nothing was recorded."""
    return moved.passage.move.note if moved.passage.move else None


def _earlier(table: Table, before: int | None) -> Provenance | None:
    """What the newest write of lakeflow says that stands in main's line before this one."""
    found = (provenance_of(snapshot.summary) for snapshot in table.ancestry(before))
    return next((made for made in found if made), None)


def _grown(table: Table[Any], before: int | None, after: int | None) -> int | None:
    was, now = (_rows(table, each) for each in (before, after))
    return None if was is None or now is None else now - was


def _rows(table: Table[Any], snapshot_id: int | None) -> int | None:
    if snapshot_id is None:
        return 0
    known = table.snapshots.get(snapshot_id)
    return known.rows if known else None


def _code(earlier: Provenance | None, made: Provenance | None) -> CodeChange | None:
    """Two versions by different algorithms do not compare: that the names differ says nothing of the code."""
    if earlier is None or made is None or earlier.code_version == made.code_version:
        return None
    if earlier.fingerprint != made.fingerprint:
        return None
    return CodeChange(earlier.code_version, made.code_version, earlier.git, made.git)


def _landed(earlier: Provenance | None) -> tuple[str, str]:
    return (earlier.landed, earlier.reads_digest) if earlier else ("", "")


def _inputs(earlier: Provenance | None, made: Provenance, tables: Tables) -> tuple[InputMoved, ...]:
    was = earlier.inputs if earlier else {}
    names = sorted(was.keys() | made.inputs.keys())
    return tuple(
        InputMoved(name, was.get(name), made.inputs.get(name), _input_grown(tables, name, was, made.inputs))
        for name in names
        if was.get(name) != made.inputs.get(name)
    )


def _input_grown(tables: Tables, name: str, was: Mapping[str, int], now: Mapping[str, int]) -> int | None:
    return _grown(tables[name], was.get(name), now.get(name)) if name in tables else None

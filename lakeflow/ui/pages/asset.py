"""One asset: what readers see of it and since when, and behind tabs what it is, was, and is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lakeflow.as_json.log import log_json
from lakeflow.as_json.values import JsonObject, lineage_json, rows_json, snapshot_json
from lakeflow.core.errors import UsageError
from lakeflow.core.glance.columns import column_rows
from lakeflow.core.glance.decisions import below, of_run
from lakeflow.core.glance.row import asset_row, standing
from lakeflow.core.glance.strips import strips
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import PythonCode
from lakeflow.core.model.run import RunRecord, StepRecord, waiting
from lakeflow.core.model.table import MAIN, Table
from lakeflow.core.readers.names import READERS
from lakeflow.core.view.history import HELD, history
from lakeflow.core.view.lineage import hidden_columns
from lakeflow.core.view.rows import SnapshotRow
from lakeflow.ui.drawn import drawn
from lakeflow.ui.kept import Glance
from lakeflow.ui.page import Page
from lakeflow.ui.pages.asked import PageRequest
from lakeflow.ui.pages.home import status_data
from lakeflow.ui.pages.onward import as_select, ordered

_AUDITS: Final = 14
_ROWS: Final = 50
_ENGINE: Final = "duckdb"
"""Whose lines are shown before another engine is chosen."""


def overview(glance: Glance, asked: PageRequest) -> Page:
    key = asked.asset(glance)
    outlook, asset = glance.outlook, glance.outlook.project.assets[key]
    audit = glance.lake.standing_audit(str(key))
    checks = audit.checks if audit else ()
    personal = hidden_columns(outlook.project, asset)
    values = {
        "columns": column_rows(asset, outlook.facts.tables.get(key), personal, checks),
        "foreign": outlook.project.suite(key).foreign_keys,
        "audit": audit,
        "below": (under := below(outlook.project, key)),
        "stands": {each: standing(outlook.statuses[each]) for each in (*asset.upstreams, *under)},
    }
    words = ("status", str(key))
    return _page(glance, key, "overview", words, lambda: status_data(glance, words[1:]), values)


def snapshots(glance: Glance, asked: PageRequest) -> Page:
    key = asked.asset(glance)
    rows = _history(glance, key)
    verdicts = glance.outlook.facts.verdicts.get(key, ())
    values = {
        "snapshots": rows,
        "who": {each.snapshot_id: each.actor for each in verdicts},
        "why": _reasons(glance, key),
        "tags": _tags(glance.outlook.facts.tables.get(key)),
        "points": [[int(row.committed_at.timestamp()), row.rows] for row in reversed(rows) if _is_plotted(row)],
    }

    def data() -> JsonObject:
        return {"asset": str(key), "snapshots": [snapshot_json(row) for row in rows]}

    return _page(glance, key, "snapshots", ("snapshots", str(key)), data, values)


def checks(glance: Glance, asked: PageRequest) -> Page:
    key = asked.asset(glance)
    audits = audits_of(glance, key)
    words = ("status", str(key))
    values = {"strips": strips(audits), "audits": audits, "files": glance.outlook.project.suite(key).files}
    return _page(glance, key, "checks", words, lambda: status_data(glance, words[1:]), values)


def rows(glance: Glance, asked: PageRequest) -> Page:
    """The first rows of a ref, a snapshot or a time, as `show` gives them: personal columns are masked."""
    key = asked.asset(glance)
    named = {name: asked.word(name) for name in ("ref", "snapshot", "as_of", "where", "order_by", "columns")}
    limit = asked.number("limit", _ROWS)
    fault, found = None, None
    options = {name: value for name, value in named.items() if value and name != "columns"}
    listed = [name.strip() for name in named["columns"].split(",") if name.strip()]
    try:
        found = glance.asks.show(str(key), options, columns=listed, limit=limit)
    except UsageError as error:
        fault = error
    words = ["show", str(key)]
    for name, value in named.items():
        words += [f"--{name.replace('_', '-')}", value] if value else []
    command = (*words, "--limit", str(limit))

    def data() -> JsonObject:
        if fault:
            raise fault
        assert found is not None
        place = {"ref": None if named["snapshot"] or named["as_of"] else _ref_said(glance, key, named["ref"])}
        return {"asset": str(key), **place, "snapshot": _snapshot_said(glance, key, named), **rows_json(found)}

    table = glance.outlook.facts.tables.get(key)
    refs = sorted(table.refs, key=lambda ref: (ref != MAIN, ref)) if table else ()
    hidden = hidden_columns(glance.outlook.project, glance.outlook.project.assets[key])
    values = {"asked": named, "limit": limit, "fault": fault, "rows": found, "refs": refs}
    values |= {"orders": ordered(key, found, named, hidden) if found else {}, "select": as_select(key, named)}
    return _page(glance, key, "data", command, data, values, 400 if fault else 200)


def elsewhere(glance: Glance, asked: PageRequest) -> Page:
    """The lines that read what readers see in another engine, with the real names, as `show --how` gives them."""
    key, how = asked.asset(glance), asked.word("how") or _ENGINE
    if how not in READERS:
        raise UsageError(f"there are no lines for {how!r}", hint=f"there are for {', '.join(READERS)}")
    fault, found = None, ""
    try:
        found = glance.lake.how_to_read(str(key), how)
    except UsageError as error:
        fault = error

    def data() -> JsonObject:
        if fault:
            raise fault
        return {"asset": str(key), "how": how, "lines": found.splitlines()}

    values = {"how": how, "engines": READERS, "text": found, "fault": fault}
    words = ("show", str(key), "--how", how)
    return _page(glance, key, "elsewhere", words, data, values, 400 if fault else 200)


def lineage(glance: Glance, asked: PageRequest) -> Page:
    key = asked.asset(glance)
    selection = f"+{key}+"

    def data() -> JsonObject:
        return {"lineage": [lineage_json(tree) for tree in glance.lake.lineage(selection)]}

    values = {"drawing": drawn(glance, glance.select(selection), str(key)), "selection": selection}
    return _page(glance, key, "lineage", ("lineage", selection), data, values)


def code(glance: Glance, asked: PageRequest) -> Page:
    key = asked.asset(glance)
    asset = glance.outlook.project.assets[key]
    log = glance.lake.log(str(key), code=True, limit=_ROWS)
    versions = [
        (entry, change) for entry in log.entries for change in entry.changes if change.asset == key and change.code
    ]
    text = asset.code.text if not isinstance(asset.code, PythonCode) else asset.source
    values = {"text": text, "versions": versions, "files": glance.outlook.project.suite(key).files}
    words = ("log", str(key), "--code", "--limit", str(_ROWS))
    return _page(glance, key, "code", words, lambda: log_json(log), values)


def audits_of(glance: Glance, key: AssetKey) -> Sequence[tuple[RunRecord, StepRecord]]:
    """The last audits of an asset that are recorded here, the oldest first. An environment sees verdicts of main's
    runs, which are none of its own.
    """
    ruled = glance.outlook.facts.verdicts.get(key, ())
    ids = list(dict.fromkeys(each.run for each in reversed(ruled) if each.total))[:_AUDITS]
    known = {run.id: run for run in glance.outlook.runs}
    runs = [known.get(each) or _recorded(glance, each) for each in reversed(ids)]
    return [(run, step) for run in runs if run and (step := run.step(key)) and step.checks]


def _recorded(glance: Glance, run: str) -> RunRecord | None:
    try:
        return glance.lake.run(run)
    except UsageError:
        return None


def _page(  # noqa: PLR0913, PLR0917 - what a tab has
    glance: Glance,
    key: AssetKey,
    tab: str,
    words: tuple[str, ...],
    data: Any,
    values: Mapping[str, Any],
    status: int = 200,
) -> Page:
    held = [one for run in _left_by(glance, key) for one in of_run(run, glance.outlook) if one.step.asset == key]
    stands = glance.outlook.facts.stands(key)
    made_by = glance.outlook.facts.made_by(stands) if stands else ""
    head = {"row": asset_row(glance.outlook, key), "key": key, "tab": tab, "held": held, "made_by": made_by}
    return Page(f"asset_{tab}.html", str(key), words, data, {**head, **values}, status)


def _left_by(glance: Glance, key: AssetKey) -> Sequence[RunRecord]:
    """The runs that wait for a decision and left this asset."""
    return [run for run in waiting(glance.outlook.runs) if key in run.left]


def _history(glance: Glance, key: AssetKey) -> tuple[SnapshotRow, ...]:
    table = glance.outlook.facts.tables.get(key)
    return history(table, glance.outlook.facts.verdicts.get(key, ())) if table else ()


def _is_plotted(row: SnapshotRow) -> bool:
    on_main = row.ref is None or not row.ref.startswith("audit_")
    return on_main and row.rows is not None


def _reasons(glance: Glance, key: AssetKey) -> Mapping[str, Sequence[str]]:
    """Why each of the last runs took the asset up."""
    return {run.id: step.reasons for run in glance.outlook.runs if (step := run.step(key))}


def _tags(table: Table | None) -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = {}
    for name in sorted(table.tags) if table else ():
        found.setdefault(table.refs[name], []).append(name)  # type: ignore[union-attr] # it has tags
    return found


def _ref_said(glance: Glance, key: AssetKey, ref: str) -> str:
    """The ref that is meant: `held` is the branch that waits for a decision."""
    held = glance.outlook.statuses[key].held
    return f"audit_{held[-1]}" if ref == HELD and held else ref or MAIN


def _snapshot_said(glance: Glance, key: AssetKey, named: Mapping[str, str]) -> str | None:
    if named["as_of"]:
        return f"s{glance.asks.snapshot_at(str(key), named['as_of'])}"
    return named["snapshot"] or None

"""Pages that ask for rows: two states side by side, one SELECT, and what checks refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from lakeflow.as_json.comparison import comparison_json
from lakeflow.as_json.values import JsonObject, asset_json, health_json, rows_json, run_json
from lakeflow.core.compare.comparison import Comparison
from lakeflow.core.errors import LakeflowError, UsageError
from lakeflow.core.glance.decisions import decisions
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.table import MAIN, Rows
from lakeflow.ui.kept import Glance
from lakeflow.ui.page import Page
from lakeflow.ui.pages.asked import PageRequest
from lakeflow.ui.pages.home import status_data

SideBySide = tuple[Sequence[str], Sequence[Sequence[tuple[str | None, str | None]]]]
"""The columns that are shown of changed rows, and in each cell what stood there and what stands there."""
_SAMPLES: Final = 10
_ROWS: Final = 100
_RUNS: Final = 20


def compare(glance: Glance, asked: PageRequest) -> Page:
    """Two states of an asset, or all tables of a run, as `diff` answers; while nothing is named, what may be."""
    what, between = asked.word("asset") or asked.word("run"), asked.word("between")
    where, rows = asked.word("where"), asked.number("rows", _SAMPLES)
    if not what:
        return _comparable(glance, asked)
    found: Sequence[Comparison] = ()
    fault: LakeflowError | None = None
    try:
        found = _compared(glance, asked, what, rows)
    except LakeflowError as error:
        fault = error
    words = ("diff", *(each for each in (what, between) if each), "--rows", str(rows))

    def data() -> JsonObject:
        if fault:
            raise fault
        told = [comparison_json(each) for each in found]
        return {"diff": told if asked.word("run") else told[0]}

    one, dots, other = between.partition("..")
    values: dict[str, Any] = {
        "turned": f"{other}..{one}" if dots and one and other else "",
        "asked": {"asset": asked.word("asset"), "run": asked.word("run"), "between": between, "where": where},
        "found": found,
        "pairs": [side_by_side(each) for each in found],
        "fault": fault,
        **_choice(glance),
    }
    command = (*words, "--where", where) if where else words
    return Page("compare.html", "Compare", command, data, values, 400 if fault else 200)


def _comparable(glance: Glance, asked: PageRequest) -> Page:
    """What waits, beside main, and the last runs: each leads to its comparison."""
    last = glance.asks.runs(_RUNS)
    named = {name: asked.word(name) for name in ("asset", "run", "between", "where")}
    values = {"asked": named, "turned": "", "found": (), "pairs": (), "fault": None, **_choice(glance), "last": last}
    words = ("runs", "--limit", str(_RUNS))
    return Page("compare.html", "Compare", words, lambda: {"runs": [run_json(run) for run in last]}, values)


def _choice(glance: Glance) -> dict[str, Any]:
    waits = [one for one in decisions(glance.outlook) if one.step.snapshot_id]
    return {"assets": _assets(glance), "waits": waits, "last": ()}


def _assets(glance: Glance) -> Sequence[AssetKey]:
    return sorted(key for key in glance.outlook.statuses if owner_of(key) is None)


def query(glance: Glance, asked: PageRequest) -> Page:
    """One SELECT over the assets of one moment. A link from another site only fills the form; while nothing is asked,
    the assets are listed that may be.
    """
    text, as_of, ref = asked.word("sql"), asked.word("as_of"), asked.word("ref")
    limit = asked.number("limit", _ROWS)
    rows: Rows | None = None
    fault: LakeflowError | None = None
    if text and not asked.from_elsewhere:
        try:
            rows = _answered(glance, asked, limit)
        except LakeflowError as error:
            fault = error

    def data() -> JsonObject:
        if fault or rows is None:
            raise fault or UsageError("the question came from another site", hint="load the page, and ask it there")
        return rows_json(rows)

    words = ["query", text]
    words += ["--as-of", as_of] if as_of else []
    words += ["--ref", ref] if ref else []
    values = {
        "asked": {"sql": text, "as_of": as_of, "ref": ref},
        "limit": limit,
        "rows": rows,
        "fault": fault,
        "waits": bool(text) and asked.from_elsewhere,
        "assets": _assets(glance),
    }
    if not text:
        return Page("query.html", "Query", ("list",), lambda: _listed(glance), values)
    return Page("query.html", "Query", (*words, "--limit", str(limit)), data, values, 400 if fault else 200)


def _listed(glance: Glance) -> JsonObject:
    """What `lakeflow list` answers."""
    project = glance.outlook.project
    return {"assets": [asset_json(project.assets[key], project) | health_json(None) for key in glance.select("")]}


def quarantines(glance: Glance, asked: PageRequest) -> Page:
    """How many refused rows wait, of each asset that sets rows apart."""
    apart = [status for status in glance.outlook.statuses.values() if status.quarantined is not None]
    return Page("quarantines.html", "Quarantine", ("status",), lambda: status_data(glance, ()), {"apart": apart})


def quarantine(glance: Glance, asked: PageRequest) -> Page:
    key, limit = asked.asset(glance), asked.number("limit", _ROWS)
    found = glance.asks.quarantined(str(key), limit=limit)

    def data() -> JsonObject:
        told = {"asset": str(owner_of(found.asset)), "quarantine": str(found.asset), "waiting": found.waiting}
        return {**told, **rows_json(found.rows)}

    words = ("quarantine", "show", str(key), "--limit", str(limit))
    return Page("quarantine.html", f"quarantine of {key}", words, data, {"key": key, "found": found})


def _compared(glance: Glance, asked: PageRequest, what: str, rows: int) -> Sequence[Comparison]:
    where, between = asked.word("where"), asked.word("between")
    if asked.word("asset"):
        return (glance.asks.diff(what, between, where=where, rows=rows),)
    if between:
        raise UsageError("a run has several tables", hint="name the asset whose states are compared")
    return glance.asks.diff_run(what, where=where, rows=rows)


def _answered(glance: Glance, asked: PageRequest, limit: int) -> Rows:
    as_of = asked.word("as_of") or None
    return glance.asks.query(asked.word("sql"), ref=asked.word("ref") or MAIN, as_of=as_of, limit=limit)


def side_by_side(one: Comparison) -> SideBySide:
    """The key and what changed: of each cell what it was and what it is."""
    before, after = one.samples.before, one.samples.after
    moved = {each.name for each in one.columns}
    places = [place for place, name in enumerate(after.columns) if name.lower() in one.key or name in moved]
    pairs = zip(before.values, after.values, strict=True)
    rows = [[(old[place], new[place]) for place in places] for old, new in pairs]
    return [after.columns[place] for place in places], rows

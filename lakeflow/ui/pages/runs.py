"""Runs: the list of them, one with its bars, its log, and the ways out where something of it is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lakeflow.as_json.values import JsonObject, run_json
from lakeflow.core.compare.comparison import Comparison
from lakeflow.core.errors import UsageError
from lakeflow.core.glance.decisions import OpenStep, below, of_run
from lakeflow.core.glance.strips import strips
from lakeflow.core.glance.timeline import timeline
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import UNPUBLISHED_ENDS, RunRecord, RunState
from lakeflow.core.values import dataclass
from lakeflow.ui.kept import Glance
from lakeflow.ui.page import Page
from lakeflow.ui.pages.asked import PageRequest, UnknownError
from lakeflow.ui.pages.asking import SideBySide, side_by_side
from lakeflow.ui.pages.asset import audits_of

_RUNS: Final = 50
_COMPARED: Final = 4
_SAMPLES: Final = 5
"""So many tables of a held run are compared on its page, and so many rows of each kind shown."""


@dataclass(frozen=True)
class BesideMain:
    """What a held step would change for readers, with its changed rows as they were and are; or why nobody knows."""

    difference: Comparison | None = None
    pairs: SideBySide = ((), ())
    fault: str = ""


def runs(glance: Glance, asked: PageRequest) -> Page:
    limit = asked.number("limit", _RUNS)
    found = glance.lake.marked(*glance.lake.runs(limit))
    words = ("runs", "--limit", str(limit))
    return Page("runs.html", "Runs", words, lambda: {"runs": [run_json(run) for run in found]}, {"runs": found})


def one_run(glance: Glance, asked: PageRequest) -> Page:
    (run,) = glance.lake.marked(_run(glance, asked))
    waits = of_run(run, glance.outlook) if run.state in UNPUBLISHED_ENDS else ()
    log = _log(glance, run)
    values: dict[str, Any] = {
        "run": run,
        "tracks": timeline(run, log, glance.outlook.facts.now),
        "decisions": waits,
        "below": {one.step.asset: below(glance.outlook.project, one.step.asset) for one in waits},
        "histories": {one.step.asset: _strips(glance, one.step.asset) for one in waits},
        "log": log,
        "live": run.state is RunState.RUNNING,
        "compared": {},
    }
    words, asks = ("runs", run.id), (lambda rows: {"compared": compared(rows, waits)}) if waits else None
    return Page("run.html", f"run {run.id}", words, lambda: _run_data(glance, run), values, asks=asks)


def compared(glance: Glance, waits: Sequence[OpenStep]) -> Mapping[AssetKey, BesideMain]:
    """What the first of these steps would change for readers, by what both were when it was looked: meanwhile main may
    have moved, and the page says otherwise.
    """
    found: dict[AssetKey, BesideMain] = {}
    for one in [each for each in waits if each.step.snapshot_id and each.status][:_COMPARED]:
        key = one.step.asset
        try:
            difference = _beside_main(glance, one)
        except UsageError as error:
            found[key] = BesideMain(fault=error.message)
        else:
            found[key] = BesideMain(difference, side_by_side(difference))
    return found


def _beside_main(glance: Glance, one: OpenStep) -> Comparison:
    """UsageError where readers see nothing yet, and for a snapshot that has expired."""
    assert one.status is not None
    assert one.step.snapshot_id is not None
    key, held = str(one.step.asset), one.step.snapshot_id
    if one.status.snapshot_id is None:
        return glance.asks.diff(key, f"main..s{held}", rows=_SAMPLES)
    return glance.asks.between(key, one.status.snapshot_id, held, rows=_SAMPLES)


def run_log(glance: Glance, asked: PageRequest) -> Page:
    run = _run(glance, asked)
    lines = glance.lake.run_log(run.id)
    values = {"run": run, "log": lines}
    words = ("runs", run.id, "--log")
    return Page("log_of_run.html", f"log of run {run.id}", words, lambda: {"run": run.id, "log": list(lines)}, values)


def _run(glance: Glance, asked: PageRequest) -> RunRecord:
    try:
        return glance.lake.run(asked.path["run"])
    except UsageError as error:
        raise UnknownError(error.message, hint=error.hint) from None


def _run_data(glance: Glance, run: RunRecord) -> JsonObject:
    """What `lakeflow runs RUN` answers: of what did not reach readers, also what they see."""
    off = [step.asset for step in run.steps if step.open or run.state is RunState.ROLLED_BACK]
    seen = glance.outlook.statuses
    return {"run": run_json(run, {key: seen[key] for key in off if key in seen})}


def _strips(glance: Glance, key: Any) -> Any:
    if key not in glance.outlook.statuses:
        return {}
    return {strip.name: strip for strip in strips(audits_of(glance, key))}


def _log(glance: Glance, run: RunRecord) -> tuple[str, ...]:
    try:
        return glance.lake.run_log(run.id)
    except UsageError:  # it was carried out on another machine
        return ()

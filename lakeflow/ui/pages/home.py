"""The lake at a glance: what needs a decision first, then each asset in its layer."""

from __future__ import annotations

from typing import Any, Final

from lakeflow.as_json.standing_audit import standing_audit_json
from lakeflow.as_json.values import JsonObject, at_work_json, run_json, status_json, undefined_json
from lakeflow.core.errors import SelectionError
from lakeflow.core.glance.decisions import below, decisions, notices
from lakeflow.core.glance.row import by_layer, standing
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.run import waiting
from lakeflow.core.view.state import by_urgency
from lakeflow.ui.kept import Glance
from lakeflow.ui.page import Page
from lakeflow.ui.pages.asked import PageRequest

_MOST: Final = 10
"""So many decisions are shown at once: who has more reads a list."""


def home(glance: Glance, asked: PageRequest) -> Page:
    selection, fault = asked.word("select"), None
    try:
        keys = glance.select(selection)
    except SelectionError as error:
        if not selection:
            raise  # the lake has no asset
        keys, fault = (), error
    held = decisions(glance.outlook)
    noticed = tuple(notices(glance.outlook, held))
    words = ("status", *((selection,) if selection else ()))
    values: dict[str, Any] = {
        "selection": selection,
        "fault": fault,
        "decisions": [(one, below(glance.outlook.project, one.step.asset)) for one in held[:_MOST]],
        "waiting": len(held),
        "notices": noticed[:_MOST],
        "noticed": len(noticed),
        "layers": by_layer(glance.outlook, keys),
        "counts": _counts(glance),
        "at_work": [run for run in glance.outlook.runs if run.state == "running"],
        "last": next((run for run in glance.outlook.runs if any(s.state == "published" for s in run.steps)), None),
    }
    return Page("home.html", "Lake", words, lambda: status_data(glance, words[1:]), values, 400 if fault else 200)


def status_data(glance: Glance, selection: tuple[str, ...]) -> JsonObject:
    """What `lakeflow status` answers, as of the same look as the page."""
    lake, outlook = glance.lake, glance.outlook
    statuses = by_urgency([outlook.statuses[key] for key in glance.select(" ".join(selection))])
    keys = {one.asset for one in statuses}
    named = len(statuses) == 1 and selection == (str(statuses[0].asset),)
    left = [run for run in waiting(outlook.runs) if any(step.asset in keys and step.open for step in run.steps)]
    return {
        "assets": [status_json(one) for one in statuses],
        "audit": standing_audit_json(lake.standing_audit(selection[0]) if named else None),
        "undefined": [undefined_json(table) for table in (() if selection else lake.undefined())],
        "waiting": [run_json(run) for run in left],
        "at_work": [at_work_json(run) for run in lake.at_work()],
    }


def _counts(glance: Glance) -> dict[str, int]:
    """How many assets stand how, the worst first; quarantines are not counted by themselves."""
    found: dict[str, int] = {}
    for key, status in glance.outlook.statuses.items():
        if owner_of(key) is None:
            word, _ = standing(status)
            found[word] = found.get(word, 0) + 1
    return dict(sorted(found.items(), key=lambda each: each[0] == "fresh"))

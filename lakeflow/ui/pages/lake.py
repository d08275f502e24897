"""Pages of the lake as a whole: its lineage, and what readers came to see of it day by day."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

from lakeflow.as_json.columns import column_lineage_json
from lakeflow.as_json.log import log_json
from lakeflow.as_json.values import JsonObject, lineage_json
from lakeflow.core.errors import SelectionError, UsageError
from lakeflow.ui.drawn import alone, drawn
from lakeflow.ui.kept import Glance
from lakeflow.ui.page import Page
from lakeflow.ui.pages.asked import PageRequest

_VERSIONS: Final = 50


def lineage(glance: Glance, asked: PageRequest) -> Page:
    """The selected assets in lanes; of named columns what they are derived from, and what from them."""
    selection = asked.word("select")
    try:
        keys, fault = glance.select(selection), None
    except SelectionError as error:
        keys, fault = (), error
    columns = asked.word("columns")

    def data() -> JsonObject:
        if fault:
            raise fault
        if columns:
            return {"columns": column_lineage_json(glance.lake.column_lineage(*columns.split()))}
        trees = glance.lake.lineage(*([selection] if selection else []))
        return {"lineage": [lineage_json(tree) for tree in trees]}

    named = ("--columns", *columns.split()) if columns else (selection,) if selection else ()
    values: dict[str, Any] = {
        "selection": selection,
        "columns": columns,
        "fault": fault,
        "chosen": len(keys),
        "total": len(glance.outlook.statuses),
        "drawing": drawn(glance, keys),
        "derived": None,
        "column_fault": None,
    }
    if columns:
        try:
            values["derived"] = glance.lake.column_lineage(*columns.split())
        except UsageError as error:
            values["column_fault"] = error
    return Page("lineage.html", "Lineage", ("lineage", *named), data, values, 400 if fault else 200)


def saved_lineage(glance: Glance, asked: PageRequest) -> str:
    """The picture as a file."""
    return alone(glance, glance.select(asked.word("select")))


def log(glance: Glance, asked: PageRequest) -> Page:
    """What readers came to see, newest first, by day."""
    selection, since, limit = asked.word("select"), asked.word("since"), asked.number("limit", _VERSIONS)
    words = ["log", *([selection] if selection else []), *(["--since", since] if since else [])]
    found, fault = None, None
    try:
        found = glance.lake.log(*([selection] if selection else []), since=since or None, limit=limit)
    except UsageError as error:
        fault = error

    def data() -> JsonObject:
        if found is None:
            assert fault is not None
            raise fault
        return log_json(found)

    days = (
        [(day, list(entries)) for day, entries in groupby(found.entries, lambda entry: entry.at.date())]
        if found
        else []
    )
    values = {"selection": selection, "since_said": since, "days": days, "log": found, "fault": fault}
    return Page("log.html", "Log", (*words, "--limit", str(limit)), data, values, 400 if fault else 200)

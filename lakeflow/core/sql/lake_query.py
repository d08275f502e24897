"""A query of the lake: one SELECT over assets, by the names that asset code uses."""

from __future__ import annotations

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Project
from lakeflow.core.sql.reader import read_query
from lakeflow.core.wording import did_you_mean_asset

_HERE = "the query"
"""Stands for a file name in messages about the text."""


def asked_tables(project: Project, text: str) -> tuple[AssetKey, ...]:
    """The assets that the text reads. UsageError when the text is not one SELECT, or reads anything but assets."""
    query = read_query(text, _HERE)
    for fault in query.faults:
        raise UsageError(f"{fault.path}:{fault.line}: {fault.message}", hint=fault.hint)
    for fault in query.outside:
        message = fault.message.replace(", which only bronze may", "")
        raise UsageError(f"{fault.path}:{fault.line}: {message}", hint="land it in bronze: a query reads assets alone")
    for each in query.published:
        raise UsageError(f"the query reads published.{each.key}", hint=f"write {each.key}: it is what readers see")
    for each in query.references:
        if each.key not in project.assets:
            hint = did_you_mean_asset(each.key, project.assets, "`lakeflow list` names all of them")
            raise UsageError(f"the query reads {each.key}, which is not defined", hint=hint)
    return tuple(each.key for each in query.references)

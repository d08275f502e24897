"""Which tables of a server stand in folders that this lake made: only there may files be garbage of ours.

A server chooses where tables stand, and a table that was adopted stands where another writer put it. So a table bears
from its first commit who made its folder, and which one that is; registered anew, it still does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lakeflow.core.errors import LakeError
from lakeflow.core.model.table import Table
from lakeflow.core.ports.locations import path_of

_HOME: Final = "lakeflow.home"


def home_property(lake: str, location: str) -> Mapping[str, str]:
    """What a new table in that folder says of it; `lake` is the lake's id."""
    return {_HOME: f"{lake} {location}"}


def is_at_home(table: Table, lake: str) -> bool:
    """Did this lake make the folder in which the table stands?"""
    made_by, _, place = table.properties.get(_HOME, "").partition(" ")
    if made_by != lake or not place:
        return False
    try:
        return path_of(place).rstrip("/") == path_of(table.location).rstrip("/")
    except LakeError:
        return False

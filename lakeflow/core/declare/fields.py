"""The fields of a declaration by name, each with an example, and the fault of a wrong one (`forms` reads them)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from lakeflow.core.values import dataclass


class NewRowsInput(str):
    """The name of an input from which an asset reads only the rows that it has not consumed yet."""

    __slots__ = ()


class NewKeysInput(str):
    """The name of an input from which an asset reads all rows of the keys, by the columns `by`, that have new rows."""

    __slots__ = ("by",)
    by: tuple[str, ...]

    def __new__(cls, name: str, by: tuple[str, ...]) -> NewKeysInput:
        made = super().__new__(cls, name)
        made.by = by
        return made


@dataclass(frozen=True)
class Keep:
    """What `keep` says: the column that chooses between rows with one key, and for how long main's past stays."""

    last_by: str = ""
    age: timedelta | None = None


@dataclass(frozen=True)
class Flaw:
    """What is wrong with one field; `field` is empty where it concerns the whole declaration."""

    field: str
    message: str
    hint: str


EXAMPLES: Final[Mapping[str, str]] = {
    "inputs": 'inputs={"raw": "bronze.weather"}',
    "external": 'external = ["sales.shop.orders"], catalog.namespace.table',
    "renamed_from": 'renamed_from = "silver.old"',
    "key": 'key = ["origin", "day"]',
    "write": 'write = "replace"',
    "keep": 'keep = "last by updated_at", which of several rows counts, or "30d", for how long snapshots stay',
    "keep_snapshots": "keep_snapshots = 10",
    "deleted": "deleted = \"op = 'D'\"",
    "at": 'at = "changed_at"',
    "track": 'track = ["plan", "seats"]',
    "deletes": 'deletes = "close"',
    "partition_by": 'partition_by = ["day(departed_at)", "bucket(16, id)", "truncate(2, code)", "carrier"]',
    "sort_by": 'sort_by = ["departed_at", "delay desc"]',
    "description": 'description = "One row per airport and day."',
    "owner": 'owner = "weather team"',
    "tags": 'tags = ["daily"]',
    "columns": 'columns = {email = {type = "string", pii = true}}, a dict of dicts in Python',
    "checks": 'checks = ["shared/airports.py"]',
    "layer": 'layer = "silver"',
    "reads": 'reads = ["data/*.csv"]',
    "source": 'source=files("data/*.csv", format="csv", columns=["id"]), a [source] table in SQL',
    "kind": 'kind = "fact"',
    "foreign_keys": 'foreign_keys = {carrier = "gold.carriers.carrier"}, a dict in Python',
    "derives": 'derives={"turnover": ["orders.total"]}, input.column of what it reads',
    "on_rewrite": 'on_rewrite = "hold"',
    "partition": 'partition = "day(departed_at)"',
    "start": 'start = "2013-01-01"',
    "end": 'end = "2014-01-01"',
    "lookback": "lookback = 3",
    "zone": 'zone = "Europe/Oslo"',
    "partial": "partial = false, in Python False",
    "input_times": 'input_times = {"bronze.orders" = "ordered_at"}, a dict in Python',
    "fresh": 'fresh = "36h"; 45s, 10m and 2d are ages too, "off" is any age',
    "fresh_by": 'fresh_by = "08:00 Europe/Oslo", or cron and a zone: "0 8 * * 1-5 Europe/Oslo"',
    "fresh_column": 'fresh_column = "ordered_at"',
    "refresh": 'refresh = "on change", "1h", "06:00 Europe/Oslo", cron such as "0 6 * * *", or "off"',
    "allow_empty": "allow_empty = true, in Python True",
    "timeout": "timeout = 600, in seconds",
    "engine": 'engine = "spark"',
    "retries": "retries = 2",
    "max_rows": "max_rows = 1000000",
    "max_bytes": 'max_bytes = "2GB"',
    "examples": 'examples=[{"name": "…", "given": {"bronze.weather": [{"wind": 3}]}, "expect": [{"calm": True}]}], '
    "[[examples]] in SQL",
    "new_rows": 'new_rows = ["bronze.flights"]',
    "new_keys": 'new_keys = {"bronze.orders" = "customer"}',
}

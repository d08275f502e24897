"""What an audit is asked to look at: a snapshot, what it is compared with, and the suite that judges it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.asset import Column, Computer
from lakeflow.core.model.check import Suite
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan, Statistics
from lakeflow.core.run.resources import Resources
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class AddedRows:
    """The files that a write added to rows that had passed the checks of `passed` (path and name).

    `replaced` of those rows are gone and `below` are left. `near` are the added files, and all others in which a row
    may have the primary key of an added row.
    """

    scan: Scan
    passed: frozenset[tuple[str, str]]
    replaced: int = 0
    below: int = 0
    near: Scan | None = None

    def views(self, asset: AssetKey) -> Mapping[str, Scan]:
        """What a query may read by name when only the added rows are looked at: they take the place of the
        whole table.
        """
        return {str(asset): self.scan, f"{ADDED}.{asset}": self.scan, f"{NEAR}.{asset}": self.near or self.scan}


ADDED: Final = "lakeflow_added"
"""Before `layer.name`: the rows that a write added, for our own queries."""


NEAR: Final = "lakeflow_near"
"""Before `layer.name`: the rows of all files in which one may have the key of an added row, for our own queries."""


@dataclass(frozen=True)
class AuditRequest:
    """One snapshot to audit. `relations` maps each name that a check may read to a pinned scan: `layer.name`, and
    `published.layer.name` for what readers see. Plain data: it crosses a pipe. `version_key` is the key of which each
    row is a version, in an scd2 table; `marked_at` is when it was written: its versions say what was current at that
    moment (None: unknown). `pii` names personal columns of those other relations: SQL checks that may read them show no
    samples. `inherited` names personal columns of what a function reads: no column of that name may stand unmasked.
    `statistics` are those of the audited snapshot, where it has any; `added_rows` tells what a write added to rows that
    were audited before. `before` are the columns that readers saw before the snapshot. `at` is the moment from which
    ages are counted; None: now. `shown` is how many failing rows a check may show. `engine` runs the asset's code.
    """

    asset: AssetKey
    scan: Scan
    suite: Suite
    root: str
    primary_key: tuple[str, ...] = ()
    version_key: tuple[str, ...] = ()
    marked_at: datetime | None = None
    columns: Mapping[str, Column] = EMPTY
    relations: Mapping[str, Scan] = EMPTY
    expected_rows: int | None = None
    allow_empty: bool = False
    timeout: float = 600.0
    pii: frozenset[str] = frozenset()
    inherited: frozenset[str] = frozenset()
    at: datetime | None = None
    shown: int = 5
    statistics: Statistics | None = None
    resources: Resources | None = None
    added_rows: AddedRows | None = None
    before: Schema | None = None
    engine: Computer = Computer.DUCKDB

    @property
    def views(self) -> Mapping[str, Scan]:
        """Everything that a query of the audit may read, by name."""
        added = self.added_rows.views(self.asset) if self.added_rows else {}
        return {**self.relations, **added, str(self.asset): self.scan}

"""How far audits on one machine reach: tables beyond that are asked of Spark."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lakeflow.core.model.table import Scan
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted


@dataclass(frozen=True)
class AuditReach:
    """The most rows and bytes of a table that DuckDB audits; None: any number."""

    rows: int | None = None
    bytes: int | None = None

    @property
    def is_said(self) -> bool:
        return self.rows is not None or self.bytes is not None

    def beyond(self, scans: Iterable[Scan]) -> str:
        """Why the first of these tables is too large; empty where none is."""
        return next((why for scan in scans if (why := self._beyond(scan))), "")

    def _beyond(self, scan: Scan) -> str:
        if self.rows is not None and scan.rows > self.rows:
            return f"{counted(scan.rows, 'row')} of {scan.key} are more than audit_rows = {self.rows:,}"
        if self.bytes is not None and scan.bytes > self.bytes:
            return f"{scan.bytes:,} bytes of {scan.key} are more than audit_bytes = {self.bytes:,}"
        return ""


NO_BOUND: Final = AuditReach()
"""Nothing is said: what DuckDB computes it audits, too."""
OF_SPARK: Final = AuditReach(rows=1_000_000_000, bytes=500_000_000_000)
"""Of assets on Spark, where nothing is said: up to here the key of a table was proven in minutes on two cores."""

"""The result of an asset's code: files that are written and wait to be committed."""

from __future__ import annotations

from datetime import datetime

from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Table
from lakeflow.core.plan.landing import NOTHING_LANDED, LandedSet
from lakeflow.core.run.write import WriteResult
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Computed:
    """Files for a table, in its schema. `landed` are the outside files that were read for them. `quarantine` are the
    table and the schema of its quarantine, if it has one; `moment` is when the write began.
    """

    table: Table
    schema: Schema
    written: WriteResult
    landed: LandedSet = NOTHING_LANDED
    quarantine: tuple[Table, Schema] | None = None
    moment: datetime | None = None

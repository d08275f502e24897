"""What a write lays beside its table, so that the table tells it where the ledger is lost: its code, and its past."""

from __future__ import annotations

from typing import Final

from lakeflow.core.log.past import KIND as PAST
from lakeflow.core.log.past import is_due, past_of, past_text
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.table import Table
from lakeflow.wap.attempt import Attempt

_CODE: Final = "code"


def keep_code(attempt: Attempt, table: Table, asset: Asset) -> str:
    """Name the sidecar with the text of the code: one that a kept snapshot has, where the code is the same."""
    if not asset.source:
        return ""
    made = (provenance_of(snapshot.summary) for snapshot in table.snapshots.values())
    known = sorted({each.code for each in made if each and each.code and each.code_version == asset.code_version})
    return known[0] if known else attempt.world.catalog.write_sidecar(table, _CODE, asset.source)


def keep_past(attempt: Attempt, table: Table, base: int | None) -> str:
    """Name the sidecar with the verdicts on snapshots of before, and write it before one of them can expire untold."""
    if not is_due(table, base, attempt.retention(table.key).snapshots):
        return past_of(table, base)
    said = attempt.world.ledger.verdicts((table.key,)).get(table.key, ())
    return attempt.world.catalog.write_sidecar(table, PAST, past_text(said))

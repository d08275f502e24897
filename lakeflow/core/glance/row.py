"""An asset as one row of a page: how it stands in a word, why, what readers see, and how its rows grew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.run import VerdictRecord
from lakeflow.core.model.table import NEUTRAL, Table
from lakeflow.core.serve.view import Outlook
from lakeflow.core.values import dataclass
from lakeflow.core.view.audited.last_audit import last_verdict
from lakeflow.core.view.rows import AssetState, AssetStatus, Health

PUBLISHES: Final = 24
"""So many of the last publishes are drawn."""
_LOOKS: Final = {
    Health.DEGRADED: "bad",
    Health.WARNING: "warn",
    Health.UNKNOWN: "none",
    Health.HEALTHY: "ok",
}


@dataclass(frozen=True)
class AssetRow:
    """`word` says how the asset stands and `look` how that is shown: `ok`, `warn`, `bad` or `none`; `why` is empty
    where all is well. `grew` are the rows after each of the last publishes, oldest first. `passed` of `total` checks
    passed in the last audit of what readers see, None where none is recorded.
    """

    asset: Asset
    status: AssetStatus
    word: str
    look: str
    why: str = ""
    grew: tuple[int, ...] = ()
    passed: int | None = None
    total: int | None = None


def asset_row(outlook: Outlook, key: AssetKey) -> AssetRow:
    status = outlook.statuses[key]
    verdict = last_verdict(status.snapshot_id, outlook.facts.verdicts.get(key, ()))
    word, look = standing(status)
    return AssetRow(
        outlook.project.assets[key],
        status,
        word,
        look,
        reason(status),
        grown(outlook.facts.tables.get(key)),
        *_counted(verdict),
    )


def by_layer(outlook: Outlook, keys: tuple[AssetKey, ...]) -> Mapping[Layer, tuple[AssetRow, ...]]:
    """The rows of each layer, in the order of the keys; a quarantine stands with its asset, not by itself."""
    shown = [key for key in keys if owner_of(key) is None]
    return {layer: tuple(asset_row(outlook, key) for key in shown if key.layer is layer) for layer in Layer}


def standing(status: AssetStatus) -> tuple[str, str]:
    """How an asset stands in one word, and how that looks."""
    if status.state is AssetState.HELD or status.held:
        return "held", "bad"
    if any(symptom.late for symptom in status.symptoms):
        return "late", "bad"
    if status.health in {Health.DEGRADED, Health.UNKNOWN}:
        word = {AssetState.BROKEN: "unreadable", AssetState.NEVER_BUILT: "never built"}.get(status.state)
        return word or str(status.health), _LOOKS[status.health]
    if status.state is AssetState.STALE:
        return "stale", "warn"
    return ("fresh" if status.health is Health.HEALTHY else str(status.health)), _LOOKS[status.health]


def reason(status: AssetStatus) -> str:
    """Why it is not well, the worst first; otherwise why a run would take it up."""
    if status.symptoms:
        return status.symptoms[0].text
    return "" if status.state is AssetState.FRESH else "; ".join(status.reasons[:2])


def grown(table: Table | None) -> tuple[int, ...]:
    """The rows that readers saw after each of the last publishes, oldest first."""
    if table is None:
        return ()
    seen: list[int] = []
    for snapshot in table.ancestry(table.main):
        if snapshot.operation != NEUTRAL and snapshot.rows is not None:
            seen.append(snapshot.rows)
        if len(seen) == PUBLISHES:
            break
    return tuple(reversed(seen))


def _counted(verdict: VerdictRecord | None) -> tuple[int | None, int | None]:
    return (verdict.passed, verdict.total) if verdict else (None, None)

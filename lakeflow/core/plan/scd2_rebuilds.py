"""What an scd2 asset that waits for a decision may do: the ways out, and which versions each of them keeps.

Where no column says since when a row holds, versions are dated by the runs that wrote them, and no rebuild can restore
them (docs/decisions/0075).
"""

from __future__ import annotations

from lakeflow.core.model.asset import Asset
from lakeflow.core.plan.facts import Published
from lakeflow.core.wording import counted


def is_dated_by_runs(asset: Asset) -> bool:
    return asset.write.traits.versioned and not asset.at


def ways_out(asset: Asset, stands: Published) -> str:
    """What a person may do where the asset waits, and how many versions each way keeps."""
    refresh = f"`lakeflow materialize {asset.key} --full-refresh`"
    if not asset.write.traits.merges:
        return f"{refresh} rebuilds it"
    on = f"`lakeflow materialize {asset.key} --go-on`"
    if not asset.write.traits.versioned:
        return f"{on} merges what its inputs hold now with what stands, {refresh} rebuilds it"
    return f"{on} keeps {_all(stands)} and goes on from here, {refresh} {_left(asset, stands)}"


def goes_on(asset: Asset, stands: Published, why: str) -> str:
    kept = f", keeping {_all(stands)}" if asset.write.traits.versioned else ""
    return f"{why}{kept}"


def loss(asset: Asset, stands: Published) -> str:
    """What a full refresh takes from an scd2 table."""
    return f"{asset.key} holds {_versions(stands)}; a full refresh {_left(asset, stands)}"


def _left(asset: Asset, stands: Published) -> str:
    current, rows = stands.open_versions, stands.snapshot.rows
    if asset.at:
        ended = None if current is None or rows is None else rows - current
        told = "" if ended is None else f" ({counted(ended, 'version')} of them ended)"
        return f"keeps those that its inputs still tell{told}"
    most = "one version for each key that its inputs still have" if current is None else f"{current:,} at most"
    return (
        f"keeps {most}, dated by that run" if current is None else f"keeps {most}, one for each key, dated by that run"
    )


def _all(stands: Published) -> str:
    return f"all {_versions(stands)}"


def _versions(stands: Published) -> str:
    rows = stands.snapshot.rows
    return "versions" if rows is None else counted(rows, "version")

"""Assets and their checks as Dagster is told of them before anything runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, PythonCode
from lakeflow.core.model.check import DeclaredCheck, Severity
from lakeflow.core.time.freshness import Freshness, Schedule
from lakeflow.integrations.dagster.names import VERDICT, check_names, dagster_key
from lakeflow.integrations.dagster.partitions import partitions_of

_MAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_ANY_MOMENT: Final = datetime(2024, 1, 1, 0, 0, 30, tzinfo=UTC)
_A_YEAR_OF_DAYS: Final = 370
_NO_TAG: Final = re.compile(r"[^A-Za-z0-9_.-]+")
SEVERITIES: Final[Mapping[Severity, dg.AssetCheckSeverity]] = {
    Severity.CRITICAL: dg.AssetCheckSeverity.ERROR,
    Severity.WARNING: dg.AssetCheckSeverity.WARN,
    Severity.INFO: dg.AssetCheckSeverity.WARN,
}


def spec_of(asset: Asset) -> dg.AssetSpec:
    """One asset: its layer is its group, and what it is made from its dependencies."""
    language = "python" if isinstance(asset.code, PythonCode) else "sql"
    owner = asset.owner.strip()
    return dg.AssetSpec(
        dagster_key(asset.key),
        deps=[dagster_key(key) for key in sorted(asset.upstreams | asset.external, key=str)],
        description=asset.description or None,
        metadata={"lakeflow/code": asset.place, "lakeflow/write": str(asset.write)},
        skippable=True,
        group_name=str(asset.key.layer),
        code_version=asset.code_version,
        owners=[owner if _MAIL.fullmatch(owner) else f"team:{_NO_TAG.sub('_', owner)}"] if owner else None,
        tags={_NO_TAG.sub("_", tag)[:63]: "" for tag in asset.tags},
        kinds={"iceberg", language},
        partitions_def=partitions_of(asset.timeline) if asset.timeline else None,
        freshness_policy=_policy(asset.freshness) if asset.freshness else None,
    )


def check_specs(key: AssetKey, checks: Iterable[DeclaredCheck]) -> Iterator[dg.AssetCheckSpec]:
    """The verdict, which says whether the asset was published, and each check by its own name."""
    mine = tuple(checks)
    yield dg.AssetCheckSpec(VERDICT, asset=dagster_key(key), description="What was written last was published.")
    named = check_names(check.name for check in mine)
    for check in mine:
        said = {"lakeflow/severity": str(check.severity), "lakeflow/file": check.path or "every asset is checked so"}
        yield dg.AssetCheckSpec(named[check.name], asset=dagster_key(key), description=_safe(check.name), metadata=said)


def _policy(freshness: Freshness) -> dg.FreshnessPolicy | None:
    """How old it may be. What the newest value of a column tells, `lakeflow status` knows, and Dagster does not."""
    if freshness.column:
        return None
    if freshness.within is not None:
        # Dagster knows no shorter one.
        return dg.FreshnessPolicy.time_window(fail_window=max(freshness.within, timedelta(minutes=1)))
    if freshness.by is None:
        return None
    return dg.FreshnessPolicy.cron(freshness.by.cron, _apart(freshness.by), freshness.by.zone)


def _apart(moments: Schedule) -> timedelta:
    """How far before a deadline a publish still meets it: as far as the deadline before, wherever in a year they are
    closest. Dagster refuses more than that, and a change of clocks may take an hour.
    """
    at, least = _ANY_MOMENT, timedelta(days=366)
    for _ in range(_A_YEAR_OF_DAYS):
        following = moments.next_after(at)
        at, least = following, min(least, following - at) if at != _ANY_MOMENT else least
    return least - timedelta(hours=1) if least > timedelta(hours=2) else least


def _safe(text: str) -> str:
    return text.replace("\n", " ")

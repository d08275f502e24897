"""What people look at, as values: the health of assets, the snapshots of a table, lineage as a tree."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from lakeflow.core.keys import AssetKey, ExternalKey
from lakeflow.core.model.asset import AssetKind
from lakeflow.core.plan.landing import Copy
from lakeflow.core.values import dataclass
from lakeflow.core.view.freshness import Deadline


class AssetState(StrEnum):
    """How an asset stands. `broken` cannot be read; `held` needs a decision; `stale` needs a run; `unaudited` has newer
    checks than its verdict.
    """

    BROKEN = "broken"
    HELD = "held"
    NEVER_BUILT = "never built"
    STALE = "stale"
    UNAUDITED = "unaudited"
    FRESH = "fresh"


class Health(StrEnum):
    """What readers may think of a table, the worst first. `degraded`: what they see is late, failed a check, or cannot
    be read. `unknown`: they see nothing. `warning`: what they see is good, and something waits.
    """

    DEGRADED = "degraded"
    UNKNOWN = "unknown"
    WARNING = "warning"
    HEALTHY = "healthy"


@dataclass(frozen=True)
class Symptom:
    """One reason why a table is not healthy, and since when, if that is known. `late`: its data is too old."""

    health: Health
    text: str
    since: datetime | None = None
    late: bool = False


@dataclass(frozen=True)
class AssetStatus:
    """One asset now. `held` names the runs that wait for a decision; `published_at` and `rows` are main's.

    `state` says what a run would do, `symptoms` why readers should not trust the table, the worst first, and
    `deadlines` how fresh it must be.

    `skipped` are outside files that do not land, since their content landed under another name. `failed_audit` is the
    run that audited readers' data and failed, if no later run passed. `partitions_due` are the partitions in time that
    a run would build. `quarantined` counts the refused rows that wait; None where the asset has no quarantine.
    `taken_back` says with which run, and when, the publish went that readers saw alone.
    """

    asset: AssetKey
    state: AssetState
    reasons: tuple[str, ...] = ()
    snapshot_id: int | None = None
    rows: int | None = None
    published_at: datetime | None = None
    held: tuple[str, ...] = ()
    skipped: tuple[Copy, ...] = ()
    failed_audit: str = ""
    quarantined: int | None = None
    symptoms: tuple[Symptom, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    partitions_due: tuple[str, ...] = ()
    taken_back: str = ""

    @property
    def health(self) -> Health:
        """The worst of its publishes, its freshness and its checks."""
        return self.symptoms[0].health if self.symptoms else Health.HEALTHY

    @property
    def unhealthy_since(self) -> datetime | None:
        """Since when the worst symptom lasts, if that is known."""
        worst = (symptom.since for symptom in self.symptoms if symptom.health is self.health)
        return min((since for since in worst if since is not None), default=None)


class SnapshotState(StrEnum):
    """How a snapshot stands. `held` and `written` are on a branch; `forced` and `unruled` are or were on main."""

    PUBLISHED = "published"
    FORCED = "forced"
    HELD = "held"
    WRITTEN = "written"
    UNRULED = "unruled"


@dataclass(frozen=True)
class SnapshotRow:
    """One line of a table's history. `ref` is `main`, a branch, or None for an older snapshot of main.

    `added` is the change in rows from the parent; `passed` of `checks` is None where no audit is recorded. `partial`
    are partitions in time that were not over when they were built.
    """

    snapshot_id: int
    ref: str | None
    state: SnapshotState
    committed_at: datetime
    operation: str
    rows: int | None
    added: int | None = None
    run: str = ""
    code_version: str = ""
    inputs: Mapping[str, int] | None = None
    passed: int | None = None
    checks: int | None = None
    partial: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExternalUse:
    """A table of another catalog that an asset reads: the snapshot that went into the asset, and what the table's
    readers see now.
    """

    key: ExternalKey
    used: int | None = None
    used_rows: int | None = None
    now: int | None = None
    fault: str = ""


@dataclass(frozen=True)
class LineageNode:
    """An asset with what it was made from. `sources` are outside files of a root, `externals` tables of other catalogs.

    `kind` is what a gold asset is, `dimensions` what its foreign keys refer to. `repeated` marks an asset whose
    upstreams are elsewhere in the tree. `used` is the snapshot that went into the asset above; for the top of the tree,
    the one that readers see. Readers may see a newer one by now. None: not recorded.
    """

    status: AssetStatus
    upstreams: tuple[LineageNode, ...] = ()
    sources: tuple[str, ...] = ()
    kind: AssetKind | None = None
    dimensions: tuple[AssetKey, ...] = ()
    repeated: bool = False
    used: int | None = None
    used_rows: int | None = None
    externals: tuple[ExternalUse, ...] = ()


@dataclass(frozen=True)
class Setting:
    """One setting: its value as text without secrets, and where it was set."""

    name: str
    value: str
    source: str


@dataclass(frozen=True)
class RowFilter:
    """`where` is a condition on the table's own columns, `order_by` a list of them as in SQL; empty texts ask for
    nothing. Without `columns` all are meant.
    """

    where: str = ""
    order_by: str = ""
    columns: tuple[str, ...] = ()

"""What the world says when a plan is made: tables, verdicts, files, and what stands on each asset's main."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any

from lakeflow.core.errors import LakeError
from lakeflow.core.keys import EMPTY, AssetKey, ExternalKey
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import STANDING, Ruling, RunRecord, StepRecord, VerdictRecord
from lakeflow.core.model.table import NEUTRAL, External, Snapshot, Table
from lakeflow.core.plan.in_time.built import Built
from lakeflow.core.plan.in_time.late_rows import TouchedBy
from lakeflow.core.plan.landing import Landing
from lakeflow.core.plan.verdicts import ruled, ruled_on
from lakeflow.core.time.timeline import EVER
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Rekeyed:
    """The key that an asset had. `alone` says that nothing else of the asset changed."""

    before: tuple[str, ...]
    alone: bool


@dataclass(frozen=True)
class HeldStep:
    """A step that a run holds. `looked_at` are the snapshots of other tables that its checks read, None where no
    verdict tells.
    """

    run: RunRecord
    step: StepRecord
    looked_at: Mapping[str, int] | None = None

    @property
    def since(self) -> datetime:
        return self.step.ended_at or self.run.ended_at or self.run.started_at


@dataclass(frozen=True)
class Facts:
    """What the world says at one moment, from one catalog read.

    `reads_digests` holds the digest of the outside files of each root that names them. `landings` says what would land
    for each selected asset with a source. `externals` is what other catalogs said of their tables. `built` holds the
    partitions in time that stand on main, `touched` what their inputs got since each was built, and `by_rows` the
    inputs with partitions whose rows tell that, since the code does not read them by these partitions. `renamed_code`
    maps a code version made by an older fingerprint algorithm to that of the same text today. `renames` holds the old
    name of each asset whose table still has that name; `tables` and `verdicts` have it under the new one already.
    `rekeyed` holds the assets whose key is another than when main was published. `now` is when the facts were gathered.
    `broken` says why a table, or a file that belongs to it, cannot be read. `held` are the
    steps that runs hold of the selected assets, newest first. `gone` counts the refused rows of an asset that came from
    files which were taken out: they do not wait any more.
    """

    tables: Mapping[AssetKey, Table]
    verdicts: Mapping[AssetKey, Sequence[VerdictRecord]] = EMPTY
    reads_digests: Mapping[AssetKey, str] = EMPTY
    landings: Mapping[AssetKey, Landing] = EMPTY
    externals: Mapping[ExternalKey, External] = EMPTY
    renames: Mapping[AssetKey, AssetKey] = EMPTY
    rekeyed: Mapping[AssetKey, Rekeyed] = EMPTY
    built: Mapping[AssetKey, Mapping[str, Built]] = EMPTY
    touched: Mapping[AssetKey, TouchedBy] = EMPTY
    by_rows: Mapping[AssetKey, frozenset[AssetKey]] = EMPTY
    now: datetime = EVER.start
    renamed_code: Mapping[str, str] = EMPTY
    broken: Mapping[AssetKey, LakeError] = EMPTY
    held: Mapping[AssetKey, tuple[HeldStep, ...]] = EMPTY
    gone: Mapping[AssetKey, int] = EMPTY

    def stands(self, key: AssetKey) -> Published | None:
        """What stands on the asset's main (`published`), found once however often it is asked."""
        if key not in self._stand:
            self._stand[key] = published(self.tables.get(key), self.verdicts.get(key, ()))
        return self._stand[key]

    @cached_property
    def _stand(self) -> dict[AssetKey, Published | None]:
        return {}

    def with_more(self, **found: Any) -> Facts:
        """These facts and what else was found beside the same tables and verdicts, so that the same stands on each
        main.
        """
        more = replace(self, **found)
        vars(more)["_stand"] = self._stand
        return more

    def require(self, keys: Iterable[AssetKey]) -> None:
        """LakeError when one of these tables cannot be read."""
        for key in sorted(keys):
            if key in self.broken:
                raise self.broken[key]

    def made_by(self, stands: Published) -> str:
        """The code version of what is published, as today's fingerprint algorithm spells it."""
        return self.today(stands.code_version)

    def today(self, code_version: str) -> str:
        return self.renamed_code.get(code_version, code_version)


@dataclass(frozen=True)
class Published:
    """What stands on an asset's main: made from which code, checks, files and inputs. `looked_at` are the snapshots of
    other tables that its checks looked into when it was last audited.

    In an scd2 table, `turns` is the first moment after the write at which a version begins or ends, and `open_versions`
    counts the versions that had no end when it was written. `foreign` is the newest snapshot on main that changed rows
    and was not written by a run of ours.
    """

    snapshot: Snapshot
    code_version: str = ""
    checks_digest: str = ""
    reads_digest: str = ""
    inputs: Mapping[str, int] = EMPTY
    foreign: Snapshot | None = None
    looked_at: Mapping[str, int] = EMPTY
    turns: datetime | None = None
    open_versions: int | None = None


def published(table: Table | None, verdicts: Sequence[VerdictRecord] = ()) -> Published | None:
    """What stands on main. The ledger's latest verdict on that very snapshot says it; without one, the snapshot's own
    summary.
    """
    if table is None or (head := table.published) is None:
        return None
    found = _standing(table, head, verdicts)
    made = next((made for snapshot in table.ancestry(head.id) if (made := provenance_of(snapshot.summary))), None)
    if made is None:
        return found
    turns = datetime.fromisoformat(made.turns) if made.turns else None
    return replace(found, turns=turns, open_versions=int(made.open_versions) if made.open_versions else None)


def taken_back(table: Table | None, verdicts: Sequence[VerdictRecord]) -> str:
    """Why readers see nothing of a table that they saw once, with the run and the time; empty where they see it, or
    never did.
    """
    gone = [] if table is None or table.main is not None else ruled(verdicts, {Ruling.ROLLED_BACK})
    if not gone:
        return ""
    last = max(gone, key=lambda said: said.at)
    return f"rolled back with run {last.run} at {last.at:%Y-%m-%d %H:%M}"


def _standing(table: Table, head: Snapshot, verdicts: Sequence[VerdictRecord]) -> Published:
    standing = ruled_on(verdicts, STANDING)
    foreign: Snapshot | None = None
    for snapshot in table.ancestry(head.id):
        if snapshot.id in standing:
            said = ruled(verdicts, STANDING, {snapshot.id})[-1]
            made_from = (said.code_version, said.checks_digest, said.reads_digest, said.inputs)
            return Published(head, *made_from, foreign, said.looked_at)
        if made := provenance_of(snapshot.summary):
            return Published(head, made.code_version, made.checks, made.reads_digest, made.inputs, foreign)
        if foreign is None and snapshot.operation != NEUTRAL:
            foreign = snapshot
    return Published(head, foreign=foreign)


def moved(table: Table[Any], since: int, head_id: int | None = None) -> tuple[Snapshot, int | None] | None:
    """The published snapshot, or that of `head_id`, and the rows it gained, if it holds other rows than snapshot
    `since`.

    Commits that only rewrite files do not move an input. A snapshot that is gone from main's ancestry (rolled back, or
    expired) has moved; the rows are None where one of the two snapshots does not say how many rows it had.
    """
    head = table.published if head_id is None else table.snapshots[head_id]
    if head is None or head.id == since:
        return None
    for snapshot in table.ancestry(head.id):
        if snapshot.id == since:
            return None
        if snapshot.operation != NEUTRAL:
            break
    before = table.snapshots.get(since)
    if before is None or before.rows is None or head.rows is None:
        return head, None
    return head, head.rows - before.rows

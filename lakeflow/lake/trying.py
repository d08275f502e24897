"""`TryingLake`, a lake in which code and checks are tried: what they would give, and would let pass. Publishes nothing.

Code is imported by the method that needs it, as in `reading.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakeflow import wap
from lakeflow.core.model.table import Rows
from lakeflow.core.values import dataclass
from lakeflow.core.view import lineage
from lakeflow.lake.standing import StandingLake, to_stderr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakeflow.core.corrupt.survival import MutationReport
    from lakeflow.core.keys import AssetKey
    from lakeflow.core.parity.parity import Parity
    from lakeflow.core.replay.replayed import Replayed
    from lakeflow.core.suggest.suggestion import Suggestion


@dataclass(frozen=True, repr=False)
class TryingLake(StandingLake):
    """The part of a lake that runs code and checks beside its tables. `ReadableLake` adds what is in the tables."""

    def preview(self, asset: str, *, limit: int = 20) -> Rows:
        """The first `limit` rows that the asset's code gives now, as text, personal columns masked; writes nothing.

        AssetError when the code fails, or an input was never published.
        """
        key = self._one(asset)
        return self._masked(wap.preview(self._world, key, limit, to_stderr), key)

    def suggest(self, asset: str, *, history: int = 6) -> Suggestion:
        """Checks for an asset that its last audited snapshots pass, each tried on all of them by an audit, and that its
        own checks do not say yet. Of personal columns they hold no value. Writes and records nothing.

        UsageError where none of its snapshots passed an audit.
        """
        return wap.suggest(self._world, self._one(asset), history)

    def replay(self, asset: str, snapshot: str | None = None) -> Replayed:
        """Run the code that made a snapshot, by default what readers see, on the inputs that it recorded, and compare
        the rows. What it writes belongs to no table and is removed.

        `snapshot` is `s4411…` or the beginning of it; `asset` may name it, too: `silver.orders@s4411`. UsageError for a
        snapshot that is not there, AssetError when the code fails now.
        """
        name, _, said = asset.partition("@")
        return wap.replay(self._world, self._one(name), said or snapshot, to_stderr)

    def parity(self, asset: str, *, sample: int = 100_000, rows: int = 5) -> Parity:
        """Translate the SELECT of an asset for the other engine, Spark or DuckDB, and run both on what readers see of
        its inputs: whether they give the same columns and rows, and up to `rows` of each kind that differ, personal
        columns masked. At most `sample` rows are read of each input. What both write belongs to no table and is
        removed.

        UsageError where there is no SELECT to translate, AssetError when the asset's own code fails, or Spark is not
        there.
        """
        return wap.parity(self._world, self._one(asset), wap.Bounds(sample, rows), to_stderr)

    def mutate(  # noqa: PLR0913 - keyword-only words of the command line
        self,
        asset: str,
        *,
        share: float = 0.05,
        seed: int = 0,
        kinds: Sequence[str] = (),
        columns: Sequence[str] = (),
        history: int = 6,
    ) -> MutationReport:
        """What an asset's checks say of corrupted copies of what readers see: which faults they would let pass.

        Each copy has one fault (`CorruptionKind`; `kinds` and `columns` choose) in that `share` of the rows, always the
        same ones for a `seed`. Copies are scratch files: no table knows of them, and nothing is recorded. Checks that
        `suggest` proposes from so much `history` tell what would catch a fault that is missed.

        UsageError where nothing of it was published, and ValueError for a kind that there is not.
        """
        from lakeflow.core.corrupt.choose import Wish  # noqa: PLC0415 - as said above
        from lakeflow.core.corrupt.corruption import CorruptionKind  # noqa: PLC0415 - as said above

        wish = Wish(tuple(map(CorruptionKind, kinds)), tuple(columns))
        return wap.mutate(self._world, self._one(asset), wap.MutationRequest(share, seed, wish, history))

    def _masked(self, rows: Rows, key: AssetKey) -> Rows:
        from lakeflow.wap.look.show import masked  # noqa: PLC0415 - as said above

        return masked(rows, lineage.hidden_columns(self.project, self.project.assets[key]))

"""What came of compacting a table, as a value."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from lakeflow.core.keys import AssetKey
from lakeflow.core.values import dataclass


class CompactOutcome(StrEnum):
    """`nothing`: there was nothing to do. `due`: there is, and it was only looked at. `busy`: a run was at work on the
    table, or others kept changing it. `left`: the table is not compacted as it stands, and it is said why.
    """

    COMPACTED = "compacted"
    NOTHING = "nothing"
    DUE = "due"
    BUSY = "busy"
    LEFT = "left"


@dataclass(frozen=True)
class Size:
    """Live data files and manifests of a snapshot, and the bytes of the data files."""

    files: int = 0
    bytes: int = 0
    manifests: int = 0
    deletes: int = 0


@dataclass(frozen=True)
class Compacted:
    """One table. `before` is how it lay, `after` how it lies now, or about how it would (files and manifests).

    `rewritten` and `rewritten_bytes` count the files that were, or would be, written anew; `rows` what they held. `why`
    says why a table was left. `run` and `snapshot_id` are what a compaction left in the ledger and on main.
    """

    asset: AssetKey
    outcome: CompactOutcome
    why: str = ""
    run: str = ""
    snapshot_id: int | None = None
    before: Size = Size()
    after: Size = Size()
    rewritten: int = 0
    rewritten_bytes: int = 0
    rows: int = 0


def together(first: Compacted, then: Compacted) -> Compacted:
    """Two compactions of a table, one after the other, as one."""
    return replace(
        then,
        before=first.before,
        rewritten=first.rewritten + then.rewritten,
        rewritten_bytes=first.rewritten_bytes + then.rewritten_bytes,
        rows=first.rows + then.rows,
    )

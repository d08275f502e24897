"""The files that kept snapshots need and that are missing or not as they were written (I4)."""

from __future__ import annotations

from collections.abc import Iterator

from lakeflow.core.plan.reasons import short_id
from lakeflow.core.verify.values import Remark, RemarkKind, Testimony
from lakeflow.core.wording import counted

_RESTORE = "restore it from a copy of the lake"


def file_faults(witness: Testimony) -> Iterator[Remark]:
    """One remark a file, with every snapshot that needs it."""
    stock, key = witness.stock, witness.table.key
    proofs = {proof.place for proof in witness.proofs.values() if proof.fault}
    for path, snapshots in sorted(stock.missing.items()):
        yield Remark(
            RemarkKind.MISSING, key, f"{path} is missing{_needed(snapshots)}", _sorted(snapshots), path, _RESTORE
        )
    for path, fault in sorted(stock.damaged.items()):
        if path in proofs:
            continue  # the remark on its snapshot says so
        snapshots = stock.concerns.get(path, frozenset())
        yield Remark(RemarkKind.DAMAGED, key, f"{fault}{_needed(snapshots)}", _sorted(snapshots), path, _RESTORE)
    for path, fault in sorted(stock.content.items()):
        snapshots = stock.concerns.get(path, frozenset())
        yield Remark(RemarkKind.CONTENT, key, f"{fault}{_needed(snapshots)}", _sorted(snapshots), path, _RESTORE)


def unrecorded(witness: Testimony) -> Iterator[Remark]:
    """Files of other writers, and of the releases before hashes, have nothing that a flipped bit could be found by."""
    if witness.stock.unknown:
        words = (
            f"{counted(witness.stock.unknown, 'file')}: no hash recorded, so only their own checksums can be compared"
        )
        yield Remark(RemarkKind.UNRECORDED, witness.table.key, words)


def _needed(snapshots: frozenset[int]) -> str:
    """The newest few of the snapshots that need it, as screens name them."""
    named = ", ".join(short_id(snapshot) for snapshot in _sorted(snapshots)[:3])
    more = f" and {len(snapshots) - 3} more" if len(snapshots) > 3 else ""
    return f"; needed by {named}{more}" if snapshots else ""


def _sorted(snapshots: frozenset[int]) -> tuple[int, ...]:
    return tuple(sorted(snapshots))

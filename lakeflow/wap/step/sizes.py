"""How much a step will read, as far as that is known before it begins."""

from __future__ import annotations

from collections.abc import Iterator

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import SqlCode
from lakeflow.core.model.run import Action
from lakeflow.core.run.resources import LARGE
from lakeflow.wap.attempt import Attempt


def is_large(attempt: Attempt, key: AssetKey) -> bool:
    """Will one query of the step keep the whole machine busy? For a Python function nobody can tell, and an audit is
    short.
    """
    asset = attempt.world.project.assets.get(key)
    if asset is None or not isinstance(asset.code, SqlCode) or attempt.step(key).action is not Action.WRITE:
        return False
    return bytes_to_read(attempt, key) >= LARGE


def bytes_to_read(attempt: Attempt, key: AssetKey) -> int:
    """The bytes of the files that land, of those that a root names, and of the inputs; of incremental inputs, of the
    files added last.
    """
    return sum(_sizes(attempt, key))


def _sizes(attempt: Attempt, key: AssetKey) -> Iterator[int]:
    asset = attempt.asset(key)
    if landing := attempt.facts.landings.get(key):
        yield from (file.size for file in landing.new)
    elif named := (*asset.reads, *asset.named_files):
        yield attempt.outside_bytes(named)
    for upstream in asset.upstreams:
        head = attempt.pinned(upstream)
        if head is not None:
            summary = attempt.tables[upstream].snapshots[head].summary
            in_part = upstream in asset.new_rows and upstream not in asset.new_keys
            said = "added-files-size" if in_part else "total-files-size"
            yield int(summary.get(said, 0))

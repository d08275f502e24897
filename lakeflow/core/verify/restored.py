"""What a lost ledger can be given back from the tables, and what the lake does not know of itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from lakeflow.core.plan.reasons import short_id
from lakeflow.core.verify.proofs import proven
from lakeflow.core.verify.values import Testimony, history_of
from lakeflow.core.wording import counted

_NEVER: Final = {
    "lakeflow_runs": "runs that published nothing and left no branch, and what was typed to start the others",
    "lakeflow_steps": "steps that published nothing, how long steps took, and why they were planned",
    "lakeflow_checks": "what checks found in held snapshots, and the details and rows of all of them",
    "lakeflow_verdicts": "why something was held, who took what back, and verdicts on snapshots that have expired",
    "lakeflow_code": "the text of the code; snapshots name its version and git commit",
    "lakeflow_dropped": "which tables were dropped",
    "lakeflow_alerts": "which alerts were told, and which wait",
    "lakeflow_troubles": "since when somebody knows of a trouble: it is told again",
}
"""By table of the ledger, what nothing else in the lake tells."""


def texts_of(testimony: Testimony) -> dict[int, str]:
    """The text of each valid proof, by its snapshot."""
    return {id_: testimony.proofs[id_].text for id_ in proven(testimony)}


def not_restored(lost: Collection[str], testimonies: Iterable[Testimony]) -> Iterator[str]:
    """What stays lost with these tables, and which snapshots have no proof to make a verdict of."""
    yield from (words for table, words in _NEVER.items() if table in lost)
    if "lakeflow_verdicts" not in lost:
        return
    for each in testimonies:
        known = proven(each)
        bare = [short_id(one.id) for one in history_of(each.table) if one.id not in known]
        if bare:
            more = ", …" if len(bare) > 3 else ""
            yield f"the verdict on {counted(len(bare), 'snapshot')} of {each.table.key}: {', '.join(bare[:3])}{more}"

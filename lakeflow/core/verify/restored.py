"""What a lost ledger can be given back from the tables, and what the lake does not know of itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from typing import Final

from lakeflow.core.errors import LakeError
from lakeflow.core.log.past import past_of, past_verdicts
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import VerdictRecord
from lakeflow.core.model.table import Table
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.values import dataclass
from lakeflow.core.verify.proofs import proven
from lakeflow.core.verify.values import Testimony, history_of
from lakeflow.core.wording import counted

_NEVER: Final = {
    "lakeflow_runs": "runs that published nothing and left no branch, and what was typed to start the others",
    "lakeflow_steps": "steps that published nothing, how long steps took, and why they were planned",
    "lakeflow_checks": "what checks found in held snapshots, and the details and rows of all of them",
    "lakeflow_verdicts": "why something was held, who took what back, and what earlier releases let expire",
    "lakeflow_code": "the text of code by which no kept snapshot was made, or by an earlier release",
    "lakeflow_dropped": "which tables were dropped",
    "lakeflow_alerts": "which alerts were told, and which wait",
    "lakeflow_environments": "which environments there were: `lakeflow env drop NAME` frees what they left",
    "lakeflow_pins": "what environments had pinned of main",
    "lakeflow_troubles": "since when somebody knows of a trouble: it is told again",
}
"""By table of the ledger, what nothing else in the lake tells."""


@dataclass(frozen=True)
class Beside:
    """What lies beside tables: `verdicts` on snapshots that may have expired, oldest first; `codes` are versions, their
    algorithms and their texts.
    """

    verdicts: tuple[VerdictRecord, ...] = ()
    codes: tuple[tuple[str, str, str], ...] = ()


def beside(tables: Iterable[Table], read: Callable[[Table, str], str]) -> Beside:
    """What the sidecars of these tables tell; one that is gone or damaged tells nothing."""
    verdicts: list[VerdictRecord] = []
    codes: dict[str, tuple[str, str, str]] = {}
    for table in tables:
        made = [each for one in table.snapshots.values() if (each := provenance_of(one.summary))]
        for said in {each.code_version: each for each in made if each.code}.values():
            if said.code_version not in codes and (text := _read(read, table, said.code)):
                codes[said.code_version] = (said.code_version, said.fingerprint, text)
        if text := _read(read, table, past_of(table, table.main)):
            with suppress(ValueError):
                verdicts += past_verdicts(text, table.key)
    return Beside(tuple(sorted(verdicts, key=lambda said: said.at)), tuple(codes.values()))


def _read(read: Callable[[Table, str], str], table: Table, name: str) -> str:
    try:
        return read(table, name) if name else ""
    except LakeError:
        return ""


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

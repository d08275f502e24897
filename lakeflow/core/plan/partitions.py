"""An asset's partitions in time: what they are, which are built, and which a run has to build.

Which partitions are built is stored with the snapshots of main, as the set of landed files is: a rollback takes
partitions back, a held run that is discarded leaves no trace, and the ledger is not asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from lakeflow.core.keys import EMPTY
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.layout import Partition
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.table import Table
from lakeflow.core.time.timeline import Timeline, Window

FORMAT: Final = "lakeflow.partitions/1"
KIND: Final = "partitions"
"""The kind of the sidecar that holds the set of what is built."""


@dataclass(frozen=True)
class Built:
    """How a partition was built: by which code, in which write (`by`), and from which writes of upstream partitions.

    `read` are the snapshots of its inputs that have no partitions; sets of before do not tell it.
    """

    code_version: str
    by: str
    inputs: Mapping[str, str] = EMPTY
    read: Mapping[str, int] = EMPTY


@dataclass(frozen=True)
class Backfill:
    """A span of time that somebody asks for. With `redo`, its partitions are built again even if nothing changed."""

    window: Window
    redo: bool = True


@dataclass(frozen=True)
class Upstream:
    """A partitioned input: its timeline, its partitions that are built, and the windows that this plan builds again."""

    timeline: Timeline
    built: Mapping[str, Built] = EMPTY
    running: tuple[Window, ...] = ()

    def digest(self, window: Window) -> str:
        return digest_of(self.built, self.timeline, window)

    def differs(self, window: Window, was: str) -> bool:
        """Does a window read other data of this input now, or after this plan, than when `was` was its digest?"""
        return any(window.overlaps(each) for each in self.running) or self.digest(window) != was


@dataclass(frozen=True)
class Pending:
    """A partition that has to be built. `why` is one of a few words, so that a plan can count partitions by it."""

    name: str
    window: Window
    why: str


MISSING: Final = "missing"
OTHER_CODE: Final = "built by other code"
INPUT_REBUILT: Final = "built from partitions that were built again"
LATE: Final = "built again for late rows"
ASKED: Final = "asked for"


def pending(
    timeline: Timeline,
    code_version: str,
    built: Mapping[str, Built],
    upstreams: Mapping[str, Upstream],
    until: datetime,
) -> tuple[Pending, ...]:
    """The partitions that ended by `until` and differ from what today's code and inputs would give, oldest first."""
    found: list[Pending] = []
    for name, window in timeline.partitions(until):
        if why := _why(window, code_version, built.get(name), upstreams):
            found.append(Pending(name, window, why))
    return tuple(found)


def with_late(timeline: Timeline, found: Sequence[Pending], until: datetime) -> tuple[Pending, ...]:
    """The partitions found, and the `lookback` partitions before each new one of them."""
    every = [Pending(name, window, LATE) for name, window in timeline.partitions(until)]
    at = {each.name: place for place, each in enumerate(every)}
    new = [at[each.name] for each in found if each.why == MISSING]
    late = {place for one in new for place in range(max(0, one - timeline.lookback), one)}
    chosen = {each.name: each for each in (*(every[place] for place in sorted(late)), *found)}
    return tuple(sorted(chosen.values(), key=lambda each: each.window))


def of_backfill(
    timeline: Timeline, found: Sequence[Pending], backfill: Backfill, until: datetime
) -> tuple[Pending, ...]:
    """The partitions found that lie in the backfill's span; with `redo`, all partitions of the span."""
    chosen = {each.name: each for each in found}
    spans = [Pending(name, window, ASKED) for name, window in timeline.partitions(until)]
    inside = [chosen.get(each.name, each) for each in spans if backfill.window.holds(each.window)]
    return tuple(each for each in inside if backfill.redo or each.why != ASKED)


def _why(window: Window, code_version: str, was: Built | None, upstreams: Mapping[str, Upstream]) -> str:
    if was is None:
        return MISSING
    if was.code_version != code_version:
        return OTHER_CODE
    if any(upstream.differs(window, was.inputs.get(name, "")) for name, upstream in upstreams.items()):
        return INPUT_REBUILT
    return ""


def windows(pending: Iterable[Pending]) -> tuple[Window, ...]:
    """The fewest windows that cover exactly these partitions, oldest first."""
    joined: list[Window] = []
    for window in sorted(each.window for each in pending):
        if joined and joined[-1].end == window.start:
            joined[-1] = Window(joined[-1].start, window.end)
        else:
            joined.append(window)
    return tuple(joined)


def asked_of(asset: Asset, partitions: Iterable[Pending]) -> frozenset[Partition]:
    """The partitions of the table's layout that are replaced, also where no row comes for them."""
    if asset.timeline is None:
        return frozenset()
    unit = asset.timeline.unit
    return frozenset((unit.ordinal(each.window.start),) for each in partitions)


def digest_of(built: Mapping[str, Built], timeline: Timeline, window: Window) -> str:
    """A digest of an upstream's partitions that a window touches. It changes when one of them is built again."""
    touched = (name for name, _ in timeline.touched(window))
    text = ";".join(f"{name}={found.by}" for name in touched if (found := built.get(name)))
    return hashlib.sha256(text.encode()).hexdigest()[:16] if text else ""


def with_built(
    before: Mapping[str, Built],
    partitions: Sequence[Pending],
    code_version: str,
    by: str,
    inputs: Mapping[str, Upstream],
) -> Mapping[str, Built]:
    """The set of built partitions after the write called `by` has built these from the present inputs."""
    new = {
        each.name: Built(code_version, by, {name: upstream.digest(each.window) for name, upstream in inputs.items()})
        for each in partitions
    }
    return {**before, **new}


def says_the_same(before: Mapping[str, Built], after: Mapping[str, Built]) -> bool:
    """Do both sets hold the same partitions, built from the same code and inputs? Which write built them does not
    count.
    """
    return {name: (each.code_version, each.inputs) for name, each in before.items()} == {
        name: (each.code_version, each.inputs) for name, each in after.items()
    }


def spelled_range(names: Sequence[str]) -> str:
    """`2013-02`, or `2013-01 … 2013-12`."""
    return names[0] if len(set(names)) == 1 else f"{names[0]} … {names[-1]}"


def partition_set(table: Table, snapshot_id: int | None) -> str:
    """The name of the set of partitions that a snapshot holds; empty when no kept snapshot of ours tells."""
    for snapshot in table.ancestry(snapshot_id):
        if made := provenance_of(snapshot.summary):
            return made.partitions
    return ""


def to_json(timeline: Timeline, built: Mapping[str, Built]) -> str:
    """The set as it stands in a file beside the table (a public format, see docs/how-it-works.md)."""
    entries = [
        {"name": name, "code": each.code_version, "by": each.by, "inputs": dict(each.inputs)}
        | ({"read": {upstream: str(id_) for upstream, id_ in each.read.items()}} if each.read else {})
        for name, each in sorted(built.items())
    ]
    return json.dumps({"format": FORMAT, "partition": str(timeline), "built": entries}, separators=(",", ":"))


def from_json(text: str, timeline: Timeline) -> Mapping[str, Built] | None:
    """None when the table had other partitions then, so that the set says nothing of today's. ValueError for any other
    text.
    """
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"not a {FORMAT} document")
    if document["partition"] != str(timeline):
        return None
    return {str(each["name"]): _built(each) for each in document["built"]}


def _built(said: Mapping[str, Any]) -> Built:
    read = {str(name): int(id_) for name, id_ in dict(said.get("read", {})).items()}
    return Built(str(said["code"]), str(said["by"]), dict(said["inputs"]), read)

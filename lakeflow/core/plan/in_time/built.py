"""The partitions in time that are built: the set that hangs on a table's snapshots, as a value and as a file.

A rollback takes partitions back, a held run that is discarded leaves no trace, and the ledger is not asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lakeflow.core.keys import EMPTY
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.table import Table
from lakeflow.core.time.timeline import Timeline, Window
from lakeflow.core.values import dataclass

FORMAT: Final = "lakeflow.partitions/1"
KIND: Final = "partitions"
"""The kind of the sidecar that holds the set of what is built."""


@dataclass(frozen=True)
class Built:
    """How a partition was built: by which code, in which write (`by`), and from which writes of upstream partitions.

    `read` are the snapshots of its inputs that have no partitions; sets of before do not tell it. `partial` says that
    it was not over when it was built.
    """

    code_version: str
    by: str
    inputs: Mapping[str, str] = EMPTY
    read: Mapping[str, int] = EMPTY
    partial: bool = False


def digest_of(built: Mapping[str, Built], timeline: Timeline, window: Window) -> str:
    """A digest of an upstream's partitions that a window touches. It changes when one of them is built again."""
    touched = (name for name, _ in timeline.touched(window))
    text = ";".join(f"{name}={found.by}" for name in touched if (found := built.get(name)))
    return hashlib.sha256(text.encode()).hexdigest()[:16] if text else ""


def says_the_same(before: Mapping[str, Built], after: Mapping[str, Built]) -> bool:
    """Do both sets hold the same partitions, built from the same code and inputs? Which write built them does not
    count.
    """
    return {name: (each.code_version, each.inputs, each.partial) for name, each in before.items()} == {
        name: (each.code_version, each.inputs, each.partial) for name, each in after.items()
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
        | ({"partial": True} if each.partial else {})
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
    return Built(str(said["code"]), str(said["by"]), dict(said["inputs"]), read, bool(said.get("partial", False)))

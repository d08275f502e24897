"""The `lakeflow.*` keys of a snapshot's summary: lineage that survives the loss of the ledger.

These keys are a public format, documented in `docs/how-it-works.md`. Written snapshots keep them for ever, so a key
never changes its meaning.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any, Final

from lakeflow.core.keys import EMPTY
from lakeflow.core.model.quarantine import SUFFIX
from lakeflow.core.model.table import Table
from lakeflow.core.values import dataclass

PREFIX: Final = "lakeflow."
MAIN_SCHEMA: Final = f"{PREFIX}main-schema"
"""Key of a staged snapshot: the id of the schema that readers of main saw when it was written."""
PROVEN_LIST: Final = f"{PREFIX}proven-list"
"""Key of a snapshot that was relocated: the name of its manifest list when it was audited. No other one repeats it."""


@dataclass(frozen=True)
class Provenance:
    """Where a snapshot comes from.

    `inputs` maps an input table to its snapshot id, `fingerprint` names the algorithm of `code_version`,
    `reads` is the digest of a root's outside files, `landed` names the set of files that landed up to this snapshot,
    `new_rows` maps an incremental input to the snapshot behind which it was read (`inputs` says up to which),
    `partitions` names the set of partitions in time that are built as of it, `partial` those that are not over,
    `git` is `<commit>`, `<commit>+dirty` or `<commit>+unknown`,
    `salt` is the fingerprint of the salt of its hashes, `write` the write mode, `replaced` the number of rows of the
    snapshot before that a merge took away, `readmitted` the snapshot of its quarantine up to which refused rows were
    offered again (0: none were). Of an scd2 table, `moment` is when it was written, the time that `is_current` means,
    `turns` the first moment after that at which a version begins or ends, both in ISO 8601, and `open_versions` how
    many versions nothing has ended. `tombstones` names the set of tombstones that count up to this snapshot, `code` the
    text of the code version, `past` the verdicts by which readers came to see earlier snapshots.

    A compaction repeats all of it, for the rows come from where they came from; `compacts` is the snapshot whose very
    rows it holds, and `compacted_by` the run that moved them.
    """

    run: str
    attempt: int
    asset: str
    code_version: str
    checks: str = ""
    inputs: Mapping[str, int] = EMPTY
    version: str = ""
    fingerprint: str = ""
    git: str = ""
    reads_digest: str = ""
    landed: str = ""
    new_rows: Mapping[str, int] = EMPTY
    salt: str = ""
    write: str = ""
    replaced: int = 0
    partitions: str = ""
    partial: str = ""
    readmitted: int = 0
    moment: str = ""
    turns: str = ""
    open_versions: str = ""
    tombstones: str = ""
    code: str = ""
    past: str = ""
    compacts: int = 0
    compacted_by: str = ""

    @property
    def written_by(self) -> str:
        """The run that wrote the snapshot, be it with new rows or with those of before."""
        return self.compacted_by or self.run

    @property
    def sidecars(self) -> tuple[str, ...]:
        """The sidecar documents that the snapshot needs."""
        return tuple(filter(None, (self.landed, self.partitions, self.tombstones, self.code, self.past)))

    @property
    def readmits(self) -> bool:
        """Do its rows come from the asset's own quarantine?"""
        return f"{self.asset}{SUFFIX}" in self.inputs

    def summary(self) -> dict[str, str]:
        """The provenance as properties of a snapshot's summary; what does not apply is left out."""
        values = {key: getattr(self, field) for field, key in _KEYS.items()}
        return {key: _text(value) for key, value in values.items() if value or key == _ALWAYS}


def tombstones_of(table: Table, snapshot_id: int | None) -> str:
    """The name of the set of deleted keys as of a snapshot; empty when it has none."""
    made = (provenance_of(snapshot.summary) for snapshot in table.ancestry(snapshot_id))
    return next((each.tombstones for each in made if each), "")


def is_ours(summary: Mapping[str, str]) -> bool:
    """Was the snapshot written by lakeflow?"""
    return bool(summary.get(f"{PREFIX}run") or summary.get(f"{PREFIX}compacted-by"))


def provenance_of(summary: Mapping[str, str]) -> Provenance | None:
    """The provenance of a snapshot; None when lakeflow did not write it."""
    if not summary.get(f"{PREFIX}run"):
        return None
    return _provenance(*map(summary.get, _KEYS.values()))


@lru_cache(maxsize=50_000)  # a look at a lake asks of each snapshot several times, and of most what it did before
def _provenance(*entries: str | None) -> Provenance:
    found = zip(_READ.items(), entries, strict=True)
    said = {field: read(entry) for (field, read), entry in found if entry is not None}
    return Provenance(**{**_NOT_SAID, **said})


def _text(value: str | int | Mapping[str, int]) -> str:
    if isinstance(value, Mapping):
        # Snapshot ids as strings: 63 bits break JavaScript.
        return json.dumps({table: str(snapshot) for table, snapshot in sorted(value.items())})
    return str(value)


def _ids_of(text: str) -> Mapping[str, int]:
    return {table: int(snapshot) for table, snapshot in json.loads(text).items()}


_NAMED: Final = {"reads_digest": "reads", "replaced": "replaced-rows"}
_KEYS: Final = {each.name: PREFIX + _NAMED.get(each.name, each.name.replace("_", "-")) for each in fields(Provenance)}
"""The key in a summary of each field."""
_ALWAYS: Final = _KEYS["inputs"]
"""The key that is there even where it says nothing: what has no inputs is a root."""
_BY_TYPE: Final[Mapping[object, Callable[[str], Any]]] = {"str": str, "int": int, "Mapping[str, int]": _ids_of}
_READ: Final = {each.name: _BY_TYPE[each.type] for each in fields(Provenance)}
"""How the value of each field is read."""
_NOT_SAID: Final[Mapping[str, Any]] = {"attempt": 1, "asset": "", "code_version": ""}
"""What is meant where a summary lacks a field that has no default."""

"""What came of making a recorded snapshot again, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from lakeflow.core.compare.columns import SchemaChange
from lakeflow.core.compare.comparison import ColumnChange, RowCounts
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.values import dataclass


class ReplayOutcome(StrEnum):
    """`identical`: the same rows came again. `differs`: others did. `no_code`: the code of then is not here. `gone`: an
    input, or a file, of then is not here any more. `refused`: it cannot be told, and it is said why.
    """

    IDENTICAL = "identical"
    DIFFERS = "differs"
    NO_CODE = "no_code"
    GONE = "gone"
    REFUSED = "refused"


@dataclass(frozen=True)
class Replayed:
    """A snapshot, and what its recorded code gives now on its recorded inputs.

    `snapshot_id` is the snapshot that wrote the rows, which a compaction of them names. `why` says why it could not be
    made again. `git` is the commit of the project then, with `+dirty` where its files differed. `recorded` says that
    the text that the ledger keeps ran, because today's code is another. `rows` counts what the snapshot holds
    (`before`) and what came now (`after`); of an append only the rows that it added. `columns` are those that differ in
    rows that both have. `notes` say what in the code may give other rows each time.
    """

    asset: AssetKey
    snapshot_id: int
    outcome: ReplayOutcome
    why: str = ""
    run: str = ""
    git: str = ""
    code_version: str = ""
    recorded: bool = False
    inputs: Mapping[str, int] = EMPTY
    rows: RowCounts = field(default_factory=RowCounts)
    schema: SchemaChange = field(default_factory=SchemaChange)
    columns: tuple[ColumnChange, ...] = ()
    notes: tuple[str, ...] = ()

"""A write as a value: what an engine must know to turn rows into files, and what came of it.

Both are plain data, so that one process may write the rows and another commit them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from lakeflow.core.compact.work import FILE_BYTES
from lakeflow.core.keys import EMPTY
from lakeflow.core.model.asset import Deletes
from lakeflow.core.model.layout import PLAIN, Layout, Partition
from lakeflow.core.model.quarantine import Refusal
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan, WrittenFile
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.time.timeline import Window
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class RefusedRows:
    """Where refused rows go. Rows that fail one of the `refusals` are written to files of their own below `directory`,
    with the columns of `schema`; each row names the `run` and its `inputs` (JSON). So do rows that were malformed
    before any code ran: `malformed` is the engine's own SQL of them. Of the rows in `stood`, which were refused before,
    those stay whose partitions are not written again.
    """

    refusals: tuple[Refusal, ...]
    schema: Schema
    directory: str
    run: str
    inputs: str
    malformed: str = ""
    stood: Scan | None = None


class Ties(StrEnum):
    """What becomes of a row that is as recent, by the column of `keep`, as another row of its key in the table.

    `refused`: nothing says which one counts. `corrected`: the code has changed, so its rows replace those that the old
    code gave for the same time.
    """

    REFUSED = "refused"
    CORRECTED = "corrected"


@dataclass(frozen=True)
class Write:
    """How an asset's rows meet those of its table.

    New files go below `directory` and have exactly the columns of `schema`. `base` is what stands on main, for a mode
    that merges (None: nothing stands there). `key` tells rows apart; of rows with one key that come together the one
    with the greatest value of `last_by` counts (empty: there may be only one), unless a greater one stands in the base;
    `ties` says what becomes of one that is as great. `deleted` is an SQL condition: a row of which it is true says that
    its key is gone.

    In an scd2 table, rows hold since the time in column `at` (empty: since `moment`, when the write began), and keys
    that did not come end at `moment` where `deletes` closes them. `track` names the columns whose change begins a new
    version (none: all columns).

    Files lie as `layout` says. `partitions` maps files of the base to the partition that each is; a file that was
    written in another layout is not in it. `asked` are partitions that are replaced although no row may come for them;
    where some are asked, rows of others are an error. With `spans`, only those rows of these partitions are replaced,
    and only such may come, whose time lies in one of them: units of a zone cut across the partitions that Iceberg has.

    A file is closed once it is larger than `file_bytes`. `refused` says where rows go that checks refuse. No error
    quotes a value of the columns in `hidden`, whose names are in lower case. `tombstones` (JSON) are those of
    earlier writes that count: keys, each with its moment and value of `last_by`.
    """

    mode: WriteMode
    schema: Schema
    directory: str
    key: tuple[str, ...] = ()
    last_by: str = ""
    ties: Ties = Ties.REFUSED
    deleted: str = ""
    at: str = ""
    track: tuple[str, ...] = ()
    deletes: Deletes = Deletes.IGNORE
    moment: datetime | None = None
    base: Scan | None = None
    layout: Layout = PLAIN
    partitions: Mapping[str, Partition] = EMPTY
    asked: frozenset[Partition] = frozenset()
    spans: tuple[Window, ...] = ()
    refused: RefusedRows | None = None
    hidden: frozenset[str] = frozenset()
    tombstones: str = ""
    file_bytes: int = FILE_BYTES


def all_rows(schema: Schema, directory: str, hidden: frozenset[str] = frozenset()) -> Write:
    """Each row that comes goes into new files; nothing stood there before."""
    return Write(WriteMode.REPLACE, schema, directory, hidden=hidden)


@dataclass(frozen=True)
class WriteResult:
    """New files, and the files of the base that they replace (`removes`, as its scan names them).

    `rows` came, `replaced` rows of the base went: a table of b rows then holds b - replaced + rows. `refused` are files
    of the rows that checks refused. In an scd2 table, `turns` is the first moment after the write at which a version
    begins or ends, in ISO 8601, and `open` counts the versions without an end at the time of the write. `tombstones`
    are those of the table afterwards.
    """

    files: tuple[WrittenFile, ...] = ()
    removes: tuple[str, ...] = ()
    rows: int = 0
    replaced: int = 0
    refused: tuple[WrittenFile, ...] = ()
    turns: str = ""
    open: int | None = None
    tombstones: str = ""

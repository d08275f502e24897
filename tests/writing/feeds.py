"""A lake in which files are dropped and every way of writing consumes them, and what three readers see of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError

import lakeflow
from lakeflow.lake.lake import Lake
from tests.wap.doubles import dying
from tests.writing.model import Drop, Model, Sale, versions

_NEW: Final = 'new_rows = ["bronze.sales"]\nallow_empty = true'
_ALL: Final = "select seq, k, v, d from bronze.sales"
_BRONZE: Final = """/*
[source]
folder = "drops"
files = "*.csv"
format = "csv"
columns = {seq = "bigint", k = "varchar", v = "bigint", d = "date"}
*/
select * from source"""
_MEMBERS: Final = """/*
key = ["k"]
write = "scd2"
at = "d"
deletes = "close"
allow_empty = true
*/
select k, v, d from silver.latest where v <> 0"""
_SPANS: Final = """/*
key = ["seq"]
partition = "month(d)"
start = "2020-01-01"
end = "2020-04-01"
allow_empty = true
*/
select seq, k, v, d from bronze.sales where d >= $partition_start and d < $partition_end"""
_MONTHS: Final = """/*
key = ["seq"]
write = "partition"
partition_by = ["month(d)"]
allow_empty = true
*/
select seq, k, v, d from bronze.sales where month(d) % 2 = (select count(*) from bronze.sales) % 2"""
_HISTORY: Final = f"""/*
key = ["k"]
write = "scd2"
at = "d"
keep = "last by seq"
track = ["v"]
{_NEW}
*/
{_ALL}"""
_TOTALS: Final = """/*
key = ["k"]
write = "upsert"
new_keys = {"bronze.sales" = "k"}
allow_empty = true
*/
select k, count(*) as seq, sum(v)::bigint as v, max(d) as d from bronze.sales group by k"""
FILES: Final = {
    "pyproject.toml": "[tool.lakeflow]\nthreads = 1\n",
    "layers/bronze/sales.sql": _BRONZE,
    "layers/silver/appended.sql": f'/*\nkey = ["seq"]\nwrite = "append"\n{_NEW}\n*/\n{_ALL}',
    "layers/silver/latest.sql": f'/*\nkey = ["k"]\nwrite = "upsert"\nkeep = "last by seq"\n{_NEW}\n*/\n{_ALL}',
    "layers/silver/months.sql": _MONTHS,
    "layers/silver/history.sql": _HISTORY,
    "layers/silver/totals.sql": _TOTALS,
    "layers/silver/members.sql": _MEMBERS,
    "layers/silver/spans.sql": _SPANS,
}
TABLES: Final = ("appended", "latest", "months", "history", "members", "spans", "totals")
Rows = list[tuple[Any, ...]]


class Feeds:
    """The lake in `root`, with the files that were dropped so far."""

    def __init__(self, root: Path, files: Mapping[str, str] = FILES) -> None:
        self.root = root
        self.drops: list[Drop] = []
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / "drops").mkdir()
        self.lake = lakeflow.open(root)

    def drop(self, sales: tuple[Sale, ...]) -> None:
        drop = Drop(f"{len(self.drops):04}.csv", sales)
        self.drops.append(drop)
        lines = "".join(f"{sale.seq},{sale.k},{sale.v},{sale.d}\n" for sale in sales)
        (self.root / "drops" / drop.name).write_text(f"seq,k,v,d\n{lines}")

    def reopen(self) -> None:
        self.lake.close()
        self.lake = lakeflow.open(self.root)

    def dying_at(self, call: int) -> AbstractContextManager[Lake]:
        return dying(self.lake, call)

    # readers

    def rows(self, reader: Callable[[str], Rows | None]) -> dict[str, Rows | None]:
        return {name: reader(name) for name in TABLES}

    def ours(self, name: str) -> Rows | None:
        key = f"silver.{name}"
        if not any(status.snapshot_id for status in self.lake.status(key)):
            return None
        return _ordered(name, self.lake.read(key).to_arrow_table().to_pylist())

    @contextmanager
    def others(self) -> Iterator[tuple[Callable[[str], Rows | None], Callable[[str], Rows | None]]]:
        """pyiceberg and polars, each by its own means."""
        uri = f"sqlite:///{self.root / '.lakeflow/catalog.db'}"
        catalog = SqlCatalog("lakeflow", uri=uri, warehouse=str(self.root))

        def pyiceberg(name: str) -> Rows | None:
            table = _table(catalog, name)
            return None if table is None else _ordered(name, table.scan().to_arrow().to_pylist())

        def polars(name: str) -> Rows | None:
            table = _table(catalog, name)
            if table is None:
                return None
            frame = pl.scan_iceberg(table.metadata_location, reader_override="native").collect()
            return _ordered(name, frame.to_dicts())

        try:
            yield pyiceberg, polars
        finally:
            catalog.engine.dispose()


def _table(catalog: SqlCatalog, name: str) -> Any:
    """None for one that has no main."""
    try:
        table = catalog.load_table(f"silver.{name}")
    except NoSuchTableError:
        return None
    return table if table.current_snapshot() else None


def _ordered(name: str, rows: list[dict[str, Any]]) -> Rows:
    names = ("k", "v", "valid_from", "valid_to") if name in {"history", "members"} else ("seq", "k", "v", "d")
    assert all(row["is_current"] is (row["valid_to"] is None) for row in rows if "valid_to" in row)
    return sorted((tuple(row[each] for each in names) for row in rows), key=repr)


def told(model: Model) -> dict[str, Rows]:
    """The rows of the model, as `Feeds.rows` gives those of a reader."""
    found: dict[str, list[Any]] = {
        "appended": model.appended,
        "latest": list(model.latest.values()),
        "months": [sale for sales in model.months.values() for sale in sales],
        "spans": [sale for sales in model.spans.values() for sale in sales],
        "history": versions(
            {key: {d: (True, sale.v) for d, sale in line.items()} for key, line in model.history.items()}
        ),
        "totals": model.totals(),
        "members": versions(model.members),
    }
    return {name: sorted(map(tuple, rows), key=repr) for name, rows in found.items()}


def today() -> date:
    return datetime.now(UTC).date()

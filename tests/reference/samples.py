"""A small lake of hand-made files, built by the very text of the project's files in plain DuckDB."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import duckdb

from lakeflow.core.contract.declared import read_source
from lakeflow.core.declare.sql_header import read_header

ROOT = Path(__file__).parents[2]
LANDING = Path("data", "landing")

FLIGHTS = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,"
    "origin,dest,air_time,distance,hour,minute,time_hour"
)
WEATHER = "origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour"


def reading(day: str, hour: int, time_hour: str, *, origin: str = "EWR", temp: str = "50", wind: str = "9.2") -> str:
    """A line of a weather file; `day` is `month,day` on New York's clock."""
    return f"{origin},2013,{day},{hour},{temp},40,60,270,{wind},NA,0,1010,10,2013-{time_hour}:00:00Z"


def connect() -> duckdb.DuckDBPyConnection:
    """An empty lake that may be made by the files of layers/."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    for layer in ("bronze", "silver", "gold"):
        connection.execute(f"create schema {layer}")
    return connection


def land(root: Path, name: str, header: str, lines: Iterable[str]) -> None:
    """Put a file, named `folder/name` below data/landing/, where bronze looks for it."""
    path = root / LANDING / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *lines, ""]) if header else "\n".join([*lines, ""]))


def build(lake: duckdb.DuckDBPyConnection, *assets: str, folder: str = "layers") -> None:
    """Make each `layer.name`, in this order, from its SQL file; a second time appends. Equal rows are one by `keep`."""
    for asset in assets:
        text = (ROOT / folder / asset.replace(".", "/")).with_suffix(".sql").read_text()
        _bind_source(lake, text)
        lake.execute(f"create table if not exists {asset} as from ({text}) limit 0")
        once = "distinct " if "keep" in read_header(text, "").fields else ""
        lake.execute(f"insert into {asset} select {once}* from ({text})")


def _bind_source(lake: duckdb.DuckDBPyConnection, text: str) -> None:
    """What the SELECT of a bronze asset reads as `source`: all rows of its files, with where they came from."""
    declared = read_header(text, "").fields.get("source")
    if declared is None:
        return
    source, wrong = read_source(declared)
    assert source is not None, wrong
    columns = ", ".join(f"'{name}': 'varchar'" for name in source.columns)
    more = ", header=true" if source.format == "csv" else ", format='newline_delimited'"
    reader = "read_csv" if source.format == "csv" else "read_json"
    rows = lake.sql(f"from {reader}({list(source.globs)}, filename=true, columns={{{columns}}}{more})")
    added = "filename as _source_file, row_number() over () as _source_row, now() as _loaded_at"
    rows.select(f"* exclude (filename), {added}").create_view("source", replace=True)


def bad_rows(lake: duckdb.DuckDBPyConnection, check: str) -> int:
    """How many rows a row check finds, named `layer/asset.check`."""
    return len(lake.sql((ROOT / "checks" / f"{check}.sql").read_text()).to_arrow_table())


def ask(lake: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[object, ...]]:
    return lake.sql(sql).fetchall()

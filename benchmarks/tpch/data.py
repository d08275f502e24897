"""TPC-H's orders, lines and customers as they land: a whole delivery, and one that repeats a hundredth of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import duckdb

KEYS: Final = {"orders": "o_orderkey", "lineitem": "l_orderkey", "customer": "c_custkey"}

_BY_SQL: Final = "{header}select * from read_parquet('landing/{table}/*.parquet')\n"
_HEADERS: Final = {"customer": "/*\n[columns.c_phone]\npii = true\n*/\n"}


def bronze_by_sql(root: Path) -> None:
    """Bronze as most people begin: a SELECT that names its files, in place of files that land."""
    for table in KEYS:
        text = _BY_SQL.format(table=table, header=_HEADERS.get(table, ""))
        (root / "layers" / "bronze" / f"{table}.sql").write_text(text)


def deliver(root: Path, scale: float) -> None:
    """Into `root/landing/<table>/`. CalledProcessError when the generator fails."""
    generator = Path(sys.executable).with_name("tpchgen-cli")
    made = root / "landing"
    asked = ["--scale-factor", f"{scale:g}", "--tables", ",".join(KEYS), "--output-dir", str(made), "--quiet"]
    subprocess.run([generator, "parquet", *asked], check=True)
    for table, key in KEYS.items():
        first, again = made / table / "first.parquet", made / table / "again.parquet"
        first.parent.mkdir()
        (made / f"{table}.parquet").rename(first)
        duckdb.execute(f"copy (from '{first}' where {key} % 100 = 0) to '{again}'")

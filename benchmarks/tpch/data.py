"""TPC-H's orders, lines and customers as they land: a whole delivery, and one that repeats a hundredth of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import duckdb

KEYS: Final = {"orders": "o_orderkey", "lineitem": "l_orderkey", "customer": "c_custkey"}


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

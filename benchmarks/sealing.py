"""What it costs that each data file is called by its SHA-256: processor time against that of writing it.

One relation is written as the engine writes it, then its files are read back and hashed once more, in the same process.
Run: `python -m benchmarks.sealing [ROWS]`.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import duckdb

_ROUNDS = 3
_COLUMNS = ", ".join(
    [
        "range as id",
        *(f"hash(range + {n}) as h{n}" for n in range(3)),
        *(f"cast((range * {n + 7}) % 1000 as integer) as i{n}" for n in range(4)),
        *(f"(range % {n + 97}) / 7.0 as d{n}" for n in range(4)),
        *(f"'name ' || (range % {10 ** (n + 2)}) as s{n}" for n in range(4)),
    ]
)


def main(rows: int) -> None:
    ratios = [_round(rows) for _ in range(_ROUNDS)]
    write, sealed, size = ratios[-1]
    share = median(hashing / writing for writing, hashing, _ in ratios)
    print(f"{rows:,} rows, {size / 1e6:,.0f} MB: write {write:.2f} s, hash {sealed:.2f} s of processor time")
    print(f"hash / write: {share:.1%} (median of {_ROUNDS})")


def _round(rows: int) -> tuple[float, float, int]:
    """(seconds of the processor to write, to hash, bytes)"""
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "files"
        began = time.process_time()
        duckdb.sql(
            f"copy (select {_COLUMNS} from range({rows})) to '{target}' "
            "(format parquet, compression zstd, per_thread_output)"
        )
        written = time.process_time()
        for path in target.iterdir():
            with path.open("rb") as content:
                hashlib.file_digest(content, "sha256").hexdigest()
        hashed = time.process_time()
        return written - began, hashed - written, sum(path.stat().st_size for path in target.iterdir())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)

"""CSV: what sniffing loses and what declared columns do not look at.

The reference project therefore declares every dialect and reads the header as a row that it compares itself.
"""

from __future__ import annotations

from pathlib import Path

import duckdb


def test_the_sniffer_drops_ragged_rows_silently(tmp_path: Path) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text("a,b\n1,2\n3\n4,5,6\n")
    read = duckdb.read_csv(str(path)).fetchall()
    assert len(read) == 1


def test_declared_columns_ignore_the_names_in_the_header(tmp_path: Path) -> None:
    path = tmp_path / "swapped.csv"
    path.write_text("b,a\n1,2\n")
    text = f"FROM read_csv('{path}', auto_detect = false, header = true, columns = {{'a': 'INTEGER', 'b': 'INTEGER'}})"
    assert duckdb.execute(text).fetchall() == [(1, 2)]

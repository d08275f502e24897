"""What DuckDB does with outside files that would lose or move rows; `lakeflow.adapters.duckdb` steps around each."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import pytest

DECLARED = "auto_detect = false, header = true, delim = ',', columns = {'a': 'VARCHAR', 'b': 'VARCHAR'}"


def test_big_endian_utf_16_reads_as_no_rows_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("a,b\n1,2\n".encode("utf-16-be"))
    assert duckdb.execute(f"FROM read_csv('{path}', {DECLARED}, encoding = 'utf-16')").fetchall() == []


def test_other_encodings_need_a_download(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(duckdb.InvalidInputException, match="does not support the encoding"):
        duckdb.execute(f"FROM read_csv('{path}', {DECLARED}, encoding = 'windows-1252')").fetchall()


def test_a_gzip_whose_checksum_is_wrong_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    whole = gzip.compress(b"a,b\n1,2\n")
    path.write_bytes(whole[:-6] + b"xx" + whole[-4:])
    assert duckdb.execute(f"FROM read_csv('{path}', {DECLARED}, compression = 'gzip')").fetchall() == [("1", "2")]


def test_a_name_with_brackets_is_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_text("a,b\nbrackets,2\n")
    (tmp_path / "a1.csv").write_text("a,b\nnone,2\n")
    found = duckdb.execute(f"SELECT a FROM read_csv(['{tmp_path}/a[1].csv'], {DECLARED})").fetchall()
    assert ("none",) in found


def test_a_line_number_counts_records_and_not_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('a,b\n1,"x\ny"\nonly\n')
    with pytest.raises(duckdb.InvalidInputException, match="Line: 3"):
        duckdb.execute(f"FROM read_csv('{path}', {DECLARED}, quote = '\"')").fetchall()


def test_a_line_number_of_bad_json_is_one_too_high(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    path.write_text('{"a": 1}\n{"a": 2\n{"a": 3}\n')
    with pytest.raises(duckdb.InvalidInputException, match="in line 3"):
        duckdb.execute(f"FROM read_ndjson_objects('{path}')").fetchall()


def test_json_columns_ignore_keys_that_are_not_declared(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    path.write_text('{"A": 1, "other": 2}\n')
    text = f"FROM read_json('{path}', format = 'newline_delimited', auto_detect = false, columns = {{'a': 'INTEGER'}})"
    assert duckdb.execute(text).fetchall() == [(None,)]


def test_a_declared_integer_is_rounded(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1.7,x\n")
    text = DECLARED.replace("'a': 'VARCHAR'", "'a': 'INTEGER'")
    assert duckdb.execute(f"FROM read_csv('{path}', {text})").fetchall() == [(2, "x")]


def test_parquet_types_of_later_files_are_cast_to_those_of_the_first(tmp_path: Path) -> None:
    duckdb.execute(f"COPY (SELECT 1 AS a) TO '{tmp_path}/1.parquet'")
    duckdb.execute(f"COPY (SELECT 1.7::DOUBLE AS a) TO '{tmp_path}/2.parquet'")
    found = duckdb.execute(f"SELECT a FROM read_parquet(['{tmp_path}/1.parquet', '{tmp_path}/2.parquet'])").fetchall()
    assert sorted(found) == [(1,), (2,)]


@pytest.mark.long
def test_row_numbers_over_a_partition_are_not_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    duckdb.execute(f"COPY (SELECT i AS a, i AS b FROM range(1, 1000001) t(i)) TO '{path}' (HEADER)")
    numbered = f"SELECT a, row_number() OVER (PARTITION BY f) AS n FROM read_csv('{path}', {DECLARED}, filename = 'f')"
    assert duckdb.execute(f"SELECT count(*) > 0 FROM ({numbered}) WHERE a::BIGINT <> n").fetchall() == [(True,)]


def test_a_glob_in_a_comment_opens_another_comment() -> None:
    with pytest.raises(duckdb.ParserException, match="unterminated"):
        duckdb.sql("/* files = 'data/*.csv' */ SELECT 1")

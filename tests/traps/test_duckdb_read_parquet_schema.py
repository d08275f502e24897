"""`read_parquet(schema = MAP {field id: …})` is by field id only as far as one says so.

Worked around by giving `children` for every nested column, by looking at the footers of files that may lack field
ids, and by a typed SELECT of no rows for a snapshot without files.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

INT = "'type': 'INTEGER', 'default_value': NULL"


def read(path: Path, schema: str) -> list[tuple[object, ...]]:
    return duckdb.execute(f"FROM read_parquet(['{path}'], schema = MAP {{{schema}}})").fetchall()


@pytest.fixture
def struct(tmp_path: Path) -> Path:
    """A struct {x: id 2, y: id 3}."""
    path = tmp_path / "struct.parquet"
    duckdb.sql(
        f"COPY (SELECT {{'x': 1, 'y': 2}} AS s) TO '{path}' (FIELD_IDS {{s: {{__duckdb_field_id: 1, x: 2, y: 3}}}})"
    )
    return path


def test_without_children_a_renamed_struct_field_reads_as_null(struct: Path) -> None:
    schema = "1: {'name': 's', 'type': 'STRUCT(renamed INTEGER, y INTEGER)', 'default_value': NULL}"
    assert read(struct, schema) == [({"renamed": None, "y": 2},)]


def test_without_children_a_name_that_was_given_anew_reads_the_old_field(struct: Path) -> None:
    """Field 3 was dropped, and field 9 is called y now: its value can only be NULL."""
    schema = "1: {'name': 's', 'type': 'STRUCT(x INTEGER, y INTEGER)', 'default_value': NULL}"
    assert read(struct, schema) == [({"x": 1, "y": 2},)]
    children = f"MAP {{2: {{'name': 'x', {INT}}}, 9: {{'name': 'y', {INT}}}}}"
    assert read(struct, schema.replace("}", f", 'children': {children}}}")) == [({"x": 1, "y": None},)]


def test_a_file_without_field_ids_reads_silently_as_null(tmp_path: Path) -> None:
    path = tmp_path / "foreign.parquet"
    duckdb.execute(f"COPY (SELECT 1 AS a) TO '{path}' (FORMAT parquet)")
    assert read(path, f"1: {{'name': 'a', {INT}}}") == [(None,)]


def test_no_files_is_an_error() -> None:
    with pytest.raises(duckdb.Error, match="at least one file"):
        duckdb.sql("FROM read_parquet([])")


def test_a_folder_with_an_equals_sign_becomes_a_column_without_a_schema(tmp_path: Path) -> None:
    (tmp_path / "p=3").mkdir()
    duckdb.execute(f"COPY (SELECT 1 AS a) TO '{tmp_path}/p=3/a.parquet' (FORMAT parquet)")
    described = duckdb.execute(f"DESCRIBE FROM '{tmp_path}/p=3/a.parquet'").fetchall()
    assert [column for column, *_ in described] == ["a", "p"]

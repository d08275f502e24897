"""A deep look opens every file: what is in it is what its manifest says, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakeflow
from lakeflow.core.keys import AssetKey
from lakeflow.core.ports.locations import local_path
from lakeflow.core.verify.values import RemarkKind
from lakeflow.lake.lake import look
from tests.verify.lab import execute, faults, ours, theirs, verified, wrote

BRONZE = "bronze.numbers"
ROWS: dict[str, list[object]] = {"n": [7, 8, 9], "note": ["x", None, "z"]}
SIZE = 4_000
SCHEMA = pa.schema([("n", pa.int64()), ("note", pa.string())])


@pytest.fixture
def lake(plain: Path) -> Path:
    return plain


def parquet(path: Path, rows: dict[str, list[object]], size: int) -> None:
    """Write the rows, in a file of that many bytes: there is room for anything before the footer."""
    pq.write_table(
        pa.table(rows, schema=SCHEMA), path, compression="none", use_dictionary=False, write_page_checksum=True
    )
    whole = path.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    path.write_bytes(whole[:footer] + bytes(size - len(whole)) + whole[footer:])


@pytest.fixture
def added(lake: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A file that another engine added as it stands, with what its manifest says of it."""
    path = tmp_path / "theirs.parquet"
    parquet(path, ROWS, SIZE)
    with theirs(lake, "silver.numbers") as table:
        made = table.catalog.create_table("bronze.theirs", table.schema())
        made.add_files([str(path)])
    return lake, path


def content(root: Path) -> list[str]:
    found = faults(root, deep=True)
    assert set(found) <= {RemarkKind.FOREIGN, RemarkKind.CONTENT}
    return [one.message for one in found.get(RemarkKind.CONTENT, [])]


@pytest.mark.long
def test_a_file_of_others_that_is_as_its_manifest_says_is_no_fault(added: tuple[Path, Path]) -> None:
    root, path = added
    assert content(root) == []
    found = verified(root, deep=True)
    (table,) = (one for one in found.tables if str(one.asset) == "bronze.theirs")
    assert (table.read, table.unrecorded) == (1, 1)
    (note,) = (one for one in found.notes if one.kind is RemarkKind.UNRECORDED)
    assert "no hash recorded" in note.message
    assert path.exists()


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"n": [7, 8, 900], "note": ["x", None, "z"]}, "column n holds values outside of the bounds"),
        ({"n": [-7, 8, 9], "note": ["x", None, "z"]}, "column n holds values outside of the bounds"),
        ({"n": [7, 8, 9], "note": ["x", None, "zz"]}, "column note holds values outside of the bounds"),
        ({"n": [7, 8, 9], "note": ["x", "y", "z"]}, "column note holds 0 NULLs, and its manifest says 1"),
        ({"n": [7, 9], "note": ["x", None]}, "holds 2 rows, and its manifest says 3"),
    ],
)
def test_rows_that_are_not_as_the_manifest_says_are_named_without_a_value(
    added: tuple[Path, Path], rows: dict[str, list[object]], said: str
) -> None:
    root, path = added
    parquet(path, rows, SIZE)
    assert RemarkKind.CONTENT not in faults(root)
    (message,) = content(root)
    assert said in message
    assert str(path) in message
    assert "900" not in message


def test_a_bit_that_flipped_in_a_page_is_told_by_the_pages_checksum(added: tuple[Path, Path]) -> None:
    root, path = added
    data = bytearray(path.read_bytes())
    place = bytes(data).index((8).to_bytes(8, "little"))
    data[place + 3] ^= 1
    path.write_bytes(data)
    (message,) = content(root)
    assert f"{path} cannot be read" in message


def test_a_summary_that_counts_other_rows_than_its_files_hold_is_named(lake: Path) -> None:
    table = ours(lake, BRONZE)
    path = local_path(table.version)
    said = json.loads(path.read_text())
    del said["properties"]["lakeflow.sha256"]
    said["snapshots"][-1]["summary"]["total-records"] = "30"
    path.write_text(json.dumps(said))
    (one,) = faults(lake, BRONZE, deep=True)[RemarkKind.CONTENT]
    assert "lists 3 rows, and the summary says 30" in one.message
    assert one.snapshots == (said["snapshots"][-1]["snapshot-id"],)


@pytest.mark.long
def test_columns_that_are_no_key_are_told_from_those_that_are(lake: Path) -> None:
    wrote(lake, {"layers/bronze/pairs.sql": "select * from (values (1, 1), (1, 2), (2, null)) v(a, b)"})
    with lakeflow.open(lake) as opened:
        opened.materialize("bronze.pairs")
    with look(lake) as opened:
        key = AssetKey.parse("bronze.pairs")
        table = opened._world.catalog.load([key])[key]
        scan = opened._world.catalog.scan(table, table.main)
        told = {names: opened._world.engine.is_key(scan, names) for names in (("a",), ("b",), ("a", "b"))}
    assert told == {("a",): False, ("b",): False, ("a", "b"): False}
    assert execute(lake, "select count(*) from lakeflow_runs")


EVERY: dict[str, Callable[[int], object]] = {
    "int": lambda n: n,
    "bigint": lambda n: n * 10**11,
    "double": lambda n: n / 7,
    "float": lambda n: n / 3,
    "decimal(9,2)": lambda n: Decimal(n) / 4,
    "decimal(38,10)": lambda n: Decimal(n) / 8,
    "date": lambda n: f"date '1970-01-01' + {n}",
    "timestamp": lambda n: f"timestamp '1969-12-31 23:59:59.123456' + to_hours({n})",
    "timestamptz": lambda n: f"timestamptz '2001-01-01 00:00:00+00' + to_hours({n})",
    "varchar": lambda n: f"'é' || repeat(chr({200 + abs(n)}), 20)",
    "boolean": lambda n: n > 0,
    "uuid": lambda n: f"'{n % 10000:08d}-0000-0000-0000-000000000000'",
    "blob": lambda n: f"'{n}'",
    "integer[]": lambda n: [n],
}


@pytest.mark.long
@given(st.lists(st.one_of(st.none(), st.integers(-900, 900)), min_size=1, max_size=30))
def test_what_we_write_is_always_as_its_manifest_says(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int | None]
) -> None:
    root = tmp_path_factory.mktemp("types")
    columns = ", ".join(f"c{place}" for place in range(len(EVERY)))
    rows = ", ".join(
        "(" + ", ".join("null" if n is None else f"({spell(n)})::{type_}" for type_, spell in EVERY.items()) + ")"
        for n in numbers
    )
    types = ", ".join(f"c{place}::{type_} as c{place}" for place, type_ in enumerate(EVERY))
    text = f"select {types}, 'nan'::double as never from (values {rows}) v({columns})"
    wrote(root, {"pyproject.toml": "[tool.lakeflow]\n", "layers/bronze/every.sql": text})
    with lakeflow.open(root) as lake:
        run = lake.materialize()
        assert run is not None
        assert run.state == "published", run
    found = verified(root, deep=True)
    assert found.is_sound, found.faults
    assert found.tables[0].read

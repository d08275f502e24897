"""A damaged data file that a look meets is told as what it is, and the deep look is what to type next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from lakeflow.adapters.duckdb.failures import ErrorContext, failures
from lakeflow.core.errors import AssetError
from lakeflow.core.keys import AssetKey
from lakeflow.core.verify.values import RemarkKind
from lakeflow.lake.lake import look
from tests.verify.lab import faults

ZSTD = b"\x28\xb5\x2f\xfd"
"""What a page begins with that is compressed."""


def garble(whole: bytearray) -> None:
    """Break all pages with their headers, and leave the footer as it is."""
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    whole[4:footer] = b"\xff" * (footer - 4)


def flip(whole: bytearray) -> None:
    """Flip one bit where each compressed page begins."""
    parts = bytes(whole).split(ZSTD)
    assert len(parts) > 1
    whole[:] = (bytes([ZSTD[0] ^ 1]) + ZSTD[1:]).join(parts)


@pytest.mark.long
@pytest.mark.parametrize("damage", [garble, flip])
def test_a_diff_that_meets_a_damaged_file_names_the_look_that_finds_it(
    plain: Path, damage: Callable[[bytearray], None]
) -> None:
    for file in (plain / ".lakeflow/warehouse/silver/numbers/data").rglob("*.parquet"):
        whole = bytearray(file.read_bytes())
        damage(whole)
        file.write_bytes(whole)
    with look(plain) as lake, pytest.raises(AssetError) as error:
        lake.diff("silver.numbers")
    assert error.value.message == "silver.numbers: a data file cannot be read"
    assert "`lakeflow verify --deep`" in (error.value.hint or "")
    assert set(faults(plain, deep=True)) == {RemarkKind.DAMAGED}


@pytest.mark.parametrize("personal", [False, True])
def test_the_place_of_a_damaged_file_is_told_where_no_value_can_stand_in_it(tmp_path: Path, personal: bool) -> None:
    file = tmp_path / f"f-sha256-{'0' * 64}.parquet"
    duckdb.execute(f"copy (select range as n from range(1000)) to '{file}' (format parquet, compression zstd)")
    whole = bytearray(file.read_bytes())
    flip(whole)
    file.write_bytes(whole)
    place = ErrorContext(AssetKey.parse("silver.numbers"), personal=personal)
    with pytest.raises(AssetError) as error, failures(place):
        duckdb.execute(f"select sum(n) from '{file}'").fetchall()
    assert (file.name in error.value.message) is not personal
    assert "`lakeflow verify --deep`" in (error.value.hint or "")

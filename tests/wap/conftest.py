"""The lake that most stories are told about: bronze.a → silver.b → gold.c."""

from __future__ import annotations

import pytest

from tests.wap.lab import Lab


@pytest.fixture
def lab() -> Lab:
    """`bronze.a` appends what it is given, and is fresh until its code changes; the others add up and double."""
    made = Lab()
    made.define("bronze.a", [1, 2], reads=("a.csv",))
    made.define("silver.b", lambda rows: [2 * number for number in rows["bronze.a"]], "bronze.a")
    made.define("gold.c", lambda rows: [sum(rows["silver.b"])], "silver.b")
    return made

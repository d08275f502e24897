"""Columns of Python objects in pandas frames: Arrow goes by the first value, and no other becomes something else."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from tests.exact.lab import Lab

ZONE = dt.timezone(dt.timedelta(hours=2))
KINDS: dict[str, Any] = {
    "int": 5,
    "float": 2.5,
    "bool": True,
    "str": "s",
    "bytes": b"b",
    "date": dt.date(2024, 6, 1),
    "datetime": dt.datetime(2024, 6, 1, 10, 1),
    "zoned": dt.datetime(2024, 6, 1, 10, tzinfo=ZONE),
    "stamp": pd.Timestamp("2024-06-01 10:00:00"),
    "time": dt.time(10, 1),
    "zoned time": dt.time(10, tzinfo=ZONE),
    "Decimal": Decimal("1.5"),
    "UUID": UUID(int=1),
    "float32": np.float32(0.1),
    "float16": np.float16(0.1),
    "int8": np.int8(3),
    "NaN": float("nan"),
    "list": [1],
    "dict": {"a": 1},
}


def frame(*values: Any) -> pd.DataFrame:
    column = pd.Series([None] * len(values), dtype=object)
    for place, value in enumerate(values):
        column.iat[place] = value
    return pd.DataFrame({"v": column})


def kept(came: Any, found: Any) -> bool:
    return found is None if pd.isna(came) is True else bool(found == came)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("first", KINDS)
def test_two_kinds_in_a_column_are_kept_both_or_refused_with_their_rows(lab: Lab, first: str) -> None:
    """Seen in Arrow 26: an int beside a date is a day of 1970, a UUID beside an int is 1, 0.1 in 16 bits is 0."""
    stored = set()
    for second, other in KINDS.items():
        told = lab.python("", frame(KINDS[first], None, other))
        if told.stored:
            stored.add(second)
            assert kept(KINDS[first], told.read[0]), (second, told)
            assert kept(other, told.read[2]), (second, told)
        elif first != second:
            assert "column 'v'" in told.error, (second, told)
            assert told.hint
    alone = {"zoned time", "float16", "NaN"}
    assert (first in stored) is (first not in alone)


def test_values_within_lists_and_dicts_are_of_one_kind(lab: Lab) -> None:
    day, moment = KINDS["date"], KINDS["datetime"]
    for values, says in (
        (([day], [moment]), "column 'v.element' holds a date in row 1 and a datetime in row 2"),
        (({"a": [day, 5]},), "column 'v.a.element' holds a date in row 1 and an int in row 2"),
    ):
        assert lab.python("", frame(*values)).error == f"bronze.out: {says}"
    for categories in ([day, moment], [5, KINDS["UUID"]]):
        assert "column 'v' holds" in lab.python("", pd.DataFrame({"v": pd.Categorical(categories)})).error


def test_no_message_about_a_frame_quotes_a_value(lab: Lab) -> None:
    """Arrow's own says "Could not convert '4711' with type str"."""
    for values in ((4711, "4711"), ("4711", 4711), (2**53 + 4711, 0.5), ({4711}, 4711)):
        told = lab.python("", frame(*values))
        assert "column 'v'" in told.error
        assert "4711" not in told.error


def test_a_timestamp_with_nanoseconds_is_refused_also_within_lists_and_dicts_and_no_time_is_none(lab: Lab) -> None:
    stamp = pd.Timestamp(1)
    assert "row 2: column 'v' holds parts of a microsecond" in lab.python("", frame(pd.NaT, stamp)).error
    assert "column 'v.element' holds parts" in lab.python("", frame([stamp])).error
    assert "column 'v.a' holds parts" in lab.python("", frame({"a": stamp})).error
    assert lab.python("", frame(pd.NaT, pd.Timestamp(1000))).read == [None, dt.datetime(1970, 1, 1, 0, 0, 0, 1)]

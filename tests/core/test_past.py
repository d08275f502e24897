"""The verdicts that lie beside a table know every snapshot that expires, whatever came between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.care.retention import expired
from lakeflow.core.keys import AssetKey
from lakeflow.core.log.past import is_due, past_of, past_text, past_verdicts
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.run import Ruling, VerdictRecord
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import MAIN, Snapshot, Table

KEY = AssetKey.parse("silver.a")
T0 = datetime(2024, 1, 1, tzinfo=UTC)


def table_of(line: list[Snapshot]) -> Table:
    refs = {MAIN: line[-1].id} if line else {}
    return Table(
        KEY,
        "u",
        "file:///x",
        "v",
        2,
        schemas={0: Schema(())},
        schema_id=0,
        last_column_id=0,
        refs=refs,
        snapshots={each.id: each for each in line},
    )


def snapshot(id_: int, parent: int | None, past: str, operation: str) -> Snapshot:
    made = Provenance("r", 1, str(KEY), "c", past=past)
    return Snapshot(id_, parent, T0 + timedelta(id_), operation, summary=made.summary(), schema_id=0)


@given(st.lists(st.sampled_from(["write", "write", "write", "move"]), max_size=40), st.integers(1, 9))
def test_no_snapshot_expires_that_the_newest_sidecar_does_not_tell(moves: list[str], keep: int) -> None:
    line: list[Snapshot] = []
    told: dict[str, set[int]] = {}
    gone = set[int]()
    for number, kind in enumerate(moves, start=1):
        now = table_of(line)
        if kind == "write":
            if is_due(now, now.main, keep):
                told[f"past-{number}"] = {each.id for each in line} | gone
                name = f"past-{number}"
            else:
                name = past_of(now, now.main)
            line.append(snapshot(number, now.main, name, "overwrite"))
            lost = expired(table_of(line), keep)
            gone |= lost
            line = [each for each in line if each.id not in lost]
        elif line:  # a compaction says what the write of its rows said, and lets nothing go
            line.append(snapshot(number, now.main, past_of(now, now.main), "replace"))
        after = table_of(line)
        assert gone <= told.get(past_of(after, after.main), set())
    assert len(told) <= 1 + len(moves) // max(1, keep // 2), "it is not written anew each time"


def test_what_a_sidecar_tells_comes_back() -> None:
    said = VerdictRecord(
        KEY, 7, Ruling.FORCED, "r", 2, T0, "ann", "agreed", "c", "d", "e", {"bronze.b": 2**62}, passed=1, total=2
    )
    others = VerdictRecord(KEY, 8, Ruling.HOLD, "r", 2, T0)
    assert past_verdicts(past_text([said, others]), KEY) == (said,)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "lakeflow.past/2"}', '{"format": "lakeflow.past/1"}'])
def test_what_is_no_such_sidecar_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        past_verdicts(text, KEY)


def test_what_another_engine_wrote_is_told_by_the_very_next_write_and_once() -> None:
    theirs = Snapshot(1, None, T0, "append", summary={}, schema_id=0)
    assert is_due(table_of([theirs]), 1, 50)
    line = [theirs, snapshot(2, 1, "past-2", "overwrite")]
    assert not is_due(table_of(line), 2, 50)
    assert is_due(table_of([*line, Snapshot(3, 2, T0, "append", summary={}, schema_id=0)]), 3, 50)

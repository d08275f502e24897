"""Python reads what readers saw at another time, in the words of the command line."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.errors import UsageError

SILVER = "/*\nkey = ['id']\n*/ select 1 as id"


def write(root: Path, text: str) -> Path:
    path = root / "layers/silver/sales.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return root


@pytest.mark.long
def test_show_and_read_take_the_time_of_which_readers_are_asked(tmp_path: Path) -> None:
    with lakeflow.open(write(tmp_path, SILVER)) as lake:
        lake.materialize()
    time.sleep(0.002)  # Iceberg counts in milliseconds
    then = datetime.now(UTC)
    with lakeflow.open(write(tmp_path, SILVER.replace("1 as id", "2 as id"))) as lake:
        lake.materialize()
        assert lake.show("silver.sales").values == (("2",),)
        assert lake.show("silver.sales", as_of=then).values == (("1",),)
        assert lake.read("silver.sales", as_of=then.replace(tzinfo=None)).fetchall() == [(1,)]
        assert lake.read("silver.sales", snapshot=f"s{lake.snapshot_at('silver.sales', then)}").fetchall() == [(1,)]
        run = lake.runs()[-1].id
        lake.tag("monday", run)
        for said in (run, run[:-1], then.isoformat(), "monday"):
            assert lake.show("silver.sales", as_of=said).values == (("1",),), said
            assert lake.read("silver.sales", as_of=said).fetchall() == [(1,)], said
        assert lake.read("silver.sales", as_of="0s").fetchall() == [(2,)]
        for said, words in {
            "next week": "'next week' is no time",
            "2999-01-01": "2999-01-01 is still to come",
            "nobody": "nobody",
            "1h": "was not published then",
        }.items():
            with pytest.raises(UsageError, match=words):
                lake.read("silver.sales", as_of=said)
        with pytest.raises(UsageError, match="was not published then"):
            lake.read("silver.sales", as_of=then - timedelta(hours=1))
        with pytest.raises(UsageError, match="exclude each other"):
            lake.show("silver.sales", as_of=then, ref="audit_x")

"""What a check looked at, and who was asked, wherever a page or a comment shows its result."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import lakeflow
from lakeflow.as_markdown.review import failure_blocks
from lakeflow.core.review.review import FailedAudit
from tests.cli.test_commands import make
from tests.ui.test_pages import text_of

WHY = "asked Spark: a regular expression <of> its own"


@pytest.fixture
def lake(tmp_path: Path) -> tuple[Path, str]:
    """Of two checks one fails, and its next audit is held; the ledger says that Spark answered."""
    files = {"layers/bronze/a.sql": "select 1 as id", "checks/bronze/a.low.sql": "select id from bronze.a where id > 5"}
    with lakeflow.open(make(tmp_path, files)) as first:
        first.materialize()
    with lakeflow.open(make(tmp_path, {"layers/bronze/a.sql": "select 9 as id"})) as second:
        run = second.materialize()
    assert run is not None
    with closing(sqlite3.connect(tmp_path / ".lakeflow" / "catalog.db")) as database, database:
        database.execute("update lakeflow_checks set asked = ?, scope = 'added'", (WHY,))
    return tmp_path, run.id


@pytest.mark.long
def test_pages_say_which_other_engine_was_asked_and_why(
    lake: tuple[Path, str], show: Callable[..., TestClient]
) -> None:
    pages = show(lake[0])
    for path in ("/assets/bronze.a", "/assets/bronze.a/checks", f"/runs/{lake[1]}"):
        shown = pages.get(path)
        assert WHY in text_of(shown.text), path
        assert "<of>" not in shown.text
    assert "of the rows added; asked Spark" in text_of(pages.get(f"/runs/{lake[1]}").text)


def test_comments_say_it_too(lake: tuple[Path, str]) -> None:
    with lakeflow.open(lake[0]) as opened:
        (step,) = opened.run(lake[1]).steps
    failed = [FailedAudit(step.asset, lake[1], held=True, checks=step.checks)]
    said = str(next(iter(failure_blocks(failed))).text)
    assert "of the rows added; asked Spark: a regular expression" in said
    assert "<of>" not in said

"""What the page of a held run shows of the rows that readers would see: added, removed, changed, and masked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Event

import pytest
from starlette.testclient import TestClient

import lakeflow
from lakeflow.core.glance.decisions import decisions
from lakeflow.ui.app import Site, application, site
from lakeflow.ui.guard import Access
from lakeflow.ui.kept import SeenLake
from lakeflow.ui.pages import runs
from lakeflow.ui.rows.lake import AskedQuestions
from tests.cli.test_commands import make
from tests.ui.conftest import HERE
from tests.ui.test_pages import text_of

pytestmark = pytest.mark.long
ROWS = "(1, 'canary-a@example.org', 'Newark'), (2, 'canary-b@example.org', 'Troy'), (3, 'canary-c@example.org', 'Rome')"
NEW = (
    "(1, 'canary-a@example.org', 'Newark'), (2, 'canary-z@example.org', 'Utica'), (9, 'canary-d@example.org', 'Nyack')"
)


def readers(rows: str) -> dict[str, str]:
    header = "key = ['id']\ncolumns = {email = {pii = true, mask = 'redact'}, town = {description = 'Where.'}}"
    return {
        "layers/bronze/reader.sql": f"select * from (values {rows}) as v(id, email, town)",
        "layers/silver/reader.sql": f"/*\n{header}\n*/\nselect id, email, town from bronze.reader",
        "layers/gold/towns.sql": "/*\nkey = ['town']\n*/\nselect distinct town from silver.reader",
        "checks/silver/reader.near.sql": "select id, town from silver.reader where id > 5",
    }


@pytest.fixture
def lake(tmp_path: Path) -> tuple[Path, str]:
    """Of three rows one would be changed, one removed and one added, which a check holds."""
    with lakeflow.open(make(tmp_path, readers(ROWS))) as first:
        first.materialize()
    with lakeflow.open(make(tmp_path, readers(NEW))) as second:
        run = second.materialize(full_refresh=True)
    assert run is not None
    return tmp_path, run.id


@pytest.fixture
def pages(lake: tuple[Path, str]) -> Iterator[Site]:
    with closing(site(SeenLake(lake[0], {}), Access(), seconds=300)) as made:
        yield made


def shown(made: Site, run: str) -> str:
    return TestClient(application(made), base_url=HERE).get(f"/runs/{run}").text


def test_the_page_of_a_held_run_shows_which_rows_it_would_add_change_and_remove(
    lake: tuple[Path, str], pages: Site
) -> None:
    said = text_of(shown(pages, lake[1]))
    for words in (
        "rows 3 → 3 added +1 removed −1 changed ~1",
        "Troy → Utica",
        "1 row added",
        "9",
        "Nyack",
        "1 row removed",
    ):
        assert words in said, words
    assert "Rome" in said
    assert "gold.towns" in said.partition("What waits for it")[2]


def test_personal_values_of_these_rows_are_masked(lake: tuple[Path, str], pages: Site) -> None:
    assert "canary" not in shown(pages, lake[1])


def test_two_snapshots_are_compared_once_however_often_the_page_is_loaded(lake: tuple[Path, str], pages: Site) -> None:
    first = shown(pages, lake[1])
    (known,) = pages.rows._compared.values()
    assert shown(pages, lake[1]).count("<table") == first.count("<table")
    assert [each is known for each in pages.rows._compared.values()] == [True]


def test_what_was_published_meanwhile_is_no_part_of_a_comparison_of_before(lake: tuple[Path, str], pages: Site) -> None:
    """A page is of one moment: what is compared for it, and kept for the next, is what readers saw at that moment."""
    root, _ = lake
    glance = pages.kept.glance()
    (waits,) = decisions(glance.outlook)
    with lakeflow.open(make(root, readers(ROWS.replace("Rome", "Lodi")))) as other:
        other.materialize(full_refresh=True)
    for _ in range(2):
        (beside,) = pages.rows.answer(glance, partial(runs.compared, waits=[waits])).values()
        assert beside.difference is not None
        sides = beside.difference.before.snapshot_id, beside.difference.after.snapshot_id
        assert waits.status is not None
        assert sides == (waits.status.snapshot_id, waits.step.snapshot_id)
        assert "Rome" in str(beside.difference.samples.removed.values)


def test_the_page_does_not_wait_for_rows_while_another_question_is_answered(
    lake: tuple[Path, str],
) -> None:
    over = Event()
    with closing(site(SeenLake(lake[0], {}), Access(), seconds=0.1)) as pages:
        pages.asks.submit(over.wait)
        try:
            said = text_of(shown(pages, lake[1]))
        finally:
            over.set()
    assert "takes longer than this page waits" in said
    assert "What failed in silver.reader" in said
    assert "Compare the rows with main" in said


def test_a_branch_that_is_gone_is_said_and_the_rest_is_shown(
    lake: tuple[Path, str], pages: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise lakeflow.UsageError("that state has expired")

    shown(pages, lake[1])
    pages.rows._compared.clear()
    monkeypatch.setattr(AskedQuestions, "diff", gone)
    said = text_of(shown(pages, lake[1]))
    assert "that state has expired" in said
    assert f"lakeflow discard {lake[1]}" in said

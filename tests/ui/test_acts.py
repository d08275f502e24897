"""What may be decided in the browser: only where that was asked for, only from a page of ours, and on the record."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import lakeflow
from lakeflow.core.model.run import RunRecord
from lakeflow.ui.acts import VERBS, named
from lakeflow.ui.guard import Access
from tests.prepared import Prepared
from tests.ui.lakes import held_lake
from tests.ui.test_pages import text_of

OURS = {"origin": "http://127.0.0.1:9318"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("acts"), held_lake)


@pytest.fixture
def acting(prepared: Prepared, show: Callable[..., TestClient]) -> tuple[Path, TestClient, Access, str]:
    """A held lake of its own, its pages with actions, and the run."""
    root, access = prepared.again(), Access(acts=True)
    return root, show(root, access), access, run_of(root).id


def run_of(root: Path, place: int = 0) -> RunRecord:
    with lakeflow.open(root) as lake:
        return lake.runs()[place]


def form(access: Access, **more: str) -> dict[str, str]:
    return {"token": access.token, "again": "yes", "who": "ada", **more}


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_without_actions_there_is_no_such_page_and_nothing_is_done(
    pages: TestClient, held: tuple[Path, str], verb: str
) -> None:
    root, run = held
    where = f"/runs/{run}/{verb}"
    assert pages.get(where).status_code == 404
    assert pages.post(where, data={"again": "yes", "reason": "x"}, headers=OURS).status_code == 405
    assert "Publish anyway" not in pages.get(f"/runs/{run}").text
    assert run_of(root).state == "held"


@pytest.mark.long
def test_nothing_is_done_by_looking_nor_for_whoever_is_not_a_page_of_ours(
    acting: tuple[Path, TestClient, Access, str],
) -> None:
    root, pages, access, run = acting
    refused: tuple[dict[str, str], ...] = (
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": "https://127.0.0.1:9318"},
        {"origin": "http://127.0.0.1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "none"},
        {**OURS, "sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"},
        {**OURS, "host": "evil.example"},
    )
    for verb in ("retry", "discard", "publish"):
        where = f"/runs/{run}/{verb}"
        assert pages.get(where).status_code == 200
        assert pages.get(f"{where}?again=yes&token={access.token}&reason=x").status_code == 200
        assert pages.head(where).status_code == 200
        for headers in refused:
            assert pages.post(where, data=form(access, reason="x"), headers=headers).status_code in {403, 421}, headers
        for wrong in ({"token": ""}, {"token": access.token[:-1]}, {"token": access.session}, {}):
            said = {"again": "yes", "reason": "x", **wrong}
            assert pages.post(where, data=said, headers=OURS).status_code == 403
        by_address = f"{where}?token={access.token}"
        assert pages.post(by_address, data={"again": "yes", "reason": "x"}, headers=OURS).status_code == 403
        again = pages.post(where, data={"token": access.token, "reason": "x"}, headers=OURS)
        assert (again.status_code, again.headers["location"]) == (303, where)
    assert pages.post("/runs/zzz/retry", data=form(access), headers=OURS).status_code == 404
    assert pages.post(f"/runs/{run[:4]}/discard", data=form(access), headers=OURS).status_code == 404
    assert run_of(root).state == "held"


@pytest.mark.long
def test_a_publish_needs_a_reason_and_is_recorded_with_who_said_it(
    acting: tuple[Path, TestClient, Access, str],
) -> None:
    root, pages, access, run = acting
    where = f"/runs/{run}/publish"
    question = text_of(pages.get(where).text)
    assert "Readers will see these rows, although checks did not pass." in question
    assert pages.post(where, data=form(access, reason=" "), headers=OURS).status_code == 400
    done = pages.post(where, data=form(access, reason="the storm was real"), headers=OURS)
    assert (done.status_code, done.headers["location"]) == (303, f"/runs/{run}")
    with lakeflow.open(root) as lake:
        (entry, *_) = lake.log("silver.weather").entries
    assert entry.reason == "the storm was real"
    assert re.fullmatch(r"ada \(in a browser, served by .+\)", str(entry.actor))
    assert "3 rows" in text_of(pages.get("/assets/silver.weather").text) or "rows 3" in text_of(
        pages.get("/assets/silver.weather").text
    )


@pytest.mark.long
def test_a_run_is_discarded_and_a_published_one_taken_back(acting: tuple[Path, TestClient, Access, str]) -> None:
    root, pages, access, run = acting
    assert pages.post(f"/runs/{run}/discard", data=form(access), headers=OURS).status_code == 303
    assert run_of(root).state == "discarded"
    assert pages.get(f"/runs/{run}/discard").status_code == 404
    first = run_of(root, 1)
    assert first.state == "published"
    assert pages.post(f"/runs/{first.id}/rollback", data=form(access), headers=OURS).status_code == 303
    assert run_of(root, 1).state == "rolled_back"


@pytest.mark.long
def test_what_cannot_be_done_is_said_on_the_page_that_asked(acting: tuple[Path, TestClient, Access, str]) -> None:
    root, pages, access, run = acting
    (root / "layers/silver/weather.sql").write_text("selekt")
    said = pages.post(f"/runs/{run}/retry", data=form(access), headers=OURS)
    assert said.status_code in {400, 404, 503}
    assert "layers/silver/weather.sql" in text_of(said.text)
    assert pages.post(f"/runs/{run}/retry", data=form(access, who="x" * 61), headers=OURS).status_code == 400


def test_who_is_recorded_with_whose_server_it_was() -> None:
    assert named("ada", "lake") == "ada (in a browser, served by lake)"
    assert named("lake", "lake") == named("", "lake") == "lake (in a browser)"
    with pytest.raises(lakeflow.UsageError):
        named("a\nb", "lake")

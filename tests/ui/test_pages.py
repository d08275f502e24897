"""What each page shows of a lake with a held run, and that its twin is the answer of the command line."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Callable
from contextlib import closing, redirect_stderr, redirect_stdout
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import lakeflow
from lakeflow.cli.main import run as command
from lakeflow.core.readers.names import READERS
from lakeflow.ui.app import PAGES, application, site
from lakeflow.ui.guard import Access
from lakeflow.ui.kept import SeenLake
from tests.cli.test_commands import make
from tests.cli.test_schemas import validator

HERE = "http://127.0.0.1:9318"

QUESTIONS = {
    "/query": "?sql=select+origin+from+silver.weather+order+by+all&limit=7",
    "/compare": "?asset=silver.weather&between=main..held",
    "/lineage": "?select=%2Bgold.windiest",
    "/log": "?select=silver.*",
    "/assets/{asset}/elsewhere": "?how=spark",
    "/assets/{asset}/data": "?ref=held&where=wind+%3E+200&columns=origin",
}
SHOWN = sorted(PAGES.keys() - {"/quarantine/{asset}"})
"""The pages that every lake has."""


def text_of(page: str) -> str:
    """What a person reads of a page, in one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def address(path: str, run: str) -> str:
    return path.replace("{asset}", "silver.weather").replace("{run}", run)


def twin_of(where: str) -> str:
    path, mark, question = where.partition("?")
    return ("/index.json" if path == "/" else f"{path}.json") + mark + question


@pytest.mark.long
def test_the_head_of_an_asset_says_which_code_made_what_readers_see(pages: TestClient, held: tuple[Path, str]) -> None:
    with lakeflow.open(held[0]) as lake:
        made_by = {str(row.state): row.code_version[:6] for row in lake.snapshots("silver.weather")}
    said = text_of(pages.get("/assets/silver.weather").text)
    assert f"code {made_by['published']} code in the files {made_by['held']} " in said
    assert "code in the files" not in text_of(pages.get("/assets/bronze.weather").text)


def test_home_says_first_what_waits_for_a_decision_and_what_readers_see(
    pages: TestClient, held: tuple[Path, str]
) -> None:
    said = text_of(pages.get("/").text)
    assert "1 decision waits" in said
    assert "silver.weather is held" in said
    assert "✗ failed: 1 row of 3" in said
    assert "Readers still see s" in said
    assert "gold.windiest rests on it" in said
    assert f"lakeflow retry {held[1]}" in said


@pytest.mark.long
def test_one_click_from_home_leads_to_the_rows_that_failed_and_what_to_type(
    pages: TestClient, held: tuple[Path, str]
) -> None:
    links = re.findall(r'href="([^"]+)">Look at the rows<', pages.get("/").text)
    assert links == [f"/runs/{held[1]}#silver.weather"]
    said = text_of(pages.get(links[0]).text)
    assert "What failed in silver.weather" in said
    assert "EWR 1 1048.4" in said
    assert "rows 2 → 3 added +1 removed −0 changed ~0 told apart by origin, hour" in said
    assert re.search(r"1 row added origin hour wind EWR 1 1048.4", said), "what readers would see besides"
    for words in ("retry", "discard", "publish"):
        assert f"lakeflow {words} {held[1]}" in said


@pytest.mark.sampled(3)
@pytest.mark.parametrize("path", SHOWN)
def test_every_page_is_shown_with_the_command_that_answers_the_same(
    pages: TestClient, held: tuple[Path, str], path: str
) -> None:
    answer = pages.get(address(path, held[1]) + QUESTIONS.get(path, ""))
    assert answer.status_code == 200, answer.text
    assert "The same: lakeflow " in text_of(answer.text)


@pytest.mark.long
@pytest.mark.parametrize("path", [*SHOWN, *(path + QUESTIONS[path] for path in QUESTIONS)])
def test_the_twin_of_a_page_is_what_the_command_answers(pages: TestClient, held: tuple[Path, str], path: str) -> None:
    """The page names the command: run on the same lake it says the same, but for the time of looking. Pages that
    answer questions do so before they are asked one, too.
    """
    where = address(path, held[1])
    twin = pages.get(twin_of(where))
    assert twin.status_code == 200, twin.text
    found = twin.json()
    typed = re.search(r"The same: <code [^>]*>lakeflow (.*?)</code>", pages.get(where).text)
    assert typed is not None
    words = shlex.split(unescape(typed[1]))
    assert found == _answered(held[0], words)
    validator("envelope.json").validate(found)
    validator(f"{words[0]}.json").validate(found["data"])


def _answered(root: Path, words: list[str]) -> Any:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()):
        assert command(["-C", str(root), *words, "-o", "json"]) == 0
    return json.loads(out.getvalue())


def test_a_selection_narrows_home_as_on_the_command_line(pages: TestClient) -> None:
    said = text_of(pages.get("/?select=%2Bgold.windiest").text)
    assert "Selected 3 of 5 assets" in said
    wrong = pages.get("/?select=silver.wether")
    assert wrong.status_code == 400
    assert "did you mean" in text_of(wrong.text)


def test_an_asset_says_what_readers_see_and_that_a_branch_waits(pages: TestClient, held: tuple[Path, str]) -> None:
    said = text_of(pages.get("/assets/silver.weather").text)
    assert f"Held on audit_{held[1]}" in said
    assert "One row per airport and hour." in said
    assert "Readers see s" in said
    assert "bronze.weather ✓ fresh" in said.partition("Made from")[2]
    assert re.search(r"gold\.windiest . \w+", said.partition("Rests on it")[2]), "each neighbour with its sign"


def _read_by(lake: lakeflow.Lake, how: str) -> tuple[int, str]:
    """Whether the table can be read so, as a status, and what is said of it."""
    try:
        return 200, lake.how_to_read("silver.weather", how).rstrip("\n")
    except lakeflow.UsageError as error:
        return 400, error.message


def test_an_asset_says_how_each_engine_reads_it_as_show_how_does(pages: TestClient, held: tuple[Path, str]) -> None:
    with lakeflow.open(held[0]) as lake:
        said = {how: _read_by(lake, how) for how in READERS}
    assert {how for how, (status, _) in said.items() if status == 200} >= {"spark", "duckdb", "pyiceberg", "polars"}
    for how, (status, text) in said.items():
        page = pages.get(f"/assets/silver.weather/elsewhere?how={how}")
        assert page.status_code == status, how
        assert text in unescape(page.text), how
    unknown = pages.get("/assets/silver.weather/elsewhere?how=excel")
    assert unknown.status_code == 400
    assert "there are for spark, trino" in text_of(unknown.text)


def test_the_history_of_a_check_is_drawn_where_rows_failed(pages: TestClient) -> None:
    shown = pages.get("/assets/silver.weather/checks").text
    plotted = [json.loads(unescape(points)) for points in re.findall(r'data-plot="([^"]+)"', shown)]
    assert [[rows for _, rows in points] for points in plotted] == [[0, 1]]
    assert "Rows that failed possible: 0 → 1" in text_of(shown)


def test_the_log_of_a_run_says_of_a_skipped_step_neither_checks_nor_a_snapshot(
    pages: TestClient, held: tuple[Path, str]
) -> None:
    said = pages.get(f"/runs/{held[1]}/log.json").json()["data"]["log"]
    (skipped,) = [line for line in said if " gold.windiest skipped" in line]
    assert skipped.split(" ", 1)[1] == "gold.windiest skipped upstream silver.weather held"
    (ended,) = [line for line in said if line.split(" ", 1)[1].startswith("silver.weather held")]
    assert " checks " in ended
    assert " snapshot " in ended


def test_while_nothing_is_asked_a_page_shows_what_may_be(pages: TestClient, held: tuple[Path, str]) -> None:
    compared = pages.get("/compare").text
    assert f'/compare?asset=silver.weather&amp;between=main..audit_{held[1]}"' in compared
    assert f'/compare?run={held[1]}"' in compared
    assert "lakeflow runs --limit 20" in text_of(compared)
    asked = pages.get("/query").text
    assert "lakeflow list" in text_of(asked)
    assert pages.get("/query.json").json()["data"]["assets"]


def test_rows_are_ordered_by_a_click_on_their_column_and_lead_to_a_select(pages: TestClient) -> None:
    shown = pages.get("/assets/silver.weather/data?ref=held&where=wind+%3E+10").text
    link = unescape(re.findall(r'<a href="([^"]+)" title="order by wind"', shown)[0])
    upwards = pages.get(link)
    downwards = unescape(re.findall(r'<a href="([^"]+)" title="order by wind"', upwards.text)[0])
    assert downwards != link
    winds = [[row["wind"] for row in pages.get(twin_of(each)).json()["data"]["rows"]] for each in (link, downwards)]
    assert len(winds[0]) > 1
    assert winds[0] == winds[1][::-1]
    select = unescape(re.findall(r'href="(/query[^"]+)"', pages.get(downwards).text)[0])
    assert [row["wind"] for row in pages.get(twin_of(select)).json()["data"]["rows"]] == winds[1]
    assert "order by email" not in pages.get("/assets/bronze.reader/data").text
    assert "order by town" in pages.get("/assets/bronze.reader/data").text


@pytest.mark.long
def test_every_page_of_an_asset_is_shown_of_an_environment_too(held: tuple[Path, str]) -> None:
    with closing(site(SeenLake(held[0], {"env": "pr_1"}), Access(), seconds=300)) as made:
        pages = TestClient(application(made), base_url=HERE)
        kinds = [path for path in PAGES if path.startswith("/assets/") and not path.endswith("/elsewhere")]
        shown = {
            path: pages.get(address(path, held[1])).status_code for path in (*kinds, "/", "/lineage", "/log", "/runs")
        }
        assert set(shown.values()) == {200}, shown
        elsewhere = pages.get("/assets/silver.weather/elsewhere")
        assert "read the branch env_pr_1" in text_of(elsewhere.text), "these lines would read main"


def test_pages_of_an_environment_say_so_and_what_is_typed_there(held: tuple[Path, str]) -> None:
    root, run = held
    with closing(site(SeenLake(root, {"env": "pr_1"}), Access(), seconds=300)) as made:
        pages = TestClient(application(made), base_url=HERE)
        for path, command in (("/", "status"), ("/assets/silver.weather", "status silver.weather")):
            shown = text_of(pages.get(path).text)
            assert "environment pr_1" in shown
            assert f"The same: lakeflow {command} --env pr_1" in shown
        assert "No run yet. lakeflow materialize --env pr_1" in text_of(pages.get("/runs").text)
    with closing(site(SeenLake(root, {"env": "main"}), Access(), seconds=300)) as made:
        shown = TestClient(application(made), base_url=HERE).get("/runs/" + run).text
        assert "environment" not in text_of(shown)
        assert "--env" not in shown


def test_a_sentence_says_which_rows_are_shown(pages: TestClient) -> None:
    said = text_of(pages.get("/assets/silver.weather/data?ref=held&where=wind+%3E+200&order_by=hour").text)
    assert "1 row of silver.weather on held where wind > 200 , ordered by hour ." in said
    assert "The first 1 row of silver.weather on main." in text_of(
        pages.get("/assets/silver.weather/data?limit=1").text
    )


def test_a_comparison_can_be_turned_and_that_of_a_run_begins_with_its_tables(
    pages: TestClient, held: tuple[Path, str]
) -> None:
    shown = pages.get("/compare?asset=silver.weather&between=main..held").text
    turned = unescape(re.findall(r'href="([^"]+)">The other way round<', shown)[0])
    assert "removed −1" in text_of(pages.get(turned).text)
    first = re.findall(r'href="(/compare\?run=[^"]+)"', pages.get("/compare").text)[-1]
    of_run = pages.get(first).text
    for asset in ("bronze.weather", "silver.weather", "gold.windiest"):
        assert f'href="#{asset}"' in of_run
        assert f'id="{asset}"' in of_run


def test_what_is_not_there_is_not_found(pages: TestClient) -> None:
    for path in ("/assets/silver.nothing", "/assets/..%2f..", "/runs/zzz", "/nothing", "/static/../app.py"):
        assert pages.get(path).status_code == 404, path
    twin = pages.get("/assets/silver.nothing.json")
    assert twin.status_code == 404
    assert (twin.json()["ok"], twin.json()["exit_code"]) == (False, 2)


def test_a_project_that_cannot_be_loaded_says_which_file_and_is_shown_again_when_it_is_mended(
    tmp_path: Path, show: Callable[..., TestClient]
) -> None:
    make(tmp_path, {"layers/bronze/a.sql": "select 1 as id", "layers/bronze/b.sql": "selekt"})
    pages = show(tmp_path)
    assert "layers/bronze/b.sql" in text_of(pages.get("/").text)
    (tmp_path / "layers/bronze/b.sql").unlink()
    assert pages.get("/").status_code == 200
    (tmp_path / "layers/silver").mkdir()
    (tmp_path / "layers/silver/c.sql").write_text('/*\nkey = ["id"]\n*/ select id from bronze.a')
    assert "silver 1" in text_of(pages.get("/").text)


@pytest.mark.long
def test_no_page_shows_a_personal_value(pages: TestClient, held: tuple[Path, str]) -> None:
    for path in PAGES:
        for asset in ("bronze.reader", "silver.reader"):
            where = path.replace("{asset}", asset).replace("{run}", held[1])
            for form in (where, "/index.json" if where == "/" else f"{where}.json"):
                shown = pages.get(form).text
                assert "canary" not in shown, form


def test_pages_are_packed_for_whoever_can_unpack_them(pages: TestClient) -> None:
    packed = pages.get("/", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    plain = pages.get("/", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers

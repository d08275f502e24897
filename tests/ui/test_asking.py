"""Pages that answer questions: what they refuse to read, to show, or to go on with."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
from starlette.testclient import TestClient

import lakeflow
from lakeflow.ui.app import application, site
from lakeflow.ui.guard import Access
from lakeflow.ui.kept import SeenLake
from tests.cli.test_commands import make
from tests.ui.conftest import HERE
from tests.ui.test_pages import text_of

HOSTILE = (
    "select * from read_text('/etc/passwd')",
    "select * from '/etc/passwd'",
    "select * from read_csv('/etc/passwd')",
    "select * from read_blob('/etc/hostname')",
    "select * from glob('/*')",
    "select * from parquet_metadata('/etc/passwd')",
    "select * from sniff_csv('/etc/passwd')",
    "select * from duckdb_settings()",
    "select * from duckdb_secrets()",
    "select * from information_schema.tables",
    "select * from pragma_database_list()",
    "select getenv('HOME')",
    "select current_setting('temp_directory')",
    "copy silver.weather to '/tmp/stolen.csv'",
    "copy (select 1) to '/tmp/stolen.csv'",
    "attach '/tmp/other.db'",
    "install httpfs",
    "load httpfs",
    "set memory_limit = '100GB'",
    "pragma version",
    "create table stolen as select 1",
    "drop table silver.weather",
    "insert into silver.weather values ('x', 1, 1)",
    "delete from silver.weather",
    "select 1; select 2",
    "select 1; drop table silver.weather",
    "call pragma_version()",
    "export database '/tmp/stolen'",
    "explain analyze copy (select 1) to '/tmp/stolen.csv'",
    "with t as (select * from read_text('/etc/passwd')) select * from t",
    "select (select content from read_text('/etc/passwd'))",
    "select * from query('select * from read_text(''/etc/passwd'')')",
    "select * from query_table('/etc/passwd')",
    "not sql at all",
    "\x00",
    "select '" + "x" * 100,
)


def asked(pages: TestClient, text: str) -> str:
    return f"/query?sql={quote(text)}"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_question_is_one_select_over_assets_and_nothing_else(pages: TestClient, text: str) -> None:
    answer = pages.get(f"/query?sql={quote(text)}")
    assert answer.status_code == 400, text_of(answer.text)
    assert "root:" not in answer.text.replace("project root:", "")
    twin = pages.get(f"/query.json?sql={quote(text)}")
    assert (twin.status_code, twin.json()["ok"]) == (400, False)
    assert not Path("/tmp/stolen.csv").exists()


def test_a_question_is_answered_with_personal_values_masked(pages: TestClient) -> None:
    said = pages.get("/query?sql=select+*+from+bronze.reader").text
    assert "Newark" in said
    assert "canary" not in said
    rows = pages.get("/query.json?sql=select+email+from+bronze.reader+limit+1").json()["data"]["rows"]
    assert "canary" not in str(rows)
    sly = quote("select reverse(email) || 'x' as e, email like 'canary%' as b from bronze.reader")
    assert "yranac" not in pages.get(f"/query?sql={sly}").text


def test_a_link_from_another_site_fills_the_form_and_asks_nothing(pages: TestClient) -> None:
    foreign = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    said = pages.get("/query?sql=select+1+as+answered", headers=foreign)
    assert said.status_code == 200
    assert "then press Ask" in said.text
    assert "<th" not in said.text
    assert pages.get("/query", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}).status_code == 403
    assert pages.get("/runs", headers={"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}).status_code == 403


def test_a_question_that_takes_too_long_is_ended_and_the_next_one_is_answered(held: tuple[Path, str]) -> None:
    made = site(SeenLake(held[0], {}), Access(), seconds=0.5)
    pages = TestClient(application(made), base_url=HERE)
    try:
        slow = quote("select count(*) from range(100000000000) a, range(100000) b")
        assert "longer than the 0.5 s" in text_of(pages.get(f"/query?sql={slow}").text)
        assert pages.get("/runs").status_code == 200
        patient = pages.get("/query?sql=select+42+as+answer")
        assert patient.status_code == 200
        assert "42" in patient.text
    finally:
        made.close()


ENDLESS = (
    "select levenshtein(repeat('ab', 400000), repeat('ba', 400000)) as v",
    "select length(string_agg(s, '')) as v from (select repeat('x', 100000) as s from range(20000))",
    "select jaro_winkler_similarity(repeat('ab', 2000000), repeat('ba', 2000000)) as v",
)
"""One step of each takes minutes or more memory than there is, and no interrupt reaches it."""


@pytest.mark.parametrize("text", ENDLESS, ids=range(len(ENDLESS)))
def test_a_question_of_one_long_step_is_ended_with_the_process_that_answers_it(
    held: tuple[Path, str], text: str
) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with closing(site(SeenLake(held[0], {}), Access(), seconds=1.0)) as made:
        pages = TestClient(application(made), base_url=HERE)
        assert pages.get("/query?sql=select+1+as+v").status_code == 200
        answer = pages.get(asked(pages, text))
        assert answer.status_code == 400
        ends = ("longer than the 1 s", "gave this one up", "Out of Memory")  # whichever bound it meets first
        assert any(end in text_of(answer.text) for end in ends)
        assert "41 + 1" in text_of(pages.get("/query?sql=select+41+%2B+1+as+v").text)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert used.ru_utime - before.ru_utime < 60, "the step would have taken minutes"


def declared(text: str, more: str = "") -> str:
    return f"/*\nkey = ['name']\n{more}*/\n{text}"


@pytest.mark.long
def test_a_question_sees_what_was_published_and_declared_since_the_process_was_started(tmp_path: Path) -> None:
    root = make(tmp_path, {"layers/silver/a.sql": declared("select 'ann' as name")})
    with lakeflow.open(root) as lake:
        assert lake.materialize() is not None
    with closing(site(SeenLake(root, {}), Access(), seconds=300)) as made:
        pages = TestClient(application(made), base_url=HERE)
        question = "/query.json?sql=select+name+from+silver.a"
        assert pages.get(question).json()["data"]["rows"] == [{"name": "ann"}]
        (root / "layers/silver/a.sql").write_text(declared("select 'bob' as name"))
        with lakeflow.open(root) as lake:
            assert lake.materialize() is not None
        assert pages.get(question).json()["data"]["rows"] == [{"name": "bob"}]
        (root / "layers/silver/a.sql").write_text(declared("select 'bob' as name", "[columns]\nname = {pii = true}\n"))
        assert "bob" not in pages.get(question).text


def test_no_more_rows_than_a_page_holds_are_answered(pages: TestClient) -> None:
    said = pages.get("/query.json?limit=400000&sql=select+*+from+range(100000)").json()
    assert len(said["data"]["rows"]) == 500
    for limit in ("0", "-1", "x", "1e9", "²", "99999999999999999999"):
        assert pages.get(f"/query?limit={quote(limit)}&sql=select+1").status_code == 400


def test_a_row_that_is_larger_than_a_page_is_refused_before_it_is_copied(pages: TestClient) -> None:
    for text in ("select repeat('x', 200000) as v", "select repeat('x', 60000) as v, repeat('y', 60000) as w"):
        answer = pages.get(asked(pages, text))
        assert answer.status_code == 400
        assert "a row of the answer has more than 100,000 bytes" in text_of(answer.text)
        assert len(answer.content) < 20_000
    assert pages.get(asked(pages, "select v from (select 1 as v) where v > 1")).status_code == 200


def test_a_long_cell_is_cut_on_the_page_and_whole_in_its_twin(pages: TestClient) -> None:
    question = quote("select repeat('x', 5000) as v, null as w")
    shown = pages.get(f"/query?sql={question}")
    assert "x" * 1_000 + " " in text_of(shown.text)
    assert "of 5,000 characters" in text_of(shown.text)
    assert "x" * 1_001 not in shown.text
    assert pages.get(f"/query.json?sql={question}").json()["data"]["rows"] == [{"v": "x" * 5_000, "w": None}]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not count the data of a process so")
def test_a_server_takes_no_more_memory_than_it_may_and_goes_on() -> None:
    tried = """
from lakeflow.ui.rows.bounds import bounded
assert bounded("80%") is None
assert bounded("1GB") == 10**9 + 2 * 2**30
assert bounded("4GB") is None, "the lower bound stays"
try:
    bytearray(4 * 2**30)
except MemoryError:
    print("refused", len(bytearray(2**20)))
"""
    ended = subprocess.run([sys.executable, "-c", tried], capture_output=True, text=True, check=True)
    assert ended.stdout == "refused 1048576\n"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not count the data of a process so")
def test_what_answers_questions_is_bounded_also_where_runs_are_decided_about(held: tuple[Path, str]) -> None:
    with closing(site(SeenLake(held[0], {}), Access(acts=True), seconds=300)) as made:
        pages = TestClient(application(made), base_url=HERE)
        large = pages.get(asked(pages, "select length(repeat('x', 4000000000)) + length(repeat('y', 4000000001)) as v"))
        assert large.status_code == 400
        assert pages.get("/query?sql=select+1+as+v").status_code == 200
        assert made.rows._process is not None
        (worker,) = psutil.Process(made.rows._process._child.pid).children()
        assert worker.rlimit(psutil.RLIMIT_DATA)[0] == 10**9 + 2 * 2**30
        assert psutil.Process().rlimit(psutil.RLIMIT_DATA)[0] == psutil.RLIM_INFINITY, "runs are not"


CELLS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "{% raw %}",
    "</textarea><script>",
    "\x1b[31mred\u202egnp.exe",
    "a\u0000b",
    "' or 1=1 --",
    "javascript:alert(1)",
    "&lt;b&gt;",
)


def test_what_stands_in_a_cell_a_name_or_a_question_is_shown_and_never_acts(
    tmp_path: Path, show: Callable[..., TestClient], pages: TestClient
) -> None:
    for cell in (each for each in CELLS if "\x00" not in each):
        literal = cell.replace("'", "''")
        said = pages.get(f"/query?sql={quote(f'select $${cell}$$ as v')}").text
        named = pages.get("/query?sql=" + quote(f"select '{literal}' as \"" + cell.replace('"', '""') + '"')).text
        for text in (said, named):
            for acts in ("<script>a", "<img", "</textarea><s", "\x1b", "\u202e"):
                assert acts not in text, (cell, acts)
            assert ">49<" not in text
    for path in ("/", "/lineage", "/log", "/compare", "/assets/silver.weather/data"):
        for name in ("select", "asset", "where", "since", "ref", "between"):
            said = pages.get(f"{path}?{name}={quote(CELLS[1])}").text
            assert "<img" not in said, (path, name)

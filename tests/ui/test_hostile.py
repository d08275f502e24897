"""Texts that would act on a page, in every place of a lake that somebody may write: they are shown, and do nothing."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest
from starlette.testclient import TestClient

import lakeflow
from lakeflow.ui.app import PAGES
from lakeflow.ui.guard import Access
from lakeflow.ui.server import UiOptions, build
from tests.cli.test_commands import make
from tests.ui.test_pages import twin_of

HOSTILE: Final = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></textarea></style></svg></pre><svg onload=alert(1)>",
    "<!--<script>",
    "]]><a href='javascript:alert(1)'>x</a>",
    "{{ 7 * 7 }}{% include 'base.html' %}",
    "\x1b[31mred\x1b[0m\x07",
    "abc\u202egnp.exe\u2066\u200b",
    "&lt;b&gt;&#60;i&#62;",
    "javascript:alert(1)//http://evil.example/",
    "a\r\nset-cookie: lakeflow=x",
)
ALL: Final = " ".join(HOSTILE)
_LITERALS: Final = ", ".join("('" + each.replace("'", "''") + "')" for each in HOSTILE)
_COLUMN: Final = '<b onmouseover=alert(1)>"x'
_QUOTED: Final = '"' + _COLUMN.replace('"', '""') + '"'
_CODE: Final = f"""/*
description = {json.dumps(ALL)}
owner = {json.dumps(HOSTILE[0])}
tags = {json.dumps(list(HOSTILE[1:4]))}
[columns]
{json.dumps(_COLUMN)} = {{ description = {json.dumps(ALL)} }}
*/
-- {HOSTILE[3]}
select value as {_QUOTED}, 'x' as shown from (values {_LITERALS}) as given(value)
"""
_FORMATS: Final = {"Cf", "Cc"}


class Seen(HTMLParser):
    """What acts in a page: its elements, their addresses and handlers; and the characters that nobody sees."""

    def __init__(self) -> None:
        super().__init__()
        self.acts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        acting = [name for name in given if name.startswith("on") or name in {"style", "srcdoc", "formaction"}]
        where = [given[name] or "" for name in ("href", "src", "action", "xlink:href", "hx-get") if name in given]
        foreign = [each for each in where if not each.startswith(("/", "#", "../", "./")) and ":" in each]
        if tag in {"img", "iframe", "object", "embed", "base", "style"} or acting or foreign:
            self.acts.append(f"<{tag} {given}>")
        if tag == "script" and "static/" not in (given.get("src") or ""):
            self.acts.append(f"<script {given}>")

    def handle_comment(self, data: str) -> None:
        self.acts.append(f"<!--{data}-->")

    def handle_data(self, data: str) -> None:
        hidden = {c for c in data if unicodedata.category(c) in _FORMATS and c not in "\n\t"}
        if hidden:
            self.acts.append(f"unseen {hidden} in {data[:80]!r}")


def acts_in(text: str) -> list[str]:
    seen = Seen()
    seen.feed(text)
    seen.close()
    return seen.acts


def test_what_would_act_is_seen() -> None:
    within = (f"<a title='{HOSTILE[2]}'>x</a>", f"<a href='{HOSTILE[10]}'>x</a>")
    for each in (*HOSTILE[:2], HOSTILE[3], HOSTILE[5], *HOSTILE[7:9], "<!-- x -->", *within):
        assert acts_in(f"<p>{each}</p>") != [], each


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A lake that is hostile wherever its author can write, with a run that is held by hostile rows, and one that was
    published by force for a hostile reason.
    """
    root = tmp_path_factory.mktemp("hostile") / "<img src=x onerror=alert(1)>"
    files = {
        "layers/bronze/odd.sql": _CODE,
        "layers/silver/odd.sql": f"/*\nkey = [{json.dumps(_COLUMN)}]\n*/\nselect {_QUOTED} from bronze.odd",
        "checks/bronze/odd.none.sql": f"-- {HOSTILE[0]}\nselect {_QUOTED} from bronze.odd",
    }
    make(root, {"layers/bronze/odd.sql": _CODE})
    make(root, files)
    with lakeflow.open(root) as lake:
        assert lake.materialize("bronze.odd") is not None
        first = lake.runs()[0].id
        lake.publish(first, reason=ALL)
        assert lake.materialize("bronze.odd", full_refresh=True) is not None
        return root, [run.id for run in lake.runs()]


def addresses(runs: list[str]) -> Iterator[str]:
    for path in PAGES:
        for run in runs if "{run}" in path else [""]:
            where = path.replace("{asset}", "bronze.odd").replace("{run}", run)
            yield where
    for each in map(_in_an_address, HOSTILE):
        for where in ("/?select=", "/lineage?select=", "/log?asset=", "/compare?asset=", "/query?sql=", "/runs?limit="):
            yield where + each
        for name in ("ref", "snapshot", "as_of", "where", "order_by", "columns", "limit"):
            yield f"/assets/bronze.odd/data?{name}={each}"
        yield from (f"/assets/{each}", f"/runs/{each}", f"/quarantine/{each}", f"/{each}")


def _in_an_address(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


@pytest.mark.long
def test_no_text_of_a_lake_or_of_an_address_acts_on_a_page(
    hostile: tuple[Path, list[str]], show: Callable[..., TestClient]
) -> None:
    root, runs = hostile
    pages = show(root, Access(acts=True))
    told = ""
    for where in [*addresses(runs), f"/runs/{runs[0]}/publish"]:
        answer = pages.get(where)
        assert answer.status_code in {200, 400, 404}, (where, answer.text[:300])
        assert answer.headers["content-type"].startswith("text/html"), where
        assert "set-cookie" not in answer.headers, where
        assert acts_in(answer.text) == [], where
        assert "49{%" not in answer.text.replace("&#39;", "'"), where
        told += answer.text
    for each in ("&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;b onmouseover=alert(1)&gt;", "\\u202e", "\\x1b[31m"):
        assert each in told, f"{each} is shown, not left out"


@pytest.mark.long
def test_the_twins_are_json_whatever_stands_in_them(
    hostile: tuple[Path, list[str]], show: Callable[..., TestClient]
) -> None:
    root, runs = hostile
    pages = show(root)
    for where in addresses(runs):
        if where.split("?")[0].count("/") > 1 or where.startswith("/%"):
            continue
        answer = pages.get(twin_of(where))
        assert answer.headers["content-type"] == "application/json", where
        json.loads(answer.text)


@pytest.mark.long
def test_nor_on_a_page_that_was_written_as_a_file(hostile: tuple[Path, list[str]], tmp_path: Path) -> None:
    written = build(UiOptions(str(hostile[0])), tmp_path / "site")
    pages = [path for path in written if path.suffix == ".html"]
    assert len(pages) > 8
    for path in pages:
        assert acts_in(path.read_text(encoding="utf-8")) == [], path

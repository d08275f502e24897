"""A text in a comment acts on nothing: it is shown as it is, whatever stands in it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.as_markdown.text import LONGEST, cell, code, fold, said, table
from lakeflow.core.displayed import printable
from tests.explored import explored
from tests.review.rendered import nodes, rows, shown, strange

HOSTILE = (
    "a|b", "a\\|b", "\\\\|", "`tick`", "``", "*bold*", "__x__", "~~gone~~", "[click](http://evil.example)", "<script>x",
    "</details>", "</code></td>", "<!-- -->", "-->", "&amp;", "&#124;", "@octocat", "a@b.example", "#12", "GH-12", "!7",
    "org/repo#1", "www.evil.example", "https://evil.example/a", "mailto:a@b.example", ":smile:", "$x^2$", "\u202eabc",
    "line\nnext", "\r\n| a |", "\t", "x\x00y", "  two  blanks ", " ", "- [ ] task", "/close", "1. one", "=====",
    "\ud800",
)  # fmt: skip
_REFERENCE = re.compile(
    r"@\w|#\d|GH-\d|!\d|https?://|www\.|mailto:\S|:[a-z]+:|[%~$&]\d|\w@\w"
)  # what a page would make a link or a picture of


def expected(text: str) -> str:
    one_line = printable(text)
    return one_line if len(one_line) <= LONGEST else one_line[: LONGEST - 1] + "…"


def assert_inert(text: str) -> None:
    page = table(("name", "said"), [(code(text), said(text))])
    assert strange(page) == []
    (_, (name, told)) = rows(page)
    assert name == (expected(text) or "empty")
    assert re.sub(r"\s+", " ", told).strip() == re.sub(r"\s+", " ", expected(text)).strip()
    assert [node for node in nodes(page) if _REFERENCE.search(node)] == []


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_hostile_text_is_shown_as_it_is(text: str) -> None:
    assert_inert(text)
    assert_inert(f"a{text}b")


@pytest.mark.long
@explored(400)
@given(st.lists(st.sampled_from((*HOSTILE, "a", "1", ".", "/", "-", "+", "%", "é", "漢")), max_size=6).map("".join))
def test_any_mixture_of_hostile_texts_is_shown_as_it_is(text: str) -> None:
    assert_inert(text)


def test_null_and_an_empty_text_are_told_apart_from_their_names() -> None:
    assert rows(table(("a", "b", "c"), [(cell(None), cell("NULL"), cell(""))]))[1] == ["NULL", "NULL", "empty"]
    assert cell(None) != cell("NULL")
    assert cell("") != cell("empty")


def test_nothing_in_a_fold_ends_it() -> None:
    text = fold(said("</summary></details>"), table(("a",), [(code("</details>"),)]))
    assert text.count("</details>") == 1
    assert strange(text) == []
    assert fold(said("nothing")) == ""


def test_blanks_at_the_ends_are_seen() -> None:
    assert shown(code(" a  b ")) == " a  b "
    assert code("a") != code("a ")

"""Typed text cut into questions, how words go on, and what of it may be remembered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.prompt.completion import suggestions
from lakeflow.core.prompt.questions import is_empty, may_be_kept, split

TABLES = {"silver.sales": ("id", "shop", "my col", "\x1b[31mred"), "gold.shops": ("shop", "turnover")}


@pytest.mark.parametrize(
    ("text", "whole", "rest"),
    [
        ("select 1", (), "select 1"),
        ("select 1;", ("select 1;",), ""),
        ("select ';' as a; select", ("select ';' as a;",), " select"),
        ("select 1; -- and; so on\n;;select 2;\n", ("select 1;", "select 2;"), "\n"),
        ("select ';", (), "select ';"),
        ("/* a;b */ select $$;$$;", ("/* a;b */ select $$;$$;",), ""),
    ],
)
def test_a_question_ends_with_a_semicolon_outside_of_texts_and_comments(
    text: str, whole: tuple[str, ...], rest: str
) -> None:
    found, left = split(text)
    assert (tuple(each.rpartition("\n")[2].lstrip(";") for each in found), left) == (whole, rest)


def test_blanks_comments_and_semicolons_are_no_question() -> None:
    assert all(map(is_empty, ("", " \n", ";;", "-- a", "/* b */ ;")))
    assert not any(map(is_empty, ("a", "'", "/*")))


@given(st.lists(st.sampled_from(["select 1", "'a;b'", "-- c;\n", ";", "\n", "/* ; */", '"', "$$;$$"]), max_size=8))
def test_what_is_cut_says_the_same_as_what_was_typed(pieces: list[str]) -> None:
    text = " ".join(pieces)
    whole, rest = split(text)
    assert [each for each in whole if each not in text or not each.endswith(";")] == []
    assert text.endswith(rest)


def test_a_question_is_kept_unless_a_value_that_is_nobodys_business_may_stand_in_it() -> None:
    for text in ("select 1;", "select shop from silver.sales where shop = 'oslo'"):
        assert may_be_kept(text, {"email"})
    for text in (
        "select 1 from bronze.buyers where email like 'ada%'",
        """select 1 from bronze.buyers where "Email" = 'ada'""",
        "select 1 from bronze.buyers b where b.EMAIL = 'ada'",
        "select 1 where note = 'ada@example.org'",
        "select 's3://key:secret@bucket/a'",
        "select 1 where token = 'abc'",
        " select 1",
        "select '",
    ):
        assert not may_be_kept(text, {"email"}), text


def words(text: str) -> list[tuple[str, str]]:
    return [(each.text, each.kind) for each in suggestions(text, len(text), TABLES)]


def test_behind_from_stand_tables_and_behind_a_table_its_columns() -> None:
    assert words("select * from ") == [("gold.shops", "table"), ("silver.sales", "table")]
    assert words("select * from sil") == [("silver.sales", "table")]
    assert words("select * from silver.sales join go") == [("gold.shops", "table")]
    assert words("select * from silver.sales where s") == [
        ("shop", "column"),
        ("silver.sales", "table"),
        ("select", "word"),
        ("semi", "word"),
        ("sum", "word"),
    ]
    assert words("SEL") == [("SELECT", "word")]
    assert words("select * from gold.shops g where g.t") == [("g.turnover", "column")]
    assert ('"my col"', "column") in words("select * from silver.sales where ")
    assert not any("\x1b" in text for text, _ in words("select "))
    typed = "select tu from gold.shops"
    assert [(each.text, each.replaced) for each in suggestions(typed, len("select tu"), TABLES)] == [("turnover", 2)]

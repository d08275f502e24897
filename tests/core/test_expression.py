"""The grammar of selections, and that nothing else gets through."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakeflow.core.errors import SelectionError
from lakeflow.core.view.selection_grammar import AllOf, AnyOf, Expression, Not, Term, parse

A, B, C = (Term("", name) for name in "abc")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("silver.flights", Term("", "silver.flights")),
        ("+a", Term("", "a", up=None)),
        ("a+", Term("", "a", down=None)),
        ("2+a+1", Term("", "a", 2, 1)),
        ("0+a", A),
        ("layer:silver", Term("layer", "silver")),
        ("1+tag:nightly", Term("tag", "nightly", up=1)),
        ("a:b:c", Term("a", "b:c")),
        ('owner:"Data, (the) team+"', Term("owner", "Data, (the) team+")),
        ('"and"', Term("", "and")),
        ("a b", AnyOf((A, B))),
        ("a or b", AnyOf((A, B))),
        ("a,b", AllOf((A, B))),
        ("a , b and c", AllOf((A, B, C))),
        ("a b,c", AnyOf((A, AllOf((B, C))))),
        ("a or b and c", AnyOf((A, AllOf((B, C))))),
        ("(a or b) and c", AllOf((AnyOf((A, B)), C))),
        ("a and (b c)", AllOf((A, AnyOf((B, C))))),
        ("((a))", A),
        ("not a", Not(A)),
        ("not not a", A),
        ("a and not b", AllOf((A, Not(B)))),
        ("a, not b", AllOf((A, Not(B)))),
        ("not a b", AnyOf((Not(A), B))),
        ("not (a b)", Not(AnyOf((A, B)))),
    ],
)
def test_each_form_has_its_tree_and_not_binds_more_than_and_and_and_more_than_or(text: str, tree: Expression) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        (" \t", "it is empty"),
        ("()", "something is missing before `)`"),
        ("a,", "something is missing at its end"),
        ("a and", "something is missing at its end"),
        ("not", "something is missing at its end"),
        ("or a", "something is missing before `or`"),
        ("a or or b", "something is missing before `or`"),
        ("a,,b", "something is missing before `,`"),
        ("(a", "a `(` is not closed"),
        ("a)", "a `)` closes nothing"),
        ('tag:"a', "a quote is not closed"),
        ("++a", "`++a` is no term"),
        ("a++", "`a++` is no term"),
        ("+", "`+` is no term"),
        ("12345+a", "`12345+a` is no term"),
        ("a not b", "before `not` stands neither `and` nor `or`"),
        ("(" * 51 + "a" + ")" * 51, "more than 50 parentheses stand within one another"),
    ],
)
def test_what_is_no_selection_is_refused_saying_why_and_how_one_looks(text: str, why: str) -> None:
    with pytest.raises(SelectionError) as caught:
        parse(text)
    assert caught.value.message == f"{text!r} is not a selection: {why}"
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("write `silver.flights`")


SYMBOLS = ["(", ")", ",", " ", "+", "2+", '"', ":", "not ", " and ", " or ", "a", "tag:", "*", "[", "é", "\n"]


@given(st.text() | st.lists(st.sampled_from(SYMBOLS)).map("".join))
@example("(" * 100_000)
@example("not " * 100_000 + "a")
@example("a" + " and a" * 100_000)
@example("9" * 5_000 + "+a")
@example("²+a")
def test_any_text_is_a_selection_or_a_selection_error(text: str) -> None:
    with suppress(SelectionError):
        parse(text)

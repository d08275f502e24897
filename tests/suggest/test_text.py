"""Suggested checks become the text of a check file, or are put into one of which no byte changes."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.adapters.expectations.compile.is_constant import is_constant
from lakeflow.core.suggest.proposal import OURS, Proposal, Topic, library
from lakeflow.core.suggest.text import NotAListError, merged, new_file
from tests.explored import explored

FILLED = library((Topic.FILLED, ("total",)), "ExpectColumnValuesToNotBeNull", {}, "0 of 10 NULL in 3 snapshots")
ONE_OF = library(
    (Topic.VALUES, ("status",)),
    "ExpectColumnValuesToBeInSet",
    {"value_set": ["paid", 'a "b"', "it's", "back\\slash", "two\nlines"]},
    "5 values in 3 snapshots",
)
NEAR = Proposal(Topic.ROWS, (), OURS, "ExpectRowCountToStayNearMain", {"max_change": 20_000}, "+5 a publish")
HEAD = "import great_expectations.expectations as gxe\n\n"
LISTS = {
    "empty": "expectations = []\n",
    "empty, on lines": "expectations = [\n]\n",
    "one line": 'expectations = [gxe.ExpectColumnValuesToNotBeNull(column="a")]\n',
    "comma": 'expectations = [\n    gxe.ExpectColumnValuesToNotBeNull(column="a"),\n]\n',
    "no comma": 'expectations = [\n    gxe.ExpectColumnValuesToNotBeNull(column="a")\n]\n',
    "comment behind": 'expectations = [\n    gxe.ExpectColumnToExist(column="a")  # why, [so]\n    # more\n]\n',
    "annotated": 'expectations: list[object] = [\n    gxe.ExpectColumnValuesToNotBeNull(column="a"),\n]  # the end\n',
    "parentheses": 'expectations = [(gxe.ExpectColumnValuesToNotBeNull(column="a"))]\n',
    "umlauts": 'ähnlich = "ß€😀"; expectations = [gxe.ExpectColumnValuesToBeInSet(column="ß€", value_set=["😀"])]\n',
    "no line end": 'expectations = [gxe.ExpectColumnValuesToNotBeNull(column="a")]',
    "functions alone": "def helper(branch):\n    return branch\n",
}


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("name", LISTS)
def test_what_an_author_wrote_stays_and_the_checks_come_behind_it(name: str, ends: str) -> None:
    text = (HEAD + LISTS[name]).replace("\n", ends)
    found = merged(text, [FILLED, ONE_OF, NEAR])
    rest = iter(found)
    assert all(letter in rest for letter in text), "the old text is in the new one, in its order"
    assert (found.count("\r\n") == found.count("\n")) is (ends == "\r\n")
    assert [each.func.attr for each in _items(found)[-3:]] == [each.expectation for each in (FILLED, ONE_OF, NEAR)]  # type: ignore[attr-defined]
    assert len(_items(found)) == 3 + (len(_items(text)) if "functions" not in name else 0)


def test_the_values_of_a_set_are_read_back_as_they_were() -> None:
    (_, second) = _items(new_file([FILLED, ONE_OF]))
    (values,) = [each.value for each in second.keywords if each.arg == "value_set"]
    assert ast.literal_eval(values) == ONE_OF.arguments["value_set"]


@pytest.mark.parametrize("name", [name for name in LISTS if "functions" not in name])
def test_a_file_that_could_be_kept_still_can(name: str) -> None:
    text = HEAD + LISTS[name]
    assert is_constant(text) or name == "annotated"
    assert is_constant(merged(text, [FILLED, ONE_OF, NEAR])) == is_constant(text)
    assert is_constant(new_file([FILLED, ONE_OF, NEAR]))


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("from great_expectations import expectations as e\nexpectations = []\n", "e."),
        ("import great_expectations as gx\nexpectations = []\n", "gx.expectations."),
        ("import great_expectations.expectations\nexpectations = []\n", "great_expectations.expectations."),
        ("expectations = []\n", "gxe."),
        ('"""Words."""\n\nexpectations = []\n', "gxe."),
        ("from great_expectations.expectations import ExpectColumnToExist\n\nexpectations = []\n", "gxe."),
    ],
)
def test_the_library_is_called_as_the_file_calls_it_and_imported_where_it_does_not(text: str, called: str) -> None:
    found = merged(text, [FILLED])
    assert f"    {called}ExpectColumnValuesToNotBeNull(" in found
    tree = ast.parse(found)
    assert max(node.lineno for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)) < _line(tree)
    assert merged(text, []) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("expectations = [gxe.A()] + more\n", "not one plain list"),
        ("expectations = []\nexpectations += [gxe.A()]\n", "not one plain list"),
        ("expectations = [gxe.A(column=name) for name in 'ab']\n", "not one plain list"),
        ("expectations = [*shared]\n", "more than plain calls"),
        ("if True:\n    expectations = []\n", "not one plain list"),
        ("from shared import expectations\n", "not one plain list"),
        ("from shared import *\n", "not one plain list"),
        ("expectations = []\nexpectations.append(1)\n", "not one plain list"),
        ("gxe = 1\nexpectations = []\n", "gxe means something else"),
        ("import shared as gxe\nexpectations = []\n", "gxe means something else"),
        ("expectations = [\n", "not Python"),
    ],
)
def test_a_file_without_one_plain_list_is_refused_and_says_why(text: str, why: str) -> None:
    with pytest.raises(NotAListError, match=why):
        merged(text, [FILLED])


ITEMS = st.lists(
    st.sampled_from(['gxe.A(column="a")', 'gxe.B(\n    value_set=["]", ","],\n)', "(gxe.C())"]), max_size=4
)
BETWEEN = st.sampled_from([", ", ",\n    ", ",  # ], or , in words\n    ", "\n    ,"])
END = st.sampled_from(["", ",", ",\n", "\n", "  # no comma, ]\n", ",\n    # the last\n    "])


@explored(200)
@given(items=ITEMS, between=BETWEEN, begin=st.sampled_from(["", "\n    ", "  # [\n    "]), end=END)
def test_any_list_keeps_its_items_and_its_text(items: list[str], between: str, begin: str, end: str) -> None:
    text = f"{HEAD}expectations = [{begin}{between.join(items)}{end if items else ''}]\n"
    found = merged(text, [FILLED, NEAR])
    old, new = _items(text), _items(found)
    assert [ast.dump(each) for each in new[: len(old)]] == [ast.dump(each) for each in old]
    assert len(new) == len(old) + 2
    rest = iter(found)
    assert all(letter in rest for letter in text), "the old text is in the new one, in its order"


def _items(text: str) -> list[ast.Call]:
    for node in ast.parse(text).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(each, ast.Name) and each.id == "expectations" for each in targets):
            value = node.value  # type: ignore[attr-defined]
            assert isinstance(value, ast.List)
            return [each for each in value.elts if isinstance(each, ast.Call)]
    raise AssertionError("no list")


def _line(tree: ast.Module) -> int:
    return next(node.lineno for node in tree.body if isinstance(node, ast.Assign))

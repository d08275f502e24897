"""Rules about one text, said as data, against the library's own code for the pandas engine: the same of every text."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Final

import pandas as pd
import pytest

from lakeflow.adapters.expectations.library.custom_rules import provider
from lakeflow.adapters.expectations.metrics.text_rules import text_rule

ALPHABET: Final = "019-:/.,TZ {}[]\"'\\abEWRÜ日\n\t+e"
TEXTS: Final = (
    *(
        "",
        " ",
        "null",
        "NaN",
        "[1,]",
        "01",
        "1e999",
        "{",
        '{"a": 1}',
        '{"a": "x"}',
        '{"a": 1, "a": 2}',
        '"é"',
        "\ufeff{}",
    ),
    *("2013-02-12", "2013-02-30", "12 Feb 2013", "tomorrow", "20130212", "12:30", "2013-02-12T03:00Z", "9" * 40),
    *("EWR", "EWR\n", "EWREWR", "ewr", "Ünïcödé", "日本", "a b", "aa", "١٢", "x" * 2000, "nul\0", "[" * 100_000),
)
RULES: Final[tuple[tuple[str, Mapping[str, Any]], ...]] = (
    ("json_parseable", {}),
    ("match_json_schema", {"json_schema": {"type": "object", "required": ["a"]}}),
    ("match_json_schema", {"json_schema": {"properties": {"a": {"type": "integer"}}}}),
    ("match_json_schema", {"json_schema": {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1}}),
    ("dateutil_parseable", {}),
    ("match_strftime_format", {"strftime_format": "%Y-%m-%d"}),
    ("match_strftime_format", {"strftime_format": "%H:%M"}),
    ("match_regex", {"regex": "^(?!EWR)"}),
    ("match_regex", {"regex": r"(.)\1"}),
    ("match_regex", {"regex": r"^\d+\Z"}),
    ("not_match_regex", {"regex": "(?<=E)W"}),
    ("match_regex_list", {"regex_list": ["^a(?=a)", "W"], "match_on": "any"}),
    ("match_regex_list", {"regex_list": ["(?=E)", "W"], "match_on": "all"}),
    ("not_match_regex_list", {"regex_list": ["(?=E)", "1"]}),
)


@pytest.mark.parametrize(("name", "arguments"), RULES)
def test_data_says_of_a_text_what_the_library_says(name: str, arguments: Mapping[str, Any]) -> None:
    rule, theirs = text_rule(f"column_values.{name}", arguments), _library(name, arguments)
    assert rule is not None
    texts = [text for text in (*TEXTS, *_at_random(name)) if name != "match_json_schema" or _is_json(text)]
    assert {text[:60]: rule.holds(text) for text in texts} == dict(
        zip((text[:60] for text in texts), theirs(texts), strict=True)
    )


def test_of_a_schema_that_is_none_both_say_so() -> None:
    rule, theirs = (
        text_rule("column_values.match_json_schema", {"json_schema": {"type": 1}}),
        _library("match_json_schema", {"json_schema": {"type": 1}}),
    )
    assert rule is not None
    for ask in (lambda: rule.holds("1"), lambda: theirs(["1"])):
        with pytest.raises(Exception, match="is not valid under any of the given schemas"):
            ask()


def test_a_rule_of_a_user_is_not_known_here() -> None:
    assert text_rule("column_values.test_airport", {}) is None


def _library(name: str, arguments: Mapping[str, Any]) -> Any:
    ask = provider(f"column_values.{name}", {"column": "value"}, arguments).ask
    return lambda texts: [not bad for bad in ask(pd.DataFrame({"value": pd.Series(texts, dtype="object")}))]


def _is_json(text: str) -> bool:
    """The library breaks over text that is none."""
    rule = text_rule("column_values.json_parseable", {})
    return rule is not None and rule.holds(text)


def _at_random(seed: str) -> list[str]:
    chance = Random(seed)
    return ["".join(chance.choices(ALPHABET, k=chance.randrange(8))) for _ in range(300)]

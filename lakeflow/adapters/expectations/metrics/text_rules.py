"""Rules about one text that SQL cannot express, as data: they judge as the library's code does, without importing it.

A test compares each rule with the library (tests/expectations/test_text_rules.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Protocol

from lakeflow.adapters.expectations.sql.predicates import regexes
from lakeflow.core.values import dataclass

Values = Mapping[str, Any]
_NO_JSON: Final = (ValueError, RecursionError)


class TextRule(Protocol):
    def holds(self, value: str) -> bool:
        """Does the text satisfy the rule? An exception means a fault of the rule, not of the text."""
        ...


@dataclass(frozen=True)
class IsJson:
    def holds(self, value: str) -> bool:
        try:
            json.loads(value)
        except _NO_JSON:
            return False
        return True


@dataclass(frozen=True)
class FitsJsonSchema:
    """Text that is no JSON does not fit. A schema that is invalid raises."""

    schema: Values

    def holds(self, value: str) -> bool:
        try:
            found = json.loads(value)
        except _NO_JSON:
            return False
        return bool(self._validator.is_valid(found))

    @cached_property
    def _validator(self) -> Any:
        from jsonschema.validators import validator_for  # noqa: PLC0415 - 0.1 s, and few suites ask for it

        kind = validator_for(self.schema)
        kind.check_schema(self.schema)
        return kind(self.schema)


@dataclass(frozen=True)
class IsDate:
    """A date or time that dateutil can read."""

    def holds(self, value: str) -> bool:
        from dateutil.parser import parse  # noqa: PLC0415 - as above

        try:
            parse(value)
        except (ValueError, OverflowError):
            return False
        return True


@dataclass(frozen=True)
class HasFormat:
    """A date or time that `datetime.strptime` reads in this format."""

    format: str

    def holds(self, value: str) -> bool:
        try:
            datetime.strptime(value, self.format)
        except ValueError:
            return False
        return True


@dataclass(frozen=True)
class Matches:
    """Python's regular expressions, found anywhere in the text: `wanted` is any, all or none of them."""

    patterns: tuple[str, ...]
    wanted: str = "any"

    def holds(self, value: str) -> bool:
        found = (re.search(pattern, value) is not None for pattern in self.patterns)
        return all(found) if self.wanted == "all" else any(found) is (self.wanted == "any")


def text_rule(name: str, arguments: Values) -> TextRule | None:
    """The rule by the library's name of the map metric; None for a rule that is not defined here."""
    made = _RULES.get(name)
    return made(arguments) if made else None


def _matches(arguments: Values) -> Matches:
    return Matches(regexes(arguments), "all" if arguments.get("match_on") == "all" else "any")


def _does_not_match(arguments: Values) -> Matches:
    return Matches(regexes(arguments), "none")


_RULES: Final[Mapping[str, Callable[[Values], TextRule]]] = {
    "column_values.json_parseable": lambda _: IsJson(),
    "column_values.match_json_schema": lambda given: FitsJsonSchema(given["json_schema"]),
    "column_values.dateutil_parseable": lambda _: IsDate(),
    "column_values.match_strftime_format": lambda given: HasFormat(given["strftime_format"]),
    "column_values.match_regex": _matches,
    "column_values.match_regex_list": _matches,
    "column_values.not_match_regex": _does_not_match,
    "column_values.not_match_regex_list": _does_not_match,
}

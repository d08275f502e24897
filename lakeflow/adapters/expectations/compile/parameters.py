"""Great Expectations' suite parameters: `max_value={"$PARAMETER": "limit"}` takes its value from `suite_parameters`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Final

from lakeflow.adapters.expectations.table import CannotCheck

_MARK: Final = "$PARAMETER"


def resolved(expectation: Any, given: Mapping[str, Any]) -> Any:
    """The same expectation with the values of its parameters, proved by its own class; itself where one is missing."""
    asked = _open(expectation)
    if not asked:
        return expectation
    from great_expectations.core.suite_parameters import parse_suite_parameter  # noqa: PLC0415 - as in seam
    from great_expectations.exceptions import SuiteParameterError  # noqa: PLC0415 - as in seam

    try:
        with warnings.catch_warnings():  # of the library, about its own parser
            warnings.simplefilter("ignore")
            values = {name: parse_suite_parameter(said, dict(given)) for name, said in asked.items()}
    except SuiteParameterError:
        return expectation
    own = {name: getattr(expectation, name) for name in expectation.__fields_set__}
    return type(expectation)(**{**own, **values})


def refuse_open(expectation: Any) -> None:
    """CannotCheck for an expectation with a parameter that has no value."""
    asked = sorted(set(_open(expectation).values()))
    if asked:
        raise CannotCheck(
            f"the suite parameter {asked[0]} has no value; give it in the check file: "
            f"suite_parameters = {{{asked[0]!r}: …}}"
        )


def _open(expectation: Any) -> Mapping[str, str]:
    """Names of the arguments that are parameters still, with the parameter (or expression) of each."""
    arguments = {name: getattr(expectation, name, None) for name in getattr(expectation, "__fields_set__", ())}
    return {name: str(one[_MARK]) for name, one in arguments.items() if isinstance(one, dict) and _MARK in one}

"""Expectations that are not computed, each with what to use instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

INSTEAD: Final[Mapping[str, str]] = {
    "ExpectMulticolumnValuesToBeUnique": (
        "the library has withdrawn it; use ExpectSelectColumnValuesToBeUniqueWithinRecord (different in each row) "
        "or ExpectCompoundColumnsToBeUnique (unique in the table)"
    ),
    "ExpectQueryResultsToMatchComparison": (
        "it needs a second data source; write a row check (.sql) that selects the rows of one query that the other "
        "one lacks: `select … from silver.a except select … from silver.b`"
    ),
    "ExpectTableRowCountToEqualOtherTable": (
        "a suite sees one table; write a row check (.sql) that names both: "
        "`select 1 where (select count(*) from silver.a) <> (select count(*) from silver.b)`"
    ),
}


CANNOT_FAIL: Final = "so it could not fail"


def instead_of(expectation: Any) -> str | None:
    """Why this expectation is not computed, and what to use; None when it is."""
    names = [base.__name__ for base in type(expectation).__mro__]
    if "ExpectColumnKLDivergenceToBeLessThan" in names:
        return _about_divergence(expectation)
    return next((INSTEAD[name] for name in names if name in INSTEAD), None)


def _about_divergence(expectation: Any) -> str | None:
    """The library passes one without a threshold, and compares data with itself without a partition."""
    if expectation.threshold is None:
        return f"threshold is not given, {CANNOT_FAIL}; give one, such as 0.1"
    if not expectation.partition_object:
        return (
            f"partition_object is not given, {CANNOT_FAIL}: nothing is compared; give the expected shares, such as "
            '{"values": ["a", "b"], "weights": [0.7, 0.3]}'
        )
    return None

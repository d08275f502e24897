"""Compiles a check file of literals and constructors from its text, without Great Expectations.

Anything else, and anything that does not compile to data without a word of complaint, is left to the library: it gives
the same checks, and its own errors.
"""

from __future__ import annotations

from lakeflow.adapters.expectations.checks.check import Broken, Check, Stated
from lakeflow.adapters.expectations.compile.compile import ExpectationSource, compile_expectation
from lakeflow.adapters.expectations.compile.serialise import NotDataError, dumps
from lakeflow.adapters.expectations.compile.stand_ins import stand_ins
from lakeflow.adapters.expectations.compile.stated import is_stated
from lakeflow.adapters.expectations.table import Audited
from lakeflow.core.model.check import CheckFile, CheckKind, Outcome


def checks_from_text(file: CheckFile, table: Audited, *, allow_empty: bool) -> list[Check] | None:
    """The compiled checks of the file; None where only the library can tell."""
    if file.kind is not CheckKind.SUITE or (found := stand_ins(file.text)) is None:
        return None
    allowed = allow_empty or file.allow_empty
    checks = [
        compile_expectation(each, table, ExpectationSource(file.path, place, allowed))
        for place, each in enumerate(found)
    ]
    return checks if all(map(_is_sound, checks)) and is_stated(file, checks) else None


def _is_sound(check: Check) -> bool:
    """Is it data, and no complaint? Of complaints the library has its own words."""
    rule = check.rule
    if isinstance(rule, Broken) or (isinstance(rule, Stated) and rule.outcome is Outcome.ERRORED):
        return False
    try:
        dumps([check])
    except NotDataError:
        return False
    return True

"""Values at the limits of their types."""

from __future__ import annotations

import pytest

from tests.exact.cases import KINDS, Case
from tests.exact.lab import Lab

CASES = [case for cases in KINDS.values() for case in cases]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_a_value_is_stored_exactly_or_refused_by_its_column(lab: Lab, case: Case) -> None:
    told = case.told(lab)
    if case.stored is None:
        assert case.says in told.error, told
        assert "column 'v" in told.error
        assert told.hint
    else:
        assert (told.error, told.values) == ("", (None if case.stored == "NULL" else case.stored,))

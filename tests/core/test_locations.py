"""One file has one name, however its location is spelled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.errors import LakeError
from lakeflow.core.ports.locations import local_name, local_path

_PARTS = st.sampled_from(
    ["a", "B_1", ".lakeflow", "..", ".", "", "a.b", "..a", "é", "a b", "a?b", "a#b", "a%20b", "a;b"]
)


@given(st.sampled_from(["", "file:", "file://", "file://localhost"]), st.lists(_PARTS, min_size=1, max_size=5))
def test_the_name_of_a_path_is_the_same_whether_it_is_spelled_plainly_or_not(scheme: str, parts: list[str]) -> None:
    location = f"{scheme}/{'/'.join(parts)}"
    try:
        expected = str(local_path(location))
    except LakeError:
        with pytest.raises(LakeError):
            local_name(location)
    else:
        assert local_name(location) == expected

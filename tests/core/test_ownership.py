"""Whose a warehouse is, as a decision on values."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.errors import LakeError
from lakeflow.core.run.ownership import Holds, WarehouseFacts, WarehouseMarker, refuse_other, refuse_to_claim

OURS, THEIRS = WarehouseMarker("id-ours", "ours"), WarehouseMarker("id-theirs", "theirs")
NEW = WarehouseFacts("/wh", "/catalog.db", None, is_blank=True, mark=None)
facts = st.builds(
    WarehouseFacts,
    warehouse=st.just("/wh"),
    database=st.just("/catalog.db"),
    id=st.sampled_from([None, OURS.id, THEIRS.id]),
    is_blank=st.booleans(),
    mark=st.sampled_from([None, OURS, THEIRS]),
    holds=st.sampled_from(Holds),
    rival=st.sampled_from(["", "/copy/catalog.db"]),
    above=st.sampled_from([None, THEIRS]),
)


def is_refused(found: WarehouseFacts) -> bool:
    try:
        refuse_to_claim(found)
    except LakeError as error:
        return bool(error.hint)
    return False


@given(facts)
def test_only_a_warehouse_that_is_ours_or_that_nobody_can_miss_is_written_to(found: WarehouseFacts) -> None:
    """With a marker only under the same id; without one only where nothing stands, or tables of this very catalog."""
    if not is_refused(found):
        refuse_other(found)
        assert found.mark is None or found.mark.id == found.id
        assert not (found.mark and found.rival)
        assert found.mark or (found.holds in {Holds.NOTHING, Holds.TABLES} and found.above is None)


@pytest.mark.parametrize(
    "found",
    [
        NEW,
        replace(NEW, id=OURS.id),
        replace(NEW, id=OURS.id, is_blank=False, holds=Holds.TABLES),
        replace(NEW, is_blank=False, holds=Holds.TABLES),
        replace(NEW, id=OURS.id, mark=OURS),
        replace(NEW, id=OURS.id, is_blank=False, mark=OURS),
    ],
)
def test_a_new_lake_and_one_from_before_the_marker_go_on(found: WarehouseFacts) -> None:
    assert not is_refused(found)


def test_a_lost_database_is_told_how_it_is_made_again() -> None:
    for found in (replace(NEW, mark=OURS), replace(NEW, holds=Holds.OTHERS), replace(NEW, id=THEIRS.id, mark=OURS)):
        with pytest.raises(LakeError) as caught:
            refuse_other(found)
        assert "lakeflow doctor --rebuild-catalog" in (caught.value.hint or "")

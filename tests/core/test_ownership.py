"""Whose a warehouse is, as a decision on values."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.care.ownership import Holds, WarehouseFacts, WarehouseMarker, refuse_other, refuse_to_claim
from lakeflow.core.errors import LakeError

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


ELSEWHERE = "set `warehouse` to a folder of this lake's own"
ADOPT = "`lakeflow adopt --warehouse` makes it this lake's"
LOST = (
    "put the database back from a copy; or `lakeflow doctor --rebuild-catalog` makes it again from the tables' own "
    f"metadata; or, for a new lake, {ELSEWHERE}"
)


@pytest.mark.parametrize(
    ("found", "message", "hint"),
    [
        (
            replace(NEW, holds=Holds.OTHERS),
            "the catalog /catalog.db is empty, and the warehouse /wh is not: files of nobody's stand there, or the "
            "catalog was lost",
            f"{LOST}; or {ADOPT}",
        ),
        (
            replace(NEW, is_blank=False, holds=Holds.OTHERS),
            "the warehouse /wh holds files, and nothing says that they are this lake's",
            f"{ELSEWHERE}; or {ADOPT}",
        ),
        (
            replace(NEW, id=OURS.id, mark=OURS, rival="/copy.db"),
            "two databases say that the warehouse /wh is theirs: /catalog.db is a copy of /copy.db, or the other way "
            "round",
            f"remove the one that is not in use; or, for a lake of its own, {ELSEWHERE}; or {ADOPT}",
        ),
        (
            replace(NEW, mark=OURS),
            "the catalog /catalog.db is lost or empty, and the warehouse /wh holds the tables of lake 'ours' (id-ours)",
            LOST,
        ),
        (
            replace(NEW, id=OURS.id, is_blank=False, mark=THEIRS),
            "the warehouse /wh belongs to another lake, lake 'theirs' (id-their)",
            f"{ELSEWHERE}: tables that stand here already are found where they are; or {ADOPT}",
        ),
        (
            replace(NEW, is_blank=False, holds=Holds.LOST),
            "the warehouse /wh is empty, and the catalog names tables in it",
            "check that its disk is mounted, or put the folder back from a copy",
        ),
        (
            replace(NEW, above=THEIRS),
            "the warehouse /wh is inside the warehouse of lake 'theirs' (id-their)",
            f"{ELSEWHERE}; or {ADOPT}",
        ),
    ],
)
def test_a_refusal_says_whose_the_warehouse_seems_to_be_and_what_to_do(
    found: WarehouseFacts, message: str, hint: str
) -> None:
    with pytest.raises(LakeError) as caught:
        refuse_to_claim(found)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_warehouse_with_our_marker_is_claimed_whatever_stands_in_it_or_above_it() -> None:
    refuse_to_claim(replace(NEW, id=OURS.id, is_blank=False, mark=OURS, holds=Holds.LOST, above=THEIRS))


def test_looking_refuses_nothing_that_only_a_write_would_make_worse() -> None:
    refuse_other(replace(NEW, is_blank=False, holds=Holds.LOST))
    refuse_other(replace(NEW, above=THEIRS))

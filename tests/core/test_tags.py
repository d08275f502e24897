"""What may name a tag, and what tables tell of tags: values in, values out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lakeflow.core.care.tags import Tagged, require_free, require_tag_name, seen_after, tags_of
from lakeflow.core.errors import UsageError
from lakeflow.core.model.run import Ruling
from tests.core.samples import key, made, table, verdict

A, B = key("silver.a"), key("silver.b")
HINT = "letters, digits, `.`, `_` and `-`, at most 63, such as 2026-q3 or before-migration"


@pytest.mark.parametrize("name", ["v1", "2026-q3", "a.b_c", "x" * 63, "7a", "auditor"])
def test_a_name_that_every_engine_reads_is_taken(name: str) -> None:
    require_tag_name(name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", ""),
        ("-a", ""),
        ("a b", ""),
        ("x" * 64, ""),
        ("2026", ": engines take a number for a snapshot id"),
        ("main", ": it means something else already"),
        ("Held", ": it means something else already"),
        ("Audit_r1", ": it means something else already"),
    ],
)
def test_any_other_is_refused_with_what_a_name_may_be(name: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        require_tag_name(name)
    assert (caught.value.message, caught.value.hint) == (f"{name!r} cannot name a tag{why}", HINT)


def test_a_tag_is_told_with_the_tables_that_have_it() -> None:
    a = replace(table("silver.a", made(1), made(2, 1), v1=1, v2=2, branch=1), tags=frozenset({"v1", "v2"}))
    b = replace(table("silver.b", made(3), v1=3), tags=frozenset({"v1"}))
    assert tags_of({B: b, A: a}) == (Tagged("v1", {A: 1, B: 3}), Tagged("v2", {A: 2}))


def test_a_name_that_is_there_is_not_free_in_any_letters() -> None:
    tables = {A: table("silver.a", made(1), V1=1), B: table("silver.b", made(1), Zz=1)}
    require_free("v2", tables)
    with pytest.raises(UsageError) as caught:
        require_free("v1", tables)
    assert caught.value.message == "'V1' is there already; a tag does not move"
    assert caught.value.hint == "choose another name, or `lakeflow tag V1 --delete` first"


def test_main_is_what_the_last_of_these_made_it() -> None:
    said = [
        verdict("silver.a", 1),
        verdict("silver.a", 2, Ruling.FORCED),
        verdict("silver.a", 3, Ruling.HOLD),
        verdict("silver.b", 5),
        verdict("silver.b", 4, Ruling.ROLLED_BACK),
    ]
    assert seen_after(said) == {A: 2, B: 5}
    assert seen_after([*said, verdict("silver.b", 5, Ruling.ROLLED_BACK)]) == {A: 2}
    assert seen_after([*said, verdict("silver.a", 1, Ruling.RETURNED)]) == {A: 1, B: 5}

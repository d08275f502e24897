"""What other engines do to main under an environment: pyiceberg changes its columns and names its states."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyiceberg.types import LongType

from tests.environments.stories import RealStory, behind, ready, run_of

A, B, C = "bronze.a", "silver.b", "gold.c"


@pytest.fixture
def story(tmp_path: Path) -> Iterator[RealStory]:
    """All three are on main, and the environment has built `silver.b` with other code."""
    lab = RealStory(tmp_path)
    lab.define(A, [1, 2], reads=("a.csv",))
    lab.define(B, lambda rows: [2 * number for number in rows[A]], A)
    lab.define(C, lambda rows: [sum(rows[B])], B)
    lab.materialize()
    lab.define(B, lambda rows: [3 * number for number in rows[A]], A)
    with lab.inside():
        lab.materialize(f"{B} {C}")
    yield lab
    lab.close()


def another_column(story: RealStory) -> None:
    """No snapshot tells of it."""
    before = story.main(B)
    with story._foreign() as catalog, catalog.load_table(B).update_schema() as update:
        update.add_column("more", LongType())
    assert story.main(B) == before


def test_columns_that_another_engine_changed_on_main_are_built_upon_anew(story: RealStory) -> None:
    another_column(story)
    assert behind(story.said())[B] == "main's columns have changed since it was built"
    run_of(story.promote())
    assert (story.rows(B), story.rows(C)) == ([3, 6], [9])
    assert not {B, C} & {*ready(story.said()), *behind(story.said())}


def test_a_refresh_lets_go_what_stands_on_columns_that_are_no_more(story: RealStory) -> None:
    another_column(story)
    assert story.refresh() == [B]
    assert story.head(B) is None


def test_a_tag_on_main_stays_where_it_is_when_an_environment_is_promoted(story: RealStory) -> None:
    tagged = story.tag("before")
    seen = {name: story.rows(name) for name in (A, B, C)}
    story.promote()
    tables = {name: story.table(name) for name in (A, B, C)}
    assert {name: table.refs["before"] for name, table in tables.items()} == tagged
    assert {name: story.rows(name, tagged[name]) for name in (A, B, C)} == seen
    assert story.rows(C) == [9]


def test_of_two_environments_of_one_table_the_second_is_built_on_what_the_first_published(story: RealStory) -> None:
    story.define(B, lambda rows: [5 * number for number in rows[A]], A)
    with story.inside("second"):
        story.materialize(f"{B} {C}")
    story.promote("second")
    assert (story.rows(B), story.rows(C)) == ([5, 10], [15])
    assert behind(story.said())[B] == "main has moved since it was built"
    story.define(B, lambda rows: [3 * number for number in rows[A]], A)
    story.promote()
    assert (story.rows(B), story.rows(C)) == ([3, 6], [9])
    assert story.is_fresh(f"{B} {C}")

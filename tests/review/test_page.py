"""A comment has a limit: whole parts are left out, the least weighty first, and it says which."""

from __future__ import annotations

import random

import pytest

from lakeflow.as_markdown.page import MOST, Block, Weight, bounded, page
from lakeflow.as_markdown.text import code, fold, said
from tests.review.rendered import rows, strange

WHERE = said("all of it is elsewhere.")


def block(name: str, weight: Weight, length: int) -> Block:
    text = fold(said(name), code("x" * 100), *[code("y" * 100)] * (length // 115))
    return Block(f"section {weight}", said(name), text, weight)


def test_what_fits_is_shown_and_nothing_is_said_to_be_left_out() -> None:
    text = page(said("title"), [block("one", Weight.PLAN, 1000), block("two", Weight.ROWS, 1000)], WHERE)
    assert "Left out" not in text
    assert text.count("<details>") == 2


def test_the_least_weighty_goes_first_and_is_named() -> None:
    blocks = [
        block("samples", Weight.SAMPLES, 30_000),
        block("fails", Weight.FAILS, 30_000),
        block("plan", Weight.PLAN, 20_000),
    ]
    text = page(said("title"), blocks, WHERE)
    assert len(text) <= MOST
    assert "<summary>fails" in text
    assert "<summary>plan" in text
    assert "<summary>samples" not in text
    assert "limit:* samples. all of it is elsewhere." in text


@pytest.mark.parametrize("seed", range(5))
def test_no_part_is_ever_cut(seed: int) -> None:
    chance = random.Random(seed)
    blocks = [block(f"part {n}", chance.choice(list(Weight)), chance.randrange(200, 9_000)) for n in range(400)]
    text = page(said("title"), blocks, WHERE)
    assert MOST * 0.8 < len(text) <= MOST
    assert text.count("<details>") == text.count("</details>") > 0
    assert strange(text) == []
    assert page(said("title"), blocks, WHERE) == text


@pytest.mark.long
def test_names_of_what_is_left_out_never_make_it_too_long() -> None:
    blocks = [Block("s", code("|" * 200), fold(said("x"), code("|" * 100)), Weight.DETAIL) for _ in range(2_000)]
    text = page(said("title"), blocks, WHERE)
    assert len(text) <= MOST
    assert "more parts" in text


def test_a_table_says_how_many_rows_it_does_not_show() -> None:
    text = bounded(("a",), [(code(f"{n}"),) for n in range(5_000)], "assets")
    assert len(rows(text)) == 101
    assert text.endswith("… and 4,900 more assets.")
    assert len(bounded(("a",), [(code("|" * 120),) for _ in range(200)], "assets")) < 11_000

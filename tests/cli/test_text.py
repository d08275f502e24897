"""Text that cannot act on a terminal, aligned by what a person sees."""

import io
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from lakeflow.cli.output import show
from lakeflow.cli.text import Mark, Text, align, ascii_only, cells, clean, line, screen


def test_escape_sequences_in_data_are_spelled_out() -> None:
    assert clean("a\x1b[2Jb\x07") == "a\\x1b[2Jb\\x07"


def test_c1_controls_and_line_breaks_are_spelled_out() -> None:
    assert clean("a\x9b31m\r\n\tb\u2028") == "a\\x9b31m\\r\\n\\tb\\u2028"


def test_bidi_controls_are_spelled_out() -> None:
    """A right-to-left override would show `gpj.exe` for `exe.jpg`."""
    assert clean("\u202eexe.jpg\u2066\u061c\u200f") == "\\u202eexe.jpg\\u2066\\u061c\\u200f"


def test_ordinary_text_of_any_script_stays() -> None:
    for text in ("Zürich–Łódź", "日本語", "नमस्ते", "مرحبا", "👩‍👩‍👧", "a\u00a0b"):
        assert clean(text) == text


@given(st.text())
def test_nothing_clean_can_act_on_a_terminal(text: str) -> None:
    acting = {char for char in clean(text) if category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert acting <= {"\u200c", "\u200d"}


@given(st.text())
def test_a_text_takes_as_many_cells_as_rich_says(text: str) -> None:
    assert cells(clean(text)) == cell_len(clean(text))


def test_each_character_whose_width_is_not_looked_up_takes_the_one_cell_that_rich_says() -> None:
    signs = "".join(mark.value[0] for mark in Mark) + "–—−●○↻·×→←…├└│─“”"
    looked_at = [char for char in map(chr, range(0x300)) if clean(char) == char] + list(signs)
    assert len(looked_at) > 500
    assert [char for char in looked_at if (cells(char), cell_len(char)) != (1, 1)] == []


@pytest.mark.long
@given(st.lists(st.tuples(st.text(), st.sampled_from(["", "bold", "dim"])), max_size=4), st.booleans())
def test_a_pipe_gets_the_very_text_that_rich_would_write(parts: list[tuple[str, str]], colored: bool) -> None:
    text = screen([line(*parts), line("b")], [line(Mark.OK, *parts)])
    ours, theirs = io.StringIO(), io.StringIO()
    show(text, ours, color=colored)
    Console(file=theirs, color_system=None, highlight=False, markup=False, emoji=False).print(text, soft_wrap=True)
    assert ours.getvalue() == theirs.getvalue()


def test_styles_are_kept_piece_by_piece_for_a_terminal() -> None:
    styled = io.StringIO()
    text = align([[line(("bad", "bold red")), line(Mark.OK, " well")]])[0]
    Console(file=styled, force_terminal=True, color_system="standard", highlight=False).print(text, soft_wrap=True)
    assert styled.getvalue() == "\x1b[1;31mbad\x1b[0m  \x1b[32m✓\x1b[0m well\n"
    assert (str(text), bool(text), bool(Text())) == ("bad  ✓ well", True, False)


def test_columns_align_by_display_width_not_by_characters() -> None:
    """A Chinese character takes two cells."""
    rows = align([[line("日本"), line("x")], [line("abc"), line("y")]])
    assert [row.plain for row in rows] == ["日本  x", "abc   y"]
    assert {cell_len(row.plain) for row in rows} == {7}


def test_columns_on_the_right_are_flush_right_and_empty_columns_vanish() -> None:
    rows = align([[line("a"), line(""), line("1")], [line("b"), line(""), line("1,000")]], right=frozenset({2}))
    assert [row.plain for row in rows] == ["a      1", "b  1,000"]


def test_blocks_stand_one_empty_line_apart_and_empty_ones_vanish() -> None:
    assert screen([line("a"), line("b")], [], [line("c")]).plain == "a\nb\n\nc"


def test_every_mark_has_a_sign_of_its_own_in_unicode_and_in_ascii() -> None:
    signs = [mark.value[0] for mark in Mark]
    assert len(set(signs)) == len(signs)
    plain = [ascii_only(sign) for sign in signs]
    assert len(set(plain)) == len(plain)
    assert all(sign.isascii() for sign in plain)


def test_what_joins_texts_stands_between_empty_ones_too() -> None:
    assert Text("|").join([Text(), Text(), Text("a"), Text(), Text("b"), Text()]).plain == "||a||b|"
    assert not Text("|").join([Text()])

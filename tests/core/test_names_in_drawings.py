"""What names in drawings look like."""

from __future__ import annotations

from unicodedata import category

from lakeflow.core.drawing.names import readable


def test_a_character_is_spelled_out_where_no_reader_sees_it_or_it_turns_others() -> None:
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    some = [chr(code) for code in (*range(0x3100), *range(0xD7F0, 0xE010), *range(0xFEF0, 0x10000), 0xE0001, 0x1F600)]
    assert [char for char in some if readable(f"a{char}") != f"a{char}"] == [c for c in some if category(c) in hidden]

"""Names in drawings: whatever stands in them, they stay on one line and act on nothing."""

from __future__ import annotations

from unicodedata import category


def readable(text: str) -> str:
    """The text, with each character that no reader sees, or that turns the direction of others, spelled out."""
    if text.isprintable():  # most are: none of their characters is of a kind that is spelled out
        return text
    return "".join(_spelled(char) for char in text)


def _spelled(char: str) -> str:
    if category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        return char
    return char.encode("unicode_escape").decode("ascii")

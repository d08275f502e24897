"""Numbers in sentences."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`1 asset`, `4 assets`, `26,109 rows`."""
    return f"{number:,} {noun}{'s'[: abs(number) != 1]}"

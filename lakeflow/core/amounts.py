"""Amounts of bytes as people write them, in DuckDB's spelling."""

from __future__ import annotations

import re
from typing import Final

_SPELLED: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?:(?P<unit>[KMGT])(?P<binary>i)?)?B?", re.IGNORECASE)
_POWERS: Final = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_bytes(text: str) -> int:
    """`"4GB"` is 4·10⁹ bytes and `"4GiB"` 4·2³⁰; a number alone is bytes. ValueError for anything else."""
    found = _SPELLED.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no amount of bytes")
    base = 1024 if found["binary"] else 1000
    return int(float(found["number"]) * base ** _POWERS[(found["unit"] or "").upper()])

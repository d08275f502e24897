"""Which regular expressions the engine reads. It is RE2: no look-around, no back-references, linear time.

What only Python reads is judged by the library's own code, value by value.
"""

from __future__ import annotations

import re
from typing import Final

_MOST_REPEATS: Final = 1000
_TOKEN: Final = re.compile(
    r"""
    \\(?P<escape>.)
    | \[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]                # a class of characters: all but escapes is literal
    | (?P<python>\(\?(?:<[=!]|[=!>(\#]|P=|[a-zA-Z]*[xuaL])) # look-around, atomic group, conditional, flags
    | (?P<possessive>(?:[*+?]|\{\d+(?:,\d*)?\})\+)
    | \{(?P<least>\d+)(?:,(?P<most>\d*))?\}
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_PYTHON_ESCAPES: Final = frozenset("123456789ZuUN")


def only_python_reads(pattern: str) -> bool:
    """Python compiles it, and RE2 would refuse it."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return any(_refused(token) for token in _TOKEN.finditer(pattern))


def _refused(token: re.Match[str]) -> bool:
    if token["python"] or token["possessive"]:
        return True
    repeats = (token["least"] or "0", token["most"] or "0")
    return token["escape"] in _PYTHON_ESCAPES or any(int(number) > _MOST_REPEATS for number in repeats)

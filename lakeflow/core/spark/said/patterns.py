r"""Regular expressions that RE2, which DuckDB uses, and Java, which Spark uses, read alike.

A pattern is asked for a yes or no, anywhere in the text. What is here means the same language in both; all else is
refused, such as `\b` and `\s`, which know other characters in Java, flags, and what only one of them has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lakeflow.core.spark.said.terms import NotTheSameError

_ONE: Final = re.compile(
    r"""
      (?P<any> \. )
    | (?P<begin> \^ )
    | (?P<end> \$ )
    | (?P<class> \[\^?(?:[A-Za-z0-9_ ,;:/@%+=~<>!'"#.*?(){}|$]|\\[dw\\.^$|?*+()\[\]{}/-]|-)+\] )
    | (?P<open> \((?:\?:)? )
    | (?P<close> \) )
    | (?P<or> \| )
    | (?P<times> (?:[*+?]|\{\d+(?:,\d*)?\})\?? )
    | (?P<escaped> \\[dDwW\\.^$|?*+()\[\]{}/-] )
    | (?P<literal> [^\\^$.|?*+()\[\]{}] )
    """,
    re.VERBOSE | re.DOTALL,
)
_MOST: Final = 1000
"""How often RE2 repeats at most."""
_LETTERS: Final = re.compile(r"\d-\d|[a-z]-[a-z]|[A-Z]-[A-Z]")
_JAVA: Final = {"any": "[^\n]", "end": r"\z"}
"""Java's `.` passes over more ends of lines than RE2's, and its `$` stands before the last one, too."""


def in_java(pattern: str) -> str:
    """The pattern for Java. NotTheSameError where it is not known to match the same texts there."""
    made, before, depth = [], "", 0
    for kind, text in _parts(pattern):
        depth += {"open": 1, "close": -1}.get(kind, 0)
        if kind == "times":
            _require_repeatable(before, text)
        if kind == "class":
            _require_plain(text)
        if depth < 0:
            raise _unknown(pattern)
        made.append(_JAVA.get(kind, text))
        before = kind
    if depth:
        raise _unknown(pattern)
    return "".join(made)


def _parts(pattern: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(pattern):
        found = _ONE.match(pattern, place)
        if found is None or found.lastgroup is None or not 0 < ord(max(found[0])) <= 0xFFFF:
            raise _unknown(pattern[place:])
        yield found.lastgroup, found[0]
        place = found.end()


def _require_repeatable(before: str, times: str) -> None:
    """Java walks a repeated group by recursion, which a long text overflows; it may come or not."""
    if any(int(number) > _MOST for number in re.findall(r"\d+", times)):
        raise _unknown(times)
    if before not in {"any", "class", "escaped", "literal"} and not (before == "close" and times in {"?", "??"}):
        raise _unknown(times)


def _require_plain(text: str) -> None:
    """A `-` stands for itself at an end of the class, or between two digits or letters of one case, in their order."""
    inner = re.sub(r"\\.", ".", text.removeprefix("[").removeprefix("^").removesuffix("]"))
    ranges = _LETTERS.findall(inner)
    if "--" in inner or "-" in _LETTERS.sub("", inner.strip("-")) or any(each[0] > each[-1] for each in ranges):
        raise _unknown(text)


def _unknown(what: str) -> NotTheSameError:
    return NotTheSameError(f"/{what}/ in a regular expression is not known to mean the same in DuckDB and in Spark")

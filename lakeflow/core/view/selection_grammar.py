"""The grammar of selections: text → a tree. Knows nothing of any lake.

selection    = intersection, { [ "or" ], intersection }      a space joins as `or` does
intersection = operand, { ( "," | "and" ), operand }
operand      = { "not" }, ( term | "(", selection, ")" )
term         = [ [ generations ], "+" ], [ prefix, ":" ], value, [ "+", [ generations ] ]

`"…"` in a value takes spaces, commas, parentheses and plus signs as they are.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import field
from typing import Final, TypeAlias

from lakeflow.core.errors import SelectionError
from lakeflow.core.values import dataclass

HINT: Final = "write `silver.flights`, `+x`, `2+x+1`, `silver.*`, `tag:daily`, `a b`, `a and not b`"
_TOKEN: Final = re.compile(r"""[(),]|(?:[^\s(),"]|"[^"]*")+|\S""")
_TERM: Final = re.compile(r"""(?:(?P<up>[0-9]{0,4})\+)?(?P<name>(?:[^+"]|"[^"]*")+)(?:\+(?P<down>[0-9]{0,4}))?""")
_PREFIXED: Final = re.compile(r"""(?P<prefix>[^:"]+):(?P<value>.*)""", re.DOTALL)
_NO_OPERANDS: Final = frozenset({")", ",", "and", "or"})
_DEEPEST: Final = 50
"""The deepest nesting of parentheses: more than anybody needs, and less than Python's stack."""


@dataclass(frozen=True)
class Term:
    """Assets by name (`prefix` is empty) or by a property; both may be globs.

    `up` and `down` are how many generations come along: 0 is none, None is all.
    """

    prefix: str
    value: str
    up: int | None = 0
    down: int | None = 0

    def __str__(self) -> str:
        return _quoted(f"{self.prefix}:", self.value) if self.prefix else _quoted("", self.value)


@dataclass(frozen=True)
class AnyOf:
    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class AllOf:
    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Not:
    part: Expression


Expression: TypeAlias = Term | AnyOf | AllOf | Not


def parse(text: str) -> Expression:
    """The expression that the text spells. SelectionError for any other text."""
    parser = _Parser(text, deque(_TOKEN.findall(text)))
    found = parser.selection()
    if parser.tokens:
        raise parser.wrong("a `)` closes nothing")
    return found


@dataclass
class _Parser:
    """Reads one text by recursive descent."""

    text: str
    tokens: deque[str] = field(default_factory=deque)
    depth: int = 0

    def selection(self) -> Expression:
        parts = [self.intersection()]
        while self.tokens and self.tokens[0] != ")":
            if not self.take("or") and self.tokens[0] == "not":
                raise self.wrong("before `not` stands neither `and` nor `or`")
            parts.append(self.intersection())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def intersection(self) -> Expression:
        parts = [self.operand()]
        while self.take(",") or self.take("and"):
            parts.append(self.operand())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def operand(self) -> Expression:
        inverted = False
        while self.take("not"):
            inverted = not inverted
        found = self.group() if self.take("(") else self.term()
        return Not(found) if inverted else found

    def group(self) -> Expression:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.wrong(f"more than {_DEEPEST} parentheses stand within one another")
        found = self.selection()
        if not self.take(")"):
            raise self.wrong("a `(` is not closed")
        self.depth -= 1
        return found

    def term(self) -> Term:
        word = self.tokens.popleft() if self.tokens else ""
        if not word:
            raise self.wrong("something is missing at its end" if self.text.strip() else "it is empty")
        if word in _NO_OPERANDS:
            raise self.wrong(f"something is missing before `{word}`")
        if word == '"':
            raise self.wrong("a quote is not closed")
        if (match := _TERM.fullmatch(word)) is None:
            raise self.wrong(f"`{word}` is no term")
        return _term(match)

    def take(self, token: str) -> bool:
        """Is this the next token? If so, it is consumed."""
        if not self.tokens or self.tokens[0] != token:
            return False
        self.tokens.popleft()
        return True

    def wrong(self, why: str) -> SelectionError:
        return SelectionError(f"{self.text!r} is not a selection: {why}", hint=HINT)


def _term(match: re.Match[str]) -> Term:
    name = match["name"]
    prefixed = _PREFIXED.fullmatch(name)
    prefix, value = (prefixed["prefix"], prefixed["value"]) if prefixed else ("", name)
    return Term(prefix, value.replace('"', ""), _generations(match["up"]), _generations(match["down"]))


def _generations(digits: str | None) -> int | None:
    """The generations: none without a plus sign, all for a plus sign without a number."""
    if digits is None:
        return 0
    return int(digits) if digits else None


def _quoted(before: str, value: str) -> str:
    plain = not re.search(r"[\s(),+]", value)
    return f"{before}{value}" if plain else f'{before}"{value}"'

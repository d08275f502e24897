"""How the word before the cursor may go on: tables behind FROM, columns of the tables that are named, words of SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from lakeflow.core.values import dataclass

WORDS: Final = tuple(
    """
    all and as asc between by case cast count cross date desc distinct else end except exclude exists extract filter
    from full group having in inner intersect interval is join last_value lateral left like limit max min not null
    nulls offset on or order outer over partition qualify row_number select semi sum then timestamp try_cast union
    unnest using values when where window with
    """.split()  # noqa: SIM905 - one word beside the other is easier to read
)
_TYPED: Final = re.compile(r'[\w."]*$')
_BEFORE: Final = re.compile(r'(\w+|,)\s*[\w."]*$')
_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_]*")
_TABLES: Final = frozenset({"from", "join"})


@dataclass(frozen=True)
class Continuation:
    """`text` takes the place of the `replaced` characters before the cursor. `kind` is table, column or word."""

    text: str
    kind: str
    replaced: int


def suggestions(text: str, cursor: int, tables: Mapping[str, Sequence[str]]) -> tuple[Continuation, ...]:
    """What may stand at the cursor, likely things first. `tables` are columns by `layer.name`."""
    before = text[:cursor]
    found = _TYPED.search(before)
    typed = found[0] if found else ""
    kinds = _kinds(before, typed, text, tables)
    plain = typed.replace('"', "").lower()
    chosen = {
        each: kind
        for kind, words in kinds
        for each in words
        if each.isprintable() and each.replace('"', "").lower().startswith(plain) and each != typed
    }
    return tuple(Continuation(_as_typed(each, typed, kind), kind, len(typed)) for each, kind in chosen.items())


def _kinds(
    before: str, typed: str, text: str, tables: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, Sequence[str]]]:
    word = _BEFORE.search(before)
    named = [name for name in tables if re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE)]
    columns = _columns(named or list(tables), tables)
    layer, dot, _ = typed.rpartition(".")
    if dot and not any(name.startswith(f"{layer.lower()}.") for name in tables):
        yield "column", [f"{layer}.{column}" for column in columns]
        return
    if word and word[1].lower() in _TABLES:
        yield "table", sorted(tables)
        return
    yield "column", columns
    yield "table", sorted(tables)
    if typed:
        yield "word", WORDS


def _columns(named: Sequence[str], tables: Mapping[str, Sequence[str]]) -> list[str]:
    found = dict.fromkeys(column for name in named for column in tables[name])
    return [column if _PLAIN.fullmatch(column) else '"{}"'.format(column.replace('"', '""')) for column in found]


def _as_typed(word: str, typed: str, kind: str) -> str:
    """A word of SQL in capitals where it was begun in capitals."""
    return word.upper() if kind == "word" and typed.isupper() else word

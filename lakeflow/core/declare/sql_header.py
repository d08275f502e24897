"""Reads the TOML in the block comment that opens a SQL file."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lakeflow.core.errors import Fault
from lakeflow.core.keys import EMPTY
from lakeflow.core.sql.tokens import UnclosedError, line_at, tokens
from lakeflow.core.values import dataclass

_BEFORE: Final = r"\A(?:\s+|--[^\n]*\n)*/\*"
_HEADER: Final = re.compile(_BEFORE + r"(?P<toml>.*?)\*/", re.DOTALL)
_TEXT: Final = r""""(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*?(?=\*/|\n)"""
_WITH_TEXTS: Final = re.compile(_BEFORE + rf"(?P<toml>(?:{_TEXT}|.)*?)\*/", re.DOTALL)
"""The block comment. A text inside it may hold `*/`, as in `files = "**/*.csv"`."""
_FIELD: Final = re.compile(r"^\s*(?:\[\[?\s*(?P<table>[^\[\]]+?)\s*\]|(?P<name>[\w\"'.-]+)\s*=)", re.MULTILINE)
_TOML_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)")


@dataclass(frozen=True)
class Header:
    """The fields of the block comment, their lines in the file, and what is wrong with them.

    `sql` is the file's text. A comment that would end too early, or that holds another, is blanked in it line by line.
    """

    sql: str
    fields: Mapping[str, Any] = EMPTY
    lines: Mapping[str, int] = EMPTY
    faults: tuple[Fault, ...] = ()


def read_header(text: str, path: str) -> Header:
    """The TOML in the block comment that opens a SQL text; lines of `--` may stand before it."""
    if not (match := _HEADER.match(text)):
        return Header(text)
    try:
        return _header(text, match)
    except tomllib.TOMLDecodeError:
        match = _WITH_TEXTS.match(text) or match
    try:
        return _header(text, match)
    except tomllib.TOMLDecodeError as error:
        first, found = line_at(text, match.start("toml")), _TOML_LINE.search(str(error))
        line = first + int(found[1]) - 1 if found else line_at(text, match.end("toml"))
        message = f"the header is not TOML: {_TOML_LINE.sub('', str(error)).strip()}"
        hint = 'write lines like  key = ["origin"]  in the block comment, and prose in lines that start with --'
        return Header(text, faults=(Fault(path, line, message, hint),))


def line_of_select(text: str, field: str = "") -> int:
    """Where a field of a SQL file's header stands; where it has none of that name, its SELECT."""
    header = read_header(text, "")
    if line := header.lines.get(field):
        return line
    try:
        first = next(iter(tokens(header.sql)), None)
    except UnclosedError:
        return 1
    return line_at(text, first.start) if first else 1


def _header(text: str, match: re.Match[str]) -> Header:
    toml, (start, end) = match["toml"], match.span("toml")
    fields, lines = tomllib.loads(toml), dict(_header_lines(toml, line_at(text, start)))
    if "*/" in toml or "/*" in toml:
        text = text[:start] + "\n" * toml.count("\n") + text[end:]
    return Header(text, fields, lines)


def _header_lines(toml: str, first: int) -> Iterator[tuple[str, int]]:
    """The line of each field, of each table, and of the tables of a list as `examples.1`, `examples.2` and so on."""
    table, listed = "", Counter[str]()
    for match in _FIELD.finditer(toml):
        line = first + line_at(toml, match.end()) - 1
        if match["table"]:
            table = match["table"].replace('"', "")
            if match[0].lstrip().startswith("[["):
                listed[table] += 1
                yield f"{table}.{listed[table]}", line
            yield table, line
        elif not table:
            yield match["name"].strip("\"'"), line

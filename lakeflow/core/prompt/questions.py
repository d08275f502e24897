"""Typed text cut into questions, and which of them may be kept for another day."""

from __future__ import annotations

from collections.abc import Collection

from lakeflow.core.redaction import redacted, redacted_message
from lakeflow.core.sql.tokens import UnclosedError, tokens

LEAVING = frozenset({"exit", "quit"})


def split(text: str) -> tuple[tuple[str, ...], str]:
    """The questions that end with a semicolon, and the text behind the last of them."""
    try:
        ends = [token.end for token in tokens(text) if token.text == ";"]
    except UnclosedError:
        return (), text
    begins = [0, *ends]
    found = (text[begin:end] for begin, end in zip(begins, ends, strict=False))
    return tuple(each.strip() for each in found if not is_empty(each)), text[begins[-1] :]


def is_empty(text: str) -> bool:
    """Is there nothing in it but blanks, comments and semicolons?"""
    try:
        return all(token.text == ";" for token in tokens(text))
    except UnclosedError:
        return False


def may_be_kept(question: str, personal: Collection[str]) -> bool:
    """May a file hold the question? Not where it names a personal column (in lower case), since a value may stand
    beside it, nor where it holds an address or a secret, nor where it begins with a blank, as in a shell.
    """
    if question[:1].isspace() or {redacted(question), redacted_message(question)} != {question}:
        return False
    try:
        found = tokens(question)
    except UnclosedError:
        return False
    named = {token.text.strip('"').replace('""', '"').lower() for token in found if token.kind in {"word", "name"}}
    return not named & set(personal) and not any("@" in token.text for token in found if token.kind == "text")

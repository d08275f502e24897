"""Puts suggested checks into the asset's check file: whole or not at all, and nobody's text is changed."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from lakeflow.core.errors import UsageError
from lakeflow.core.suggest.suggestion import Suggestion
from lakeflow.core.suggest.text import NotAListError, merged, new_file

_AGAIN = "suggest again: it looks at the file as it is now"


def write_checks(root: Path, suggestion: Suggestion) -> Path:
    """Write the suggestion's proposals where they belong, and return the file. Without proposals nothing is written.

    UsageError where the file has no plain list to put them into, with the text to paste; and where it is another one by
    now.
    """
    path = (root / suggestion.path).resolve()
    if not suggestion.proposals:
        return path
    before = _read(path, suggestion)
    try:
        text = merged(before, suggestion.proposals) if before.strip() else new_file(suggestion.proposals)
    except NotAListError as error:
        raise UsageError(
            f"{suggestion.path}: {error}", hint=f"put these into it:\n{suggestion.paste}", asset=suggestion.asset
        ) from None
    _replace(path, text)
    return path


def _read(path: Path, suggestion: Suggestion) -> str:
    """The text of the file as it is now, with its own line ends. UsageError where it is not what was looked at."""
    try:
        found = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        found = ""
    except (OSError, ValueError) as error:
        raise UsageError(f"{suggestion.path} cannot be read: {error}", asset=suggestion.asset) from error
    plain = found.replace("\r\n", "\n").replace("\r", "\n")
    if plain.strip() and plain != suggestion.stands:
        raise UsageError(f"{suggestion.path} was changed meanwhile", hint=_AGAIN, asset=suggestion.asset)
    if not plain.strip() and suggestion.stands is not None:
        raise UsageError(f"{suggestion.path} was removed meanwhile", hint=_AGAIN, asset=suggestion.asset)
    return found


def _replace(path: Path, text: str) -> None:
    """Let a new file take the place of the old one, with its rights, once all of it is on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}-{uuid4().hex[:8]}")
    try:
        with beside.open("xb") as sink:
            sink.write(text.encode())
            sink.flush()
            os.fsync(sink.fileno())
        with suppress(FileNotFoundError):
            beside.chmod(path.stat().st_mode & 0o7777)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)

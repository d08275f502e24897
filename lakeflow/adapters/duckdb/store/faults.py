"""What a store said through DuckDB, which wraps an exception of a file system into a traceback and its own words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

from lakeflow.core.errors import LakeError

_MARK: Final = uuid4().hex
"""Stands around what we say, so that no text of a server or of a user's code counts as ours."""
_SAID: Final = re.compile(rf"{_MARK}(.*?)\n(.*?){_MARK}")


@contextmanager
def marked(location: str) -> Iterator[None]:
    """Let what fails inside be found again in DuckDB's own exception. It holds no value and no secret."""
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(_text(f'No files found that match the pattern "{location}"', "")) from None
    except OSError as error:
        hint = getattr(error, "hint", "look at the store, then run it again")
        raise OSError(_text(f"cannot read {location}: {error.strerror or error}", hint)) from None
    except LakeError as error:
        raise OSError(_text(error.message, error.hint or "")) from None


def said_by_store(text: str) -> tuple[str, str] | None:
    """What is wrong with a store, and what to type next (maybe empty); None where it is not about one."""
    return (found[1], found[2]) if (found := _SAID.search(text)) else None


def _text(message: str, hint: str) -> str:
    return f"{_MARK}{message}\n{hint}{_MARK}"

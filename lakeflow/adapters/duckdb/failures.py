"""Turns DuckDB's exceptions into AssetErrors that say what is wrong, where, and what to type next.

Some of DuckDB's messages quote values of the data; where personal data is involved, these messages are withheld.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

import duckdb

from lakeflow.adapters.duckdb.store.faults import said_by_store
from lakeflow.core.column_names import hint_of_renamed
from lakeflow.core.errors import AssetError, CodeError
from lakeflow.core.keys import TableKey
from lakeflow.core.values import dataclass
from lakeflow.core.wording import nearest

_NO_VALUES: Final = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.IOException,
    duckdb.ParserException,
    duckdb.OutOfMemoryException,
    duckdb.InterruptException,
)
"""Errors about names, files and machines: their messages hold nothing from the data."""

_SETTLED: Final = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.InterruptException,
)
"""Exceptions that a retry cannot change: the same text on the same tables raises them again, or somebody asked for
them.
"""

_KIND: Final = re.compile(r"^[A-Z][A-Za-z -]* Error: ")
_QUERY: Final = re.compile(r"\?[^\s\"']+")
_MISSING: Final = re.compile(r"Table with name \"?([\w.]+)\"? does not exist")
_UNKNOWN: Final = re.compile(r"(?:Referenced column|does not have a column named) \"([^\"]+)\"")
_LOST: Final = re.compile(r"No files found that match the pattern \"[^\"]*-sha256-[0-9a-f]{64}\.parquet\"")
"""A data file that this lake wrote; of files outside it the doctor knows nothing."""
_DAMAGED: Final = re.compile(
    r"Failed to read (?:Parquet )?file \"[^\"]*-sha256-[0-9a-f]{64}\.parquet\""
    r"|^(?:\w+ Error: )?(?:TProtocolException|Parquet metadata is corrupt|don't know what type|Out of buffer)"
)
"""A data file of this lake, or one that DuckDB leaves unnamed."""
_WHETHER: Final = "`lakeflow verify --deep` says whether a file of the lake is damaged, and what to type"
_RAISED: Final = re.compile(r"Python exception: Traceback .*\n(\w[\w.]*: [^\n]*|\w[\w.]*)\s*$", re.DOTALL)
_CSV_LINE: Final = re.compile(r"CSV Error on Line: (\d+)")
_CSV_FILE: Final = re.compile(r"^  file = (.+)$", re.MULTILINE)
_CSV_CAUSES: Final = (
    (re.compile(r"Error when converting column \"(.+?)\".* to '(\S+)'", re.DOTALL), "column {0!r} holds no {1}"),
    (re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)"), "{0} columns expected, {1} found"),
    (re.compile(r"Invalid unicode"), "not UTF-8; name the encoding, such as encoding = 'latin-1'"),
)
_OURS: Final = uuid4().hex
"""The mark at the beginning of what our own SQL raises. User code cannot know it, so the text behind it holds no
value.
"""
_REFUSED: Final = re.compile(rf"{_OURS}(.*?)\n(.*?){_OURS}")
_SPILL: Final = "max_temp_directory_size"
"""What DuckDB says when the disk is full: its limit for spilling is the disk's free space, and it calls that a lack of
memory.
"""
_LONG: Final = "File name too long"
_FULL: Final = ("No space left on device", "File too large", "Disk quota exceeded")


@dataclass(frozen=True)
class ErrorContext:
    """What is running, for messages. `names` are the tables that it may read, `columns` all their columns."""

    key: TableKey
    at: str = ""
    names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    personal: bool = False

    def error(self, cause: str, hint: str | None = None) -> AssetError:
        at = f" ({self.at})" if self.at else ""
        return AssetError(f"{self.key}: {cause}{at}", hint=hint, asset=self.key)


def refusal(message: str, hint: str) -> str:
    """The text that our own SQL passes to `error`, made from the words of an AssetError. It may hold nothing from the
    data.
    """
    return f"{_OURS}{message}\n{hint}{_OURS}"


def is_refusal(error: BaseException) -> bool:
    """Is it a refusal by our own SQL? It may come through another library that repeats what DuckDB raised."""
    return _OURS in str(error)


@contextmanager
def failures(place: ErrorContext) -> Iterator[None]:
    """Turn what DuckDB raises inside into AssetErrors, and name the asset in every AssetError.

    An error with a withheld message has no cause attached, which could print that message.
    """
    try:
        yield
    except duckdb.Error as error:
        told = _told(error, place)
        if not isinstance(error, _SETTLED):
            told = CodeError(told.message, hint=told.hint, asset=told.asset)
        raise told from (None if place.personal else error)
    except AssetError as error:
        if error.asset is not None:
            raise
        raise type(error)(f"{place.key}: {error.message}", hint=error.hint, asset=place.key) from error.__cause__


def is_failure_of_machine(error: duckdb.Error) -> bool:
    """Is it a lack of memory or disk, or Ctrl-C? Then no file is to blame."""
    machine = isinstance(error, duckdb.OutOfMemoryException | duckdb.InterruptException)
    return machine or any(words in str(error) for words in _FULL)


def _told(error: duckdb.Error, place: ErrorContext) -> AssetError:
    text = _QUERY.sub("?...", str(error))
    if refused := _REFUSED.search(text):
        return place.error(refused[1], refused[2])
    if store := said_by_store(text):
        return place.error(store[0], store[1] or _hint(store[0], place))
    if at := _CSV_LINE.search(text):
        return place.error(_csv_cause(text, at[1]), "mend the file; or read the column as varchar and cast it later")
    if place.personal and not isinstance(error, _NO_VALUES):
        return _withheld(error, text, place)
    if raised := _RAISED.search(text):
        return place.error(raised[1])
    return _of_machine(error, text, place) or place.error(_cause(text), _hint(text, place) or _hint_of(error))


def _withheld(error: duckdb.Error, text: str, place: ErrorContext) -> AssetError:
    if _DAMAGED.search(text):  # a folder's name in the path may be a value
        return place.error("a data file cannot be read", _WHETHER)
    return place.error(f"{_sort(error)}; the value is withheld because personal data is involved", _hint_of(error))


def _of_machine(error: duckdb.Error, text: str, place: ErrorContext) -> AssetError | None:
    """The error for a limit of the machine: disk, the length of a folder's name, or memory."""
    if any(words in text for words in (*_FULL, _SPILL)):
        return place.error("the disk is full", "free space, or move the lake to a larger disk, then run it again")
    if _LONG in text:  # the name is made of a value, which no message repeats
        return place.error(
            "a value to partition by is too long for the name of a folder, which holds about 240 bytes",
            "partition by `truncate(20, column)` or `bucket(16, column)` in its place",
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return place.error(
            "DuckDB ran out of memory", "raise memory_limit in [tool.lakeflow], or lower parallel or threads"
        )
    return None


def _csv_cause(text: str, line: str) -> str:
    """File, line and column of a CSV error, without what stands there."""
    file = found[1] if (found := _CSV_FILE.search(text)) else "the CSV file"
    said = (words.format(*match.groups()) for pattern, words in _CSV_CAUSES if (match := pattern.search(text)))
    return f"{file}, line {line}: {next(said, 'the row does not parse')}"


def _sort(error: duckdb.Error) -> str:
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException):
        return "a value does not fit the type that it is cast to"
    return f"the query failed with {type(error).__name__}"


def _hint_of(error: duckdb.Error) -> str | None:
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException):
        return "TRY_CAST gives NULL where a value does not fit; a check can then count them"
    return None


def _cause(text: str) -> str:
    """DuckDB's first line without the name of its exception, and the line of SQL if it gives one."""
    first = _KIND.sub("", text.partition("\n")[0]).rstrip(" !")
    line = re.search(r"^LINE (\d+):", text, re.MULTILINE)
    return f"{first}, line {line[1]}" if line and line[1] != "1" else first


def _hint(text: str, place: ErrorContext) -> str | None:
    if hint := hint_of_renamed(text.partition("\n")[0]):
        return hint
    if _LOST.search(text):
        return "a file of the lake is gone; `lakeflow doctor` says which, and what to type"
    if _DAMAGED.search(text):
        return _WHETHER
    if missing := _MISSING.search(text):
        readable = f"it can read {', '.join(place.names)}" if place.names else "it declares no inputs"
        return _near(missing[1], place.names) or readable
    if unknown := _UNKNOWN.search(text):
        return _near(unknown[1], place.columns)
    return None


def _near(name: str, known: tuple[str, ...]) -> str | None:
    """The known name that looks like it, with or without its layer."""
    bare = {each.rpartition(".")[2]: each for each in known}
    found = nearest(name, known) or bare.get(nearest(name, bare) or "")
    return f"did you mean {found!r}?" if found else None

"""Questions of an audit that Spark answers, and its answers: records that cross a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from lakeflow.core.values import dataclass


class AnswerForm(StrEnum):
    """What is wanted of a query: its rows; a file with its rows; or how many there are, and a few of them as text."""

    ROWS = "rows"
    FILES = "files"
    BAD = "bad"


@dataclass(frozen=True)
class Question:
    """A query of Spark SQL over views, of which there is one for each relation that the audit may read. `shown` is how
    many bad rows are shown.
    """

    sql: str
    wanted: AnswerForm = AnswerForm.ROWS
    shown: int = 0


@dataclass(frozen=True)
class SparkAnswer:
    """The names of the columns and the rows. `failed` counts bad rows, of which `rows` are the first; `files` hold
    rows that are too many for an answer.
    """

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    failed: int = 0
    files: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        return not self.failed


def views_of(relations: Iterable[str]) -> Mapping[str, str]:
    """What the view of each relation is called in Spark, where nothing has three names."""
    return {relation: f"lakeflow_audit_{place}" for place, relation in enumerate(sorted(relations))}

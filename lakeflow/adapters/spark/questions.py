"""Answers the questions of one audit: pinned snapshots as views, and queries over them that only read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from pyspark.errors import PySparkException

from lakeflow.adapters.spark.failures import Running, failures
from lakeflow.adapters.spark.java import Py4JError
from lakeflow.adapters.spark.read import Copy, frame, location
from lakeflow.adapters.spark.session import require_exact
from lakeflow.core.errors import LakeflowError
from lakeflow.core.model.table import Scan
from lakeflow.core.spark.asked import AnswerForm, Question, SparkAnswer, views_of
from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_LONGEST: Final = 201
"""Characters of a value that is shown: one more than are, so that it is seen to be longer."""


@dataclass(frozen=True)
class SparkQuestions:
    """The relations of an audit in a session; `folder` takes rows that are too many for an answer. A relation becomes a
    view when the first query that names it is asked; one that Spark cannot read is refused to each.
    """

    session: SparkSession
    relations: Mapping[str, Scan]
    folder: Path
    copy: Copy
    running: Running

    def ask(self, question: Question) -> SparkAnswer:
        """The answer. AssetError in Spark's words where there is none."""
        with failures(self.running):
            for relation, view in views_of(self.relations).items():
                if re.search(rf"\b{view}\b", question.sql):
                    self._need(relation, view)
            found = self.session.sql(question.sql)
            told = _ANSWERS[question.wanted](self, found, question)
            require_exact(self.session)
            return told

    @contextmanager
    def open(self) -> Iterator[SparkQuestions]:
        """While this is open there are views; a session that is gone has none."""
        try:
            yield self
        finally:
            with suppress(PySparkException, Py4JError, ConnectionError):
                for view in self._made:
                    self.session.catalog.dropTempView(view)

    def _need(self, relation: str, view: str) -> None:
        """Make the view once. What was wrong the first time is raised each time."""
        if view not in self._made:
            self._made[view] = self._make(relation, view)
        if (error := self._made[view]) is not None:
            raise error.with_traceback(None)

    def _make(self, relation: str, view: str) -> Exception | None:
        scratch = self.folder / view
        scratch.mkdir(mode=0o700)
        try:
            frame(self.session, self.relations[relation], scratch, self.copy).createOrReplaceTempView(view)
        except (LakeflowError, PySparkException, Py4JError, ConnectionError) as error:
            return error
        return None

    @cached_property
    def _made(self) -> dict[str, Exception | None]:
        """The views so far, and why one of them is none."""
        return {}

    def rows(self, found: DataFrame, _: Question) -> SparkAnswer:
        return SparkAnswer(tuple(found.columns), tuple(tuple(map(_plain, row)) for row in found.collect()))

    def files(self, found: DataFrame, _: Question) -> SparkAnswer:
        target = self.folder / uuid4().hex
        plain = found.toDF(*(f"c{place}" for place in range(len(found.columns))))
        plain.write.mode("error").parquet(location(str(target)))
        return SparkAnswer(tuple(found.columns), files=tuple(map(str, sorted(target.glob("part-*.parquet")))))

    def bad(self, found: DataFrame, question: Question) -> SparkAnswer:
        from pyspark.sql import functions as F  # noqa: N812, PLC0415 - as everybody calls it

        columns = tuple(found.columns)
        failed = found.count()
        if not failed or not question.shown:
            return SparkAnswer(columns, failed=failed)
        plain = found.toDF(*(f"c{place}" for place in range(len(columns))))
        texts = [F.substring(_as_text(plain, place), 1, _LONGEST) for place in range(len(columns))]
        return SparkAnswer(
            columns, tuple(tuple(row) for row in plain.select(*texts).limit(question.shown).collect()), failed
        )


_ANSWERS: Final[Mapping[AnswerForm, Callable[[SparkQuestions, DataFrame, Question], SparkAnswer]]] = {
    AnswerForm.ROWS: SparkQuestions.rows,
    AnswerForm.FILES: SparkQuestions.files,
    AnswerForm.BAD: SparkQuestions.bad,
}


def _as_text(rows: DataFrame, place: int) -> Any:
    """A value as text; of rows within rows as JSON, which names their fields."""
    from pyspark.sql import functions as F  # noqa: N812, PLC0415 - as everybody calls it
    from pyspark.sql import types as T  # noqa: N812, PLC0415 - as everybody calls it

    column, type_ = rows[f"c{place}"], rows.schema.fields[place].dataType
    if isinstance(type_, T.StructType | T.ArrayType | T.MapType):
        return F.to_json(column)
    return F.hex(column) if isinstance(type_, T.BinaryType) else column.cast("string")


def _plain(value: Any) -> Any:
    """Values of an answer: lists in place of Spark's own."""
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value

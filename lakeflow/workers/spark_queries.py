"""The questions of an audit as Spark is asked them: in Spark SQL, by way of the run, which has Spark's process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from lakeflow.adapters.expectations.table import CannotCheck, FunctionResult, QueryResult
from lakeflow.core.model.table import Scan
from lakeflow.core.spark.asked import AnswerForm, Question, SparkAnswer, views_of

if TYPE_CHECKING:
    from lakeflow.core.spark.said.terms import View

_BATCH: Final = 2048
_ALIKE: Final = frozenset({"string", "bool", "int32", "int64"})
"""The types whose values are the same Python values from both engines."""
_WRITE_IT: Final = 'write it as a row check in Spark SQL (dialect = "spark")'


class SparkQueries:
    """`why` is why Spark is asked. What it cannot be asked is refused with the reason."""

    def __init__(self, relations: Mapping[str, Scan], ask: Callable[[Question], SparkAnswer], why: str) -> None:
        self._relations = relations
        self._ask = ask
        self._why = why
        self._told: dict[str, str | CannotCheck] = {}

    @property
    def why(self) -> str:
        return self._why

    def knows(self, sql: str) -> bool:
        try:
            self._said(sql)
        except CannotCheck:
            return False
        return True

    def proves_keys(self) -> bool:
        return False

    def execute(self, sql: str) -> QueryResult:
        told = self._ask(Question(self._said(sql)))
        return QueryResult(told.columns, told.rows)

    def batches(self, sql: str) -> Iterator[Any]:
        from pyarrow import parquet  # noqa: PLC0415 - half a second that most audits do without

        for path in self._ask(Question(self._said(sql), AnswerForm.FILES)).files:
            file = parquet.ParquetFile(path)
            if others := sorted({str(field.type) for field in file.schema_arrow} - _ALIKE):
                raise self._refused(
                    f"a check of single values takes those of DuckDB where they are {', '.join(others)}"
                )
            yield from file.iter_batches(_BATCH)

    def call(self, function: Callable[..., Any], inputs: Mapping[str, str], shown: int) -> FunctionResult:
        raise self._refused("a check function takes relations of DuckDB")

    def select(self, sql: str) -> str:
        raise self._refused("it is written in DuckDB's SQL")

    def bad_rows(self, sql: str, shown: int) -> FunctionResult:
        from lakeflow.core.spark.names import with_views  # noqa: PLC0415 - as above

        text = with_views(sql, views_of(self._relations)).rstrip().rstrip(";")
        return self._ask(Question(f"SELECT * FROM ({text}\n)", AnswerForm.BAD, shown))

    def _said(self, sql: str) -> str:
        """The query in Spark SQL; CannotCheck where it is refused. A text is translated once."""
        if sql not in self._told:
            self._told[sql] = self._in_spark_sql(sql)
        told = self._told[sql]
        if isinstance(told, CannotCheck):
            raise told.with_traceback(None)
        return told

    def _in_spark_sql(self, sql: str) -> str | CannotCheck:
        from lakeflow.core.spark.said.queries import in_spark_sql  # noqa: PLC0415 - the parser takes 0.2 s to import
        from lakeflow.core.spark.said.terms import NotTheSameError  # noqa: PLC0415 - as above

        try:
            return in_spark_sql(sql, self._views)
        except NotTheSameError as error:
            return self._refused(str(error))

    def _refused(self, reason: str) -> CannotCheck:
        return CannotCheck(f"Spark cannot be asked this: {reason}; {_WRITE_IT}")

    @cached_property
    def _views(self) -> Mapping[str, View]:
        from lakeflow.core.spark.said.terms import View  # noqa: PLC0415 - as above

        named = views_of(self._relations)
        return {relation: View(named[relation], scan.schema) for relation, scan in self._relations.items()}

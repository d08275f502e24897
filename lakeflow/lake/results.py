"""The answer of a query, as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Literal, TypeVar

from lakeflow.core.model.table import Rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

    from lakeflow.lake.reading import ReadableLake

Form = Literal["csv", "parquet", "arrow"]
_Result = TypeVar("_Result")


def attended(lake: ReadableLake, work: Callable[[], _Result]) -> _Result:
    """The result of work with the answer of a query. Ctrl-C ends the query at once, and raises KeyboardInterrupt."""
    from lakeflow.adapters.duckdb.instance.interrupt import interruptible  # noqa: PLC0415 - as said below

    return interruptible(lake.interrupt, work)


def batches(relation: DuckDBPyRelation) -> Iterator[Rows]:
    """The rows of a query as text, in batches, the first of which has no row. AssetError when DuckDB cannot go on."""
    from lakeflow.adapters.duckdb.code.user_sql import refused  # noqa: PLC0415 - a lake that answers has opened DuckDB
    from lakeflow.adapters.duckdb.read import answers  # noqa: PLC0415 - as said above

    with refused():
        yield from answers.batches(relation)


def few(relation: DuckDBPyRelation, most: int) -> Rows:
    """The rows of a query as text, where they are few. AssetError when DuckDB cannot go on, and for a row of more than
    `most` bytes.
    """
    from lakeflow.adapters.duckdb.code.user_sql import refused  # noqa: PLC0415 - as said above
    from lakeflow.adapters.duckdb.read import answers  # noqa: PLC0415 - as said above

    with refused():
        return answers.few(relation, most)


def write(relation: DuckDBPyRelation, form: Form, sink: IO[bytes]) -> None:
    """Write all rows of a query as they come: one batch of them is in memory. AssetError as above."""
    from lakeflow.adapters.duckdb.code.user_sql import refused  # noqa: PLC0415 - as said above
    from lakeflow.adapters.duckdb.read import answers  # noqa: PLC0415 - as said above

    with refused():
        {"csv": answers.write_csv, "parquet": answers.write_parquet, "arrow": answers.write_arrow}[form](relation, sink)

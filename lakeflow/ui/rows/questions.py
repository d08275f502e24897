"""What pages ask of a lake's rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from lakeflow.core.compare.comparison import Comparison
    from lakeflow.core.listings import Comparisons, Runs
    from lakeflow.core.model.table import Rows
    from lakeflow.core.plan.readmission import Quarantined
    from lakeflow.lake.reading import ReadableLake

_ROW_BYTES: Final = 100_000
"""What one row of an answer may hold: a SELECT can make a text of gigabytes, and a page of 500 of them."""


class Questions(Protocol):
    """Each as the lake's method of that name answers it; LakeflowErrors as there. UsageError where it takes longer than
    it may.
    """

    def diff(self, asset: str, between: str, *, where: str = "", rows: int) -> Comparison: ...

    def between(self, asset: str, before: int, after: int, *, rows: int) -> Comparison:
        """The difference of two snapshots, by their ids. They do not change, so they are compared once."""
        ...

    def diff_run(self, run: str, *, where: str = "", rows: int) -> Comparisons: ...

    def quarantined(self, asset: str, *, limit: int) -> Quarantined: ...

    def query(self, sql: str, *, ref: str, as_of: str | None, limit: int) -> Rows:
        """The first rows of one SELECT; personal columns are masked."""
        ...

    def runs(self, limit: int) -> Runs: ...

    def show(self, asset: str, options: dict[str, str], *, columns: Sequence[str], limit: int) -> Rows:
        """`options` are a ref, a snapshot or a time, a condition and an order, as far as they are said."""
        ...

    def snapshot_at(self, asset: str, as_of: str) -> int: ...


class LakeQuestions:
    """The answers of an open lake."""

    def __init__(self, lake: ReadableLake) -> None:
        self._lake = lake

    def diff(self, asset: str, between: str, *, where: str = "", rows: int) -> Comparison:
        return self._lake.diff(asset, between, where=where, rows=rows)

    def between(self, asset: str, before: int, after: int, *, rows: int) -> Comparison:
        return self.diff(asset, f"s{before}..s{after}", rows=rows)

    def diff_run(self, run: str, *, where: str = "", rows: int) -> Comparisons:
        return self._lake.diff_run(run, where=where, rows=rows)

    def quarantined(self, asset: str, *, limit: int) -> Quarantined:
        return self._lake.quarantined(asset, limit=limit)

    def query(self, sql: str, *, ref: str, as_of: str | None, limit: int) -> Rows:
        from lakeflow.lake.results import few  # noqa: PLC0415 - pages import this module for its names

        relation = self._lake.query(sql, ref=ref, as_of=as_of, personal="masked")
        return few(relation.limit(limit), _ROW_BYTES)

    def runs(self, limit: int) -> Runs:
        return self._lake.runs(limit)

    def show(self, asset: str, options: dict[str, str], *, columns: Sequence[str], limit: int) -> Rows:
        return self._lake.show(asset, **options, columns=columns, limit=limit)

    def snapshot_at(self, asset: str, as_of: str) -> int:
        return self._lake.snapshot_at(asset, as_of)

"""The port to what answers the questions of an audit that are too large for this machine."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lakeflow.core.keys import AssetKey
    from lakeflow.core.model.table import Scan
    from lakeflow.core.spark.asked import Question, SparkAnswer


class OpenQuestions(Protocol):
    """Pinned snapshots under the names of `lakeflow.core.spark.asked.views_of`."""

    def ask(self, question: Question, patience: float) -> SparkAnswer:
        """The answer. AssetError, saying what to type, where there is none: it cannot be computed, or not within so
        many seconds, or whoever answers is not there. Who was lost once answers nothing more.
        """
        ...


class Cluster(Protocol):
    def open(
        self, asset: AssetKey, relations: Mapping[str, Scan], *, personal: bool
    ) -> AbstractContextManager[OpenQuestions]:
        """Wait until it is free, and have it for the questions of one audit. Nothing is started before the first.
        Where something is `personal`, no message quotes a value.
        """
        ...

    def interrupt(self) -> None: ...

    def close(self) -> None: ...

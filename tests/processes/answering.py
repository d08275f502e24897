"""Stands where Spark would: answers the questions of an audit in a process of its own, or does not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lakeflow.core.errors import AssetError, EngineLostError
from lakeflow.core.model.asset import Asset
from lakeflow.core.run.code_terms import Terms
from lakeflow.core.spark.asked import Question, SparkAnswer


class Answering:
    """The engine, and what it opens for one audit."""

    @contextmanager
    def questions(self, asset: Asset, relations: Mapping[str, Any], terms: Terms) -> Iterator[Answering]:
        yield self

    def ask(self, question: Question) -> SparkAnswer:
        match question.sql:
            case "sleep":
                time.sleep(3600)
            case "die":
                os._exit(3)
            case "refuse":
                raise AssetError("silver.orders: no such column (its audit)", hint="mend it")
            case "lose":
                raise EngineLostError("silver.orders: the driver is gone (its audit)", hint="raise its memory")
        return SparkAnswer(("said", "by"), ((question.sql, os.getpid()),))


def missing() -> Answering:
    raise AssetError("pyspark is not installed", hint="pip install it")

"""The questions of an audit in a process of their own: answered one after the other, and never twice by one that was
lost.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lakeflow.adapters.processes import Child
from lakeflow.adapters.processes.questions import SparkAudits
from lakeflow.adapters.processes.workers import Hello, Pool
from lakeflow.core.errors import AssetError
from lakeflow.core.keys import AssetKey
from lakeflow.core.ports.asking import OpenQuestions
from lakeflow.core.spark.asked import Question
from tests.processes.answering import Answering, missing

pytestmark = pytest.mark.long
ORDERS = AssetKey.parse("silver.orders")
_PATIENT = 60.0


@contextmanager
def _audits(folder: Path, make: Any = Answering) -> Iterator[SparkAudits]:
    audits = SparkAudits(Pool(lambda: Hello(str(folder), make), partial(Child, "lakeflow.workers.code"), folder, 1))
    try:
        yield audits
    finally:
        audits.close()


def _said(asked: OpenQuestions, sql: str, patience: float = _PATIENT) -> str:
    """Who answers, or the error."""
    try:
        return str(asked.ask(Question(sql), patience).rows[0][1])
    except AssetError as error:
        return error.message


def test_one_process_answers_one_audit_after_the_other(tmp_path: Path) -> None:
    with _audits(tmp_path) as audits:
        with audits.open(ORDERS, {}, personal=False) as asked:
            first = [_said(asked, "a"), _said(asked, "refuse"), _said(asked, "b")]
        with audits.open(ORDERS, {}, personal=True) as asked:
            second = _said(asked, "c")
    assert first == [second, "no such column; mend it", second]
    assert second != str(os.getpid())


@pytest.mark.parametrize(
    ("question", "patience", "says"),
    [
        ("sleep", 0.5, "Spark took longer than 0.5 s and was stopped"),
        ("die", _PATIENT, "the process of Spark ended with exit code 3; `lakeflow retry` tries again"),
        ("lose", _PATIENT, "the driver is gone; raise its memory"),
    ],
    ids=["sleeps", "dies", "is lost"],
)
def test_who_was_lost_is_not_asked_again_in_that_audit_and_another_answers_the_next(
    tmp_path: Path, question: str, patience: float, says: str
) -> None:
    with _audits(tmp_path) as audits:
        with audits.open(ORDERS, {}, personal=False) as asked:
            assert [_said(asked, "a").isdigit(), _said(asked, question, patience), _said(asked, "b")] == [
                True,
                says,
                says,
            ]
        with audits.open(ORDERS, {}, personal=False) as asked:
            assert _said(asked, "a").isdigit()


def test_where_spark_is_missing_every_question_says_what_to_type(tmp_path: Path) -> None:
    with _audits(tmp_path, missing) as audits, audits.open(ORDERS, {}, personal=False) as asked:
        assert [_said(asked, "a"), _said(asked, "b")] == ["pyspark is not installed; pip install it"] * 2


def test_an_interrupt_ends_a_question(tmp_path: Path) -> None:
    said: list[str] = []
    with _audits(tmp_path) as audits, audits.open(ORDERS, {}, personal=False) as asked:
        assert _said(asked, "a").isdigit()
        asking = threading.Thread(target=lambda: said.append(_said(asked, "sleep")))
        asking.start()
        audits.interrupt()
        asking.join()
    assert "the process of Spark ended with" in said[0]

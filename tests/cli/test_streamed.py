"""A JSON answer is written as its rows come, and is one valid envelope whatever ends it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lakeflow.cli.answers.streamed import RowsEnvelope, ended_well
from lakeflow.cli.failure import ToldError
from lakeflow.core.errors import AssetError
from lakeflow.core.model.table import Rows
from tests.cli.process import lakeflow as command

NAMES, TYPES = ("id", "x"), ("long", "string")
HEAD = Rows(NAMES, (), TYPES)


def written(found: Iterator[Rows]) -> tuple[Any, BaseException | None]:
    sink, error = io.BytesIO(), None
    envelope = RowsEnvelope("query", sink)
    try:
        with ended_well(envelope):
            envelope.write(found)
    except BaseException as raised:  # noqa: BLE001 - whatever ends it
        error = raised
    return json.loads(sink.getvalue()) if sink.getvalue() else None, error


def test_batches_become_one_envelope_in_plain_ascii() -> None:
    batches = [HEAD, Rows(NAMES, (("1", "é\x1b"),), TYPES), Rows(NAMES, (), TYPES), Rows(NAMES, (("2", None),), TYPES)]
    said, error = written(iter(batches))
    rows = [{"id": 1, "x": "é\x1b"}, {"id": 2, "x": None}]
    assert error is None
    assert said == {
        "schema_version": 1,
        "command": "query",
        "ok": True,
        "exit_code": 0,
        "errors": [],
        "data": {"columns": ["id", "x"], "rows": rows},
    }
    assert written(iter([HEAD]))[0]["data"]["rows"] == []


@pytest.mark.parametrize(("raised", "code"), [(AssetError("late"), 1), (KeyboardInterrupt(), 130), (OSError(), 1)])
def test_what_fails_after_rows_came_ends_the_envelope_and_is_told_once(raised: BaseException, code: int) -> None:
    def batches() -> Iterator[Rows]:
        yield HEAD
        yield Rows(NAMES, (("1", "a"),), TYPES)
        raise raised

    said, error = written(batches())
    assert isinstance(error, ToldError)
    assert (said["ok"], said["exit_code"], len(said["errors"])) == (False, code, 1)
    assert said["data"]["rows"] == [{"id": 1, "x": "a"}]


def test_what_fails_before_a_row_came_is_left_to_who_tells_failures() -> None:
    def batches() -> Iterator[Rows]:
        yield HEAD
        raise AssetError("early")

    said, error = written(batches())
    assert said is None
    assert isinstance(error, AssetError)


@pytest.mark.long
def test_a_query_that_fails_in_the_middle_answers_with_one_valid_envelope(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.lakeflow]\n")
    (tmp_path / "layers").mkdir()
    late = "select cast(case when range = 3000000 then 'x' else '1' end as int) as n from range(3000001)"
    said = command("--set", "threads=1", "query", late, "-o", "json", cwd=tmp_path)
    answer = json.loads(said.stdout)
    assert (said.returncode, answer["exit_code"], answer["ok"]) == (1, 1, False)
    assert len(answer["data"]["rows"]) > 1000
    assert [each["message"] for each in answer["errors"]]
    assert said.stderr.startswith("error: ")
    to = command("--set", "threads=1", "query", late, "--to", "rows.json", cwd=tmp_path)
    assert to.returncode == 1
    assert not (tmp_path / "rows.json").exists(), "a file is whole or not there"

"""`lakeflow parity`: the same rows on both engines, what differs, and what one does not compute; nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import lakeflow
from lakeflow.cli.answers.parity import parity_answer
from lakeflow.cli.output import envelope
from lakeflow.core.parity.parity import Parity
from tests.cli.test_schemas import validator
from tests.spark.shared import in_this_process
from tests.spark.test_engine import write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HEAD = '/*\nkey = ["id"]\n{}*/\n'
FILES = {
    "layers/bronze/raw.sql": "select i as id, 'c' || (i % 3) as customer, (i * 1.25)::decimal(10,2) as total, "
    "timestamp '2024-01-30' + to_days(i::int) as moment, {'a': i, 'b': [i]} as s, i / 7 as ratio, "
    "'ada' || i || '@x.org' as email from range(40) t(i)",
    "layers/silver/same.sql": HEAD.format("")
    + "-- all\nselect id, customer, total, moment, s, s.a as a, ratio from bronze.raw",
    "layers/silver/days.sql": HEAD.format("")
    + "select id, dayofweek(moment) as day, id::int as n, ratio * 3 as r, email from bronze.raw",
    "layers/silver/month.sql": HEAD.format('partition = "month(moment)"\nstart = "2024-01-01"\nend = "2024-03-01"\n')
    + "select id, moment from bronze.raw where moment >= $partition_start and moment < $partition_end",
    "layers/silver/none.sql": HEAD.format("allow_empty = true\n") + "select id from bronze.raw where id > 1000",
    "layers/silver/distant.sql": HEAD.format("") + "select id, jaro_similarity(customer, 'c1') as j from bronze.raw",
    "layers/silver/narrow.sql": HEAD.format("") + "select * exclude (email) from bronze.raw",
    "layers/silver/broken.sql": HEAD.format("") + "select customer::int as id from bronze.raw",
    "layers/silver/back.sql": HEAD.format('engine = "spark"\n') + "select id, dayofweek(moment) as day from bronze.raw",
}
PERSONAL = "[columns.email]\npii = true\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("parity")
    write(root, "pyproject.toml", "[tool.lakeflow]\n")
    for name, text in FILES.items():
        write(root, name, text)
    write(root, "layers/bronze/raw.sql", f"/*\n{PERSONAL}*/\n{FILES['layers/bronze/raw.sql']}")
    masked = FILES["layers/silver/days.sql"].replace("*/", f'{PERSONAL}mask = "redact"\n*/')
    write(root, "layers/silver/days.sql", masked)
    return root


@pytest.fixture(scope="module")
def lake(root: Path, session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[lakeflow.Lake]:
    with in_this_process(session, tmp_path_factory.mktemp("scratch")), lakeflow.open(root) as lake:
        lake.materialize("bronze.raw")
        yield lake


def _types(found: Parity) -> dict[str, str]:
    assert found.comparison is not None
    return {each.after.name: f"{each.before.type} → {each.after.type}" for each in found.comparison.schema.changed}


def test_a_select_that_both_compute_alike_gives_the_same_rows_and_its_file_for_spark(lake: lakeflow.Lake) -> None:
    found = lake.parity("silver.same")
    assert (found.outcome, found.notes) == ("same", ())
    assert found.translated.text.startswith('/*\nengine = "spark"\nkey = ["id"]\n*/\n-- all\nSELECT')
    assert [(each.table, each.rows, each.of) for each in found.samples] == [("bronze.raw", 40, 40)]


def test_what_differs_is_shown_by_key_column_and_type_without_a_personal_value(lake: lakeflow.Lake) -> None:
    found = lake.parity("silver.days", rows=2)
    assert found.outcome == "differs"
    assert found.comparison is not None
    assert _types(found) == {"day": "long → int"}
    assert [(each.name, each.changed, each.of) for each in found.comparison.columns] == [("day", 40, 40)]
    assert found.comparison.key == ("id",)
    assert len(found.comparison.samples.after.values) == 2
    assert "ada" not in repr(found.comparison.samples)


def test_a_sample_is_read_by_both_and_said(lake: lakeflow.Lake) -> None:
    found = lake.parity("silver.same", sample=7)
    assert [(each.rows, each.of) for each in found.samples] == [(7, 40)]
    assert found.comparison is not None
    assert (found.outcome, found.comparison.rows.after) == ("same", 7)


def test_the_last_month_that_is_over_is_compared_and_its_bounds_stay_in_the_text(lake: lakeflow.Lake) -> None:
    found = lake.parity("silver.month")
    assert found.comparison is not None
    assert (found.outcome, found.comparison.rows.after) == ("same", 29)
    assert "moment >= $partition_start\n  AND moment < $partition_end\n" in found.translated.text


def test_an_asset_on_spark_is_compared_with_its_text_in_duckdbs_sql(lake: lakeflow.Lake) -> None:
    found = lake.parity("silver.back")
    assert (found.engine, found.translated.engine, found.outcome) == ("spark", "duckdb", "differs")
    assert found.translated.text.startswith('/*\nkey = ["id"]\n*/\nSELECT')


def test_two_results_without_a_row_are_no_proof(lake: lakeflow.Lake) -> None:
    assert lake.parity("silver.none").outcome == "nothing"


def test_what_spark_does_not_compute_has_its_reason_and_the_functions_that_nobody_translates(
    lake: lakeflow.Lake,
) -> None:
    found = lake.parity("silver.distant")
    assert (found.outcome, found.translated.as_written) == ("refused", ("jaro_similarity",))
    assert found.why.startswith("[UNRESOLVED_ROUTINE] Cannot resolve function `JARO_SIMILARITY`")


def test_code_that_fails_on_its_own_engine_is_its_own_error(lake: lakeflow.Lake) -> None:
    with pytest.raises(lakeflow.AssetError, match=r"silver\.broken"):
        lake.parity("silver.broken")


def test_the_command_ends_with_1_where_that_is_asked_for_and_says_what_its_schema_says(lake: lakeflow.Lake) -> None:
    answers = [parity_answer(lake.parity("silver.days"), strict=strict) for strict in (False, True)]
    assert [each.exit_code for each in answers] == [0, 1]
    told = json.loads(envelope("parity", answers[0]))
    validator("envelope.json").validate(told)
    assert told["data"]["parity"]["comparison"]["rows"]["changed"] == 40
    assert "~ day long → int" in answers[0].screen.plain


def test_nothing_of_it_stays(root: Path, lake: lakeflow.Lake) -> None:
    assert not list((root / ".lakeflow" / "spill").glob("scratch-*"))
    assert [str(each.asset) for each in lake.status() if each.snapshot_id] == ["bronze.raw"]

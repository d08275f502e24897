"""`env diff -o markdown`: what an environment makes of the lake, what of it failed, who is below, and what it cost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import lakeflow
from lakeflow.as_markdown.environment import environment_markdown
from lakeflow.as_markdown.page import MOST
from lakeflow.cli.main import run as typed
from lakeflow.core.environments.standing import EnvironmentStanding
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult, RunRecord, RunState, StepRecord, StepState
from lakeflow.core.review.environment import EnvironmentReview, failed_checks, last_steps
from tests.prepared import Prepared
from tests.review.rendered import rows, strange
from tests.review.test_comment import MORE, PEOPLE, PRICES, TOWNS, _make, _write


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("environment"), _make)


@pytest.mark.long
def test_a_comment_shows_what_was_built_what_is_held_who_is_below_and_what_it_cost(
    prepared: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    root = prepared.again()
    with lakeflow.open(root) as lake:
        before = {str(one.asset): one.snapshot_id for one in lake.status()}
    _write(root, {"layers/bronze/people.sql": ONE_MORE})
    _write(root, {"layers/silver/prices.sql": PRICES.format(", ('pad', 4)")})
    assert typed(["-C", str(root), "materialize", "--env", "pr_7", "bronze.people", "silver.prices"]) == 0
    _write(root, {"layers/silver/prices.sql": PRICES.format(", ('pad', 4)" + MORE), "layers/gold/towns.sql": BROKEN})
    assert typed(["-C", str(root), "materialize", "--env", "pr_7", "state:modified+"]) == 1
    capsys.readouterr()
    assert typed(["-C", str(root), "env", "diff", "pr_7", "-o", "markdown"]) == 0
    text = capsys.readouterr().out
    title = text.splitlines()[0].replace("&#95;", "_")
    assert title == "### lakeflow env pr_7: 3 of 3 tables changed, 2 assets not built, 1 breaking change"
    assert strange(text) == []
    cells = rows(text)
    assert [row[:2] for row in cells if row[0] in {"silver.prices", "gold.towns"} and len(row) == 3][:2] == [
        ["gold.towns", "skipped"],
        ["silver.prices", "held"],
    ]
    assert [
        "silver.prices held",
        "sane",
        "critical, failed",
        "1 of 4 rows (25%)",
        "checks/silver/prices.sane.sql",
    ] in cells
    assert ["breaking", "1", "gold.towns"] in cells
    assert ["code changed", "3", "bronze.people, gold.towns, silver.prices"] in cells
    numbers = [(row[0], row[2:]) for row in cells if len(row) == 7 and row[0].partition(".")[0] in {"bronze", "silver"}]
    assert numbers == [
        ("bronze.people", ["2", "3", "1", "0", "0"]),
        ("silver.prices", ["2", "3", "1", "0", "0"]),
        ("silver.prices", ["3", "4", "1", "0", "0"]),
    ]
    costs = [row[:3] for row in cells if len(row) == 4 and row[3].endswith(" s")]
    assert costs == [["bronze.people", "0", "1"], ["silver.prices", "0", "4"]]
    assert [row[1].partition(" ")[0] for row in cells if len(row) == 7 and row[0] == "silver.prices"][1] == "env_pr_7"
    assert "cyd" not in text
    assert "octocat" in text
    with lakeflow.open(root) as lake:
        assert {str(one.asset): one.snapshot_id for one in lake.status()} == before


ONE_MORE = PEOPLE.format("").replace(
    "('ada@x.example', 'oslo'), ('bob@x.example', 'bergen')", "('cyd@x.example', 'oslo')"
)
BROKEN = TOWNS.format(", max(weight) as heaviest")


@pytest.mark.long
def test_a_review_of_thousands_of_assets_fits_into_a_comment() -> None:
    keys = [AssetKey.parse(f"silver.a{number}") for number in range(3_000)]
    check = CheckResult("x" * 300, Outcome.FAILED, detail="y" * 300, samples=({"a": "z" * 90},) * 5)
    steps = tuple(StepRecord(key, state=StepState.HELD, reason="r" * 400, rows=1, checks=(check,)) for key in keys)
    run = RunRecord("a" * 10, RunState.HELD, datetime(2026, 1, 1, tzinfo=UTC), steps=steps)
    found = last_steps([run], lambda _table, _snapshot: None)
    standing = EnvironmentStanding("pr_7", None, None, None, None)
    text = environment_markdown(EnvironmentReview(standing, steps=found, failed=failed_checks(found)))
    assert len(text) <= MOST
    assert text.count("<details>") == text.count("</details>")
    assert strange(text) == []
    assert "Left out, because a comment has a limit" in text


def test_only_the_last_step_of_an_asset_counts_and_rows_of_lost_snapshots_are_not_known() -> None:
    key = AssetKey.parse("silver.a")
    bad = CheckResult("sane", Outcome.FAILED)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    old = RunRecord("old", RunState.HELD, at, steps=(StepRecord(key, state=StepState.HELD, checks=(bad,)),))
    good = StepRecord(key, state=StepState.PUBLISHED, inputs={"bronze.a": 7, "bronze.b": 8})
    new = RunRecord("new", RunState.PUBLISHED, at, steps=(good,))
    (known,) = last_steps(
        [new, old], lambda table, snapshot: {("bronze.a", 7): 40, ("bronze.b", 8): 2}[table, snapshot]
    )
    assert (known.run, known.rows_read) == ("new", 42)
    assert failed_checks([known]) == ()
    (lost,) = last_steps([new, old], lambda table, _snapshot: 40 if table == "bronze.a" else None)
    assert lost.rows_read is None

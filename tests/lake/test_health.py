"""A lake says how healthy its tables are when somebody looks: late, failed, held, or well."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.view.rows import AssetStatus, Health
from tests.cli.process import lakeflow as command
from tests.lake.clock import later

FILES = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "layers/bronze/orders.sql": (
        "select 1 as id, timestamp '2000-01-01' as seen_at union all select 2, timestamp '2999-01-01'\n"
    ),
    "layers/silver/orders.sql": (
        '/*\nkey = ["id"]\nfresh = "2d"\nfresh_column = "seen_at"\n*/\nselect id, seen_at from bronze.orders\n'
    ),
    "layers/gold/days.sql": '/*\nfresh = "24h"\n*/\nselect count(*) as n from silver.orders\n',
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def statuses(root: Path) -> dict[str, AssetStatus]:
    with lakeflow.open(root) as lake:
        return {str(one.asset): one for one in lake.status()}


@pytest.mark.long
def test_health_is_judged_by_the_clock_and_ends_with_the_next_publish(root: Path) -> None:
    assert {one.health for one in statuses(root).values()} == {Health.UNKNOWN}
    with lakeflow.open(root) as lake:
        lake.materialize()
    found = statuses(root)
    assert found["gold.days"].health is found["bronze.orders"].health is Health.HEALTHY
    # The newest value that is not from the future is from the year 2000.
    late = found["silver.orders"]
    assert (late.health, late.deadlines[0].seen) == (Health.DEGRADED, datetime(2000, 1, 1, tzinfo=UTC))
    assert late.unhealthy_since == datetime(2000, 1, 3, tzinfo=UTC)

    with later(timedelta(hours=25)):
        found = statuses(root)
        assert found["gold.days"].symptoms[0].text == "late: last publish 25 h ago, due within 24h"
        # What is asked of the mart does not pass by silver, which says something of its own.
        assert found["bronze.orders"].deadlines[0].declared_by == found["silver.orders"].asset
        assert found["bronze.orders"].health is Health.HEALTHY
        with lakeflow.open(root) as lake:
            lake.materialize("gold.days", force=True)  # the same rows once more
        assert statuses(root)["gold.days"].health is Health.HEALTHY


@pytest.mark.long
def test_a_column_that_is_not_there_makes_freshness_unknown_and_nothing_else(root: Path) -> None:
    with lakeflow.open(root) as lake:
        lake.materialize()
    gold = root / "layers/gold/days.sql"
    gold.write_text('/*\nfresh = "24h"\nfresh_column = "n"\n*/\nselect count(*) as n from silver.orders\n')
    found = statuses(root)["gold.days"]
    assert found.health is Health.WARNING
    assert "column 'n' of gold.days is long" in found.symptoms[0].text


@pytest.mark.long
def test_a_table_whose_file_is_gone_is_degraded_and_status_names_the_doctor(root: Path) -> None:
    with lakeflow.open(root) as lake:
        lake.materialize()
    for file in (root / ".lakeflow/warehouse/silver/orders/data").rglob("*.parquet"):
        file.unlink()
    said = statuses(root)["silver.orders"]
    assert (said.health, said.symptoms[0].text.startswith("its rows cannot be read: ")) == (Health.DEGRADED, True)
    assert "`lakeflow doctor` says what is wrong" in command("status", cwd=root).stdout
    for typed in (("show", "silver.orders"), ("materialize", "gold.days", "--force")):
        done = command(*typed, cwd=root)
        assert (done.returncode, "`lakeflow doctor` says which" in done.stdout + done.stderr) == (1, True), typed


@pytest.mark.long
def test_status_can_end_with_1_and_an_empty_selection_is_an_answer(root: Path) -> None:
    with lakeflow.open(root) as lake:
        lake.materialize()
    done = command("status", "--exit-code", "--output", "json", cwd=root)
    assert done.returncode == 1
    found = {one["asset"]: one["health"] for one in json.loads(done.stdout)["data"]["assets"]}
    assert found["silver.orders"] == "degraded"
    assert command("status", "--exit-code", "not silver.*", cwd=root).returncode == 0
    held = command("status", "status:held", cwd=root)
    assert (held.returncode, held.stdout) == (0, "no asset stands so\n")
    for verb in ("plan", "materialize"):
        done = command(verb, "status:held", cwd=root)
        assert (done.returncode, "Nothing to do" in done.stdout + done.stderr) == (0, True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('fresh = "sometime"', "no age"),
        ('fresh_by = "08:00"', "zone"),
        ('fresh = "1h"\nfresh_column = "when"', "does not select"),
    ],
)
def test_what_is_declared_wrongly_is_a_fault_with_its_line(root: Path, line: str, said: str) -> None:
    (root / "layers/silver/orders.sql").write_text(
        f'/*\nkey = ["id"]\n{line}\n*/\nselect id, seen_at from bronze.orders\n'
    )
    done = command("check", cwd=root)
    assert done.returncode == 2
    assert said in done.stderr
    assert "layers/silver/orders.sql:" in done.stderr

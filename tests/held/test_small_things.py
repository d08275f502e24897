"""What a fortnight of use asked for: words, hints and refusals that name the thing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakeflow
from lakeflow.cli.screens.checks import passed_of
from lakeflow.cli.screens.rows import expanded_screen, rows_screen
from lakeflow.core.errors import ConfigError, LakeflowError, UsageError
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult
from lakeflow.core.model.table import Rows
from tests.cli.process import lakeflow as command
from tests.external.lab import make, opened

ASSET = "/*\nkey = ['id']\n*/\nselect 1::bigint as id"
PROJECT = {"pyproject.toml": "[tool.lakeflow]\n", "layers/silver/a.sql": ASSET}


@pytest.mark.parametrize("key", ["warehouse", "state_dir", "cache_dir"])
@pytest.mark.parametrize("text", ["~", "~/lake", "~ada/lake"], ids=["home", "in it", "another's"])
def test_a_tilde_is_refused_where_a_folder_is_asked_for(tmp_path: Path, key: str, text: str) -> None:
    make(tmp_path, {**PROJECT, "pyproject.toml": f"[tool.lakeflow]\n{key} = '{text}'\n"})
    with pytest.raises(ConfigError, match=f"{key}: expected the path of a folder, written out without ~"):
        lakeflow.open(tmp_path)
    assert not (tmp_path / text).exists()


def test_a_skipped_check_counts_as_skipped_and_not_as_failed() -> None:
    checks = [CheckResult("a", Outcome.PASSED), CheckResult("b", Outcome.SKIPPED), CheckResult("c", Outcome.FAILED)]
    assert passed_of(checks) == "1/2, 1 skipped"


@pytest.mark.long
def test_a_lost_data_file_of_a_table_that_is_made_anew_is_mended_by_force(tmp_path: Path) -> None:
    make(tmp_path, PROJECT)
    with opened(tmp_path) as lake:
        lake.materialize()
        next((tmp_path / ".lakeflow/warehouse/silver").rglob("*.parquet")).unlink()
        (lost,) = [one for one in lake.doctor() if one.subject == "silver.a"]
        assert "`lakeflow materialize silver.a --force` writes what readers see anew" in (lost.hint or "")
        (kept,) = [one.kept for one in lake.garbage() if str(one.key) == "silver.a"]
        assert "parquet is missing" in kept
        lake.materialize("silver.a", force=True)
        assert lake.read("silver.a").fetchall() == [(1,)]


def test_a_new_quarantine_is_planned_as_never_built(tmp_path: Path) -> None:
    check = """import great_expectations.expectations as gxe
expectations = [
    gxe.ExpectColumnValuesToBeBetween(column="id", min_value=0, meta={"lakeflow": {"on_fail": "quarantine"}})
]
"""
    make(tmp_path, {**PROJECT, "checks/silver/a.py": check})
    with opened(tmp_path) as lake:
        reasons = {str(step.asset): [str(reason) for reason in step.reasons] for step in lake.plan().steps}
    assert reasons["silver.a__quarantine"] == ["never built"]


ORDERS = """/*
key = ["id"]
[columns.email]
type = "varchar"
pii = true
mask = "redact"
*/
select i::bigint as id, (i * 10)::bigint as total, 'a' || i || '@x.no' as email from range(1, 12) t(i)
"""


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make(tmp_path_factory.mktemp("orders"), {"pyproject.toml": "[tool.lakeflow]\n"})
    make(
        root,
        {"pyproject.toml": "[tool.lakeflow]\n", "layers/bronze/orders.sql": ORDERS.replace('mask = "redact"\n', "")},
    )
    with opened(root) as lake:
        lake.materialize()
    return root


@pytest.mark.long
def test_rows_are_shown_by_a_condition_and_in_an_order_of_numbers(orders: Path) -> None:
    with opened(orders) as lake:
        found = lake.show("bronze.orders", where="total > 80 or id = 2", order_by="ID desc", columns=["total", "id"])
    assert found.columns == ("total", "id")
    assert found.values == (("110", "11"), ("100", "10"), ("90", "9"), ("20", "2"))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"where": "email like 'a1%'"}, "email is personal"),
        ({"where": "lower(EMAIL) = 'x'"}, "EMAIL is personal"),
        ({"where": 'not ("Email" is null)'}, "Email is personal"),
        ({"order_by": "email"}, "email is personal"),
        ({"order_by": "id, length(email)"}, "email is personal"),
        ({"where": "true) union all select * from bronze.orders where (true"}, "is no condition"),
        ({"where": "id in (select id from bronze.orders)"}, "is no condition"),
        ({"where": "exists (select 1)"}, "is no condition"),
        ({"where": "id = 1 limit 1"}, "is no condition"),
        ({"where": "id = 1; drop table x"}, "is no condition"),
        ({"where": "id = 1 order by total"}, "is no condition"),
        ({"where": "id ="}, "is no condition"),
        ({"order_by": "1"}, "is no order"),
        ({"order_by": "id limit 1"}, "is no order"),
        ({"order_by": "(select max(id) from bronze.orders)"}, "is no order"),
        ({"where": "nothing = 1"}, "has no column nothing"),
        ({"columns": ["id", "totl"]}, "has no column totl"),
    ],
    ids=range(17),
)
def test_a_filter_is_a_condition_on_columns_that_are_not_personal_and_nothing_else(
    orders: Path, asked: dict[str, Any], said: str
) -> None:
    with opened(orders) as lake, pytest.raises(UsageError, match=said):
        lake.show("bronze.orders", **asked)


def test_no_filter_sees_a_personal_value_whatever_it_names(orders: Path) -> None:
    with opened(orders) as lake:
        for text in ("columns('em.*') like 'a1%'", "columns('e.*') = 'a1@x.no'"):
            try:
                found = lake.show("bronze.orders", where=text).values
            except LakeflowError:
                continue
            assert found == ()


WIDE = Rows(tuple(f"column_{at:02}" for at in range(20)), (tuple(str(at) for at in range(20)),))


@pytest.mark.long
@given(st.lists(st.integers(1, 30), min_size=1, max_size=30), st.integers(10, 120))
def test_a_table_is_no_wider_than_the_screen_and_says_how_many_columns_it_leaves_out(
    widths: list[int], room: int
) -> None:
    names = tuple("n" * width for width in widths)
    text = rows_screen(Rows(names, ()), width=room).plain
    head, tail = text.split("\n")[0], text.split("\n")[-1]
    shown = [word for word in head.split("  ") if word != "…"]
    assert len(head) <= max(room, widths[0] + 3)
    assert (len(shown) == len(names)) is ("not shown" not in tail)
    if len(shown) < len(names):
        assert f"{len(names) - len(shown)} of {len(names)} column" in tail
        assert "…" in head


def test_columns_of_both_ends_are_kept_and_x_shows_one_a_line() -> None:
    assert rows_screen(WIDE, width=50).plain.split("\n")[0].split() == [
        "column_00", "column_01", "…", "column_18", "column_19",
    ]  # fmt: skip
    assert expanded_screen(WIDE).plain.split("\n")[19] == "column_19  19"


@pytest.mark.long
def test_the_command_shows_on_80_columns_what_fits(orders: Path) -> None:
    wide = ", ".join(f"{at} as a_long_name_{at}" for at in range(12))
    make(
        orders,
        {"pyproject.toml": "[tool.lakeflow]\n", "layers/silver/w.sql": f"/*\nkey = ['id']\n*/\nselect 1 as id, {wide}"},
    )
    command("materialize", "silver.w", cwd=orders)
    found = command("show", "silver.w", cwd=orders, COLUMNS="80")
    assert max(map(len, found.stdout.splitlines()[:2])) <= 80
    assert "columns not shown: `--columns id,…`, `-x`" in found.stdout
    few = command("show", "silver.w", "--columns", "id,a_long_name_7", cwd=orders)
    assert few.stdout.splitlines()[0].split() == ["id", "a_long_name_7"]
    one = command("show", "silver.w", "-x", cwd=orders)
    assert one.stdout.splitlines()[0].split() == ["id", "1"]


@pytest.mark.long
def test_a_first_publish_that_was_taken_back_is_told_with_run_and_time_wherever_the_asset_is_shown(
    tmp_path: Path,
) -> None:
    make(tmp_path, {**PROJECT, "layers/gold/b.sql": "select id from silver.a"})
    with opened(tmp_path) as lake:
        run = lake.materialize()
        assert run is not None
        lake.rollback(run.id)
        said = f"rolled back with run {run.id} at "
        (status,) = lake.status("silver.a")
        assert status.taken_back.startswith(said)
        assert lake.plan().steps[0].reasons[0].after == status.taken_back
    for words in (("status",), ("plan",), ("lineage",), ("lineage", "--snapshots")):
        shown = command(*words, cwd=tmp_path).stdout
        assert said in shown, (words, shown)
        assert "never" not in shown, (words, shown)
    make(tmp_path, {**PROJECT, "checks/silver/a.no.sql": "select id from silver.a"})
    assert f"readers still see nothing: it was {said}" in command("materialize", cwd=tmp_path).stdout
    with opened(tmp_path) as lake:
        lake.publish(lake.waiting()[0].id, "silver.a", reason="known")
        assert lake.status("silver.a")[0].taken_back == ""


@pytest.mark.long
def test_an_empty_project_has_folders_and_settings_and_nothing_to_do(tmp_path: Path) -> None:
    made = command("init", "--empty", "mine", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    found = sorted(
        str(path.relative_to(tmp_path / "mine")) for path in (tmp_path / "mine").rglob("*") if path.is_file()
    )
    folders = ("checks", "data", "layers/bronze", "layers/gold", "layers/silver")
    assert found == [".gitignore", *(f"{folder}/.gitkeep" for folder in folders), "pyproject.toml"]
    for words in (("check",), ("plan",), ("materialize",), ("status",), ("list",)):
        done = command(*words, cwd=tmp_path / "mine")
        assert done.returncode == 0, (words, done.stderr)
    again = command("init", "--empty", "mine", cwd=tmp_path)
    assert again.returncode == 2

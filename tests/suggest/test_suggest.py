"""`lakeflow suggest`: checks from an asset's own past, tried on all of it, and written only when asked."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

import lakeflow
from lakeflow.adapters.expectations.compile.is_constant import is_constant
from lakeflow.cli.main import run
from lakeflow.core.errors import UsageError
from lakeflow.core.suggest.suggestion import Suggestion
from lakeflow.lake.lake import Lake
from tests.prepared import Prepared
from tests.suggest.lakes import PUBLISHES, holds, make, write


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("suggest"), make)


@pytest.fixture
def root(prepared: Prepared) -> Path:
    return prepared.again()


@pytest.fixture
def lake(root: Path) -> Iterator[Lake]:
    with lakeflow.open(root) as opened:
        yield opened


def said(found: Suggestion) -> dict[str, str]:
    return {each.name: str(each.severity) for each in found.proposals}


@pytest.mark.long
def test_a_table_that_is_replaced_gets_sets_shapes_ranges_shares_and_a_band_of_rows(lake: Lake) -> None:
    found = lake.suggest("silver.orders")
    assert said(found) == {
        "code not null": "critical",
        "code unique": "critical",
        "code matches /^[A-Z][0-9]{5}$/": "critical",
        "status not null": "critical",
        "status in {open, paid, sent}": "critical",
        "total not null": "critical",
        "total between 0 and 38": "critical",
        "note not null for at least 96.7%": "warning",
        "note unique": "critical",
        "length of note between 1 and 10": "critical",
        "login not null": "critical",
        "login unique": "critical",
        "length of login between 1 and 10": "critical",
        "day not null": "critical",
        "day between 2012-01-01 and 2015-01-01": "critical",
        "id at least 0": "critical",
        "row count between 450 and 2000": "critical",
    }
    assert [each.rows for each in found.history] == list(PUBLISHES[::-1])
    evidence = {each.name: each.evidence for each in found.proposals}
    assert evidence["status not null"] == f"0 of {sum(PUBLISHES):,} NULL in 4 snapshots"
    assert not found.dropped


@pytest.mark.long
def test_a_table_that_grows_gets_a_compound_key_and_a_band_of_what_a_publish_adds(lake: Lake) -> None:
    found = said(lake.suggest("bronze.readings"))
    assert found["(hour, station) unique"] == "critical"
    assert found["row count near main (at least +0, at most +900)"] == "critical"
    assert "hour at least 0" in found


@pytest.mark.long
def test_what_is_written_holds_on_every_snapshot_it_was_made_from_and_is_written_once(lake: Lake, root: Path) -> None:
    found = lake.suggest("silver.orders")
    path = lake.write_checks(found)
    text = path.read_text()
    assert (path, text) == (root / "checks/silver/orders.py", found.text)
    assert is_constant(text)
    with lakeflow.open(root) as again:
        assert holds(again, "silver.orders", 4) == []
        assert not again.suggest("silver.orders").proposals
        again.write_checks(again.suggest("silver.orders"))
    assert path.read_text() == text


@pytest.mark.long
def test_a_file_that_stands_keeps_its_text_its_rights_and_its_line_ends(root: Path) -> None:
    stands = (
        "\ufeffimport great_expectations.expectations as e\r\n\r\nexpectations = [  # mine\r\n"
        '    e.ExpectColumnValuesToBeInSet(column="status", value_set=["paid", "open", "sent"])\r\n]\r\n'
    )
    write(root, "checks/silver/orders.py", "")
    path = root / "checks/silver/orders.py"
    path.write_bytes(stands.encode())
    path.chmod(0o640)
    with lakeflow.open(root) as lake:
        found = lake.suggest("silver.orders")
        assert "status in {open, paid, sent}" not in said(found)
        assert "status not null" in said(found)
        lake.write_checks(found)
    text = path.read_bytes().decode("utf-8-sig")
    assert text.startswith(stands.removeprefix("\ufeff").partition(")\r\n]")[0])
    assert text.count("\n") == text.count("\r\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with lakeflow.open(root) as lake:
        assert holds(lake, "silver.orders", 4) == []


@pytest.mark.long
@pytest.mark.parametrize(
    "standing",
    [
        'gxe.ExpectColumnMaxToBeBetween(column="total", max_value=1000)',
        'gxe.ExpectColumnValuesToBeBetween(column="TOTAL", min_value=-5)',
        'gxe.ExpectColumnValuesToMatchRegex(column="total", regex=".", meta={"lakeflow": {"warn": 0.5}})',
    ],
)
def test_a_column_whose_values_a_check_bounds_gets_no_other_bounds(root: Path, standing: str) -> None:
    """Also where the list is made by code."""
    text = f"import great_expectations.expectations as gxe\nexpectations = list([{standing}])\n"
    write(root, "checks/silver/orders.py", text)
    with lakeflow.open(root) as lake:
        found = lake.suggest("silver.orders")
        assert not [name for name in said(found) if name.startswith("total ") and "null" not in name]
        assert found.text is None
        with pytest.raises(UsageError) as refused:
            lake.write_checks(found)
    assert "not one plain list" in refused.value.message
    assert 'gxe.ExpectColumnValuesToNotBeNull(column="status"),' in (refused.value.hint or "")
    assert (root / "checks/silver/orders.py").read_text() == text


@pytest.mark.long
def test_no_value_of_a_personal_column_is_in_a_suggestion(
    lake: Lake, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for form in ("table", "json", "csv"):
        assert run(["-C", str(root), "suggest", "bronze.readings", "-o", form]) == 0
        out = capsys.readouterr()
        assert "lovelace" not in out.out + out.err
        assert "email" in out.out
    about = [
        (each.topic, each.arguments) for each in lake.suggest("bronze.readings").proposals if "email" in each.columns
    ]
    assert about == [("filled", {})]


@pytest.mark.long
def test_the_file_is_printed_for_a_pipe_and_the_rest_is_told_beside_it(
    lake: Lake, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["-C", str(root), "suggest", "silver.orders"]) == 0
    out = capsys.readouterr()
    assert out.out == lake.suggest("silver.orders").text
    assert "17 checks for checks/silver/orders.py; each holds on the last 4 snapshots" in out.err
    assert run(["-C", str(root), "suggest", "silver.orders", "--write", "-o", "json"]) == 0
    data = json.loads(capsys.readouterr().out)["data"]
    assert data["written"]
    assert (root / "checks/silver/orders.py").read_text() == data["text"] == out.out


@pytest.mark.long
def test_only_snapshots_that_passed_an_audit_are_looked_at(root: Path) -> None:
    """A forced publish passed nothing, and what is asked for is counted among the others."""
    write(root, "checks/silver/orders.few.sql", "select id from silver.orders where id > 1000")
    write(root, "layers/silver/orders.sql", (root / "layers/silver/orders.sql").read_text().replace("1000", "5000"))
    with lakeflow.open(root) as lake:
        held = lake.materialize("silver.orders")
        assert held is not None
        lake.publish(held.id, reason="for a test")
        assert [each.rows for each in lake.suggest("silver.orders", history=2).history] == [1000, 960]


@pytest.mark.long
def test_what_was_never_published_and_what_is_a_quarantine_is_refused(lake: Lake, root: Path) -> None:
    write(root, "layers/silver/never.sql", "/*\nkey = ['id']\n*/ select 1 as id")
    with lakeflow.open(root) as opened, pytest.raises(UsageError, match="was published by an audit"):
        opened.suggest("silver.never")


def test_a_check_file_that_cannot_be_read_is_told_before_anything_is_suggested(root: Path) -> None:
    write(root, "checks/silver/orders.py", "expectations = [1 / 0]\n")
    with lakeflow.open(root) as lake, pytest.raises(UsageError, match="cannot be read"):
        lake.suggest("silver.orders")


@pytest.mark.long
def test_a_file_that_was_changed_meanwhile_is_left_alone(lake: Lake, root: Path) -> None:
    found = lake.suggest("silver.orders")
    write(root, "checks/silver/orders.py", "# somebody else\n")
    with pytest.raises(UsageError, match="was changed meanwhile"):
        lake.write_checks(found)
    assert (root / "checks/silver/orders.py").read_text() == "# somebody else\n"

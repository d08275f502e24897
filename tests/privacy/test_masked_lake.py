"""A lake that masks, by its command line: what readers see, what a plan asks for, and what another salt changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.cli.main import run as lakeflow
from tests.cli.test_commands import make

SALT = "correct horse battery staple"
HASHED = "/*\nkey = ['id']\n[columns.email]\nmask = 'hash'\n*/\n"
FILES = {
    "layers/bronze/people.sql": (
        "/*\n[columns.email]\npii = true\n*/\nselect * from (values (1, 'ann@x.org'), (2, 'bo@x.org')) as v(id, email)"
    ),
    "layers/silver/people.sql": HASHED + "select id, email from bronze.people",
    "layers/silver/buyers.sql": HASHED + "select id, upper(email) as email from bronze.people",
    "layers/silver/orders.sql": HASHED + "select 10 + id as id, email from bronze.people",
    "layers/gold/joined.sql": "select o.id from silver.orders o join silver.people p using (email)",
}


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(make(tmp_path, FILES))
    monkeypatch.setenv("LAKEFLOW_PII_SALT", SALT)
    return tmp_path


@pytest.mark.long
def test_masked_keys_join_and_nothing_stored_or_printed_holds_value_or_salt(
    lake: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert lakeflow(["materialize"]) == 0
    assert lakeflow(["show", "gold.joined", "-o", "csv"]) == 0
    assert lakeflow(["show", "silver.people"]) == 0
    printed = "".join(capfd.readouterr())
    assert "id\n11\n12\n" in printed or "id\n12\n11\n" in printed
    silver = b"".join(path.read_bytes() for path in (lake / ".lakeflow/warehouse/silver").rglob("*.*"))
    assert b"ann@x.org" not in silver
    everything = b"".join(path.read_bytes() for path in lake.rglob("*") if path.is_file())
    assert SALT.encode() not in everything + printed.encode()


PYTHON = """
from lakeflow import asset
@asset(inputs={"people": "bronze.people"}, key=["id"])
def people(people):
    return people.project("id, {'Email': email} as contact")
"""


@pytest.mark.long
def test_a_function_that_keeps_a_personal_column_is_held(lake: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (lake / "layers/silver/people.sql").unlink()
    (lake / "layers/gold/joined.sql").unlink()
    (lake / "layers/silver/people.py").write_text(PYTHON)
    assert lakeflow(["materialize", "+silver.people"]) == 1
    said = "".join(capfd.readouterr())
    assert "✗ personal data" in said
    assert "contact.Email: the name of a personal column that it reads" in said
    (lake / "layers/silver/people.py").write_text(PYTHON.replace("key=", "columns={'contact': {'mask': 'hash'}}, key="))
    assert lakeflow(["materialize", "silver.people"]) == 0


@pytest.mark.long
def test_without_a_salt_a_plan_is_refused_and_looking_goes_on(
    lake: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert lakeflow(["materialize"]) == 0
    monkeypatch.delenv("LAKEFLOW_PII_SALT")
    capfd.readouterr()
    for words in (["plan", "silver.people"], ["materialize"], ["preview", "silver.people"]):
        assert lakeflow(words) == 2
        assert "LAKEFLOW_PII_SALT is not set, and silver." in capfd.readouterr().err
    assert lakeflow(["status", "silver.*"]) == 0
    assert "code changed" not in capfd.readouterr().out
    assert lakeflow(["show", "silver.people"]) == 0


@pytest.mark.long
def test_another_salt_is_changed_code_of_what_hashes_alone(
    lake: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert lakeflow(["materialize"]) == 0
    monkeypatch.setenv("LAKEFLOW_PII_SALT", SALT + "!")
    capfd.readouterr()
    assert lakeflow(["plan", "silver.*"]) == 0
    assert capfd.readouterr().out.count("code changed") == 3
    assert lakeflow(["materialize", "silver.*", "gold.*"]) == 0


def test_a_short_salt_is_refused_and_not_quoted(
    lake: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAKEFLOW_PII_SALT", "pepper")
    assert lakeflow(["plan"]) == 2
    said = "".join(capfd.readouterr())
    assert "LAKEFLOW_PII_SALT is shorter than 16 characters" in said
    assert "pepper" not in said

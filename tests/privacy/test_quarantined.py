"""Personal values that are put into quarantine stay as hidden there as in their own table."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.cli.main import run as lakeflow
from tests.cli.test_commands import make
from tests.privacy.bytes_of import written
from tests.privacy.canaries import CANARIES, CSV, SOURCE

FILES = {
    "drops/people.csv": CSV,
    "layers/bronze/people.sql": SOURCE.format(files="people.csv", ssn="long", key=""),
    "checks/bronze/people.py": (
        "import great_expectations.expectations as gxe\n"
        'apart = {"lakeflow": {"on_fail": "quarantine"}}\n'
        'expectations = [gxe.ExpectColumnValuesToMatchRegex(column="email", regex="^canary1", meta=apart)]\n'
    ),
}


def test_no_canary_sings_out_of_quarantine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(make(tmp_path, FILES))
    assert lakeflow(["materialize"]) == 0
    for words in (["show", "bronze.people__quarantine"], ["show", "bronze.people__quarantine", "-o", "json"], ["runs"]):
        assert lakeflow(words) == 0
    printed = "".join(capfd.readouterr())
    assert "•••" in printed
    assert "email" in printed
    own = {tmp_path / name for name in FILES}
    kept = b"".join(text for path, text in written(tmp_path) if path not in own)
    assert not [value for value in CANARIES if value in printed or value.encode() in kept]

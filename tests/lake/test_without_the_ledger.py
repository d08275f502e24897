"""Every question to a lake has the same answer after all tables of its ledger were dropped."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

import lakeflow
from lakeflow.cli.main import run as command
from lakeflow.core.keys import AssetKey
from tests.external.lab import Theirs, make
from tests.lake.test_log import without_ledger
from tests.prepared import Prepared

KEPT = 2
SOURCE = "/*\nkey = ['id']\n*/\nselect range as id, {0} as n from range({0})"
READS = "/*\nkey = ['id']\n*/\nselect id, n * {0} as n from silver.a"
PYTHON = """from lakeflow import asset


@asset(inputs={{"rows": "silver.b"}}, key=["n"])
def counted(rows):
    return rows.aggregate("count(*) + {0} as n")
"""


def lived(root: Path) -> None:
    """Five versions of everything, of which three have expired, in code too."""
    for number in range(3, 8):
        make(
            root,
            {
                "pyproject.toml": f"[tool.lakeflow]\nkeep_snapshots = {KEPT}\n",
                "layers/silver/a.sql": SOURCE.format(number),
                "layers/silver/b.sql": READS.format(number),
                "layers/gold/counted.py": PYTHON.format(number),
            },
        )
        with lakeflow.open(root) as lake:
            done = lake.materialize()
            assert done is not None
            assert done.state == "published"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("lived"), lived)


@pytest.fixture
def root(prepared: Prepared) -> Path:
    return prepared.again()


def answer(root: Path, *words: str) -> Any:
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        code = command(["-C", str(root), *words, "-o", "json"])
    said = json.loads(out.getvalue())
    return code, said["data"]


def every_snapshot(root: Path) -> list[str]:
    """Of the table that all others read, also those that have expired."""
    with lakeflow.open(root) as lake:
        said = lake._world.ledger.verdicts((AssetKey.parse("silver.a"),)).values()
        return [f"silver.a@s{one.snapshot_id}" for several in said for one in several]


@pytest.mark.long
def test_log_lineage_impact_verify_and_replay_answer_alike(root: Path) -> None:
    snapshots = every_snapshot(root)
    assert len(snapshots) == 5
    asked: list[tuple[str, ...]] = [
        ("log", "--code"),
        ("log", "gold.counted", "--code"),
        ("lineage",),
        ("lineage", "--snapshots", "gold.counted"),
        *(("impact", each) for each in snapshots),
        ("replay", "silver.b"),
        ("replay", "gold.counted"),
        ("snapshots", "silver.a"),
    ]
    make(root, {"layers/gold/counted.py": PYTHON.format(9), "layers/silver/b.sql": READS.format(9)})
    before = [answer(root, *words) for words in asked]
    assert {said["replay"]["code"] for _, said in before if "replay" in said} == {"recorded"}
    assert all(said["impact"]["ledger"] for _, said in before if "impact" in said)
    sound = answer(root, "verify")
    without_ledger(root)
    for words, was in zip(asked, before, strict=True):
        assert answer(root, *words) == was, words
    code, said = answer(root, "verify")
    assert (code, sound[0]) == (0, 0)
    assert [each["kind"] for each in said["notes"]] == ["ledger_lost"]
    assert said["tables"] == sound[1]["tables"]


@pytest.mark.long
def test_an_adopted_table_is_as_recorded_once_lakeflow_wrote_to_it_again(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    other = Theirs(tmp_path / "theirs")
    other.write(range(3))
    text = "/*\nkey = ['id']\n*/\nselect range as id, range * 1.5::double as amount from range({})"
    make(tmp_path, {"pyproject.toml": "[tool.lakeflow]\n", "layers/silver/orders.sql": text.format(3)})
    with lakeflow.open(tmp_path) as lake:
        assert lake.adopt("silver.orders", other.location()).state == "published"
    make(tmp_path, {"pyproject.toml": "[tool.lakeflow]\n", "layers/silver/orders.sql": text.format(4)})
    with lakeflow.open(tmp_path) as lake:
        lake.materialize()
    with_ledger = answer(tmp_path, "verify")
    without_ledger(tmp_path)
    code, said = answer(tmp_path, "verify")
    assert (code, with_ledger[0]) == (0, 0)
    kinds = [each["kind"] for each in said["notes"] if each["kind"] != "ledger_lost"]
    assert kinds == [each["kind"] for each in with_ledger[1]["notes"]] == ["recorded"]

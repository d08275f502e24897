"""`check --against main`: what a checkout breaks is said with file and line before anything is built."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lakeflow
from lakeflow.cli.main import run as typed
from lakeflow.core.review.change import Changes
from tests.prepared import Prepared
from tests.review.rendered import rows, strange

LANDED = """/*
[columns.email]
pii = true
mask = "redact"
*/
select * from (values ('ada@x.example', 'oslo', 7)) people(email, town, visits)
"""
TOWNS = """/*
key = ["town"]
*/
select town, visits, visits * 2 as twice from bronze.people
"""
FUNCTION = """
from lakeflow import Relation, asset

@asset(inputs={"towns": "silver.towns"}, write="replace")
def ranked(towns: Relation) -> Relation:
    return towns.project("town, twice")
"""
FILES = {
    "layers/bronze/people.sql": LANDED,
    "layers/silver/towns.sql": TOWNS,
    "layers/gold/busy.sql": "select town, twice from silver.towns",
    "layers/gold/names.sql": "select town from silver.towns",
    "layers/gold/every.sql": "select * from silver.towns",
    "layers/gold/ranked.py": FUNCTION,
    "checks/gold/every.sane.sql": "select * from gold.every where visits < 0",
}


def _make(root: Path) -> None:
    write(root, FILES)
    with lakeflow.open(root) as lake:
        run = lake.materialize()
        assert run is not None
        assert run.state == "published"


def write(root: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("against"), _make)


Say = Callable[..., dict[str, Any]]


@pytest.fixture
def root(prepared: Prepared) -> Path:
    return prepared.again()


@pytest.fixture
def say(root: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """What the command says of the lake after these files have changed; `exit_code` is what it ended with."""

    def said(texts: dict[str, str], *gone: str) -> dict[str, Any]:
        write(root, texts)
        for name in gone:
            (root / name).unlink()
        capsys.readouterr()
        code = typed(["-C", str(root), "check", "--against", "main", "-o", "json"])
        envelope = json.loads(capsys.readouterr().out)
        assert envelope["exit_code"] == code == (1 if envelope["data"]["against"]["breaking"] else 0)
        assert len(envelope["errors"]) == envelope["data"]["against"]["breaking"]
        return dict(envelope["data"]["against"])

    return said


def told(found: dict[str, Any]) -> list[tuple[str, str, str | None, str | None]]:
    return [(each["effect"], each["kind"], each["asset"], each["column"]) for each in found["changes"]]


def effects(found: dict[str, Any]) -> dict[str, str]:
    return {each["asset"]: each["effect"] for each in found["downstream"]}


@pytest.mark.long
def test_a_checkout_that_is_as_main_changes_nothing(say: Say) -> None:
    found = say({})
    assert (found["changes"], found["downstream"], found["breaking"]) == ([], [], 0)


@pytest.mark.long
def test_a_column_that_goes_breaks_who_reads_it_and_nobody_else(say: Say) -> None:
    found = say({"layers/silver/towns.sql": TOWNS.replace(", visits * 2 as twice", "")})
    fault = next(each for each in found["changes"] if each["kind"] == "fault")
    assert (fault["asset"], fault["path"], fault["line"]) == ("gold.busy", "layers/gold/busy.sql", 1)
    (gone,) = (
        each for each in found["changes"] if each["kind"] == "column removed" and each["asset"] == "silver.towns"
    )
    assert (gone["effect"], gone["column"]) == ("breaking", "twice")
    assert set(gone["readers"]) == {"gold.busy", "gold.every", "gold.ranked"}
    assert "gold.busy still reads it; gold.ranked still reads it" in gone["says"]
    assert effects(found)["gold.names"] == "unaffected"
    assert effects(found)["gold.busy"] == "breaking"


@pytest.mark.long
def test_a_column_that_goes_with_its_readers_breaks_nothing(say: Say) -> None:
    found = say(
        {
            "layers/silver/towns.sql": TOWNS.replace(", visits * 2 as twice", ""),
            "layers/gold/busy.sql": "select town from silver.towns",
        },
        "layers/gold/ranked.py",
    )
    assert found["breaking"] == 0
    assert ("changed", "column removed", "silver.towns", "twice") in told(found)
    assert ("changed", "column removed", "gold.every", "twice") in told(found)
    assert ("changed", "asset removed", "gold.ranked", None) in told(found)


@pytest.mark.long
def test_a_column_is_renamed_where_it_is_made_of_the_very_same(say: Say) -> None:
    found = say({"layers/silver/towns.sql": TOWNS.replace("as twice", "as doubled")})
    assert ("breaking", "column renamed", "silver.towns", "twice") in told(found)
    (renamed,) = (
        each for each in found["changes"] if each["kind"] == "column renamed" and each["asset"] == "silver.towns"
    )
    assert renamed["says"].startswith("silver.towns.twice is called doubled now")
    assert "column added" not in {each["kind"] for each in found["changes"] if each["asset"] == "silver.towns"}


@pytest.mark.long
def test_a_check_that_reads_what_goes_breaks(say: Say) -> None:
    found = say({"layers/gold/every.sql": "select town, twice from silver.towns"})
    fault = next(each for each in found["changes"] if each["kind"] == "fault")
    assert (fault["path"], fault["line"]) == ("checks/gold/every.sane.sql", 1)


@pytest.mark.long
def test_another_type_breaks_readers_that_are_as_before_and_a_wider_one_does_not(say: Say) -> None:
    found = say({"layers/silver/towns.sql": TOWNS.replace("visits * 2", "cast(visits * 2 as varchar)")})
    assert ("breaking", "type changed", "silver.towns", "twice") in told(found)
    found = say({"layers/silver/towns.sql": TOWNS.replace("visits * 2", "cast(visits * 2 as bigint)")})
    assert ("changed", "type widened", "silver.towns", "twice") in told(found)
    assert found["breaking"] == 0


@pytest.mark.long
def test_a_new_column_and_a_new_asset_are_additive(say: Say) -> None:
    found = say(
        {
            "layers/silver/towns.sql": TOWNS.replace("as twice", "as twice, 1 as one"),
            "layers/gold/new.sql": "select one from silver.towns",
        }
    )
    assert ("additive", "column added", "silver.towns", "one") in told(found)
    assert ("additive", "asset added", "gold.new", None) in told(found)
    assert found["breaking"] == 0
    assert (effects(found)["gold.busy"], effects(found)["gold.every"]) == ("unaffected", "additive")


@pytest.mark.long
def test_what_only_other_columns_are_made_of_is_unaffected(say: Say) -> None:
    found = say({"layers/silver/towns.sql": TOWNS.replace("visits * 2", "visits * 3")})
    assert (effects(found)["gold.names"], effects(found)["gold.busy"]) == ("unaffected", "changed")
    found = say({"layers/silver/towns.sql": TOWNS + " where visits > 1"})
    assert (effects(found)["gold.names"], effects(found)["gold.busy"]) == ("changed", "changed")


@pytest.mark.long
def test_another_key_breaks_readers_that_are_as_before(say: Say) -> None:
    found = say({"layers/silver/towns.sql": TOWNS.replace('["town"]', '["town", "visits"]')})
    assert ("breaking", "key changed", "silver.towns", None) in told(found)


def test_an_asset_that_goes_while_others_read_it_breaks(say: Say) -> None:
    found = say({}, "layers/silver/towns.sql")
    places = {(each["path"], each["line"]) for each in found["changes"]}
    assert ("layers/gold/busy.sql", 1) in places
    assert found["breaking"] >= 4


def test_a_mask_that_goes_breaks(say: Say) -> None:
    found = say({"layers/bronze/people.sql": LANDED.replace('mask = "redact"\n', "")})
    assert ("breaking", "mask removed", "bronze.people", "email") in told(found)


def test_a_personal_column_that_is_newly_read_is_told(say: Say) -> None:
    bare = LANDED.replace('mask = "redact"\n', "")
    said = TOWNS.replace('key = ["town"]', 'key = ["town"]\n[columns.mail]\npii = false')
    found = say(
        {
            "layers/bronze/people.sql": bare,
            "layers/silver/towns.sql": said.replace("as twice", "as twice, email as mail"),
        }
    )
    assert ("changed", "said to tell nothing of a person", "silver.towns", "mail") in told(found)
    found = say({"layers/silver/towns.sql": TOWNS.replace("as twice", "as twice, email as mail")})
    (fault,) = (each for each in found["changes"] if each["path"] == "layers/silver/towns.sql")
    assert (fault["effect"], "is personal" in fault["says"]) == ("breaking", True)


DERIVING = """
from lakeflow import Relation, asset

@asset(inputs={"people": "bronze.people"}, key=["town"], derives={"town": ["people.town"], "tells": ["people.email"]})
def ranked_people(people: Relation) -> Relation:
    return people.project("town, email as tells")
"""


def test_a_function_that_says_to_derive_from_a_personal_column_breaks(say: Say) -> None:
    bare = LANDED.replace('mask = "redact"\n', "")
    found = say({"layers/bronze/people.sql": bare, "layers/silver/ranked_people.py": DERIVING})
    assert ("breaking", "personal data reachable", "silver.ranked_people", "tells") in told(found)


@pytest.mark.long
def test_a_comment_and_a_screen_say_where(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"layers/silver/towns.sql": TOWNS.replace(", visits * 2 as twice", "")})
    assert typed(["-C", str(root), "check", "--against", "main", "-o", "markdown"]) == 1
    text = capsys.readouterr().out
    assert strange(text) == []
    assert [row[2] for row in rows(text) if row[0] == "breaking"] == ["gold.busy, gold.ranked"]
    assert ["unaffected", "1", "gold.names"] in rows(text)
    assert typed(["-C", str(root), "check", "--against", "main"]) == 1
    assert "✗ layers/gold/busy.sql:1: " in capsys.readouterr().out


def test_a_comment_without_something_to_compare_with_is_refused(root: Path) -> None:
    assert typed(["-C", str(root), "check", "-o", "markdown"]) == 2


def test_a_lake_that_holds_nothing_yet_only_gains(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    with lakeflow.open(tmp_path) as lake:
        found = lake.against()
    assert isinstance(found, Changes)
    assert {str(each.effect) for each in found.changes} == {"additive"}

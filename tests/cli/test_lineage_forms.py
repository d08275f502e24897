"""`lineage -o`: texts that others show go to stdout as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.process import here
from tests.cli.test_commands import make

FILES = {
    "layers/bronze/raw.sql": "select 1 as id",
    "layers/silver/clean.sql": "/*\nkey = ['id']\n*/ select id from bronze.raw",
}


@pytest.mark.parametrize(
    ("form", "begin"), [("svg", "<svg "), ("mermaid", "flowchart LR"), ("dot", "digraph lineage {")]
)
def test_a_picture_is_all_that_stdout_holds(form: str, begin: str, tmp_path: Path) -> None:
    done = here("lineage", "-o", form, cwd=make(tmp_path, FILES))
    assert done.returncode == 0
    assert done.stdout.startswith(begin)
    assert done.stdout.endswith("\n")


def test_openlineage_is_an_array_of_events(tmp_path: Path) -> None:
    done = here("lineage", "silver.clean", "-o", "openlineage", cwd=make(tmp_path, FILES))
    assert [event["job"]["name"] for event in json.loads(done.stdout)] == ["bronze.raw", "silver.clean"]


@pytest.mark.parametrize(
    "words", ["--columns -o svg", "--snapshots -o dot", "--columns --snapshots", "--columns --exclude x"]
)
def test_what_cannot_be_drawn_is_refused(words: str, tmp_path: Path) -> None:
    done = here("lineage", *words.split(), cwd=make(tmp_path, FILES))
    assert done.returncode == 2


def test_columns_are_a_graph_in_json_and_edges_in_csv(tmp_path: Path) -> None:
    root = make(tmp_path, FILES)
    data = json.loads(here("lineage", "--columns", "silver.clean.id", "-o", "json", cwd=root).stdout)["data"]["columns"]
    raw, clean = {"table": "bronze.raw", "column": "id"}, {"table": "silver.clean", "column": "id"}
    assert data["derived"] == [{"from": raw, "to": clean, "how": "copied"}]
    told = here("lineage", "--columns", "silver.clean.id", "-o", "csv", cwd=root).stdout
    assert told == "source,target,how\nbronze.raw.id,silver.clean.id,copied\n"

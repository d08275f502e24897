"""The kept text of a function runs only where it is all that ran; what it lacks is said in words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lakeflow.core.contract.declared import read_source
from lakeflow.core.kept.code import code_of
from lakeflow.core.kept.function import kept_text, lacks
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, Column, PythonCode, SqlCode
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.write_mode import WriteMode

KEY = AssetKey.parse("gold.shops")
FUNCTION = "def shops(rows):\n    return {}\n"


def asset(source: dict[str, Any] | None = None, **fields: Any) -> Asset:
    code = PythonCode(lambda: None, "layers/gold/shops.py", 1)
    return Asset(KEY, code, WriteMode.REPLACE, source=json.dumps(source or {}), code_version="now", **fields)


def kept(*code: str, **modules: str) -> dict[str, Any]:
    named = {name.replace("__", "."): text for name, text in modules.items()}
    return {"kind": "python", "fields": {"write": "replace"}, "code": list(code), "modules": named, "bound": {}}


def missing(document: dict[str, Any]) -> str:
    return lacks(document, asset(), {"pandas"}.__contains__)


@pytest.mark.parametrize(
    "text",
    [
        "rows",
        "rows.filter(f'x > {len(str(LOWEST))}')",
        "[each for each in rows if (it := each)]",
        "math.floor(pandas.NA or NotImplemented)",
        "(lambda rows, *more: rows)(rows, __name__)",
    ],
)
def test_text_that_binds_what_it_names_lacks_nothing(text: str) -> None:
    assert missing(kept("import math, pandas", "LOWEST = 3\n", FUNCTION.format(text))) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("open('x')", "open"),
        ("eval('rows')", "eval"),
        ("globals()['rows']", "globals"),
        ("__file__", "__file__"),
        ("Path('x').read_text()", ".read_text"),
        ("other(rows)", "other"),
        ("__import__('os')", "__import__"),
        ("shops.__globals__", ".__globals__"),
    ],
)
def test_a_name_that_leads_out_of_the_text_is_said(text: str, said: str) -> None:
    assert f" {said}" in missing(kept("from pathlib import Path", FUNCTION.format(text)))


@pytest.mark.parametrize(
    ("line", "modules", "said"),
    [
        ("import numpy", {}, "numpy, which is neither kept nor installed here"),
        ("from . import _more", {}, "layers.gold, which is not kept"),
        ("from ._more import one", {"layers__gold__other": ""}, "layers.gold._more, which is not kept"),
        ("from shared import other", {"shared__factors": ""}, "shared.other, which is not kept"),
        ("from shared.factors import *", {"shared__factors": ""}, "imports * from shared.factors"),
        ("import importlib.util", {}, "importlib.util, which finds code"),
        ("import shared.factors", {"shared__factors": "import numpy"}, "numpy, which is neither"),
        ("import shared.factors", {"shared__factors": "x = open('y')"}, "open"),
        ("import shared.factors", {"shared__factors": "def ("}, "no Python of today"),
    ],
)
def test_a_module_that_is_not_kept_is_said(line: str, modules: dict[str, str], said: str) -> None:
    assert said in missing(kept(line, FUNCTION.format("rows"), **modules))


@pytest.mark.parametrize(
    ("line", "modules"),
    [
        ("from . import _more", {"layers__gold___more": "one = 1"}),
        ("from shared import factors", {"shared__factors": "from .deep import one", "shared__deep": "one = 1"}),
        ("from shared import one", {"shared": "from .deep import one", "shared__deep": "one = 1"}),
        ("import json, pandas.api", {}),
    ],
)
def test_modules_that_are_kept_or_libraries_are_all_that_is_needed(line: str, modules: dict[str, str]) -> None:
    assert missing(kept(line, FUNCTION.format("rows"), **modules)) == ""


def test_a_function_that_another_made_is_kept_as_its_whole_file() -> None:
    text = "from lakeflow import asset\nshops = asset(lambda rows: rows)\n"
    assert kept_text(kept(text), "shops").whole
    assert not kept_text(kept(FUNCTION.format("rows")), "shops").whole


def declared(kept_fields: dict[str, Any], **now: Any) -> Asset | str:
    document = {"kind": "sql", "fields": kept_fields, "text": "select 1 as id"}
    today = asset({"kind": "sql", "fields": {"write": "append"}, "text": "select 2 as id"}, **now)
    return code_of(today, Provenance("r", 1, str(KEY), "then"), json.dumps(document), "then", lambda _: False)


def test_the_fields_of_then_stand_in_place_of_those_of_today() -> None:
    said = {
        "write": "upsert",
        "key": ["id"],
        "keep": "at",
        "deleted": "op = 'D'",
        "partition_by": ["day(at)"],
        "columns": {"name": {"type": "string", "mask": "redact"}},
        "new_rows": ["silver.sales"],
    }
    found = declared(said, columns={"name": Column(pii=True), "email": Column(pii=True)})
    assert isinstance(found, Asset)
    assert isinstance(found.code, SqlCode)
    assert (found.write, found.primary_key, found.last_by, found.deleted) == (
        WriteMode.UPSERT,
        ("id",),
        "at",
        "op = 'D'",
    )
    assert found.new_rows == {AssetKey.parse("silver.sales")}
    assert list(found.masks) == ["name"]
    assert found.pii == {"name", "email"}, "what is personal today is so in every answer"


@pytest.mark.parametrize(
    "said", [{"write": "upsert", "word": 1}, {"key": ["id"]}, {"write": "partition", "partition": "day(at)"}]
)
def test_fields_that_do_not_tell_how_it_was_declared_are_refused(said: dict[str, Any]) -> None:
    assert isinstance(declared(said), str)


@pytest.mark.parametrize(
    "fields",
    [
        {"format": "parquet"},
        {"format": "json", "columns": {"id": "int"}, "extra": "ignore"},
        {"format": "csv", "header": ["id", "a"], "columns": {"id": "int"}, "delimiter": ";", "skip": 2},
        {
            "format": "csv",
            "columns": {"id": "int", "b": ""},
            "optional": ["b"],
            "renames": {"b": ["c"]},
            "versions": [{"until": "b", "columns": {"id": "int"}}],
            "on_malformed": "quarantine",
            "max_fraction": 0.5,
        },
    ],
    ids=["parquet", "json", "by position", "versions"],
)
def test_how_the_files_of_a_source_were_read_comes_back(fields: dict[str, Any]) -> None:
    source, wrong = read_source({"files": ["*.x"], **fields})
    assert source is not None, wrong
    found = declared({"write": "append", "source": json.loads(json.dumps(source.data_fields()))})
    assert isinstance(found, Asset)
    assert found.files == source

"""The recorded code of an asset is compared as people wrote it."""

from __future__ import annotations

import json

from lakeflow.core.log.source import difference

NAMES = ("aaa", "bbb")


def sql(text: str, **fields: object) -> str:
    return json.dumps({"kind": "sql", "fields": fields, "text": text})


def test_sql_is_compared_line_by_line_as_it_was_written() -> None:
    lines = difference(sql("select 1\nfrom a", key=["id"]), sql("select 2\nfrom a", key=["n"]), NAMES).splitlines()
    assert [line for line in lines if line[0] in "+-"] == ["--- aaa", "+++ bbb", "-select 1", "+select 2"]


def test_a_function_is_compared_with_its_declaration_and_the_modules_that_it_imports() -> None:
    def python(code: str, helper: str) -> str:
        return json.dumps({"kind": "python", "fields": {}, "code": [code], "modules": {"_h": helper}, "bound": {}})

    lines = difference(python("def f():\n    return 1", "x = 1"), python("def f():\n    return 1", "x = 2"), NAMES)
    assert "-x = 1" in lines.splitlines()
    assert "+x = 2" in lines.splitlines()
    assert not any(line.startswith(("-def", "+def")) for line in lines.splitlines())


def test_what_is_no_recorded_code_is_compared_as_text() -> None:
    assert difference("a\nb", "a\nc", NAMES).splitlines()[-2:] == ["-b", "+c"]

from __future__ import annotations

import pytest

from lakeflow.as_json.values import rows_json
from lakeflow.core.model.table import Rows


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("long", "9223372036854775807", 9223372036854775807),
        ("int", "-3", -3),
        ("double", "1.5", 1.5),
        ("double", "nan", "nan"),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("decimal(9, 2)", "1.50", "1.50"),
        ("string", "7", "7"),
        ("date", "2026-01-31", "2026-01-31"),
        ("long", "•••", "•••"),
        ("long", None, None),
    ],
)
def test_values_have_the_type_of_json_that_holds_them_exactly(type_: str, text: str | None, value: object) -> None:
    assert rows_json(Rows(("x",), ((text,),), (type_,)))["rows"] == [{"x": value}]


def test_without_types_every_value_is_text() -> None:
    assert rows_json(Rows(("x",), (("7",),)))["rows"] == [{"x": "7"}]

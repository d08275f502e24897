"""The decorator and what is read out of it."""

import pytest

from lakeflow import asset
from lakeflow.core.declare.asset_decorator import ATTRIBUTE
from lakeflow.core.declare.declaration import FIELDS, Declaration, read_declaration
from lakeflow.core.model.asset import Column
from lakeflow.core.model.write_mode import WriteMode


def test_a_decorated_function_is_the_same_function() -> None:
    def weather(raw: int) -> int:
        return raw + 1

    assert asset(inputs={"raw": "bronze.raw"}, key=["day"])(weather) is weather
    assert weather(1) == 2
    assert getattr(weather, ATTRIBUTE) == {"inputs": {"raw": "bronze.raw"}, "key": ["day"]}


def test_the_decorator_may_be_used_bare() -> None:
    @asset
    def calendar() -> None: ...

    assert getattr(calendar, ATTRIBUTE) == {}


def test_a_misspelled_field_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match=r"asset\(\) has no field 'desciption': did you mean 'description'\?"):
        asset(desciption="x")  # type: ignore[call-overload]  # what is refused


def test_every_field_is_read_in_its_type() -> None:
    declaration, flaws = read_declaration(
        {
            "inputs": {"raw": "bronze.raw"},
            "key": ("a", "b"),
            "write": "append",
            "description": "d",
            "owner": "o",
            "tags": "one",
            "columns": {"email": {"type": "string", "pii": True, "description": "c"}},
            "checks": ["x.py"],
            "layer": "silver",
            "reads": ["*.csv"],
            "allow_empty": True,
            "timeout": 1.5,
            "retries": 2,
            "max_rows": 0,
            "max_bytes": "2GB",
        }
    )
    assert flaws == ()
    assert declaration == Declaration(
        inputs={"raw": "bronze.raw"},
        key=("a", "b"),
        write=WriteMode.APPEND,
        description="d",
        owner="o",
        tags=("one",),
        columns={"email": Column("string", pii=True, description="c")},
        checks=("x.py",),
        layer="silver",
        reads=("*.csv",),
        allow_empty=True,
        timeout=1.5,
        retries=2,
        max_rows=0,
        max_bytes=2_000_000_000,
    )


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_the_wrong_type_is_a_flaw_with_an_example(field: str) -> None:
    declaration, flaws = read_declaration({field: -3.5})
    assert [(flaw.field, flaw.message) for flaw in flaws] == [(field, f"{field} has the wrong type")]
    assert field in flaws[0].hint
    assert declaration == Declaration()


@pytest.mark.parametrize(
    "columns",
    [
        {"a": "string"},
        {1: {}},
        {"a": {"type": 3}},
        {"a": {"pii": "yes"}},
        {"a": {"type": "strng"}},
        {"a": {"mask": "hide"}},
    ],
)
def test_a_bad_column_is_one_flaw_and_says_nothing_false(columns: object) -> None:
    declaration, flaws = read_declaration({"columns": columns})
    assert len(flaws) == 1
    assert all(column == Column() for column in declaration.columns.values())


def test_all_flaws_of_a_declaration_come_at_once() -> None:
    _, flaws = read_declaration({"keys": [], "write": "merge", "key": ["a", "A"], "owner": 1})
    assert [flaw.field for flaw in flaws] == ["keys", "write", "owner", "key"]
    assert flaws[0].hint == "did you mean 'key'?"
    assert flaws[1].hint == "append, replace, upsert, partition and scd2 exist"

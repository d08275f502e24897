"""Every public name has an entry in the reference, a docstring and types; what a lake answers with is public too."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, Final

import pytest

import lakeflow
from tests.docs.public_names import documented, functions, importable, methods_of, own_expectations, resolved

FUNCTIONS: Final = dict(functions())
NO_ANSWERS: Final = frozenset(
    [
        "AssetKind",
        "Any",
        "Copy",
        "DuckDBPyConnection",
        "DuckDBPyRelation",
        "Key",
        "Outlook",
        "Mapping",
        "Path",
        "Pending",
        "Project",
        "Schema",
        "Self",
        "Sequence",
        "Settings",
        "Snapshot",
        "TableKey",
        "Timeline",
        "Window",
    ]
)
"""What stands in an annotation and is no answer of its own."""


def names_in(annotation: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(annotation, mode="eval")) if isinstance(node, ast.Name)}


def returned(function: Callable[..., Any]) -> str:
    return str(inspect.signature(function).return_annotation)


@pytest.mark.parametrize("name", list(importable()))
def test_a_public_name_has_an_entry_in_the_reference(name: str) -> None:
    entries = documented()
    assert name in entries or name.rpartition(".")[0] in entries - {"lakeflow"}


@pytest.mark.parametrize("name", sorted(documented()))
def test_an_entry_of_the_reference_is_something_that_says_what_it_is(name: str) -> None:
    if name.startswith("lakeflow.expectations."):
        assert own_expectations()[name.rpartition(".")[2]]
        return
    found = resolved(name)
    said = found.__dict__.get("__doc__") if isinstance(found, type) else found.__doc__
    assert said
    assert not said.startswith(f"{found.__name__}("), "a dataclass without one shows its fields"


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_a_public_function_says_what_it_gives_and_takes_by_type(name: str) -> None:
    signature = inspect.signature(FUNCTIONS[name])
    assert "Any" not in names_in(returned(FUNCTIONS[name])), "a type exists"
    given = [each for each in signature.parameters.values() if each.name != "self"]
    assert [each.name for each in given if each.annotation is inspect.Parameter.empty] == []


@pytest.mark.parametrize("name", [name for name, _ in methods_of(lakeflow.Lake)])
def test_a_method_of_a_lake_has_a_docstring(name: str) -> None:
    assert inspect.getdoc(getattr(lakeflow.Lake, name))


def test_an_answer_of_a_lake_has_an_entry_and_so_has_what_it_is_made_of() -> None:
    """From the methods on: every class of ours in what they return, and in the fields of that."""
    entries = {name.rpartition(".")[2]: name for name in documented()}
    asked = {name for _, function in methods_of(lakeflow.Lake) for name in names_in(returned(function))}
    seen: set[str] = set()
    while asked:
        seen |= asked
        answers = [resolved(entries[name]) for name in asked & entries.keys()]
        kinds = [str(field.type) for each in answers if is_dataclass(each) for field in fields(each)]
        asked = {name for kind in kinds for name in names_in(kind)} - seen
    classes = {name for name in seen if re.fullmatch(r"[A-Z]\w+", name)}
    assert classes - NO_ANSWERS - entries.keys() == set()

"""A name means one thing: what a reader learns of a word in one room is true of it in all others."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

import pytest

from lakeflow import wap
from lakeflow.core.model.run import RunState, StepState
from tests.docs.pages import ROOT


@pytest.fixture(scope="module")
def sources() -> dict[str, ast.Module]:
    """Each module of lakeflow by its path, parsed."""
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / "lakeflow").rglob("*.py"))
        if "templates" not in path.parts
    }


def test_no_two_classes_have_the_same_name_even_where_one_is_private(sources: dict[str, ast.Module]) -> None:
    found = defaultdict(list)
    for path, tree in sources.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found[node.name.lstrip("_")].append(f"{path}:{node.lineno}")
    assert len(found) > 300
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_no_package_gives_out_a_name_that_one_of_its_modules_has(sources: dict[str, ast.Module]) -> None:
    """Importing the module, by whom and when, would put it in the place of what the package gives out."""
    rooms = {path.removesuffix("__init__.py") for path in sources if path.endswith("/__init__.py")}
    places = {path.removesuffix("/__init__.py").removesuffix(".py") for path in sources}
    given = {room: _given_out(sources[f"{room}__init__.py"]) for room in rooms}
    assert sum(map(len, given.values())) > 100
    assert {f"{room}{name}" for room, names in given.items() for name in names} & places == set()


def _given_out(tree: ast.Module) -> set[str]:
    said = (
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    return {name for value in said for name in ast.literal_eval(value)}


ANOTHER_NAME = {"run": {"runs"}, "unpublished": {"runs"}, "_facts": {"gather"}, "_judged": {"last_audits", "rested"}}
"""`wap.run` is a room, `wap.facts` a module, and a status asks for more than one thing."""


def _calls_of_wap(method: ast.FunctionDef) -> set[str]:
    """The functions of `lakeflow.wap` that it calls; its classes are no functions."""
    found = (node.func for node in ast.walk(method) if isinstance(node, ast.Call))
    return {
        each.attr
        for each in found
        if isinstance(each, ast.Attribute) and ast.unparse(each.value) == "wap" and each.attr.islower()
    }


def test_a_method_of_the_lake_and_the_function_of_wap_that_it_calls_have_the_same_name(
    sources: dict[str, ast.Module],
) -> None:
    trees = (sources[f"lakeflow/lake/{name}.py"] for name in ("lake", "reading", "standing", "trying"))
    methods = [
        method
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        for method in node.body
        if isinstance(method, ast.FunctionDef)
    ]
    called = {method.name: names for method in methods if (names := _calls_of_wap(method))}
    assert {name: names for name, names in called.items() if names != {name}} == ANOTHER_NAME
    assert set().union(*called.values()) == {name for name in wap.__all__ if name.islower()}


GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")


def test_the_glossary_explains_each_word_once() -> None:
    words = re.findall(r"^\| \*\*([a-z ]+)\*\* \| .+ \|$", GLOSSARY, re.MULTILINE)
    assert len(words) == len(set(words)) > 20
    assert {"history", "version", "reads", "timeline", "step", "lease", "verdict"} <= set(words)


def test_the_glossary_names_every_state_of_a_run_and_of_a_step_and_no_other() -> None:
    runs, steps = (paragraph for paragraph in GLOSSARY.split("\n\n") if re.match(r"A \*\*(run|step)\*\* ", paragraph))
    verbs = {"retry", "publish", "discard", "rollback"}
    assert set(re.findall(r"`([a-z_]+)`", runs)) - verbs == set(RunState)
    assert set(re.findall(r"`([a-z_]+)`", steps)) == set(StepState)

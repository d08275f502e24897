"""The map in CONTRIBUTING.md leads where it says: to every room, every definition asked for, every folder of tests."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

from tests.docs.pages import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
_QUESTION = re.compile(r"^\| ([^|`]+\?) \| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)
_ROOM = re.compile(r"^\| `((?:lakeflow|tests)/[^`]*)` \| (.+) \|$", re.MULTILINE)
QUESTIONS: list[tuple[str, str, str]] = _QUESTION.findall(PAGE)
ROOMS: dict[str, str] = dict(_ROOM.findall(PAGE))


def _definitions(text: str) -> Iterator[str]:
    """`function`, `Class`, `Class.method`: what a module defines at its top."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        if isinstance(node, ast.ClassDef):
            yield from (f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef))


def _folders(top: str) -> set[str]:
    """The folders with files of ours in them; of templates and schemas, which hold no code, the first alone."""
    found = {path.parent for path in (ROOT / top).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    return {f"{folder.relative_to(ROOT)}/" for folder in found if not _is_within_data(folder)}


def _is_within_data(folder: Path) -> bool:
    return any(above.name == "templates" for above in folder.parents)


@pytest.mark.parametrize(("question", "path", "definition"), QUESTIONS, ids=[each[0] for each in QUESTIONS])
def test_the_file_of_an_answer_is_there_and_contains_the_definition(question: str, path: str, definition: str) -> None:
    assert definition in set(_definitions((ROOT / path).read_text(encoding="utf-8"))), question


def test_at_least_ten_questions_are_answered_and_none_twice() -> None:
    asked = [question for question, _, _ in QUESTIONS]
    assert len(asked) == len(set(asked)) >= 10
    assert {"a moved main reconciled?", "a CSV header compared?", "the verdict recorded?"} <= set(asked)


def test_every_room_has_its_sentence_and_every_sentence_its_room() -> None:
    assert {room for room in ROOMS if room.startswith("lakeflow/")} == _folders("lakeflow")
    assert all(sentence.endswith(".") for room, sentence in ROOMS.items() if room.startswith("lakeflow/"))


def test_no_room_has_more_than_fifteen_files() -> None:
    rooms = Counter(path.parent for path in (ROOT / "lakeflow").rglob("*.py"))
    assert {str(room): number for room, number in rooms.items() if number > 15} == {}


def test_no_file_has_400_lines() -> None:
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in (ROOT / "lakeflow").rglob("*.py")}
    assert {str(path): number for path, number in lines.items() if number >= 400} == {}


def test_the_rooms_stand_in_the_order_of_the_import_contracts() -> None:
    """In a layer `a | b` both may come first; a layer that is a file has no row of its own."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    compared = 0
    for contract in (each for each in tools["importlinter"]["contracts"] if each["type"] == "layers"):
        (container,) = contract["containers"]
        above = f"{container.replace('.', '/')}/"
        rank = {f"{above}{name.strip()}/": n for n, layer in enumerate(contract["layers"]) for name in layer.split("|")}
        ranks = [rank[room] for room in ROOMS if room in rank]
        assert ranks == sorted(ranks), container
        compared += len(ranks)
    assert compared > 30


def test_every_folder_of_tests_is_in_the_table_of_tests() -> None:
    folders = {folder for folder in _folders("tests") if folder.count("/") == 2}
    assert {room for room in ROOMS if room.startswith("tests/")} == folders


def test_every_path_that_the_page_names_is_there() -> None:
    spelled = re.findall(r"`((?:lakeflow|tests|docs)/[\w./-]+)`", PAGE)
    named = {*spelled, *re.findall(r"\]\((docs/[^)#]+)\)", PAGE)}
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_every_target_that_the_page_names_can_be_made() -> None:
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    lines = re.findall(r"(?:^|`)make ((?:[a-z][a-z-]+ ?)+)", PAGE, re.MULTILINE)
    named = {target for line in lines for target in line.split()}
    assert named >= {"setup", "check", "test", "fix", "build"}
    assert named <= made


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Also where it imports late."""
    graph = grimp.build_graph("lakeflow", exclude_type_checking_imports=True, cache_dir=None)
    found = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(found) > 600
    TopologicalSorter(found).prepare()  # CycleError names the circle

"""A name means one thing: what a reader learns of a word in one room is true of it in all others."""

from __future__ import annotations

import ast
from collections import defaultdict

from tests.docs.pages import ROOT

SOURCES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "lakeflow").rglob("*.py"))
    if "templates" not in path.parts
}


def test_no_two_classes_have_the_same_name_even_where_one_is_private() -> None:
    found = defaultdict(list)
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found[node.name.lstrip("_")].append(f"{path}:{node.lineno}")
    assert len(found) > 300
    assert {name: places for name, places in found.items() if len(places) > 1} == {}

"""What a docstring says is read from top to bottom by somebody who does not know yet what the name means."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.docs.pages import ROOT

BROKEN_OFF = re.compile(r"(Of|Into|Also|Beside|Behind|Until|Has it|From here|The same[,:;.])\b")
"""Words that only go on with a sentence, which stands in the name or nowhere."""

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / "lakeflow").rglob("*.py")):
        if "templates" not in path.parts:
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def _summaries() -> Iterator[tuple[str, str]]:
    """The first paragraph of every docstring, by its place."""
    for path, tree in _modules():
        for node in ast.walk(tree):
            if isinstance(node, Documented) and (text := ast.get_docstring(node)) is not None:
                yield f"{path}:{getattr(node, 'name', 'module')}", text.split("\n\n")[0].strip()


def test_every_module_that_holds_something_says_what() -> None:
    assert [path for path, tree in _modules() if tree.body and ast.get_docstring(tree) is None] == []


@pytest.mark.long
def test_a_docstring_begins_with_a_whole_sentence() -> None:
    assert [place for place, summary in _summaries() if not summary.endswith((".", "?", ":"))] == []
    assert [(place, summary) for place, summary in _summaries() if BROKEN_OFF.match(summary)] == []

"""Every command that stands in a page, inside it as at its foot, does what the page says of it."""

from __future__ import annotations

import io
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import lakeflow
from lakeflow.cli.main import run as command
from lakeflow.ui.app import PAGES
from tests.cli.test_commands import make
from tests.ui.test_pages import QUESTIONS, SHOWN, address

pytestmark = pytest.mark.long
_COMMAND = re.compile(r'<code class="cmd" data-copy>(.*?)</code>')
_CHANGES = {"discard", "export", "materialize", "publish", "quarantine readmit", "retry", "rollback"}
_LEAVES_SOMETHING = {"publish", "retry"}
"""Nobody has mended the code, so a run is held as before, and what rests on it waits: exit code 1, as documented."""
_APART = """import great_expectations.expectations as gxe

apart = {"lakeflow": {"on_fail": "quarantine"}}
expectations = [gxe.ExpectColumnValuesToBeBetween(column="id", max_value=2, meta=apart)]
"""


def commands(pages: TestClient, paths: list[str]) -> Iterator[str]:
    for path in paths:
        answer = pages.get(path)
        assert answer.status_code == 200, path
        yield from (unescape(each) for each in _COMMAND.findall(answer.text))


def tried(root: Path, words: list[str], place: Path) -> int:
    """The exit code. What changes a lake is tried on a copy of it."""
    lake = root
    if _verb(words) in _CHANGES:
        shutil.copytree(root, lake := place / "copy")
        assert _exit(lake, ["doctor", "--relocate"], place) == 0
    return _exit(lake, words, place)


def _verb(words: list[str]) -> str:
    return " ".join(words[:2]) if words[0] == "quarantine" else words[0]


def _exit(root: Path, words: list[str], place: Path) -> int:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as said, chdir(place):
        code = command(["-C", str(root), *words])
    assert code in {0, 1}, f"{shlex.join(words)}: {said.getvalue()}"
    return code


def test_each_command_of_a_lake_with_a_held_run_does_what_it_says(
    pages: TestClient, held: tuple[Path, str], tmp_path: Path
) -> None:
    paths = [address(path, held[1]) + QUESTIONS.get(path, "") for path in SHOWN]
    paths += [path.replace("{asset}", "gold.windiest") for path in PAGES if path.startswith("/assets/{asset}")]
    found = sorted({*commands(pages, paths)})
    verbs = {shlex.split(each)[1] for each in found}
    assert {"retry", "discard", "publish", "export", "status", "runs", "diff", "query", "show", "lineage"} <= verbs
    amiss = {}
    for at, each in enumerate(found):
        words = shlex.split(each)[1:]
        (place := tmp_path / str(at)).mkdir()
        if tried(held[0], words, place) != (words[0] in _LEAVES_SOMETHING):
            amiss[each] = place.name
    assert amiss == {}


@pytest.mark.parametrize("published", [False, True], ids=["never built", "rows apart"])
def test_each_command_of_a_lake_that_was_never_built_or_sets_rows_apart_does_what_it_says(
    show: Callable[..., TestClient], tmp_path: Path, published: bool
) -> None:
    files = {"layers/bronze/a.sql": "select range as id from range(5)", "checks/bronze/a.py": _APART}
    root = make(tmp_path / "lake", files)
    if published:
        with lakeflow.open(root) as lake:
            assert lake.materialize() is not None
    (tmp_path / "places").mkdir()
    pages = show(root)
    paths = ["/", "/runs", "/assets/bronze.a", "/assets/bronze.a/snapshots", "/quarantine"]
    found = sorted({*commands(pages, [*paths, *(["/quarantine/bronze.a"] if published else [])])})
    verbs = {_verb(shlex.split(each)[1:]) for each in found}
    assert ("quarantine readmit" if published else "materialize") in verbs
    for at, each in enumerate(found):
        (place := tmp_path / "places" / str(at)).mkdir()
        assert tried(root, shlex.split(each)[1:], place) == 0, each

"""A lake that is looked at again with other files, and what ends that: nothing of it stays open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

import lakeflow
from lakeflow.lake import assembly, diagnosis, lake
from lakeflow.wap.ports import World
from tests.cli.test_commands import make

Break = Callable[[pytest.MonkeyPatch, Callable[..., Any]], None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make(tmp_path, {"layers/bronze/a.sql": "select 1 as id"})
    with lakeflow.open(tmp_path) as made:
        assert made.materialize() is not None
    return tmp_path


def databases(root: Path) -> list[str]:
    """The files of the lake's database that this process has open."""
    return [each.path for each in psutil.Process().open_files() if Path(each.path).is_relative_to(root.resolve())]


def never(*_: object, **__: object) -> Any:
    raise KeyboardInterrupt


@pytest.mark.sampled(4)
@pytest.mark.parametrize("broken", ["the new world", "its parts", "what was open", "the project"])
def test_whatever_ends_a_second_look_the_first_lake_is_closed(
    root: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    first = lake.look(root)
    assert first.status()
    assert first.read("bronze.a").fetchall() == [(1,)]
    assert databases(root)
    with monkeypatch.context() as patched:
        if broken == "the new world":
            patched.setattr(World, "with_project", never)
        elif broken == "its parts":
            first._world.__dict__["of_project"] = never
        elif broken == "what was open":
            closed = type(first._world.engine).close
            patched.setattr(type(first._world.engine), "close", lambda engine: (closed(engine), never()))
        else:
            patched.setattr(lake, "_seen", never)
        with pytest.raises(KeyboardInterrupt):
            lake.look_again(first)
    assert databases(root) == []


def test_a_second_look_goes_on_with_what_the_first_had_open(root: Path) -> None:
    first = lake.look(root)
    assert first.status()
    (root / "layers/bronze/b.sql").write_text("select 2 as id")
    with lake.look_again(first) as second:
        first.close()
        assert [str(one.asset) for one in second.status()] == ["bronze.b", "bronze.a"]
        assert databases(root)
    assert databases(root) == []


def test_a_lake_whose_opening_is_interrupted_leaves_nothing_open(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[World] = []
    assemble = assembly.assemble

    def assembled(*asked: Any) -> World:
        opened.append(assemble(*asked))
        return opened[0]

    monkeypatch.setattr(assembly, "assemble", assembled)
    monkeypatch.setattr(diagnosis, "refuse_unready", lambda _: (opened[0].ledger.runs(1), never()))
    with pytest.raises(KeyboardInterrupt):
        lake.look(root).status()
    assert opened
    assert databases(root) == []

"""What lakeflow keeps beside a project is for its owner alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakeflow.lake.lake import open as open_lake


@pytest.fixture(params=[0o000, 0o022])
def loose(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("loose")
def test_the_state_of_a_lake_is_private_whatever_the_umask(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.lakeflow]\n")
    layer = tmp_path / "layers" / "bronze"
    layer.mkdir(parents=True)
    (layer / "a.sql").write_text("select 1 as n")
    with open_lake(tmp_path) as lake:
        assert lake.materialize()
    state = tmp_path / ".lakeflow"
    folders = [state, state / "logs", state / "spill"]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700] * 3
    files = [*state.glob("catalog.db*"), *(state / "logs").iterdir()]
    assert len(files) >= 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_folder_that_somebody_shares_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.lakeflow]\n")
    (tmp_path / "layers").mkdir()
    state = tmp_path / ".lakeflow"
    state.mkdir()
    state.chmod(0o770)
    with open_lake(tmp_path) as lake:
        lake.runs()
    assert stat.S_IMODE(state.stat().st_mode) == 0o770

"""A database holds one lake: another project is refused before it reads or writes anything."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from lakeflow.core.errors import LakeError
from lakeflow.lake import care
from tests.care.lab import built, project, rows
from tests.external.lab import opened
from tests.homes import HOMES, home


@pytest.fixture(params=HOMES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f'catalog = "{home(request, tmp_path).database}"\n'


@pytest.fixture
def first(tmp_path: Path, settings: str) -> Path:
    return built(tmp_path / "sales", 1, settings=settings)


def refused(root: Path) -> LakeError:
    with pytest.raises(LakeError) as caught:
        rows(root)
    with pytest.raises(LakeError) as again, opened(root) as lake:
        lake.materialize()
    assert again.value.message == caught.value.message
    return caught.value


@pytest.mark.long
def test_another_project_on_the_same_database_is_refused_by_both_names(
    tmp_path: Path, first: Path, settings: str
) -> None:
    error = refused(project(tmp_path / "planes", 2, settings=settings))
    assert "holds lake 'sales' (" in error.message
    assert error.message.endswith("and this project is the lake 'planes'")
    assert 'write name = "sales" in [tool.lakeflow]' in (error.hint or "")
    assert rows(first) == [1]


@pytest.mark.long
def test_a_project_of_the_same_name_with_another_warehouse_is_refused(
    tmp_path: Path, first: Path, settings: str
) -> None:
    other = project(tmp_path / "elsewhere" / "sales", 2, settings=settings)
    error = refused(other)
    assert f"with the warehouse {first}/.lakeflow/warehouse, and this project has {other}/.lakeflow" in error.message
    assert rows(first) == [1]


@pytest.mark.long
def test_a_second_checkout_with_the_name_and_the_warehouse_is_the_same_lake(
    tmp_path: Path, first: Path, settings: str
) -> None:
    same = f'name = "sales"\nwarehouse = "{first}/.lakeflow/warehouse"\n'
    second = project(tmp_path / "checkout", 2, settings=settings + same)
    with opened(second) as lake:
        run = lake.materialize()
    assert run is not None
    assert rows(first) == rows(second) == [2]


@pytest.mark.long
def test_a_lake_whose_warehouse_is_new_says_so_once(tmp_path: Path, first: Path, settings: str) -> None:
    project(first, 1, settings=f'{settings}warehouse = "{tmp_path}/new"\n')
    assert "this project has" in refused(first).message
    care.adopt_warehouse(first)
    assert rows(first) == [1]


@pytest.mark.long
def test_of_two_projects_that_begin_in_one_database_at_once_one_has_it(tmp_path: Path, settings: str) -> None:
    roots = [project(tmp_path / name, number, settings=settings) for number, name in enumerate(("left", "right"))]
    said: dict[Path, str] = {}

    def begin(root: Path) -> None:
        try:
            with opened(root) as lake:
                lake.materialize()
            said[root] = "began"
        except LakeError as error:
            said[root] = error.message

    threads = [threading.Thread(target=begin, args=(root,)) for root in roots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [root for root in roots if said[root] == "began"]
    (loser,) = set(roots) - {winner}
    assert f"this project is the lake {loser.name!r}" in said[loser]
    assert rows(winner) == [roots.index(winner)]


@pytest.mark.long
def test_a_warehouse_that_is_not_empty_is_refused_and_the_database_stays_free(tmp_path: Path, settings: str) -> None:
    root = project(tmp_path / "sales", 1, settings=f'{settings}warehouse = "{tmp_path}/full"\n')
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "theirs.parquet").write_bytes(b"not ours")
    with (
        pytest.raises(LakeError, match=r"the warehouse .* is not: files of nobody's stand there"),
        opened(root) as lake,
    ):
        lake.materialize()
    assert (tmp_path / "full" / "theirs.parquet").read_bytes() == b"not ours"
    assert rows(built(tmp_path / "planes", 3, settings=settings)) == [3]

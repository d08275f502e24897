"""What an environment writes and opens, told by the files themselves: what is built, and nothing else of the lake."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.core.model.run import RunState
from tests.environments.lab import main_of, project
from tests.external.lab import make, opened

MANY = 12
WIDE = {
    f"layers/gold/cities_{number}.sql": "/*\nkey = ['city']\n*/\n"
    f"select city, {number} as n from silver.orders group by all"
    for number in range(MANY)
}


def files(root: Path) -> dict[Path, tuple[int, int]]:
    """All of a lake's files but its database and what tells of runs."""
    state = root / ".lakeflow"
    aside = {state / "logs", state / "spill", state / "cache"}
    found = (path for path in state.rglob("*") if path.is_file() and not aside & set(path.parents))
    kept = (path for path in found if path.parent != state)
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in kept}


def touched(root: Path, before: dict[Path, tuple[int, int]]) -> set[str]:
    """The tables in whose folders a file was written, changed or removed."""
    after = files(root)
    return {_table(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def _table(path: Path) -> str:
    at = next(place for place, part in enumerate(path.parts) if part in {"bronze", "silver", "gold"})
    return ".".join(path.parts[at : at + 2])


@pytest.mark.long
def test_an_environment_writes_what_is_built_and_opens_the_files_that_differ(tmp_path: Path) -> None:
    """No data file of main is there while it is compared, planned, shown and promoted."""
    project(tmp_path)
    make(tmp_path, WIDE)
    with opened(tmp_path) as lake:
        run = lake.materialize()
        assert run is not None
        assert run.state is RunState.PUBLISHED
    before = files(tmp_path)
    make(tmp_path, {"data/orders/2.csv": "id,city\n3,oslo\n"})
    with opened(tmp_path, env="pr_1") as lake:
        assert len(lake.plan().steps) == len(WIDE) + 3
        assert touched(tmp_path, before) == set(), "nothing is written before a run"
        run = lake.materialize("bronze.orders")
        assert run is not None
        assert run.state is RunState.PUBLISHED
    assert touched(tmp_path, before) == {"bronze.orders"}
    data = [path for path in before if path.suffix == ".parquet"]
    assert len(data) > MANY
    for path in data:
        path.rename(path.with_suffix(".away"))
    with opened(tmp_path) as lake:
        (found,) = lake.environments.diff("pr_1")
        assert (found.rows.before, found.rows.after, found.rows.added, found.rows.equal) == (2, 3, 1, 2)
        assert [str(one.asset) for one in lake.environments.show("pr_1").built] == ["bronze.orders"]
        lake.environments.promote("pr_1")
    for path in data:
        path.with_suffix(".away").rename(path)
    assert len(main_of(tmp_path)["bronze.orders"][2]) == 3
    assert touched(tmp_path, before) == {"bronze.orders"}

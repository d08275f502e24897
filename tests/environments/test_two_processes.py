"""Two processes promote at once: readers of main get one outcome, and each process says what became of it."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from lakeflow.core.model.run import RunState
from lakeflow.core.view.findings import Level
from lakeflow.lake.lake import Lake
from lakeflow.wap.environments.drop import still
from tests.environments.lab import CHANGED, change, project
from tests.external.lab import opened
from tests.servers.fixture import Servers

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """`pr_1` and `pr_2` have both built the changed silver asset."""
    settings = ""
    if request.param == "postgresql":
        servers: Servers = request.getfixturevalue("servers")
        server = servers.postgres()
        settings = f'catalog = "{server.url(server.database())}"\nwarehouse = "{tmp_path}/warehouse"\n'
    project(tmp_path, settings)
    with opened(tmp_path) as lake:
        published(lake)
    change(tmp_path, CHANGED)
    for name in ("pr_1", "pr_2"):
        with opened(tmp_path, env=name) as lake:
            published(lake, "silver.orders+")
    return tmp_path


def published(lake: Lake, *selection: str) -> None:
    run = lake.materialize(*selection)
    assert run is not None
    assert run.state is RunState.PUBLISHED, [(str(step.asset), step.reason) for step in run.steps]


def promotes(root: Path, *names: str) -> list[tuple[int, str]]:
    """What processes end with and say that promote these at once. They meet at the leases of both environments."""
    words = [sys.executable, "-W", "ignore", "-m", "lakeflow.cli", "-C", str(root), "env", "promote", "--wait", "300"]
    with ExitStack() as stack:
        with opened(root) as lake, still(lake._world, "pr_1"), still(lake._world, "pr_2"):
            every = [
                stack.enter_context(subprocess.Popen([*words, name], stdout=-1, stderr=-2, text=True)) for name in names
            ]
            while not all(asks_the_ledger(one.pid) for one in every):
                time.sleep(0.1)
            time.sleep(3)
        said = [one.communicate()[0] for one in every]
    return [(one.returncode, text) for one, text in zip(every, said, strict=True)]


def asks_the_ledger(pid: int) -> bool:
    """Has the process a driver of the database by now, or has it ended?"""
    try:
        maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    except OSError:
        return True
    return not maps or "_sqlite3." in maps or "psycopg" in maps


def assert_in_order(lake: Lake) -> None:
    assert lake.verify().faults == ()
    assert not [found for found in lake.doctor() if found.level is Level.PROBLEM]


def test_of_two_that_promote_one_environment_one_publishes(root: Path) -> None:
    one_published(root, promotes(root, "pr_1", "pr_1"), "pr_1")


def test_of_two_environments_with_the_same_one_publishes(root: Path) -> None:
    one_published(root, promotes(root, "pr_1", "pr_2"), "pr_1", "pr_2")


def one_published(root: Path, said: list[tuple[int, str]], *names: str) -> None:
    """The other one found under the leases that main is what it would have brought."""
    assert [code for code, _ in said] == [0, 0], said
    (won,) = [text for _, text in said if "published 2 assets as audited in pr_" in text]
    (lost,) = [text for _, text in said if text is not won]
    assert any(f"{name} has nothing that main does not have" in lost for name in names), lost
    with opened(root) as lake:
        assert [(one.number, one.tables) for one in lake.log().entries] == [(2, 1), (1, 3)]
        assert not lake.plan("silver.orders+").steps
        assert_in_order(lake)


def test_what_is_behind_once_the_other_has_published_is_built_on_it(root: Path) -> None:
    """The checkout has other code than both environments have built, and each builds it first."""
    change(root, {name: text.replace("* 2", "* 3") for name, text in CHANGED.items()})
    said = promotes(root, "pr_1", "pr_2")
    assert [code for code, _ in said] == [0, 0], said
    with opened(root) as lake:
        assert len(lake.log().entries) == 2
        assert sorted(lake.read("silver.orders").project("twice").fetchall()) == [(3,), (6,)]
        assert not lake.plan("silver.orders+").steps
        assert_in_order(lake)

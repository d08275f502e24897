"""Environments of lakes that a REST catalog keeps. Readers of main are pyiceberg.

Runs in an environment and promotes are killed at their operations: `LAKEFLOW_TEST_POINTS` says at how many, or `all`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from lakeflow.core.environments.environment import named_by
from lakeflow.core.errors import UsageError
from lakeflow.core.model.run import RunState
from lakeflow.core.view.findings import Level
from tests.environments.lab import CHANGED, project, seen_of
from tests.environments.stories import Story, ready
from tests.external.lab import opened
from tests.iceberg.lab import wall_clock
from tests.rest.lab import RestLab
from tests.rest.lake import KEYS, Counted, Lake, NamedShelf, lab_replace
from tests.rest.test_kill import KINDS, chosen, operations, posts
from tests.rest.whole import awaited, secrets_of, settings_of
from tests.servers.endpoints import Rest
from tests.servers.fixture import RestKind, Servers
from tests.wap.lab import Lab

pytestmark = pytest.mark.timeout(7200)


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rest:
    kind: RestKind = request.param
    found = awaited(servers.rest(kind), tmp_path / "awaited")
    for name, secret in secrets_of(found).items():
        monkeypatch.setenv(name, secret)
    return found


def test_a_change_is_built_looked_at_promoted_and_dropped_while_readers_of_main_see_none_of_it(
    server: Rest, tmp_path: Path
) -> None:
    (root := tmp_path / "lake").mkdir()
    project(root, settings_of(server))
    with opened(root) as lake:
        lake.materialize()
    before = main_of(server, tmp_path)
    change(root, "* 2")
    with opened(root, env="pr_1") as lake:
        run = lake.materialize()
        assert run is not None
        assert run.state is RunState.PUBLISHED
        assert lake.read("silver.orders").columns == ["id", "city", "twice"]
        assert not lake.plan().steps
    assert main_of(server, tmp_path) == before
    with opened(root) as lake:
        assert [str(one.asset) for one in lake.environments.show("pr_1").built] == ["silver.orders"]
        (difference,) = lake.environments.diff("pr_1")
        assert str(difference.asset) == "silver.orders"
        done = lake.environments.promote("pr_1")
        assert [str(one.asset) for one in done.promotion.ready] == ["gold.cities", "silver.orders"]
        assert not lake.plan().steps
        assert_in_order(lake)
    after = main_of(server, tmp_path)
    assert after["silver.orders"][1] == ("id", "city", "twice")
    assert (after["bronze.orders"], after["gold.cities"]) == (before["bronze.orders"], before["gold.cities"])
    moved_under(root)
    with opened(root) as lake:
        assert [str(one) for one in lake.environments.refresh("pr_1")] == ["silver.orders"]
        assert lake.environments.show("pr_1").built == ()
        lake.environments.drop("pr_1")
        assert lake.environments.list() == ()
        lake.collect_garbage(older_than=timedelta(), most=1.0)
        assert_in_order(lake)
    for table in pyiceberg_tables(server, tmp_path).values():
        assert set(table.metadata.refs) == {"main"}


def moved_under(root: Path) -> None:
    """The environment builds on, and main moves under it."""
    change(root, "* 3")
    with opened(root, env="pr_1") as lake:
        lake.materialize("silver.orders")
    change(root, "* 4")
    with opened(root) as lake:
        lake.materialize("silver.orders")


def change(root: Path, factor: str) -> None:
    for name, text in CHANGED.items():
        (root / name).write_text(text.replace("* 2", factor))


def assert_in_order(lake: Any) -> None:
    assert lake.verify().faults == ()
    assert not [found for found in lake.doctor() if found.level is Level.PROBLEM]


def pyiceberg_tables(server: Rest, root: Path) -> dict[str, Any]:
    (root / "theirs").mkdir(exist_ok=True)
    lab = RestLab(root / "theirs", server)
    lab.close()
    catalog = lab.pyiceberg()
    names = [name for layer in ("bronze", "silver", "gold") for name in catalog.list_tables(layer)]
    return {".".join(name[-2:]): catalog.load_table(name) for name in names}


def main_of(server: Rest, root: Path) -> dict[str, tuple[Any, ...]]:
    return {name: seen_of(table) for name, table in pyiceberg_tables(server, root).items()}


class RestStory(Story):
    def __init__(self, rest: RestLab) -> None:
        super().__init__(rest.catalog, rest.ledger, wall_clock)
        self.database = rest.database
        self.begin()


class Places(Lake):
    """The lake of three tables with an environment."""

    def opened(self, numbers: Any = (1, 2)) -> RestStory:
        self.pid += 1
        self.rest = RestLab(self.root, self.server, self.uri)
        if self.pid == 1:
            self.rest.wait()
        lab = RestStory(self.rest)
        lab.pid = self.pid
        self.rest.ledger._is_alive = lab.is_alive
        lab.shelf = lab.engine.shelf = lab.auditor.shelf = NamedShelf()
        lab._ids = count(10 * self.pid)
        lab.define("bronze.a", list(numbers), write=lab_replace())
        lab.define("silver.b", lambda rows: [2 * number for number in rows["bronze.a"]], "bronze.a")
        lab.define("gold.c", lambda rows: [sum(rows["silver.b"])], "silver.b")
        return lab


def rows_of(numbers: tuple[int, ...]) -> list[Any]:
    return [[*numbers], [2 * number for number in numbers], [2 * sum(numbers)]]


def seen(lab: Story, name: str = "") -> list[Any]:
    with lab.inside(name):
        catalog = lab.world.catalog
        tables = catalog.load(KEYS)
        return [lab.shelf.rows(catalog.scan(tables[each], tables[each].main)) for each in KEYS]


def raw_mains(lake: Places) -> dict[str, Any]:
    """What any reader of the server sees of main, without the ledger."""
    return {
        name: table.metadata.current_snapshot_id for name, table in pyiceberg_tables(lake.server, lake.root).items()
    }


def in_environment(lab: Lab) -> None:
    assert isinstance(lab, RestStory)
    with lab.inside():
        lab.materialize()


def promote(lab: Lab) -> None:
    assert isinstance(lab, RestStory)
    lab.promote()


def refresh(lab: Lab) -> None:
    assert isinstance(lab, RestStory)
    lab.refresh()


def drop(lab: Lab) -> None:
    assert isinstance(lab, RestStory)
    lab.drop()


@pytest.fixture(params=KINDS)
def lake(request: pytest.FixtureRequest, tmp_path: Path, servers: Servers) -> Places:
    made = Places(tmp_path, servers.rest(request.param))
    made.opened().materialize()
    made.rest.close()
    return made


def swept(lake: Places) -> list[int]:
    """Where a process that does this is killed: around its last two requests for a change, and elsewhere."""
    passed = operations(lake)
    publish = posts(passed)[-2:]
    return chosen(range(1, len(passed) + 1), [publish[0] - 1, *publish, publish[-1] + 1, publish[-1] + 2])


def test_a_run_in_an_environment_that_is_killed_anywhere_leaves_all_or_nothing(lake: Places) -> None:
    mains = raw_mains(lake)
    assert lake.child(in_environment, Counted(), (1, 3)) == 0
    before = rows_of((1, 3))
    for place in swept(lake):
        numbers = (1, place + 3)
        lake.child(in_environment, Counted(place), numbers)
        lab = lake.opened(numbers)
        assert seen(lab, "pr") in (before, rows_of(numbers)), place
        assert raw_mains(lake) == mains, place
        if seen(lab, "pr") != rows_of(numbers):
            in_environment(lab)
        assert seen(lab, "pr") == rows_of(numbers), place
        assert seen(lab) == rows_of((1, 2)), place
        lake.rest.close()
        before = rows_of(numbers)
    well_ended(lake, numbers)


def test_a_promote_that_is_killed_anywhere_is_all_there_or_not_at_all(lake: Places) -> None:
    in_environment(lake.opened((1, 3)))
    lake.rest.close()
    assert lake.child(promote, Counted(), (1, 3)) == 0
    before = rows_of((1, 3))
    for place in swept(lake):
        numbers = (1, place + 3)
        in_environment(lake.opened(numbers))
        lake.rest.close()
        lake.child(promote, Counted(place), numbers)
        lab = lake.opened(numbers)
        assert seen(lab) in (before, rows_of(numbers)), place
        assert seen(lab, "pr") == rows_of(numbers), "to the environment it is the same before and after"
        lab.promote()
        assert seen(lab) == seen(lab, "pr") == rows_of(numbers), place
        assert lab.ledger.intents().open == ()
        assert lab.is_fresh("silver.b gold.c"), place
        lake.rest.close()
        before = rows_of(numbers)
    well_ended(lake, numbers)


def apart_again(lake: Places, place: int) -> list[list[Any]]:
    """The environment has what it built, and main has moved under all of it: what readers see there, and of main."""
    mine, mains = (1, place + 3), (1, place + 1003)
    in_environment(lake.opened(mine))
    lake.rest.close()
    lake.opened(mains).materialize()
    lake.rest.close()
    return [rows_of(mine), rows_of(mains)]


@pytest.mark.parametrize("act", [refresh, drop])
def test_a_refresh_or_a_drop_that_is_killed_anywhere_lets_readers_see_all_of_it_or_nothing(
    lake: Places, act: Callable[[Lab], None]
) -> None:
    apart_again(lake, 0)
    assert lake.child(act, Counted(), (1, 3)) == 0
    for place in swept(lake):
        before, after = apart_again(lake, place)
        mains = raw_mains(lake)
        lake.child(act, Counted(place), (1, 3))
        lab = lake.opened((1, 3))
        assert seen(lab, "pr") in (before, after), place
        assert raw_mains(lake) == mains, "readers of main see nothing of it"
        with suppress(UsageError):  # it was dropped
            act(lab)
        assert seen(lab, "pr") == seen(lab) == after, place
        assert not [name for table in lab.catalog.load(KEYS).values() for name in table.refs if named_by(name)], place
        assert lab.ledger.intents().open == ()
        lake.rest.close()


def well_ended(lake: Places, numbers: tuple[int, ...]) -> None:
    lab = lake.opened(numbers)
    lab.promote()
    assert seen(lab) == rows_of(numbers)
    assert ready(lab.said()) == []
    lab.drop()
    assert lab.ledger.intents().open == ()
    assert all(set(table.refs) == {"main"} for table in lab.catalog.load(KEYS).values())
    said = {one.snapshot_id for several in lab.ledger.verdicts(KEYS).values() for one in several}
    mains = [s.id for table in lab.catalog.load(KEYS).values() for s in table.ancestry(table.main)]
    assert set(mains) <= said, "main's ledger rules on all that is on main"
    lake.rest.close()

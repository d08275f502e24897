"""Garbage of a lake on a REST catalog: what is abandoned and ours goes, what is anybody else's or needed stays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pyiceberg.catalog.rest import RestCatalog as PyIceberg

from lakeflow.core.intents.intent import Intent
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Discard
from lakeflow.core.ports.locations import path_of
from lakeflow.core.view.findings import Level
from lakeflow.lake import care
from lakeflow.lake.lake import Lake
from lakeflow.wap.run.lease import leased
from tests.care.lab import NOW, built, kept, named, project, rows
from tests.care.lab import collect as collected
from tests.external.lab import opened
from tests.rest.lab import RestLab
from tests.rest.test_kill import KINDS, chosen
from tests.rest.whole import Ground, awaited, secrets_of, settings_of
from tests.servers.answers import Cache
from tests.servers.endpoints import Rest
from tests.servers.fixture import RestKind, Servers

ROOT = Path(__file__).parents[2]
A = AssetKey.parse("silver.a")


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rest:
    kind: RestKind = request.param
    found = awaited(servers.rest(kind), tmp_path / "awaited")
    for name, secret in secrets_of(found).items():
        monkeypatch.setenv(name, secret)
    return found


@pytest.fixture
def lake(server: Rest, tmp_path: Path) -> Path:
    """Four versions of one table, of which the last is kept."""
    return built(tmp_path / "sales", 1, 2, 3, 4, settings=settings_of(server))


def theirs(server: Rest, root: Path) -> PyIceberg:
    (root / "theirs").mkdir(exist_ok=True)
    lab = RestLab(root / "theirs", server)
    lab.close()
    return lab.pyiceberg()


def read_by_others(server: Rest, root: Path, name: str = "silver.a") -> list[int]:
    found: list[int] = theirs(server, root).load_table(name).scan().to_arrow()["id"].to_pylist()
    return sorted(found)


def assert_whole(root: Path) -> None:
    with opened(root) as one:
        assert one.verify(deep=True).faults == ()
    assert [one.message for one in care.doctor(root, deep=True) if one.level is Level.PROBLEM] == []


def test_what_was_replaced_is_collected_and_all_that_is_needed_stays(server: Rest, lake: Path, tmp_path: Path) -> None:
    ground = Ground(server)
    before = ground.files()
    gone = collected(lake)
    assert any(path.endswith(".parquet") for path in gone)
    assert len(before) - len(ground.files()) == len(gone)
    assert rows(lake) == read_by_others(server, tmp_path) == [4]
    assert_whole(lake)
    assert collected(lake) == set()
    built(lake, 5, settings=settings_of(server))
    assert rows(lake) == [5]


def test_what_strangers_put_beside_a_table_stays(server: Rest, lake: Path) -> None:
    ground = Ground(server)
    home = next(name.partition("/data/")[0] for name in ground.files() if "/data/" in name)
    strange = {f"{home}/notes.txt", "silver/other/data/part-0.parquet", "elsewhere/x.parquet"}
    if server.store:  # its buckets of tables take no other names
        strange = {"silver/other/data/part-0.parquet"}
    for name in strange:
        if not server.store:
            ground.client.create_dir(f"{ground.root}/{name}".rpartition("/")[0])
        ground.put(name)
    assert collected(lake)
    assert strange <= ground.files().keys()


def test_a_table_that_was_adopted_keeps_its_files(
    server: Rest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another lake made it, and may still have it under another name."""
    root = built(tmp_path / "one", 1, settings=settings_of(server))
    other = theirs(server, tmp_path)
    table = other.load_table("silver.a")
    with table.transaction() as change:
        change.set_properties({"lakeflow.home": f"another-lake {table.location()}"})
    for value in (2, 3, 4):
        built(root, value, settings=settings_of(server))
    assert "adopted where it stands" in kept(root)
    assert collected(root) == set()
    with other.load_table("silver.a").transaction() as change:
        change.remove_properties("lakeflow.home")
    assert "adopted where it stands" in kept(root)
    assert collected(root) == set()
    assert rows(root) == [4]


def test_a_table_of_which_a_commit_is_under_way_is_left_alone(server: Rest, lake: Path) -> None:
    with opened(lake) as one, leased(one._world, "elsewhere1", [A], 0.0) as lease:
        assert named(one)
        version = one._world.catalog.load([A])[A].version
        change = Discard(A, "audit_x", 1)
        one._world.ledger.intend(Intent("i1", lease.token, (change,), (), {A: version}), lease)
        assert "under way" in next(each.kept for each in one.garbage(older_than=NOW) if each.key == A)
        assert named(one) == set()


@contextmanager
def dropped(server: Rest, root: Path) -> Iterator[Lake]:
    """The lake with `silver.b` in place of `silver.a`, which was dropped."""
    (root / "layers/silver/a.sql").unlink()
    with opened(project(root, 7, "b", settings=settings_of(server))) as one:
        one.drop("silver.a")
        yield one


def test_files_of_a_dropped_table_go_and_those_of_others_stay(server: Rest, lake: Path) -> None:
    ground = Ground(server)
    with dropped(server, lake) as one:
        one.materialize()
    collected(lake)
    left = ground.files()
    assert rows(lake, "silver.b") == [7]
    if not server.store:  # SeaweedFS removes a table's metadata with it: nobody can tell then whose the rest was
        assert not [name for name in left if "/a-" in name and "/data/" in name]
    assert [name for name in left if "/b-" in name and "/data/" in name]


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_dropped_table_that_was_adopted_again_keeps_its_files(name: str, server: Rest, lake: Path) -> None:
    """Under its old name, or another one."""
    if server.store:
        pytest.skip("this server removes a table's metadata with the table")
    with opened(lake) as one:
        place = path_of(one._world.catalog.load([A])[A].version)
    with dropped(server, lake):
        pass
    with opened(project(lake, 7, name, settings=settings_of(server))) as one:
        one.adopt(f"silver.{name}", place)
    collected(lake)
    assert rows(lake, f"silver.{name}") == [4]


@pytest.mark.parametrize("server", ["java"], indirect=True)
def test_no_garbage_is_told_by_an_answer_that_is_older_than_the_folder(
    server: Rest, lake: Path, servers: Servers
) -> None:
    """What a tag keeps alive is in no older state of the table."""
    with servers.proxy(server.uri) as proxy:
        settings = settings_of(replace(server, uri=proxy.uri))
        proxy.alter = cache = Cache(1_000_000)
        with opened(project(lake, 4, settings=settings)) as one:
            assert one.status()
        proxy.alter = lambda _, answer: answer
        built(lake, 5, settings=settings)
        with opened(lake) as one:
            one.tag("kept")
        built(lake, 6, 7, settings=settings)
        proxy.alter = cache
        with opened(lake) as one:
            assert named(one) == set()
        assert "older state" in kept(lake)
        proxy.alter = lambda _, answer: answer
        assert collected(lake)
        assert_whole(lake)


def killed(root: Path, what: str, place: int) -> int:
    """The operations that a process passed; 0 where it was killed on its way."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.rest.whole", str(root), what, str(place)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, -9}, done.stderr[-2000:]
    return int(done.stdout or 0)


@pytest.mark.long
@pytest.mark.parametrize("server", ["java"], indirect=True)
def test_a_killed_run_leaves_nothing_that_is_not_collected(server: Rest, lake: Path, tmp_path: Path) -> None:
    """Whatever goes, readers have what they had, and the next run ends well."""
    total, value = killed(project(lake, 10, settings=settings_of(server)), "materialize", 0), 10
    for place in chosen(range(1, total)):
        before, value = value, place + 10
        killed(project(lake, value, settings=settings_of(server)), "materialize", place)
        collected(lake)
        assert rows(lake) in ([before], [value])
        assert_whole(lake)
        built(lake, value, settings=settings_of(server))
        assert rows(lake) == read_by_others(server, tmp_path) == [value]
    collected(lake)
    with opened(lake) as one:
        assert named(one) == set()

"""A lake that moves takes its tables to an object store whole, or stays where it was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from pyarrow.fs import FileSelector, S3FileSystem
from pyiceberg.catalog.sql import SqlCatalog

from lakeflow.core.errors import LakeflowError
from lakeflow.lake import care
from tests.care.lab import built, collect, rows, warehouse
from tests.cli.process import lakeflow
from tests.cli.test_schemas import validator
from tests.external.lab import opened
from tests.servers.endpoints import Endpoint
from tests.servers.fixture import Servers
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[2]
STRIDE = int(os.environ.get("LAKEFLOW_TEST_STRIDE_MOVE", "40"))
"""Every so many operations a move is killed; 1 kills at all of them."""
KILLED = """
import sys
from pathlib import Path
from lakeflow.adapters.objects.destinations import FolderDestination
from lakeflow.adapters.objects.files import ArrowFiles
from lakeflow.adapters.objects.store import Store
from lakeflow.lake import care
from tests.rest.whole import Countdown

countdown = Countdown(int(sys.argv[4]))
for name in ("replace", "unlink"):
    countdown.around(Path, name)
for owner, name in ((FolderDestination, "copy"), (ArrowFiles, "upload"), (Store, "put"), (Store, "remove")):
    countdown.around(owner, name)
care.migrate(sys.argv[1], sys.argv[2], warehouse=sys.argv[3])
print(countdown.count)
"""


@pytest.fixture
def store(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    monkeypatch.setenv("STORE_SECRET", servers.s3().secret_key)
    return servers.s3()


@pytest.fixture
def server(servers: Servers) -> Postgres:
    return servers.postgres()


@pytest.fixture
def to(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LAKE_PASSWORD", server.password)
    return server.url().replace(server.password, "${LAKE_PASSWORD}")


def storage(store: Endpoint) -> str:
    keys = f'access_key_id = "{store.access_key}"\nsecret_access_key = "${{STORE_SECRET}}"\n'
    return f'\n[tool.lakeflow.storage]\nendpoint = "{store.uri}"\nregion = "{store.region}"\n{keys}'


@pytest.fixture
def lake(tmp_path: Path, store: Endpoint) -> Path:
    return built(tmp_path / "sales", 1, 2, settings=storage(store))


def read_by_others(uri: str, store: Endpoint) -> list[int]:
    said = uri.replace("${LAKE_PASSWORD}", os.environ["LAKE_PASSWORD"]).replace("postgresql:", "postgresql+psycopg:")
    s3 = {"s3.endpoint": store.uri, "s3.access-key-id": store.access_key, "s3.secret-access-key": store.secret_key}
    with closing(SqlCatalog("lakeflow", uri=said, **s3)) as catalog:
        found: list[int] = catalog.load_table("silver.a").scan().to_arrow()["id"].to_pylist()
    return sorted(found)


def test_the_command_moves_tables_to_a_store_where_the_lake_lives_on(lake: Path, to: str, store: Endpoint) -> None:
    place = f"s3://{store.bucket()}/lake"
    secrets = {name: os.environ[name] for name in ("LAKE_PASSWORD", "STORE_SECRET")}
    words = ("migrate", "--to", to, "--warehouse", place, "-o", "json")
    done = lakeflow(*words, cwd=lake, PYTHONUTF8="1", **secrets)  # a process of its own
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)["data"]
    validator("migrate.json").validate(said)
    assert (said["tables"], said["settings"]["warehouse"]) == (["silver.a"], place)
    assert os.environ["LAKE_PASSWORD"] not in done.stdout
    shutil.rmtree(warehouse(lake))
    assert rows(lake) == read_by_others(to, store) == [2]
    with opened(lake) as one:
        assert one.verify(deep=True).faults == ()
    built(lake, 3, 4, settings=storage(store))
    assert collect(lake)
    assert rows(lake) == read_by_others(to, store) == [4]
    assert not warehouse(lake).exists()


def test_a_place_that_is_filled_or_cannot_be_written_leaves_the_lake_where_it_was(
    lake: Path, to: str, store: Endpoint
) -> None:
    bucket = store.bucket()
    with store.filesystem().open_output_stream(f"{bucket}/lake/theirs") as stream:  # type: ignore[attr-defined]
        stream.write(b"theirs")
    for place, said in ((f"s3://{bucket}/lake", "is not an empty folder"), ("s3://no-such-bucket/a", "no such bucket")):
        with pytest.raises(LakeflowError, match=said):
            care.migrate(to, lake, warehouse=place)
    assert rows(lake) == [2]
    care.migrate(to, lake, warehouse=f"s3://{bucket}/other")
    assert rows(lake) == read_by_others(to, store) == [2]


def killed(to: str, root: Path, place: str, at: int) -> int:
    """The operations of a whole move; 0 where it was killed on its way."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, to, str(root), place, str(at)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, -9}, done.stderr[-2000:]
    return int(done.stdout or 0)


def test_a_move_that_is_killed_anywhere_is_typed_again_and_goes_to_the_same_place(
    lake: Path, to: str, server: Postgres, store: Endpoint, tmp_path: Path
) -> None:
    """Before it the lake is the old one or the new one, whole; killed twice, too."""
    bucket, kept = store.bucket(), tmp_path / "kept"
    shutil.copytree(lake, kept)
    total = killed(to, lake, f"s3://{bucket}/0", 0)
    assert total > 20
    for at in sorted(
        {*range(3, total, STRIDE), total - 4, total - 2}
    ):  # the last ones are beside the step that switches
        shutil.rmtree(lake)
        shutil.copytree(kept, lake)
        to, place = server.url().replace(server.password, "${LAKE_PASSWORD}"), f"s3://{bucket}/{at}"
        for moment in (at, at // 2):
            if (lake / ".lakeflow/catalog.db").exists():
                assert killed(to, lake, place, moment) == 0
            assert rows(lake) == [2]
        if (lake / ".lakeflow/catalog.db").exists():
            care.migrate(to, lake, warehouse=place)
        assert rows(lake) == read_by_others(to, store) == [2]
        with opened(lake) as one:
            assert one.verify(deep=True).faults == ()


def test_a_move_to_a_folder_that_was_cut_off_is_typed_again_and_goes_there(
    lake: Path, to: str, store: Endpoint, tmp_path: Path
) -> None:
    place = tmp_path / "copied"
    assert killed(to, lake, str(place), 8) == 0
    assert any(place.rglob("*.parquet"))
    care.migrate(to, lake, warehouse=str(place))
    shutil.rmtree(warehouse(lake))
    assert rows(lake) == read_by_others(to, store) == [2]


@pytest.fixture
def cut_off(lake: Path, to: str, store: Endpoint) -> str:
    """A place where a move left a part of its files."""
    place = f"s3://{store.bucket()}/lake"
    assert killed(to, lake, place, 20) == 0  # eight are on their way at a time
    assert objects_at(store, place)
    return place


def objects_at(store: Endpoint, place: str) -> set[str]:
    found = store.filesystem().get_file_info(FileSelector(place.removeprefix("s3://"), recursive=True))  # type: ignore[attr-defined]
    return {one.path for one in found if one.is_file}


def test_what_a_move_that_was_cut_off_did_not_write_stays_and_is_named(
    cut_off: str, lake: Path, to: str, store: Endpoint
) -> None:
    files, place = store.filesystem(), cut_off.removeprefix("s3://")
    assert isinstance(files, S3FileSystem)
    for name in ("notes.txt", "silver/other/data/a.parquet", "lakeflow-lake.json"):
        with files.open_output_stream(f"{place}/{name}") as stream:
            stream.write(b"theirs")
        before = objects_at(store, cut_off)
        with pytest.raises(LakeflowError, match=f"{name} is no part of the move that was cut off; nothing was moved"):
            care.migrate(to, lake, warehouse=cut_off)
        assert objects_at(store, cut_off) >= before  # a put that was under way at the kill may come late
        files.delete_file(f"{place}/{name}")
    assert rows(lake) == [2]


def test_what_a_move_to_another_database_left_is_not_taken_over(
    cut_off: str, lake: Path, server: Postgres, store: Endpoint
) -> None:
    before = objects_at(store, cut_off)
    other = server.url().replace(server.password, "${LAKE_PASSWORD}")
    with pytest.raises(LakeflowError, match="is not an empty folder"):
        care.migrate(other, lake, warehouse=cut_off)
    assert objects_at(store, cut_off) >= before  # as above


def test_a_run_between_a_move_that_was_cut_off_and_the_next_changes_nothing_of_it(
    cut_off: str, lake: Path, to: str, store: Endpoint
) -> None:
    """Also where files that were copied have been collected since."""
    built(lake, 3, settings=storage(store))
    collect(lake)
    care.migrate(to, lake, warehouse=cut_off)
    assert rows(lake) == read_by_others(to, store) == [3]


def test_a_data_file_that_is_not_what_was_written_stops_the_move(lake: Path, to: str, store: Endpoint) -> None:
    for file in warehouse(lake).rglob("*-sha256-*.parquet"):
        content = bytearray(file.read_bytes())
        content[20] ^= 1
        file.write_bytes(content)
    with pytest.raises(LakeflowError, match="nothing was moved"):
        care.migrate(to, lake, warehouse=f"s3://{store.bucket()}/lake")
    assert (lake / ".lakeflow/catalog.db").exists()

"""An embedded lake moves to PostgreSQL whole, or stays where it was."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from lakeflow.cli.answers.care import moved_answer
from lakeflow.core.errors import BusyError, LakeError, UsageError
from lakeflow.lake import care
from tests.care.lab import built, project, rows, warehouse
from tests.cli.test_schemas import validator
from tests.external.lab import opened
from tests.faults.zygote import KillAt, forked, killed
from tests.servers.fixture import Servers
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.long
STRIDE = int(os.environ.get("LAKEFLOW_TEST_STRIDE", "8"))


@pytest.fixture
def server(servers: Servers) -> Postgres:
    return servers.postgres()


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return built(tmp_path / "sales", 1, 2)


@pytest.fixture
def to(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty place, with the password as a variable."""
    monkeypatch.setenv("LAKE_PASSWORD", server.password)
    return server.url().replace(server.password, "${LAKE_PASSWORD}")


def written(to: str) -> str:
    return to.replace("${LAKE_PASSWORD}", os.environ["LAKE_PASSWORD"])


def read_by_others(uri: str) -> list[int]:
    driver = uri.replace("postgresql://", "postgresql+psycopg://")
    with closing(SqlCatalog("lakeflow", uri=driver)) as catalog:
        found: pa.Table = catalog.load_table("silver.a").scan().to_arrow()
    return sorted(found["id"].to_pylist())


def histories(root: Path) -> tuple[object, ...]:
    with opened(root) as one:
        return tuple(one.runs()), tuple(one.snapshots("silver.a"))


def test_a_lake_that_moved_has_the_same_rows_runs_and_history(lake: Path, to: str) -> None:
    before = histories(lake)
    done = care.migrate(to, lake)
    assert (str(done.tables[0]), done.runs) == ("silver.a", 2)
    assert not (lake / ".lakeflow/catalog.db").exists()
    assert done.kept.is_file()
    assert histories(lake) == before
    assert read_by_others(written(to)) == rows(lake) == [2]


def test_what_is_built_after_a_move_is_on_the_server(lake: Path, to: str) -> None:
    care.migrate(to, lake)
    built(lake, 3)
    assert read_by_others(written(to)) == [3]
    settings = f'name = "sales"\ncatalog = "{to}"\n'
    (lake / ".lakeflow/catalog.db.moved.json").unlink()
    project(lake, 3, settings=settings)
    assert rows(lake) == [3]


def test_tables_are_copied_where_a_folder_is_named(lake: Path, to: str, tmp_path: Path) -> None:
    place = tmp_path / "copied"
    care.migrate(to, lake, warehouse=str(place))
    shutil.rmtree(warehouse(lake))
    assert read_by_others(written(to)) == rows(lake) == [2]
    built(lake, 4)
    assert rows(lake) == [4]
    assert not warehouse(lake).exists()


def test_a_writer_that_had_the_old_database_open_is_refused(lake: Path, to: str) -> None:
    with opened(project(lake, 9)) as waiting:
        assert waiting.plan().steps
        care.migrate(to, lake)
        with pytest.raises(LakeError, match=r"was removed or replaced while it was open|is lost or empty"):
            waiting.materialize()
    assert rows(lake) == [2]


def test_a_database_that_holds_another_lake_is_left_as_it_is(lake: Path, to: str, tmp_path: Path) -> None:
    other = built(tmp_path / "planes", 7, settings=f'catalog = "{to}"\n')
    with pytest.raises(LakeError, match="holds a lake already; nothing was moved"):
        care.migrate(to, lake)
    assert (rows(lake), rows(other)) == ([2], [7])


def test_a_password_that_is_written_out_is_refused_unseen(lake: Path) -> None:
    with pytest.raises(UsageError, match="a password on the command line") as caught:
        care.migrate("postgresql://ann:geheim@db/lake", lake)
    assert "geheim" not in f"{caught.value.message} {caught.value.hint}"


def test_a_lake_at_work_is_not_moved(lake: Path, to: str) -> None:
    from tests.care.lab import at_work

    with at_work(lake), pytest.raises(BusyError):
        care.migrate(to, lake)
    assert rows(lake) == [2]


def test_a_move_that_is_killed_anywhere_leaves_the_old_lake_or_the_new_one(
    lake: Path, server: Postgres, to: str, tmp_path: Path
) -> None:
    """And typed again it moves, or says that it has."""
    kept, answer = tmp_path / "kept", tmp_path / "answer.json"
    shutil.copytree(lake, kept)
    before = histories(lake)
    place, new = 1, 0
    while _killed_at(place, lake, to, answer):
        new += not (lake / ".lakeflow/catalog.db").exists()
        assert rows(lake) == [2]
        assert histories(lake) == before
        if (lake / ".lakeflow/catalog.db").exists():
            care.migrate(to, lake)
        assert histories(lake) == before
        assert read_by_others(written(to)) == [2]
        shutil.rmtree(lake)
        shutil.copytree(kept, lake)
        to = server.url().replace(server.password, "${LAKE_PASSWORD}")
        place += STRIDE
    assert place > 5 * STRIDE
    assert new, "the stride passes the step that switches"


def _killed_at(place: int, root: Path, to: str, answer: Path) -> bool:
    def move() -> int:
        counter = KillAt(place, root / ".lakeflow", torn=bool(place % 2))
        counter.install()
        care.migrate(to, root)
        return counter.count

    return killed(move, answer)


def test_after_a_kill_before_the_switch_the_copy_is_no_lake_of_its_own(lake: Path, to: str, tmp_path: Path) -> None:
    """Somebody who names it in the settings is told that the old database is still there."""
    answer = tmp_path / "answer.json"

    def move() -> int:
        from lakeflow.lake.keeping import moving

        moving._switch = lambda *_: os._exit(9)
        care.migrate(to, lake)
        return 0

    assert os.waitstatus_to_exitcode(forked(move, answer)) == 9
    project(lake, 2, settings=f'catalog = "{to}"\n')
    with pytest.raises(LakeError, match="two databases say that the warehouse"):
        rows(lake)
    project(lake, 2)
    assert rows(lake) == [2]


def test_a_server_that_fails_in_the_middle_leaves_the_lake_where_it_was(
    lake: Path, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.sql("create role poor login password 'geheim'")
    place = server.database()
    server.sql("grant create on schema public to poor", place)
    monkeypatch.setenv("LAKE_PASSWORD", "geheim")
    to = server.url_of("poor", "${LAKE_PASSWORD}", place)
    from lakeflow.adapters.database.database import Database
    from lakeflow.lake.assembly import MIGRATIONS

    with closing(Database(server.url_of("poor", "geheim", place))) as made:
        made.initialise(MIGRATIONS)
    server.sql("alter table lakeflow_verdicts owner to lake", place)
    with pytest.raises(LakeError, match="does not give its user the rights"):
        care.migrate(to, lake)
    assert rows(lake) == [2]
    assert server.sql("select count(*) from lakeflow_runs", place) == "0"


def test_the_json_of_a_move_holds_no_password(lake: Path, to: str) -> None:
    answer = moved_answer(care.migrate(to, lake)).data
    validator("migrate.json").validate(answer)
    said = json.dumps(answer)
    assert os.environ["LAKE_PASSWORD"] not in said
    for file in (lake / ".lakeflow").rglob("*"):
        if file.is_file():
            assert os.environ["LAKE_PASSWORD"].encode() not in file.read_bytes(), file

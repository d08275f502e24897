"""Commands on a lake in PostgreSQL: with the rights that its page says, and while the server restarts or is slow."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from lakeflow.adapters.database.database import Database
from lakeflow.core.errors import LakeError
from tests.cli.forks import Forks, Said
from tests.external.lab import make
from tests.servers.fixture import Servers
from tests.servers.postgres import Postgres

PAGE = Path(__file__).parents[2] / "docs" / "postgresql.md"
WAITING = """
from pathlib import Path
from time import sleep
from lakeflow import asset

HERE = Path(__file__).parents[2]

@asset(key=["n"])
def orders():
    (HERE / "computes").touch()
    while not (HERE / "go").exists():
        sleep(0.02)
    return "select 1 as n"
"""


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    started = Forks()
    yield started
    started.close()


@pytest.fixture
def server(servers: Servers) -> Postgres:
    return servers.postgres()


def rights(place: str) -> list[str]:
    """The statements of the page, for a database, a schema and roles of this test alone."""
    section = PAGE.read_text().split("## Roles and rights")[1].split("\n## ")[0]
    lines = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    names = {r"\bflights\b": f'"{place}"', r"\blake_owner\b": "of_owner", r"\blake_reader\b": "of_reader"}
    names |= {r"\blake\b": "of_writer", "'…'": "'geheim'"}
    for name, ours in names.items():
        lines = [re.sub(name, ours, line) for line in lines]
    return lines


def test_with_the_rights_of_the_page_one_writes_and_the_other_looks(
    server: Postgres, forks: Forks, tmp_path: Path
) -> None:
    place = server.database()
    for line in rights(place):
        server.sql(line, place)
    settings = f'[tool.lakeflow]\nname = "sales"\ncatalog = "${{WHERE}}"\nwarehouse = "{tmp_path}/warehouse"\n'
    files = {"pyproject.toml": settings, "layers/bronze/orders.sql": "/*\nkey = ['n']\n*/\nselect 1 as n"}

    def said(who: str, *words: str) -> Said:
        root = make(tmp_path / who, files)
        return forks.piped(*words, cwd=root, env={"WHERE": server.url_of(who, "geheim", place)})

    assert said("of_writer", "materialize").code == 0
    before = said("of_reader", "query", "select n from bronze.orders", "-o", "json")
    assert before.code == 0, before
    for words in (["status"], ["plan"], ["verify"], ["runs"], ["snapshots", "bronze.orders"]):
        looked = said("of_reader", *words)
        assert looked.code == 0, looked
    done = said("of_reader", "materialize", "--force")
    assert done.code == 2, done
    told = " ".join(f"{done.out} {done.err}".split())
    assert "does not give its user the rights for this" in told, told
    assert "must own its tables" in told
    assert "geheim" not in told
    assert said("of_writer", "runs", "-o", "json").out.count('"id"') == 1


def test_a_command_goes_on_after_the_server_restarted_while_it_computed(
    server: Postgres, forks: Forks, tmp_path: Path
) -> None:
    files = {"pyproject.toml": '[tool.lakeflow]\ncatalog = "${WHERE}"\n', "layers/bronze/orders.py": WAITING}
    make(tmp_path, files)
    done: list[Said] = []
    env = {"WHERE": server.url()}
    command = threading.Thread(target=lambda: done.append(forks.piped("materialize", cwd=tmp_path, env=env)))
    command.start()
    while not (tmp_path / "computes").exists() and command.is_alive():
        command.join(0.05)
    server.stop()
    server.start()
    (tmp_path / "go").touch()
    command.join()
    assert [said.code for said in done] == [0], done
    looked = forks.piped("query", "select n from bronze.orders", "-o", "csv", cwd=tmp_path, env=env)
    assert looked.out.split() == ["n", "1"], looked


def test_a_connection_asks_whether_its_peer_is_there(server: Postgres) -> None:
    """Else a server that vanished without a word would be waited for as long as the system likes: hours."""
    with closing(Database(server.url())) as database, database.read() as connection:
        driver: Any = connection.connection.driver_connection
        with socket.socket(fileno=socket.dup(driver.fileno())) as ours:
            assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            if hasattr(socket, "TCP_KEEPIDLE"):
                names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
                asked = [ours.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names]
                assert asked == [30, 10, 3, 60_000]
        theirs = [
            connection.execute(text(f"show tcp_keepalives_{name}")).scalar_one()
            for name in ("idle", "interval", "count")
        ]
        assert theirs == ["30", "10", "3"]


def test_a_statement_that_takes_too_long_ends_with_words(server: Postgres) -> None:
    def sleep(database: Database) -> None:
        with database.read() as connection:
            connection.execute(text("set statement_timeout = '50ms'"))
            connection.execute(text("select pg_sleep(60)"))

    with closing(Database(server.url())) as database, pytest.raises(LakeError, match="took too long") as error:
        sleep(database)
    assert error.value.hint

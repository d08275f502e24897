"""A PostgreSQL server of its own: with users and passwords, restarted and killed as tests ask."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from itertools import count
from pathlib import Path
from typing import Final

from tests.servers.kept import CannotStartError, Kept, folder, keep, ports, wait_until

_PLACES: Final = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin")
_SETTINGS: Final = ("fsync=off", "max_connections=300", "log_statement=none", "listen_addresses=127.0.0.1")
_OWNER: Final = "lake"
_READY: Final = "ready"
_numbers = count(1)


class Postgres:
    """`url()` is that of a new, empty place, for a user who may do anything on the server, with a password."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        home = folder("postgres")
        self._home = keep(["tail", "-f", os.devnull], home)  # the data outlives a restart, and nothing else
        self._data = home / "data"
        self.password = secrets.token_urlsafe(18)
        self._shared = ""
        self._make(home)
        self.port, self._server = self._started_somewhere()

    def url(self, database: str = "") -> str:
        """A new, empty schema of one database, which is made a hundred times as quickly as a database; or the database
        of that name.
        """
        if database:
            return self.url_of(_OWNER, self.password, database)
        self._shared = self._shared or self.database()
        schema = f"lake_{next(_numbers)}"
        self.sql(f"create schema {schema}", self._shared)
        return f"{self.url_of(_OWNER, self.password, self._shared)}?options=-csearch_path%3D{schema}"

    def url_of(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """The name of a new, empty one."""
        name = f"lake_{os.getpid()}_{next(_numbers)}"
        # Text is ordered as people order it, not by its bytes: the harder case, and a usual one.
        self.sql(f"create database \"{name}\" template template0 locale_provider icu icu_locale 'en-US' locale 'C'")
        return name

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What PostgreSQL's own client answers: rows by line, columns by `|`."""
        url = f"postgresql://{_OWNER}@127.0.0.1:{self.port}/{database}"
        done = subprocess.run(
            [self._programs / "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statement, url],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "PGPASSWORD": self.password},
        )
        assert not done.returncode, done.stderr
        return done.stdout.strip()

    def stop(self, by: signal.Signals = signal.SIGINT) -> None:
        """Whoever is connected is cut off; by SIGQUIT the server recovers as from a crash when it starts again."""
        os.kill(int((self._data / "postmaster.pid").read_text().split("\n", 1)[0]), by)
        self._server.process.wait(60)
        self._server.end()

    def start(self) -> None:
        self._server = self._started(self.port)

    def end(self) -> None:
        self._server.end()
        self._home.end()

    def _make(self, home: Path) -> None:
        password = home / "password"
        password.write_text(self.password)
        for path in (home, password):
            shutil.chown(path, _user())
        command: list[str | Path] = ["-D", self._data, "-U", _OWNER, "-A", "scram-sha-256", "--pwfile", password, "-N"]
        done = subprocess.run(
            [*_as_another(), self._programs / "initdb", *command, "-E", "UTF8", "--locale=C"],
            check=False,
            capture_output=True,
            text=True,
            cwd=home,
        )
        if done.returncode:
            self._home.end()
            raise CannotStartError(f"initdb: {done.stderr[-800:]}")

    def _started_somewhere(self) -> tuple[int, Kept]:
        for port in ports():
            try:
                return port, self._started(port)
            except CannotStartError as error:
                if "could not bind" not in str(error):
                    self._home.end()
                    raise
        self._home.end()
        raise CannotStartError("PostgreSQL found no free port")

    def _started(self, port: int) -> Kept:
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        command = [*_as_another(), str(self._programs / "postgres"), "-D", str(self._data), "-p", str(port), *settings]
        server = keep([*command, "-k", str(self._data.parent)], folder("postgres-log"), end_by=signal.SIGQUIT)
        wait_until(self._is_ready, server, "PostgreSQL")
        return server

    def _is_ready(self) -> bool:
        """What pg_ctl asks: the last line of the file that a server keeps while it runs."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == _READY


def start() -> Postgres:
    return Postgres(_programs())


def _programs() -> Path:
    for place in _PLACES:
        for found in sorted(Path("/").glob(place.removeprefix("/")), reverse=True):
            if (found / "postgres").exists() and (found / "initdb").exists():
                return found
    raise CannotStartError("PostgreSQL is not installed: `make servers`")


def _user() -> str:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid()).pw_name
    for name in ("postgres", "nobody"):
        if name in {entry.pw_name for entry in pwd.getpwall()}:
            return name
    raise CannotStartError("PostgreSQL does not run as root, and there is no other user")


def _as_another() -> list[str]:
    if os.getuid() != 0:
        return []
    user = _user()
    return ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups"]

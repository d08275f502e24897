"""Lets a DuckDB instance read object stores: by DuckDB's own client where that is installed, else by ours.

This is the one place that chooses. DuckDB's client (`httpfs`) is an extension, which lakeflow never downloads.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import duckdb
from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.adapters.duckdb.store.kept import KeptFiles
from lakeflow.core.errors import ConfigError
from lakeflow.core.ports.store_files import StoreSecret

_ASYNC: Final = 32
"""Reads that are under way at once; most of the time each waits for the store."""


def attach(connection: DuckDBPyConnection, kept: KeptFiles) -> None:
    """Let the whole instance of this connection read the stores' files. ConfigError, which tells no secret, where
    DuckDB's client does not take what it is told.
    """
    connection.execute(f"SET GLOBAL async_threads = {_ASYNC}")
    own = _told(connection, kept.files.secrets())
    _register(connection, kept, own)


def _told(connection: DuckDBPyConnection, secrets: Collection[StoreSecret]) -> frozenset[str]:
    """The schemes that DuckDB's own client reads from now on."""
    if not secrets:
        return frozenset()
    try:
        connection.execute("LOAD httpfs")
    except duckdb.Error:
        return frozenset()
    for secret in secrets:
        try:
            connection.execute(secret_text(secret))
        except duckdb.Error:
            raise ConfigError(
                f"DuckDB's own client of {secret.scheme}:// does not take these storage settings",
                hint="compare [tool.lakeflow.storage] with the page on object stores",
            ) from None  # DuckDB repeats the statement, and the secret stands in it
    return frozenset(secret.scheme for secret in secrets)


def _register(connection: DuckDBPyConnection, kept: KeptFiles, own: Collection[str]) -> None:
    from lakeflow.adapters.duckdb.store.filesystem import SCHEMES, StoreFileSystem  # noqa: PLC0415 - fsspec takes a while

    if schemes := tuple(scheme for scheme in SCHEMES if scheme not in own):
        connection.register_filesystem(StoreFileSystem(kept, schemes))


def secret_text(secret: StoreSecret) -> str:
    """The statement that tells DuckDB's client who we are, for this instance and never on disk."""
    said = (f"{name} {_value(value)}" for name, value in secret.said.items())
    name = quoted(f"lakeflow {secret.scheme}")
    return f"CREATE TEMPORARY SECRET {name} ({', '.join([f'TYPE {secret.kind}', *said])})"


def _value(value: str | bool) -> str:
    return literal(value) if isinstance(value, str) else str(value).lower()

"""Whole small files of a store, through the connection that may read it."""

from __future__ import annotations

import duckdb
from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import local
from lakeflow.adapters.duckdb.store.faults import said_by_store
from lakeflow.core.errors import AssetError


def content_of(cursor: DuckDBPyConnection, path: str) -> bytes:
    """The bytes of the file. AssetError when it cannot be read."""
    try:
        ((content,),) = cursor.execute("SELECT content FROM read_blob($1)", [local(path)]).fetchall()
    except duckdb.Error as error:
        raise AssetError(f"cannot read the deletes in {path}: {_cause(error)}") from error
    return bytes(content)


def _cause(error: duckdb.Error) -> str:
    store = said_by_store(str(error))
    return store[0] if store else str(error).partition("\n")[0]

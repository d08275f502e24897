"""Which databases a lake can use, and what a message may show of a URL."""

from __future__ import annotations

from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from lakeflow.core.errors import LakeError

_KINDS: Final = ("sqlite", "postgresql")
_OTHER_PLACES: Final = frozenset({"http", "https", "s3", "s3a", "gs", "abfs", "abfss", "file", "thrift", "hdfs"})


def parse(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # The text may hold a password: neither the message nor its cause may repeat it.
        raise LakeError(
            "the catalog's database URL cannot be read", hint="write it like sqlite:///path/to/catalog.db"
        ) from None


def refuse_other_kinds(url: URL) -> None:
    """LakeError for a database whose locks and transactions are not proved by lakeflow's tests."""
    kind = url.drivername.partition("+")[0]
    if kind not in _KINDS:
        raise no_such_kind(kind)


def no_such_kind(scheme: str) -> LakeError:
    place = f"a URL {scheme}://… is no database that" if scheme in _OTHER_PLACES else f"{scheme} is no database that"
    return LakeError(
        f"{place} a lake can be kept in",
        hint="write sqlite:///path/to/catalog.db or postgresql+psycopg://host/database; without the setting it "
        "is a SQLite file in state_dir. Tables of a REST catalog are read as external ones: "
        "[tool.lakeflow.catalogs.NAME]",
    )


def place_of(url: URL) -> str:
    """The server and the database's name, without anything that may be secret."""
    return URL.create(url.drivername, host=url.host, port=url.port, database=url.database).render_as_string()

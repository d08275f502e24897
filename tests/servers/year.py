"""The reference project's year told of a lake on servers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb
import pyarrow as pa

from tests.rest.whole import awaited
from tests.servers.endpoints import Endpoint
from tests.servers.fixture import Servers

ROOT: Final = Path(__file__).parents[2]
SALT: Final = "the demo's own salt, which is no secret"
WHOLE: Final = os.environ.get("LAKEFLOW_TEST_YEAR") == "whole"
SHORT: Final = () if WHOLE else ("january", "february", "a_mistake")
"""All chapters take minutes; these have a hold, a retry and a rollback."""
SHORTEST: Final = () if WHOLE else ("january",)
"""Every table is built once."""


@dataclass(frozen=True)
class YearPlace:
    """Where a year is told: `settings` are its `pyproject.toml`, `environment` what that speaks of, `chapters` how much
    of the year it is.
    """

    settings: str
    environment: Mapping[str, str] = field(repr=False)
    chapters: tuple[str, ...]


def told(place: YearPlace, root: Path) -> str:
    """Tell the chapters of a lake in that folder. AssertionError where one did not end as it should."""
    settings = root.with_name(f"{root.name}.toml")
    settings.write_text(place.settings)
    done = subprocess.run(
        [sys.executable, "-m", "demo.demo", *place.chapters],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            **place.environment,
            "LAKEFLOW_DEMO": str(root),
            "LAKEFLOW_DEMO_SETTINGS": str(settings),
        },
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def embedded(chapters: tuple[str, ...]) -> YearPlace:
    return YearPlace("[tool.lakeflow]\n", {"LAKEFLOW_PII_SALT": SALT}, chapters)


def postgresql(servers: Servers) -> YearPlace:
    server, store = servers.postgres(), servers.s3()
    url = server.url(server.database()).replace(server.password, "${LAKE_PASSWORD}")
    text = f'catalog = "{url}"\nwarehouse = "s3://{store.bucket()}/lake"\n'
    return replace(_place(text, store, {"LAKE_PASSWORD": server.password}), chapters=SHORT)


def rest(servers: Servers) -> YearPlace:
    with TemporaryDirectory() as folder:
        server = awaited(servers.rest(), Path(folder))
    assert server.store
    said = f'uri = "{server.uri}"\nwarehouse = "{server.warehouse}"\nprefix = "{server.warehouse}"\nscope = "catalog"\n'
    text = f'catalog = "prod"\n\n[tool.lakeflow.catalogs.prod]\ncredential = "${{LAKE_CREDENTIAL}}"\n{said}'
    return _place(text, server.store, {"LAKE_CREDENTIAL": server.credential})


def _place(text: str, store: Endpoint, secrets: Mapping[str, str]) -> YearPlace:
    keys = 'access_key_id = "${STORE_KEY}"\nsecret_access_key = "${STORE_SECRET}"\n'
    storage = f'\n[tool.lakeflow.storage]\nendpoint = "{store.uri}"\nregion = "{store.region}"\n{keys}'
    environment = {"STORE_KEY": store.access_key, "STORE_SECRET": store.secret_key, "LAKEFLOW_PII_SALT": SALT}
    return YearPlace(f'[tool.lakeflow]\nname = "flights"\n{text}{storage}', {**environment, **secrets}, SHORTEST)


def digest(rows: pa.Table) -> tuple[int, int]:
    """The number of rows and a sum over their hashes. Means of floats differ in the last digits."""
    exact = ", ".join(
        f'round("{one.name}", 6) as "{one.name}"' if pa.types.is_floating(one.type) else f'"{one.name}"'
        for one in rows.schema
    )
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("given", rows)
        found = connection.execute(f"select count(*), sum(hash(r)) from (select {exact} from given) r").fetchone()
    assert found
    return int(found[0]), int(found[1] or 0)

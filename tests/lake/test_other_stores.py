"""A lake lives in Google's and in Azure's store as it does in S3: held, mended, published, taken back, collected."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import lakeflow
from lakeflow.adapters.objects import Places
from lakeflow.core.model.run import RunState
from lakeflow.core.settings.storage import Storage
from lakeflow.core.view.findings import Level
from lakeflow.lake.lake import Lake
from tests.external.lab import make
from tests.lake.test_in_a_store import MENDED
from tests.servers.fixture import Servers

FILES = {
    "pyproject.toml": """[tool.lakeflow]
warehouse = "${LAKE}/lake"
keep_snapshots = 1

[tool.lakeflow.storage]
endpoint = "${STORE}"
""",
    "layers/silver/orders.sql": "/*\nkey = ['id']\n*/\nselect id, amount from bronze.orders",
    "checks/silver/orders.positive.sql": "select * from silver.orders where amount < 0",
}
LANDED = (
    "from lakeflow import asset, files\n\n"
    "@asset(source=files('{}/raw/**/*.csv', format='csv', columns={{'id': 'long', 'amount': 'long'}}))\n"
    "def orders(arrived):\n    return arrived\n"
)


def google(servers: Servers) -> tuple[str, str, Storage]:
    store = servers.google()
    return f"gs://{store.bucket()}", "anonymous = true\n", store.storage


def azure(servers: Servers) -> tuple[str, str, Storage]:
    store = servers.azure()
    said = f'account_name = "{store.storage.account_name}"\naccount_key = "${{STORE_KEY}}"\n'
    return store.container(), said, store.storage


class Place:
    def __init__(self, root: Path, where: str, said: str, storage: Storage) -> None:
        self.root, self.where = root, where
        self.objects = Places(lambda: storage)
        make(root, {**FILES, "layers/bronze/orders.py": LANDED.format(where)})
        settings = root / "pyproject.toml"
        settings.write_text(settings.read_text() + said)

    def arrives(self, name: str, rows: str) -> None:
        self.objects.put(f"{self.where}/raw/{name}", f"id,amount\n{rows}".encode())

    def opened(self) -> Lake:
        return lakeflow.open(self.root)


@pytest.fixture(params=[google, azure])
def place(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    where, said, storage = request.param(servers)
    monkeypatch.setenv("LAKE", where)
    monkeypatch.setenv("STORE", storage.endpoint)
    monkeypatch.setenv("STORE_KEY", storage.account_key)
    return Place(tmp_path, where, said, storage)


def test_a_run_is_held_mended_published_taken_back_and_collected(place: Place) -> None:
    place.arrives("a.csv", "1,10\n")
    place.arrives("deep/er/b.csv", "2,20\n3,-30\n")
    with place.opened() as lake:
        held = lake.materialize()
        assert held is not None
        assert held.state is RunState.HELD
    (place.root / "layers/silver/orders.sql").write_text(MENDED)
    with place.opened() as lake:
        assert lake.retry().state is RunState.PUBLISHED
        assert lake.read("silver.orders").order("id").fetchall() == [(1, 10), (2, 20)]
    place.arrives("deep/c.csv", "4,40\n")
    with place.opened() as lake:
        second = lake.materialize()
        assert second is not None
        assert second.state is RunState.PUBLISHED
        assert lake.read("silver.orders").order("id").fetchall() == [(1, 10), (2, 20), (4, 40)]
        lake.rollback(second.id)
        assert lake.read("silver.orders").order("id").fetchall() == [(1, 10), (2, 20)]
        lake.materialize(force=True)
        assert lake.verify(deep=True).is_sound
        before = len(list(place.objects.listed(f"{place.where}/lake")))
        lake.collect_garbage(older_than=timedelta())
        assert len(list(place.objects.listed(f"{place.where}/lake"))) < before
        assert [one.message for one in lake.doctor(deep=True) if one.level is Level.PROBLEM] == []
        assert lake.read("bronze.orders").aggregate("count(*)").fetchall() == [(4,)]

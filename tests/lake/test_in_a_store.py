"""A lake whose warehouse is in an object store lives as one on a disk does, and its tables are read by others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyarrow.fs import copy_files
from pyiceberg.catalog.sql import SqlCatalog

import lakeflow
from lakeflow.adapters.iceberg.care.marker import make_mark, read_mark
from lakeflow.adapters.objects import Places
from lakeflow.core.care.ownership import WarehouseMarker
from lakeflow.core.errors import LakeError, LakeflowError
from lakeflow.core.model.run import RunState
from lakeflow.core.settings.storage import Storage
from lakeflow.core.view.findings import Level
from lakeflow.lake import care
from lakeflow.lake.lake import Lake
from tests.external.lab import make
from tests.servers.endpoints import Endpoint
from tests.servers.fixture import Servers

NOW = timedelta()
FILES = {
    "pyproject.toml": """[tool.lakeflow]
warehouse = "${LAKE}"
keep_snapshots = 1

[tool.lakeflow.storage]
endpoint = "${STORE}"
access_key_id = "${STORE_KEY}"
secret_access_key = "${STORE_SECRET}"
""",
    "data/orders.csv": "id,amount\n1,10\n2,20\n3,-30\n",
    "layers/bronze/orders.py": "from lakeflow import asset, files\n\n"
    "@asset(source=files('data/*.csv', format='csv', columns={'id': 'long', 'amount': 'long'}))\n"
    "def orders(arrived):\n    return arrived\n",
    "layers/silver/orders.sql": "/*\nkey = ['id']\n*/\nselect id, amount from bronze.orders",
    "layers/gold/totals.sql": "/*\nkey = ['n']\n*/\nselect count(*) as n, sum(amount) as total from silver.orders",
    "checks/silver/orders.positive.sql": "select * from silver.orders where amount < 0",
}
MENDED = "/*\nkey = ['id']\n*/\nselect id, amount from bronze.orders where amount > 0"


@pytest.fixture
def store(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    at = servers.s3()
    monkeypatch.setenv("LAKE", f"s3://{at.bucket()}/lake")
    monkeypatch.setenv("STORE", at.uri)
    monkeypatch.setenv("STORE_KEY", at.access_key)
    monkeypatch.setenv("STORE_SECRET", at.secret_key)
    return at


@pytest.fixture
def lake(store: Endpoint, tmp_path: Path) -> Iterator[Lake]:
    make(tmp_path, FILES)
    with lakeflow.open(tmp_path) as opened:
        yield opened


def anew(root: Path, name: str, text: str) -> Lake:
    (root / name).write_text(text)
    return lakeflow.open(root)


def seen_by_pyiceberg(root: Path, at: Endpoint, table: str) -> list[dict[str, Any]]:
    catalog = SqlCatalog(
        "lakeflow",
        **{
            "uri": f"sqlite:///{root}/.lakeflow/catalog.db",
            "s3.endpoint": at.uri,
            "s3.access-key-id": at.access_key,
            "s3.secret-access-key": at.secret_key,
            "s3.region": at.region,
        },
    )
    rows: list[dict[str, Any]] = catalog.load_table(table).scan().to_arrow().to_pylist()
    catalog.close()
    return sorted(rows, key=repr)


def faults(lake: Lake, *, deep: bool = False) -> list[str]:
    return [one.message for one in lake.doctor(deep=deep) if one.level is not Level.OK]


def test_a_run_is_held_mended_published_and_taken_back_in_a_store(lake: Lake, store: Endpoint, tmp_path: Path) -> None:
    held = lake.materialize()
    assert held is not None
    assert held.state is RunState.HELD
    assert seen_by_pyiceberg(tmp_path, store, "bronze.orders")[0]["amount"] == 10
    with anew(tmp_path, "layers/silver/orders.sql", MENDED) as mended:
        assert mended.retry().state is RunState.PUBLISHED
        assert mended.read("gold.totals").fetchall() == [(2, 30)]
        assert seen_by_pyiceberg(tmp_path, store, "silver.orders") == [{"id": 1, "amount": 10}, {"id": 2, "amount": 20}]
        assert seen_by_pyiceberg(tmp_path, store, "gold.totals") == [{"n": 2, "total": 30}]
        assert faults(mended) == faults(mended, deep=True) == []
        assert mended.verify(deep=True).is_sound
    with anew(tmp_path, "data/more.csv", "id,amount\n4,40\n") as more:
        second = more.materialize()
        assert second is not None
        assert second.state is RunState.PUBLISHED
        assert more.read("gold.totals").fetchall() == [(3, 70)]
        assert more.diff("silver.orders").rows.added == 1
        more.rollback(second.id)
        assert more.read("gold.totals").fetchall() == [(2, 30)]
        assert seen_by_pyiceberg(tmp_path, store, "gold.totals") == [{"n": 2, "total": 30}]


def test_garbage_in_a_store_goes_and_every_row_stays(lake: Lake, store: Endpoint, tmp_path: Path) -> None:
    lake.materialize()
    with anew(tmp_path, "layers/silver/orders.sql", MENDED) as mended:
        mended.retry()
        for _ in range(3):
            mended.materialize("silver.orders", "gold.totals", force=True)
        filesystem: Any = store.filesystem()
        left = f"{_bucket()}/lake/silver/orders/data/f-never-committed.parquet"
        with filesystem.open_output_stream(left) as stream:
            stream.write(b"a killed write left it")
        assert not any(one.files for one in mended.collect_garbage())
        gone = {path for one in mended.collect_garbage(older_than=NOW) for path in one.files}
        assert f"s3://{left}" in gone
        assert len(gone) > 5
        assert not any(one.files for one in mended.garbage(older_than=NOW))
        assert faults(mended, deep=True) == []
        assert mended.verify(deep=True).is_sound
    assert seen_by_pyiceberg(tmp_path, store, "gold.totals") == [{"n": 2, "total": 30}]


def test_a_warehouse_that_is_not_empty_is_refused_until_it_is_adopted(
    lake: Lake, store: Endpoint, tmp_path: Path
) -> None:
    filesystem: Any = store.filesystem()
    with filesystem.open_output_stream(f"{_bucket()}/lake/theirs.txt") as stream:
        stream.write(b"theirs")
    with pytest.raises(LakeError, match="is not: files of nobody's stand there"):
        lake.materialize()
    lake.close()
    with pytest.raises(LakeError):
        lakeflow.open(tmp_path).status()
    assert care.adopt_warehouse(tmp_path).endswith("/lake")
    with lakeflow.open(tmp_path) as adopted:
        assert adopted.materialize("bronze.orders") is not None


def test_the_warehouse_of_another_lake_is_refused(lake: Lake, tmp_path: Path) -> None:
    lake.materialize("bronze.orders")
    (tmp_path / "other").mkdir()
    make(tmp_path / "other", FILES)
    with pytest.raises(LakeError, match="holds the tables of lake"), lakeflow.open(tmp_path / "other") as other:
        other.materialize()
    make(tmp_path / "other", {"pyproject.toml": FILES["pyproject.toml"].replace("${LAKE}", "${LAKE}/bronze")})
    with pytest.raises(LakeError), lakeflow.open(tmp_path / "other") as other:
        other.materialize()


def test_a_lake_whose_tables_were_copied_to_a_store_lives_on_there(store: Endpoint, tmp_path: Path) -> None:
    make(tmp_path, {**FILES, "pyproject.toml": "[tool.lakeflow]\n", "layers/silver/orders.sql": MENDED})
    with lakeflow.open(tmp_path) as here:
        assert here.materialize() is not None
    warehouse = tmp_path / ".lakeflow" / "warehouse"
    copy_files(str(warehouse), f"{_bucket()}/lake", destination_filesystem=store.filesystem())
    make(tmp_path, {"pyproject.toml": FILES["pyproject.toml"]})
    assert len(care.relocate(tmp_path)) == 3
    shutil.rmtree(warehouse)
    assert seen_by_pyiceberg(tmp_path, store, "gold.totals") == [{"n": 2, "total": 30}]
    with anew(tmp_path, "data/more.csv", "id,amount\n4,40\n") as there:
        more = there.materialize()
        assert more is not None
        assert more.state is RunState.PUBLISHED
        assert there.read("gold.totals").fetchall() == [(3, 70)]
        assert faults(there, deep=True) == []


def test_of_many_lakes_that_claim_one_warehouse_at_once_at_most_one_has_it(store: Endpoint) -> None:
    storage = Storage(endpoint=store.uri, access_key_id=store.access_key, secret_access_key=store.secret_key)
    objects, warehouse = Places(lambda: storage), f"s3://{_bucket()}/claimed"

    def claim(number: int) -> str:
        mark = WarehouseMarker(f"id-{number % 4}", f"lake {number % 4}", "db")
        with suppress(LakeError):
            return mark.id if make_mark(warehouse, mark, objects) else ""
        return ""

    for _ in range(5):
        with ThreadPoolExecutor(8) as pool:
            had = set(pool.map(claim, range(8))) - {""}
        mark = read_mark(warehouse, objects)
        assert len(had) <= 1
        assert had <= ({mark.id} if mark else set())
        assert [one for one in objects.listed(warehouse) if not one.location.endswith("/lakeflow-lake.json")] == []
        objects.remove(f"{warehouse}/lakeflow-lake.json")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("LAKE", "s3://no-such-bucket/lake", "there is no such bucket"),
        ("STORE_KEY", "nobody", "the keys or the token are not known there"),
        ("STORE_SECRET", "wrong-secret", "is not the one of that access key"),
        ("STORE", "http://127.0.0.1:9", "cannot be reached"),
    ],
)
def test_a_store_that_cannot_be_used_is_told_with_what_to_type_and_no_secret(
    store: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    make(tmp_path, FILES)
    with pytest.raises(LakeflowError, match=said) as caught, lakeflow.open(tmp_path) as lake:
        lake.materialize()
    assert caught.value.hint
    told = f"{caught.value.message} {caught.value.hint}"
    assert not [secret for secret in (store.secret_key, store.access_key, "wrong-secret") if secret in told]
    assert caught.value.exit_code == 2


def _bucket() -> str:
    return os.environ["LAKE"].split("/")[2]

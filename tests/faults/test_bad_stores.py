"""What a store, or what stands in front of it, gets wrong is told with its reason and an exit code, and nothing is
lost: once it is mended, the same command ends well.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakeflow.adapters.iceberg.rest.signing import Signer
from tests.cli.forks import Forks, Said
from tests.external.lab import make
from tests.servers.answers import refused, without
from tests.servers.endpoints import Endpoint
from tests.servers.fixture import Servers
from tests.servers.proxy import Proxy, Request
from tests.servers.vending import assumed
from tests.standing_in import Standing, in_store

FILES = {
    "data/orders.csv": "id,amount\n1,10\n2,20\n",
    "layers/bronze/orders.py": "from lakeflow import asset, files\n\n"
    "@asset(source=files('data/*.csv', format='csv', columns={'id': 'long', 'amount': 'long'}))\n"
    "def orders(arrived):\n    return arrived\n",
    "layers/silver/orders.sql": "/*\nkey = ['id']\n*/\nselect id, amount from bronze.orders",
}


class Lake:
    """One whose store is behind a proxy; `said` runs a command in a process of its own."""

    def __init__(self, root: Path, store: Endpoint, proxy: Proxy, forks: Forks) -> None:
        self.root, self.proxy, self.forks, self.store = root, proxy, forks, store
        self.place: Standing = in_store(store, root / ".lakeflow", proxy.uri)
        self.env = dict(self.place.environment)
        make(root, {**FILES, "pyproject.toml": self.place.settings})

    def said(self, *words: str) -> Said:
        return self.forks.piped(*words, cwd=self.root, env=self.env)

    def more(self, name: str, rows: str) -> None:
        (self.root / f"data/{name}.csv").write_text(f"id,amount\n{rows}\n")

    def rows(self) -> list[dict[str, Any]]:
        theirs = self.place.theirs()
        found: list[dict[str, Any]] = theirs.load_table("silver.orders").scan().to_arrow().to_pylist()
        theirs.close()
        return sorted(found, key=lambda row: row["id"])


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    started = Forks()
    yield started
    started.close()


@pytest.fixture
def lake(tmp_path: Path, servers: Servers, forks: Forks) -> Iterator[Lake]:
    """Published once, with one more file that waits."""
    store = servers.s3()
    with servers.proxy(store.uri) as proxy:
        made = Lake(tmp_path, store, proxy, forks)
        first = made.said("materialize")
        assert first.code == 0, first
        made.more("more", "3,30")
        yield made


def rows(last: int) -> list[dict[str, int]]:
    return [{"id": number, "amount": 10 * number} for number in range(1, last + 1)]


@pytest.mark.parametrize(
    ("code", "words", "hint"),
    [
        ("ExpiredToken", "the session token has expired", "get new keys and a new token"),
        ("RequestTimeTooSkewed", "this machine's clock and the store's differ", "set the clock"),
        ("SlowDown", "the store is too busy", "repeat it later"),
    ],
)
def test_a_store_that_refuses_ends_the_run_with_its_reason_and_the_next_one_goes_on(
    lake: Lake, code: str, words: str, hint: str
) -> None:
    lake.proxy.instead = lambda _: refused(403, code)
    done = lake.said("materialize")
    assert done.code == 2, done
    told = " ".join(f"{done.out} {done.err}".split())
    assert words in told
    assert hint in told
    assert lake.store.secret_key not in told
    lake.proxy.instead = lambda _: None
    assert lake.rows() == rows(2)
    assert lake.said("materialize").code == 0
    assert lake.rows() == rows(3)


def test_keys_that_may_not_delete_publish_and_say_what_they_could_not_remove(lake: Lake) -> None:
    """The store itself refuses: the keys are those of a session without that right."""
    bucket = lake.place.warehouse.split("/")[2]
    allowed = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:GetBucketLocation", "s3:AbortMultipartUpload"]
    keys = assumed(lake.store, allowed, [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"])
    with (lake.root / "pyproject.toml").open("a") as file:
        file.write('session_token = "${STORE_TOKEN}"\n')
    mine = dict(lake.env)
    lake.env |= {"STORE_KEY": keys["AccessKeyId"], "STORE_SECRET": keys["SecretAccessKey"]}
    lake.env["STORE_TOKEN"] = keys["SessionToken"]
    done = lake.said("materialize")
    assert done.code == 0, done
    assert lake.rows() == rows(3)
    filesystem: Any = lake.store.filesystem()
    left = f"{bucket}/lake/silver/orders/data/f-left.parquet"
    with filesystem.open_output_stream(left) as stream:
        stream.write(b"left")
    done = lake.said("gc", "--delete", "--yes", "--older-than", "0s")
    assert done.code == 2, done
    told = " ".join(f"{done.out} {done.err}".split())
    assert "could not be removed: these keys may not do that" in told
    assert "delete" in told
    assert filesystem.get_file_info(left).is_file
    lake.env = {**mine, "STORE_TOKEN": ""}
    (lake.root / "pyproject.toml").write_text(lake.place.settings)
    assert lake.said("gc", "--delete", "--yes", "--older-than", "0s").code == 0
    assert not filesystem.get_file_info(left).is_file
    assert lake.rows() == rows(3)


def test_a_bucket_that_keeps_versions_is_a_lake_like_any_other(lake: Lake) -> None:
    signed(lake.store, "PUT", f"/{lake.place.warehouse.split('/')[2]}?versioning=", VERSIONING)
    assert lake.said("materialize").code == 0
    assert lake.said("materialize", "--force").code == 0
    lake.more("last", "4,40")
    run = json.loads(lake.said("materialize", "-o", "json").out)["data"]["run"]["id"]
    assert lake.rows() == rows(4)
    assert lake.said("rollback", run).code == 0
    assert lake.said("gc", "--delete", "--yes", "--older-than", "0s").code == 0
    assert lake.rows() == rows(3)
    assert lake.said("verify", "--deep").code == 0
    assert lake.said("doctor").code == 0


@pytest.mark.parametrize("header", ["etag", "last-modified", "content-type", "content-length"])
def test_a_header_that_is_forgotten_costs_no_row(lake: Lake, header: str) -> None:
    """Where a length is missing that nothing else tells, the run says so, and what stood before stands."""
    lake.proxy.alter = lambda request, answer: without(answer, header) if may_lack(request, header) else answer
    done = lake.said("materialize")
    if done.code:
        assert "Content-Length" in f"{done.out} {done.err}", done
        assert lake.rows() == rows(2)
        lake.proxy.alter = lambda _, answer: answer
        done = lake.said("materialize")
    assert done.code == 0, done
    assert lake.rows() == rows(3)
    assert lake.said("verify", "--deep").code == 0


def may_lack(request: Request, header: str) -> bool:
    """An answer with a body may end with its connection in place of a length; one of HEAD has no other place for it."""
    return header != "content-length" or request.method in {"GET", "HEAD"}


VERSIONING = (
    b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status>'
    b"</VersioningConfiguration>"
)


def signed(store: Endpoint, method: str, path: str, body: bytes) -> bytes:
    signer = Signer(store.region, "s3", store.access_key, store.secret_key)
    headers = dict(signer.headers(method, f"{store.uri}{path}", body, datetime.now(UTC)))
    request = urllib.request.Request(f"{store.uri}{path}", body, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        content: bytes = answer.read()
    return content

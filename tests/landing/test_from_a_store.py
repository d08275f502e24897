"""Files land from an object store as they do from the disk: the same story on both gives the same rows and words."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.landing.lab import Lake
from tests.servers.endpoints import Endpoint
from tests.servers.fixture import Servers

SECRET: Final = "LAKEFLOW_TEST_STORE_SECRET"
GOOD: Final = b"id,total\n1,10\n2,20\n"
MORE: Final = b"id,total\n3,30\n"
_CHANCE: Final = re.compile(
    r"\d{4}-\d\d-\d\d[^ ]* ?[\d:.+]*|(audit_|\b)[0-9a-z]{10}\b|\bs?\d{4,}\b|\d+(\.\d+)? ?(ms|s)\b"
)
"""Ids and times.
"""
Steps = list[Callable[["Drops"], None]]


@dataclass
class Drops:
    """A lake, and the place where its files are delivered: a folder, or one in a bucket."""

    lake: Lake
    place: str
    filesystem: Any = None
    told: list[str] = field(default_factory=list)

    def drop(self, name: str, content: bytes) -> None:
        if self.filesystem is None:
            self.lake.write(f"{self.place}/{name}", content)
        else:
            with self.filesystem.open_output_stream(f"{self.place.removeprefix('s3://')}/{name}") as stream:
                stream.write(content)

    def remove(self, name: str) -> None:
        if self.filesystem is None:
            (self.lake.root / self.place / name).unlink()
        else:
            self.filesystem.delete_file(f"{self.place.removeprefix('s3://')}/{name}")

    def source(self, glob: str, more: str) -> None:
        self.lake.source(f'files = "{self.place}/{glob}"\n{more}')

    def run(self, *words: str) -> None:
        done = self.lake.run(*words)
        self.told.append(f"{done.returncode}: {done.stdout}{done.stderr}".replace(self.place, "PLACE"))

    def rows(self) -> list[tuple[str | None, ...]]:
        return [tuple(value and value.replace(self.place, "PLACE") for value in row) for row in self.lake.rows()]


def local(folder: Path) -> Drops:
    lake = Lake(folder)
    lake.write("pyproject.toml", "[tool.lakeflow]\n")
    return Drops(lake, "drops")


def far(folder: Path, store: Endpoint) -> Drops:
    lake = Lake(folder)
    keys = f'access_key_id = "{store.access_key}"\nsecret_access_key = "${{{SECRET}}}"\n'
    lake.write("pyproject.toml", f'[tool.lakeflow.storage]\nendpoint = "{store.uri}"\n{keys}')
    return Drops(lake, f"s3://{store.bucket()}/drops", store.filesystem())


@pytest.fixture
def both(servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Drops, Drops]:
    monkeypatch.setenv(SECRET, servers.s3().secret_key)
    return local(tmp_path / "near"), far(tmp_path / "far", servers.s3())


CSV: Final = 'format = "csv"\ncolumns = ["id", "total"]\n'


def load(drops: Drops) -> None:
    drops.run("materialize")


def dropping(name: str, content: bytes) -> Callable[[Drops], None]:
    return lambda drops: drops.drop(name, content)


def running(*words: str) -> Callable[[Drops], None]:
    return lambda drops: drops.run(*(word.replace("PLACE", drops.place) for word in words))


def declared(glob: str, more: str) -> Callable[[Drops], None]:
    return lambda drops: drops.source(glob, more)


def parquet(**columns: list[Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def zipped(content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("a.csv", content)
    return sink.getvalue()


JSON: Final = json.dumps([{"id": 1, "total": "10"}, {"id": 2}]).encode()
NDJSON: Final = b'{"id": 1, "total": "10"}\n{"id": 2, "total": null}\n'
TYPED: Final = 'columns = { id = "long", total = "string" }\n'
QUARANTINE: Final = f'{CSV}on_malformed = "quarantine"\n'

STORIES: Final[Mapping[str, Steps]] = {
    "each file lands once": [
        *(declared("*.csv", CSV), dropping("a.csv", GOOD), load, load),
        *(dropping("b.csv", MORE), running("plan"), load, running("status")),
    ],
    "other bytes under a name that landed are refused": [
        *(declared("*.csv", CSV), dropping("a.csv", GOOD), load),
        *(dropping("a.csv", GOOD.replace(b"10", b"99")), load, dropping("a.csv", GOOD), load),
    ],
    "a file of another name lands, and is told of": [
        *(declared("*.csv", CSV), dropping("a.csv", GOOD), load, dropping("b.csv", GOOD)),
        *(lambda drops: drops.remove("a.csv"), running("plan"), load),
    ],
    "by content it is skipped": [
        *(declared("*.csv", f'{CSV}once = "content"\n'), dropping("a.csv", GOOD), load),
        *(dropping("b.csv", GOOD), load, running("status")),
    ],
    "what was taken out does not come again": [
        *(declared("*.csv", CSV), dropping("a.csv", GOOD), dropping("b.csv", MORE), load),
        *(running("unland", "bronze.orders", "PLACE/a.csv"), load, running("plan")),
    ],
    "a rebuild lands all that is there": [
        *(declared("*.csv", CSV), dropping("a.csv", GOOD), load),
        *(dropping("b.csv", MORE), load, running("materialize", "--full-refresh", "bronze.orders")),
    ],
    "names are found as in a shell, hidden ones are not": [
        declared("**/[ab]*.csv", CSV),
        *(
            dropping(name, GOOD.replace(b"1,", f"{n},".encode()))
            for n, name in enumerate(("a.csv", "x/b1.csv", "x/y/a2.csv"))
        ),
        *(dropping(name, MORE) for name in (".a.csv", "x/.b/a.csv", "c.csv", "a.txt")),
        load,
    ],
    "a name that is a pattern is a name": [
        *(declared("*.csv", CSV), dropping("a[1].csv", GOOD), dropping("é b.csv", MORE), load),
    ],
    "packed": [declared("*.zip", CSV), dropping("a.csv.zip", zipped(GOOD)), load],
    "in another encoding": [
        declared("*.csv", f'{CSV}encoding = "latin-1"\n'),
        *(dropping("a.csv", "id,total\n1,é\n".encode("latin-1")), load),
    ],
    "as JSON": [declared("*.json", f'format = "json"\n{TYPED}'), dropping("a.json", JSON), load],
    "as lines of JSON": [declared("*.json", f'format = "ndjson"\n{TYPED}'), dropping("a.json", NDJSON), load],
    "as Parquet": [
        declared("*.parquet", 'format = "parquet"\n'),
        *(dropping("a.parquet", parquet(id=[1, 2], total=["10", None])), load),
        *(dropping("b.parquet", parquet(id=[3], total=["é"])), running("plan"), load),
        *(dropping("c.parquet", parquet(id=["x"], total=["é"])), running("plan"), load),
    ],
    "another header is refused before a row is read": [
        *(declared("*.csv", CSV), dropping("a.csv", GOOD), dropping("b.csv", b"total,id\n1,2\n")),
        *(running("plan"), load, dropping("c.csv", b"id\n1\n"), load),
    ],
    "a line that is not as declared stops the load, and is named": [
        *(declared("*.csv", CSV), dropping("a.csv", GOOD + b"3,30,300\n"), load),
    ],
    "or goes to the quarantine": [
        *(declared("*.csv", QUARANTINE), dropping("a.csv", GOOD + b"3,30,300\n"), load),
        running("show", "bronze.orders__quarantine", "--output", "json"),
    ],
    "an empty file is refused": [declared("*.csv", CSV), dropping("a.csv", b""), load],
    "a damaged one too": [declared("*.zip", CSV), dropping("a.zip", zipped(GOOD)[:-30]), load],
    "nothing matches": [declared("*.csv", CSV), load, running("plan")],
}


@pytest.mark.servers
@pytest.mark.parametrize("story", STORIES)
def test_the_same_story_has_the_same_rows(story: str, both: tuple[Drops, Drops]) -> None:
    for drops in both:
        for step in STORIES[story]:
            step(drops)
    near, store = both
    for one, other in zip(map(_plain, store.told), map(_plain, near.told), strict=True):
        assert one == other
    if any(said.startswith("0: ") and "published" in said for said in near.told):
        assert store.rows() == near.rows()


def _plain(said: str) -> str:
    """What was said without what differs from run to run."""
    return " ".join(word for word in _CHANCE.sub(" ", said).split() if word != "·")


LOOKING: Final = """
import os
import subprocess
from pathlib import Path

from lakeflow import Relation, asset, files

@asset(source=files("{place}/*.csv", format="csv", columns=["id", "total"]))
def orders(landed: Relation) -> Relation:
    asked = (["env"], ["ps", "-eww", "-o", "args"])
    seen = [str(dict(os.environ)), *(subprocess.check_output(each, text=True) for each in asked)]
    Path("{seen}").write_text("\\n".join(seen))
    return landed
"""


@pytest.mark.servers
def test_code_that_lands_finds_no_key_in_its_environment_nor_in_any_argument(servers: Servers, tmp_path: Path) -> None:
    """Its process was handed them by its environment, and has taken them out of it."""
    store = servers.s3()
    drops = far(tmp_path / "far", store)
    drops.lake.write(
        "pyproject.toml", (drops.lake.root / "pyproject.toml").read_text().replace(f"${{{SECRET}}}", store.secret_key)
    )
    drops.lake.write("layers/bronze/orders.py", LOOKING.format(place=drops.place, seen=tmp_path / "seen"))
    drops.drop("a.csv", GOOD)
    load(drops)
    assert drops.told[0].startswith("0:"), drops.told
    assert len(drops.rows()) == 2
    assert "PATH" in (tmp_path / "seen").read_text()
    assert store.secret_key not in (tmp_path / "seen").read_text()
    for path in drops.lake.root.joinpath(".lakeflow").rglob("*"):
        assert not path.is_file() or store.secret_key.encode() not in path.read_bytes(), path

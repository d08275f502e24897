"""Whatever happens to a file that a lake needs, the doctor sees it: gone, emptied, cut short, or one bit flipped."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog

import lakeflow
from lakeflow.adapters.iceberg.care.inventory import Walk
from lakeflow.adapters.iceberg.disk.avro import pack, unpack
from lakeflow.adapters.iceberg.metadata.metadata import MetadataFiles
from lakeflow.core.errors import LakeflowError
from lakeflow.core.ports.digests import digest_in
from lakeflow.core.ports.locations import local_path
from lakeflow.core.view.findings import Finding, Level
from lakeflow.lake.care import doctor, relocate
from tests.cli.process import lakeflow as command

FILES = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "in/a.csv": "n,day\n1,2020-01-01\n2,2020-01-02\n",
    "layers/bronze/numbers.sql": (
        '/*\n[source]\nformat = "csv"\nfolder = "in"\nfiles = "*.csv"\ncolumns = ["n", "day"]\n*/\n'
        "select * replace (cast(n as bigint) as n, cast(day as date) as day) from source\n"
    ),
    "layers/silver/days.sql": (
        '/*\nkey = ["n"]\npartition_by = ["day(day)"]\nwrite = "partition"\n*/\nselect n, day from bronze.numbers\n'
    ),
    "layers/silver/monthly.sql": (
        '/*\nkey = ["n"]\npartition = "month(day)"\nstart = "2020-01"\nend = "2020-03"\n*/\n'
        "select n, day from bronze.numbers\nwhere day >= $partition_start and day < $partition_end\n"
    ),
}
Damage = Callable[[Path], object]


def flipped(place: float) -> Damage:
    """One bit of the byte that lies so far into the file."""

    def flip(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int(place * len(content))] ^= 1 << int(place * 8000) % 8
        path.write_bytes(content)

    return flip


DAMAGES: dict[str, Damage] = {
    "gone": Path.unlink,
    "emptied": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
}
_SEAL = 160  # so long are the seal of metadata and its name


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tables of several snapshots, one of them with partitions in time; the tests work on copies."""
    root = tmp_path_factory.mktemp("model") / "lake"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with lakeflow.open(root) as lake:
        lake.materialize()
        (root / "in/b.csv").write_text("n,day\n3,2020-02-01\n")
        made = lake.materialize()
        assert made is not None
        assert made.state == "published", made
    return root


@pytest.fixture
def lake(model: Path, tmp_path: Path) -> Path:
    root = Path(shutil.copytree(model, tmp_path / "lake"))
    relocate(root)
    return root


def unwell(root: Path, *, deep: bool = False) -> list[Finding]:
    return [one for one in doctor(root, deep=deep) if one.level is not Level.OK]


def needed(root: Path) -> list[Path]:
    """Every file that a kept snapshot of the lake needs, and the metadata that the catalog names."""
    found: set[str] = set()
    with lakeflow.open(root) as opened:
        for table in opened._world.catalog.load(opened._world.catalog.keys()).values():
            walk = Walk()
            walk.stock(MetadataFiles(root).find(table.key, table.version))
            found |= {table.version, *walk.there}
    return sorted(local_path(location) for location in found)


def kind(path: Path) -> str:
    names = ("snap-", "landed-", "partitions-", "proof-", "code-")
    return next((name for name in names if path.name.startswith(name)), path.suffix)


def one_of_each_kind(root: Path) -> list[Path]:
    found = {kind(path): path for path in needed(root)}
    assert len(found) == 8, found
    return list(found.values())


@pytest.mark.long
def test_the_model_is_well_deep_down(lake: Path) -> None:
    assert unwell(lake, deep=True) == []
    said = next(one.message for one in doctor(lake, deep=True) if one.subject == "tables")
    assert "data files read, as written" in said
    assert "nobody recorded" not in said


def test_each_data_file_is_called_by_its_sha_256_and_other_readers_read_it(lake: Path) -> None:
    files = list((lake / ".lakeflow/warehouse").rglob("*.parquet"))
    assert files
    for file in files:
        assert digest_in(file.name) == sha256(file.read_bytes()).hexdigest()
        assert pq.read_table(file, partitioning=None).num_rows


@pytest.mark.sampled(4)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_of_any_kind_that_is_gone_or_of_another_size_is_found_without_reading_data(
    lake: Path, damage: str
) -> None:
    for path in one_of_each_kind(lake):
        before = path.read_bytes()
        DAMAGES[damage](path)
        found = unwell(lake)
        assert any(path.name in one.message for one in found), (path, found)
        assert all(one.level is Level.PROBLEM and one.hint for one in found)
        path.write_bytes(before)
    assert unwell(lake) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_a_bit_that_flips_anywhere_is_found(lake: Path, seed: int) -> None:
    """A seal of metadata that flips is no seal, and all that it is for stands as it was."""
    chance = random.Random(seed)
    for path in one_of_each_kind(lake):
        before = path.read_bytes()
        seal = before.find(b'"lakeflow.sha256"') if path.suffix == ".json" else len(before)
        for _ in range(6):
            place = chance.random()
            flipped(place if not 0 <= place * len(before) - seal < _SEAL else 0.1)(path)
            assert any(path.name in one.message for one in unwell(lake, deep=True)), (path, place)
            path.write_bytes(before)


@pytest.mark.long
def test_a_flipped_bit_of_a_data_file_is_found_by_a_deep_look_alone(lake: Path) -> None:
    path = next((lake / ".lakeflow/warehouse/bronze").rglob("*.parquet"))
    flipped(0.3)(path)
    assert unwell(lake) == []
    (one,) = unwell(lake, deep=True)
    assert one.message == f"{path} is damaged: its content is not what was written"
    done = command("doctor", "--deep", "-o", "json", cwd=lake)
    assert done.returncode == 1
    assert path.name in done.stdout
    assert command("doctor", cwd=lake).returncode == 0


def test_a_whole_proof_of_another_snapshot_is_no_proof(lake: Path) -> None:
    """As long and as well sealed as the one in whose place it stands."""
    path = next(path for path in needed(lake) if kind(path) == "proof-")
    snapshot = path.stem.removeprefix("proof-").encode()
    content = path.read_bytes().replace(snapshot, snapshot[:-1] + (b"2" if snapshot.endswith(b"1") else b"1"))
    seal = re.search(rb'"sha256": "([0-9a-f]{64})"', content)
    assert seal is not None
    again = sha256(content.replace(seal[1], b"0" * 64)).hexdigest().encode()
    path.write_bytes(content.replace(seal[1], again))
    (one,) = unwell(lake)
    assert "it is the proof of snapshot" in one.message
    assert one.level is Level.PROBLEM


def test_a_file_that_others_wrote_is_said_to_be_unknown(lake: Path) -> None:
    state = lake / ".lakeflow"
    catalog = SqlCatalog("lakeflow", uri=f"sqlite:///{state / 'catalog.db'}", warehouse=str(state / "warehouse"))
    table = catalog.load_table("bronze.numbers")
    table.append(table.scan().to_arrow())
    catalog.close()
    said = next(one.message for one in doctor(lake, deep=True) if one.subject == "tables")
    assert said.endswith("nobody recorded what 1 file held")


def test_a_flipped_manifest_is_never_read(lake: Path) -> None:
    for path in (lake / ".lakeflow/warehouse/silver/days").rglob("*-m*.avro"):
        flipped(0.7)(path)
    with lakeflow.open(lake) as opened, pytest.raises(LakeflowError, match="is damaged"):
        opened.show("silver.days")


def test_metadata_that_somebody_changed_is_refused_with_the_way_out(lake: Path) -> None:
    with lakeflow.open(lake) as opened:
        tables = opened._world.catalog.load(opened._world.catalog.keys())
    path = local_path(next(iter(tables.values())).version)
    text = path.read_text()
    path.write_text(text.replace('"name":"day"', '"name":"dax"'))
    found = unwell(lake)
    assert "its content is not what was written" in found[0].message
    assert "take `lakeflow.sha256` out of its properties" in found[0].hint


def test_a_manifest_that_others_wrote_is_compared_with_what_its_list_counts(lake: Path) -> None:
    manifest = next((lake / ".lakeflow/warehouse/bronze").rglob("*-m*.avro"))
    container = unpack(manifest.read_bytes())
    table = next(path for path in needed(lake) if path.name.endswith(".metadata.json") and "bronze" in str(path))
    content = json.loads(table.read_text())
    del content["properties"]["lakeflow.sha256"]
    for snapshot in content["snapshots"]:
        listed = local_path(snapshot["manifest-list"])
        names = unpack(listed.read_bytes())
        for record in names.records:
            record["added_rows_count"] += 1
        other = listed.with_name(f"snap-{snapshot['snapshot-id']}-other.avro")
        other.write_bytes(pack(names))
        snapshot["manifest-list"] = f"file://{other}"
    table.write_text(json.dumps(content))
    assert container.records
    assert all("it does not hold what its list counts in it" in one.message for one in unwell(lake))
    assert unwell(lake)

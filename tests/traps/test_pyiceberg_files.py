"""What pyiceberg does with files, clocks and names. A failing test says which workaround of ours can go."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from pyiceberg.io.pyarrow import PyArrowFileIO, schema_to_pyarrow
from pyiceberg.manifest import DEFAULT_READ_VERSION
from pyiceberg.schema import Schema as IcebergSchema
from pyiceberg.table.statistics import BlobMetadata
from pyiceberg.utils.config import Config
from pyiceberg.utils.truncate import truncate_upper_bound_text_string

from lakeflow.adapters.iceberg.metadata.types import schema_to_json
from lakeflow.core.model.schema import Field, Schema
from lakeflow.core.model.type_names import parse_type
from tests.duckdb.lab import numbered
from tests.exact.foreign import read
from tests.iceberg import foreign
from tests.iceberg.lab import FLIGHTS, START, Lab
from tests.traps import planted
from tests.traps.theirs import NAME, ROWS, again, lake, some, table


def test_files_grow_under_their_final_name(tmp_path: Path) -> None:
    """T11: a crash leaves half a file where a whole one is expected. Ours: temp, sync, rename, sync directory."""
    path = tmp_path / "file.avro"
    stream = PyArrowFileIO().new_output(f"file://{path}").create()
    stream.write(b"half")
    assert path.exists()
    stream.close()


def test_a_log_may_run_backwards(tmp_path: Path) -> None:
    """T13: Java engines refuse such metadata. Ours: no commit when the clock is more than a minute behind."""
    lab = Lab(tmp_path, lambda: START.replace(year=2100))
    lab.land([1])
    with foreign.opened(lab, FLIGHTS) as theirs:
        before = theirs.metadata.last_updated_ms
        theirs.append(theirs.scan().to_arrow())
        assert theirs.metadata.last_updated_ms < before


def test_table_metadata_names_code_that_is_run(tmp_path: Path) -> None:
    """T14. Ours: such tables are refused."""
    planted.called.clear()
    with lake(tmp_path) as catalog:
        catalog.create_table(NAME, ROWS, properties={"py-io-impl": "tests.traps.planted.PlantedFileIO"})
        catalog.load_table(NAME)
    assert planted.called


def test_a_table_name_leads_out_of_the_warehouse(tmp_path: Path) -> None:
    """T14. Ours: names are checked against a pattern."""
    with lake(tmp_path) as catalog:
        catalog.create_table(("silver", "../../evil"), ROWS).append(some(1))
    assert list((tmp_path / "evil").rglob("*.parquet"))


def test_a_file_in_the_working_directory_changes_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T14. Ours: no setting of pyiceberg's is read, its catalog is not used."""
    (tmp_path / ".pyiceberg.yaml").write_text("catalog:\n  lakeflow:\n    uri: sqlite:///elsewhere.db\n")
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.chdir(tmp_path)
    assert Config().get_catalog_config("lakeflow") == {"uri": "sqlite:///elsewhere.db"}


def test_an_upper_bound_can_be_half_a_character() -> None:
    """Counting up U+D7FF gives a surrogate, which cannot be encoded. Ours steps over them."""
    above = truncate_upper_bound_text_string("a" * 15 + "\ud7ff" + "x", 16)
    assert above is not None
    with pytest.raises(UnicodeEncodeError):
        above.encode()


def test_a_blob_type_of_our_own_makes_statistics_unreadable() -> None:
    """STATES S9. Ours: `blob-metadata` stays empty, the type stands in the Puffin file alone."""
    with pytest.raises(ValidationError):
        BlobMetadata.model_validate({"type": "lakeflow.proof", "snapshot-id": 1, "sequence-number": 1, "fields": []})


def test_format_v3_cannot_be_written(tmp_path: Path) -> None:
    """Ours: tables are made v2, v3 is read, and a commit on it is refused with that reason."""
    with lake(tmp_path) as catalog, pytest.raises((NotImplementedError, ValueError), match=r"V3|v3|version: 3"):
        catalog.create_table(NAME, ROWS, properties={"format-version": "3"}).append(some(1))


def test_where_a_deletion_vector_stands_is_dropped_when_manifests_are_read() -> None:
    """Ours: manifests are read with the fields of format v3."""
    assert DEFAULT_READ_VERSION == 2


def test_all_metadata_is_copied_at_every_look(tmp_path: Path) -> None:
    """T15: 8 to 10 deep copies a commit. Ours: a snapshot builder without a transaction."""
    with table(tmp_path, (1,)) as made:
        transaction = again(made).transaction()
        assert transaction.table_metadata is not transaction.table_metadata


def test_pyiceberg_reads_a_null_list_of_structs_as_an_empty_one(tmp_path: Path) -> None:
    """Once this fails, `as_written` of tests/exact/foreign.py goes; lists of anything else are read as they are."""
    types = {"s": "list<struct<a: long>>", "l": "list<long>"}
    schema = numbered(Schema(tuple(Field(name, parse_type(type_)) for name, type_ in types.items())))
    values = {"s": [None, [], [{"a": None}]], "l": [None, [], [None]]}
    path, arrow = str(tmp_path / "f.parquet"), schema_to_pyarrow(IcebergSchema.model_validate(schema_to_json(schema)))
    pq.write_table(pa.Table.from_pydict(values, schema=arrow), path)
    found = read(path, schema)
    assert found.column("s").to_pylist() == [[], [], [{"a": None}]]
    assert found.column("l").to_pylist() == values["l"]
    assert pq.read_table(path).column("s").to_pylist() == values["s"]

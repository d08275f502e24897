"""Files that other engines wrote: what hides rows by value or position, and what is read without field ids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal as Number
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import orc
from pyiceberg.avro.file import AvroOutputFile
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.schema import Schema as IcebergSchema
from pyiceberg.typedef import Record

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.errors import AssetError
from lakeflow.core.model.foreign import Equality, FileOrigin, Mapped
from lakeflow.core.model.schema import Decimal, Field, Fixed, List, Map, Primitive, Schema, Struct
from lakeflow.core.model.table import DeleteFile, Scan
from tests.duckdb.lab import RAW, numbered, values
from tests.explored import explored

INT, LONG, STRING = Primitive("int"), Primitive("long"), Primitive("string")
ID, KIND = Field("id", LONG, 1), Field("kind", STRING, 2)
SCHEMA = Schema((ID, KIND))
NUMBERS = count()
Row = tuple[int, str | None]
ARROW = pa.schema(
    [
        pa.field("id", pa.int64(), metadata={"PARQUET:field_id": "1"}),
        pa.field("kind", pa.string(), metadata={"PARQUET:field_id": "2"}),
    ]
)


def parquet(folder: Path, rows: Sequence[Any], schema: pa.Schema = ARROW) -> str:
    path = folder / f"{next(NUMBERS)}.parquet"
    columns = [pa.array([row[n] for row in rows], field.type) for n, field in enumerate(schema)]
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), path)
    return str(path)


def avro(folder: Path, rows: Sequence[Any], fields: Sequence[dict[str, Any]]) -> str:
    path = folder / f"{next(NUMBERS)}.avro"
    schema = IcebergSchema.model_validate({"type": "struct", "fields": [{"required": False, **one} for one in fields]})
    output = PyArrowFileIO().new_output(f"file://{path}")
    with AvroOutputFile[Record](output, schema, "deletes") as writer:
        writer.write_block([Record(*row) for row in rows])
    return str(path)


def deleted(folder: Path, rows: Sequence[Row], ids: Sequence[int], format_: str) -> str:
    """A delete file with the columns of these ids."""
    chosen = [tuple(row[each - 1] for each in ids) for row in rows]
    if format_ == "parquet":
        return parquet(folder, chosen, pa.schema([ARROW.field(each - 1) for each in ids]))
    fields = [SCHEMA.fields[each - 1] for each in ids]
    return avro(folder, chosen, [{"id": one.id, "name": one.name, "type": str(one.type)} for one in fields])


def read(engine: DuckEngine, scan: Scan) -> list[Row]:
    return sorted(((row["id"], row["kind"]) for row in values(engine, scan)), key=str)


ROWS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([None, "a", "b"])), min_size=1, max_size=6)
FILES = st.lists(st.tuples(ROWS, st.integers(1, 4), st.sampled_from(["", "x", "y"])), min_size=1, max_size=4)
DELETES = st.lists(
    st.tuples(
        ROWS,
        st.sampled_from([(1,), (2,), (1, 2)]),
        st.integers(1, 5),
        st.sampled_from(["", "x", "y"]),
        st.sampled_from(["parquet", "avro"]),
    ),
    max_size=4,
)


@explored(40)
@given(files=FILES, deletes=DELETES)
def test_a_delete_by_value_hides_what_is_equal_in_older_files_of_its_partition(
    tmp_path_factory: pytest.TempPathFactory, engine: DuckEngine, files: list[Any], deletes: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    paths = [parquet(folder, rows) for rows, _, _ in files]
    hiding = tuple(
        DeleteFile(deleted(folder, rows, ids, format_), format_, sequence=sequence, equality=Equality(ids, scope))
        for rows, ids, sequence, scope, format_ in deletes
    )
    origins = {path: FileOrigin(sequence, scope) for path, (_, sequence, scope) in zip(paths, files, strict=True)}
    scan = Scan(RAW, 1, SCHEMA, tuple(paths), deletes=hiding, origins=origins, schemas=(SCHEMA,))

    def is_gone(row: Row, sequence: int, scope: str) -> bool:
        reaching = [each for each in deletes if sequence < each[2] and each[3] in {"", scope}]
        return any(all(row[n - 1] == one[n - 1] for n in ids) for gone, ids, *_ in reaching for one in gone)

    left = [row for rows, sequence, scope in files for row in rows if not is_gone(row, sequence, scope)]
    assert read(engine, scan) == sorted(left, key=str)


@pytest.mark.parametrize("format_", ["parquet", "avro", "orc"])
def test_a_delete_by_position_hides_no_row_of_a_file_that_came_after_it(
    data: Path, engine: DuckEngine, format_: str
) -> None:
    old, new = (parquet(data, [(n, "a") for n in range(start, start + 3)]) for start in (0, 10))
    rows = [(f"file:{old}", 1), (f"file://{new}", 0)]
    ids = {"file_path": 2147483546, "pos": 2147483545}
    if format_ == "avro":
        types = {"file_path": "string", "pos": "long"}
        path = avro(data, rows, [{"id": ids[name], "name": name, "type": types[name]} for name in ids])
    else:
        table = pa.table({"file_path": [row[0] for row in rows], "pos": pa.array([row[1] for row in rows], pa.int64())})
        path = str(data / f"deletes.{format_}")
        (pq.write_table if format_ == "parquet" else orc.write_table)(table, path)
    scan = Scan(
        *(RAW, 1, SCHEMA, (old, new)),
        deletes=(DeleteFile(path, format_, sequence=2),),
        origins={old: FileOrigin(1), new: FileOrigin(3)},
    )
    assert [row[0] for row in read(engine, scan)] == [0, 10, 11, 12, 2]


@pytest.mark.parametrize(("format_", "content"), [("avro", b"Obj\x01rubbish"), ("orc", b"ORC"), ("avro", b"")])
def test_damaged_deletes_are_refused(data: Path, engine: DuckEngine, format_: str, content: bytes) -> None:
    (data / "d").write_bytes(content)
    delete = DeleteFile(str(data / "d"), format_, sequence=2, equality=Equality((1,)))
    scan = Scan(RAW, 1, SCHEMA, (parquet(data, [(1, "a")]),), deletes=(delete,), schemas=(SCHEMA,))
    with pytest.raises(AssetError, match=r"deletes in .*cannot be read|cannot read the deletes"):
        values(engine, scan)


def named(*names: str, id_: int, fields: tuple[Mapped, ...] = ()) -> Mapped:
    return Mapped(frozenset(names), id_, fields)


NESTED = Schema(
    (
        Field("id", LONG, 1),
        Field("s", Struct((Field("a", LONG, 3), Field("new", STRING, 4))), 2),
        Field("l", List(Field("element", Struct((Field("u", INT, 7),)), 6)), 5),
        Field("m", Map(Field("key", STRING, 9), Field("value", Decimal(9, 2), 10)), 8),
        Field("ll", List(Field("element", List(Field("element", INT, 13)), 12)), 11),
    )
)
NAMES = (
    named("Id", "nr", id_=1),
    named("S", id_=2, fields=(named("x", id_=3),)),
    named("l", id_=5, fields=(named("element", id_=6, fields=(named("v", id_=7),)),)),
    named("m", id_=8, fields=(named("key", id_=9), named("value", id_=10))),
    named("ll", id_=11, fields=(named("element", id_=12, fields=(named("element", id_=13),)),)),
)


def test_files_without_ids_are_read_by_the_names_that_the_table_maps(data: Path, engine: DuckEngine) -> None:
    schema = pa.schema(
        [
            ("nr", pa.int32()),
            ("S", pa.struct([("x", pa.int16()), ("other", pa.string())])),
            ("l", pa.list_(pa.struct([("v", pa.int32()), ("w", pa.int32())]))),
            ("m", pa.map_(pa.string(), pa.decimal128(7, 2))),
            ("ll", pa.list_(pa.list_(pa.int32()))),
            ("unknown", pa.string()),
        ]
    )
    rows = [
        (7, {"x": 3, "other": "o"}, [{"v": 1, "w": 2}], [("k", Number("1.25"))], [[1, None], []], "u"),
        (None, None, None, None, None, None),
    ]
    scan = Scan(RAW, 1, NESTED, (parquet(data, rows, schema),), unmarked=True, names=NAMES, schemas=(NESTED,))
    first, second = values(engine, scan)
    assert first == {
        "id": 7,
        "s": {"a": 3, "new": None},
        "l": [{"u": 1}],
        "m": [("k", Number("1.25"))],
        "ll": [[1, None], []],
    }
    assert set(second.values()) == {None}


@pytest.mark.parametrize(
    ("stored", "value", "type_"),
    [
        (pa.float64(), 1.7, LONG),
        (pa.string(), "1", LONG),
        (pa.decimal128(9, 3), Number("1.255"), Decimal(9, 2)),
        (pa.decimal128(12, 2), Number("1.25"), Decimal(9, 2)),
        (pa.int64(), 1, INT),
        (pa.float64(), 0.1, Primitive("float")),
        (pa.timestamp("ns"), 1, Primitive("timestamp")),
        (pa.binary(), b"\xc3\xa9", STRING),
        (pa.list_(pa.int64()), [1], LONG),
        (pa.struct([("x", pa.int64())]), {"x": 1}, STRING),
        (pa.int64(), 1, Struct((Field("x", LONG, 9),))),
    ],
)
@pytest.mark.parametrize("ids", [True, False])
def test_a_type_that_would_be_cast_is_refused(
    data: Path, engine: DuckEngine, stored: pa.DataType, value: Any, type_: Any, ids: bool
) -> None:
    metadata = {"PARQUET:field_id": "1"} if ids else None
    path = parquet(data, [(value,)], pa.schema([pa.field("v", stored, metadata=metadata)]))
    schema = Schema((Field("v", type_, 1),))
    scan = Scan(RAW, 1, schema, (path,), unmarked=True, names=(named("v", id_=1),), schemas=(schema,))
    with pytest.raises(AssetError, match="stores column 'v' as"):
        values(engine, scan)


@pytest.mark.parametrize(
    ("stored", "value", "type_"),
    [
        (pa.int8(), -1, INT),
        (pa.int16(), -1, LONG),
        (pa.int32(), 2**31 - 1, LONG),
        (pa.uint32(), 2**32 - 1, LONG),
        (pa.float32(), 1.5, Primitive("double")),
        (pa.decimal128(5, 2), Number("1.25"), Decimal(9, 2)),
        (pa.timestamp("ms"), datetime(2024, 1, 1, 0, 0, 0, 123000), Primitive("timestamp")),
        (pa.binary(3), b"abc", Fixed(3)),
        (pa.time64("us"), time(1, 2, 3, 4), Primitive("time")),
    ],
)
@pytest.mark.parametrize("ids", [True, False])
def test_a_type_that_widens_to_the_tables_is_read(
    data: Path, engine: DuckEngine, stored: pa.DataType, value: Any, type_: Any, ids: bool
) -> None:
    metadata = {"PARQUET:field_id": "1"} if ids else None
    path = parquet(data, [(value,)], pa.schema([pa.field("v", stored, metadata=metadata)]))
    schema = Schema((Field("v", type_, 1),))
    scan = Scan(RAW, 1, schema, (path,), unmarked=True, names=(named("v", id_=1),), schemas=(schema,))
    assert values(engine, scan) == [{"v": value}]


def test_names_without_ids_that_differ_in_letter_case_alone_are_refused(data: Path, engine: DuckEngine) -> None:
    path = parquet(data, [(1, 2)], pa.schema([("id", pa.int64()), ("ID", pa.int64())]))
    scan = Scan(RAW, 1, Schema((ID,)), (path,), unmarked=True, names=(named("ID", id_=1),), schemas=(Schema((ID,)),))
    with pytest.raises(AssetError, match="names differ in letter case alone"):
        values(engine, scan)


@pytest.mark.parametrize(
    ("type_", "text", "expected"),
    [
        (STRING, "é'x", "é'x"),
        (LONG, "-7", -7),
        (Primitive("date"), "2024-02-29", date(2024, 2, 29)),
        (Primitive("timestamp"), "2024-01-01T10:00:00.123456", datetime(2024, 1, 1, 10, 0, 0, 123456)),
        (Decimal(9, 2), "1.25", Number("1.25")),
        (Primitive("boolean"), "true", True),
        (Primitive("binary"), "\\xAB\\x00", b"\xab\x00"),
    ],
)
@pytest.mark.parametrize("ids", [True, False])
def test_what_a_file_leaves_out_is_its_partitions_value_then_the_default(
    data: Path, engine: DuckEngine, type_: Any, text: str, expected: Any, ids: bool
) -> None:
    arrow = pa.schema([ARROW.field(0) if ids else ("id", pa.int64())])
    one, two, three = (parquet(data, [(n,)], arrow) for n in range(3))
    schema = Schema((ID, Field("p", type_, 5)))
    scan = Scan(
        *(RAW, 1, schema, (one, two, three)),
        unmarked=True,
        origins={one: FileOrigin(constants={5: text}), two: FileOrigin(constants={5: None}), three: FileOrigin()},
        names=() if ids else (named("id", id_=1), named("p", id_=5)),
        schemas=(schema,),
    )
    by_id = {row["id"]: row["p"] for row in values(engine, scan)}
    assert by_id == {0: expected, 1: None, 2: None}
    by_id = {row["id"]: row["p"] for row in values(engine, replace(scan, defaults={5: text}))}
    assert by_id == {0: expected, 1: None, 2: expected}


def test_nanoseconds_are_read_and_unknown_columns_are_null(data: Path, engine: DuckEngine) -> None:
    path = parquet(
        data,
        [(1704103200123456789,)],
        pa.schema([pa.field("n", pa.timestamp("ns"), metadata={"PARQUET:field_id": "1"})]),
    )
    schema = Schema((Field("n", Primitive("timestamp_ns"), 1), Field("u", Primitive("unknown"), 2)))
    found = engine.relation(Scan(RAW, 1, schema, (path,), unmarked=True, schemas=(schema,)))
    assert found.project("n::VARCHAR, u IS NULL").fetchall() == [("2024-01-01 10:00:00.123456789", True)]


def test_a_delete_by_a_float_hides_its_own_zero_and_every_nan(data: Path, engine: DuckEngine) -> None:
    """As Spark does: to Java zero and minus zero are two numbers, and all NaN are one."""
    schema = numbered(Schema((Field("id", Primitive("int")), Field("v", Primitive("double")))))
    ids = [{b"PARQUET:field_id": str(n).encode()} for n in (1, 2)]
    arrow = pa.schema([pa.field("id", pa.int32(), metadata=ids[0]), pa.field("v", pa.float64(), metadata=ids[1])])
    numbers = [0.0, -0.0, math.nan, -math.nan, None, 1.0]
    rows, gone = str(data / "rows.parquet"), str(data / "gone.parquet")
    pq.write_table(pa.table([range(6), numbers], schema=arrow), rows)
    for deleted, left in (([-0.0], [0, 2, 3, 4, 5]), ([math.nan], [0, 1, 4, 5]), ([None, 1.0], [0, 1, 2, 3])):
        pq.write_table(pa.table([deleted], schema=pa.schema([arrow.field(1)])), gone)
        delete = DeleteFile(gone, "parquet", sequence=2, equality=Equality((2,)))
        scan = Scan(
            RAW, 1, schema, (rows,), deletes=(delete,), origins={rows: FileOrigin(1)}, schemas=(schema,), unmarked=True
        )
        assert sorted(row["id"] for row in values(engine, scan)) == left

"""The columns that outside files have, read from their beginnings (CSV, JSON) or their footers (Parquet).

A plan asks for them before anything is written, and a load asks again before the first row is read. So a drift in the
middle of ten thousand files stops the load at once. Of JSON a beginning is read, since its objects have no header; a
load looks at the keys of all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final

from lakeflow.adapters.duckdb.land.fetched import beginning, local_source
from lakeflow.adapters.duckdb.land.text.text_files import compare_positions, header_of
from lakeflow.adapters.duckdb.land.unpacked import readable, text_of
from lakeflow.adapters.duckdb.names import is_in_store
from lakeflow.core.contract.drift import Difference, Drift, drift_of
from lakeflow.core.contract.fit import Fit, Misfit, as_known, judged, landed_columns, with_columns
from lakeflow.core.errors import AssetError
from lakeflow.core.model.file_source import FileSource, Format
from lakeflow.core.plan.landing import Delivery, FoundFile
from lakeflow.core.ports.store_files import StoreFiles
from lakeflow.core.values import dataclass

_BEGINNING: Final = 1 << 20
"""Bytes of a JSON file that are looked at."""
_AT_A_TIME: Final = 1000
"""Parquet files whose footers are read in one query."""
Judged = tuple[FoundFile, Fit | Misfit]
Columns = Mapping[str, str]


def judge(root: Path, source: FileSource, delivery: Delivery, stores: StoreFiles | None = None) -> Iterator[Judged]:
    """Each file with the version of the contract that takes it. What is not about columns, such as a damaged archive,
    is an AssetError.
    """
    if source.format is Format.PARQUET:
        yield from _judge_parquet(root, source, delivery, stores)
        return
    names = dict[tuple[str, ...], tuple[str, ...]]()
    for file in delivery.files:
        found = judged(source, file.name, _FileHeader(root, file, stores).read)
        if isinstance(found, Fit):  # ten thousand headers that are equal are one in memory
            found = replace(found, found=names.setdefault(found.found, found.found))
        yield file, found


def _judge_parquet(root: Path, source: FileSource, delivery: Delivery, stores: StoreFiles | None) -> Iterator[Judged]:
    first: Sequence[str] = tuple(delivery.undeclared)
    for file, columns in _footers(root, source, delivery.files, stores):
        first = first or tuple(columns)
        names = as_known(source, first, columns)
        found = judged(with_columns(source, first), file.name, lambda _, names=names: names)  # type: ignore[misc]
        if isinstance(found, Fit):
            declared, types = landed_columns(source), tuple(columns.values())
            untold = {name: types[at] for name, at in found.places.items() if not declared.get(name)}
            found = replace(found, types=untold)
        yield file, found


@dataclass(frozen=True)
class _FileHeader:
    """The columns of one file, read once for each dialect."""

    root: Path
    file: FoundFile
    stores: StoreFiles | None
    known: dict[tuple[object, ...], tuple[str, ...]] = field(default_factory=dict)

    def read(self, source: FileSource) -> tuple[str, ...]:
        dialect = (source.delimiter, source.quote, source.escape, source.encoding, source.skip, source.comment)
        by_header = (source.header, tuple(source.columns) if source.by_position else ())
        if (dialect, by_header) not in self.known:
            self.known[dialect, by_header] = self._read(source)
        return self.known[dialect, by_header]

    def _read(self, source: FileSource) -> tuple[str, ...]:
        if source.format is Format.CSV and not source.header:
            return tuple(source.columns)
        name = self.file.name
        with self._text(source) as content:
            if source.is_json:
                return _keys(content.read(_BEGINNING))
            found = header_of(content, name, source)
        if source.by_position:
            compare_positions(found, name, source)
            return tuple(source.columns)
        return found

    @contextmanager
    def _text(self, source: FileSource) -> Iterator[IO[bytes]]:
        if not is_in_store(self.file.name):
            with text_of(self.root / self.file.name, self.file.name, source) as content:
                yield content
            return
        with TemporaryDirectory(prefix="lakeflow-", ignore_cleanup_errors=True) as folder:
            copy = beginning(self.root, self.file, source, Path(folder) / "0", self.stores)
            with text_of(copy, self.file.name, source) as content:
                yield content


def _footers(
    root: Path, source: FileSource, files: Sequence[FoundFile], stores: StoreFiles | None
) -> Iterator[tuple[FoundFile, Columns]]:
    """The columns of Parquet files with their types as DuckDB reads them. Only packed files, and those of a store, are
    copied for that.
    """
    import duckdb  # noqa: PLC0415 - a plan without new Parquet files needs no engine

    from lakeflow.adapters.duckdb.land.footers import described  # noqa: PLC0415 - nor what reads with it

    with duckdb.connect() as connection:
        for start in range(0, len(files), _AT_A_TIME):
            with TemporaryDirectory(prefix="lakeflow-", ignore_cleanup_errors=True) as folder:
                paths = dict[str, FoundFile]()
                for number, file in enumerate(files[start : start + _AT_A_TIME]):
                    target = Path(folder) / str(number)
                    at = local_source(root, file, source, target, stores)
                    paths[str(readable(at, file.name, source, target))] = file
                try:
                    found = described(lambda sql: connection.execute(sql).fetchall(), paths)
                except duckdb.Error as error:
                    raise _unreadable(str(error), paths) from None
            yield from ((paths[path], _told(columns)) for path, columns in found.items())


def _told(columns: Sequence[tuple[str, str]]) -> Columns:
    """The columns with their types as a table would hold them."""
    import duckdb  # noqa: PLC0415 - as above

    from lakeflow.adapters.duckdb.land.footers import told_type  # noqa: PLC0415 - as above

    return {name: told_type(duckdb.sqltype(type_), name) for name, type_ in columns}


def _unreadable(said: str, paths: Mapping[str, FoundFile]) -> AssetError:
    """What DuckDB says of one of these Parquet files."""
    name = next((file.name for path, file in paths.items() if path in said), "a file")
    return AssetError(f"{name}: not a whole Parquet file", hint="deliver the whole file again")


def _keys(text: bytes) -> tuple[str, ...]:
    """The keys of the objects in the beginning of a JSON file, in the order in which they first come."""
    keys, decoder, letters = dict[str, None](), json.JSONDecoder(), text.decode("utf-8-sig", "ignore")
    at = _BETWEEN.match(letters, 0)
    while at and at.end() < len(letters):
        try:
            found, end = decoder.raw_decode(letters, at.end())
        except ValueError:  # cut off here, or wrong: the load says where
            break
        keys |= dict.fromkeys(found if isinstance(found, dict) else ())
        at = _BETWEEN.match(letters, end)
    return tuple(keys)


_BETWEEN: Final = re.compile(r"[\s,\[\]]*")


def drift(
    root: Path, source: FileSource, delivery: Delivery, stores: StoreFiles | None = None, *, personal: bool
) -> Drift:
    """What differs in files that would land. A file that cannot be read at all is what the load complains about."""
    files = ((file.name, met) for file, met in judge(root, source, delivery, stores))
    try:
        return drift_of(files, delivery.undeclared, personal=personal)
    except AssetError as error:
        return Drift((Difference(error.message, ""),), error.hint or "")

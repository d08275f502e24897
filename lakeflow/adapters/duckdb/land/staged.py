"""Rows of text files in a table of the step's own database, each with its place in its file.

The order of rows is the order of the table: DuckDB keeps it while it reads in parallel, and `rowid` counts through all
files of a load, so the ordinal of a row in its file is exact (`row_number()` over a partition is not).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, replace
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, Final

from lakeflow.adapters.duckdb.failures import ErrorContext
from lakeflow.adapters.duckdb.instance.instance import StepSession
from lakeflow.adapters.duckdb.instance.spill import OwnFolder
from lakeflow.adapters.duckdb.land import sql as reading
from lakeflow.adapters.duckdb.land.apart import Apart
from lakeflow.adapters.duckdb.land.columns import StagedColumns
from lakeflow.adapters.duckdb.land.fetched import local_source
from lakeflow.adapters.duckdb.land.headers import Judged, judge
from lakeflow.adapters.duckdb.land.sql import PATH, POSITION, TABLE, Delivered, JsonColumn
from lakeflow.adapters.duckdb.land.text.prepared import prepared
from lakeflow.adapters.duckdb.land.text.text_files import bad_row
from lakeflow.adapters.duckdb.land.unpacked import readable
from lakeflow.core.contract.drift import drift_of
from lakeflow.core.contract.fit import Fit, Misfit, contracts, judged, landed_columns, names_of
from lakeflow.core.errors import AssetError
from lakeflow.core.model.file_source import Extra, FileSource, Format
from lakeflow.core.model.schema import Primitive, Type
from lakeflow.core.plan.landing import Delivery, FoundFile
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

TEXT: Final[Type] = Primitive("string")
_BATCH: Final = 1000
"""Files that are read at a time: their unpacked copies are on disk together."""


@dataclass
class Staged:
    """The rows of files in `TABLE`. `paths` maps each path that was read to its file, `first` to the rowid of its first
    row. `dialects` are the sources as which files are read, with the columns that these files have.
    """

    step: StepSession
    source: FileSource
    place: ErrorContext
    apart: Apart
    columns: StagedColumns
    paths: dict[str, FoundFile] = field(default_factory=dict)
    dialects: dict[str, FileSource] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def delivered(self) -> Delivered:
        rows = f"SELECT *, rowid AS {POSITION} FROM {TABLE}"
        extra = dict.fromkeys(self.columns.extra, "string")
        return Delivered(self.columns.values, rows, self.paths, self.first, self.counts, extra, self.apart.table)

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query on the step's connection; Ctrl-C ends it."""
        return self.step.run(lambda: self.step.cursor.execute(sql).fetchall())

    def widen(self, names: Sequence[str]) -> None:
        """Land further columns, which no version declares."""
        if names:
            known = len(self.columns.all)
            self.columns = StagedColumns(self.source, (*self.columns.extra, *names))
            for column in self.columns.all[known:]:
                self.run(f"ALTER TABLE {TABLE} ADD COLUMN {column.at} VARCHAR")

    def error(self, path: str, ordinal: int, cause: str, more: int = 0) -> AssetError:
        """The fault of the n-th row of a file, with its line where the file has lines."""
        line = reading.line(self.dialects[path], path, ordinal)
        where = f"row {ordinal}" if line is None else f"line {line}"
        others = (
            f"; {counted(more, 'more file')} read with it {'has' if more == 1 else 'have'} such rows" if more else ""
        )
        return AssetError(f"{self.paths[path].name}, {where}: {cause}{others}", hint=reading.HINT)


def stage(step: StepSession, source: FileSource, delivery: Delivery, spill: Path, place: ErrorContext) -> Delivered:
    """Read every row of the files, in their order. AssetError naming the first file that is not as declared, and how
    many more there are.

    Unpacked files are in a folder of their own in `spill`, which is removed afterwards.
    """
    fits = _fits(step, source, delivery.files, place)
    came = dict.fromkeys((*delivery.undeclared, *(name for fit in fits.values() for name in fit.extra)))
    extra = tuple(name for name in came if name not in landed_columns(source))
    staged = Staged(step, source, place, Apart(step, source), StagedColumns(source, extra))
    _create(staged)
    for start in range(0, len(delivery.files), _BATCH):
        own = OwnFolder(spill, "landing")
        try:
            own.path.mkdir(parents=True)
            _stage_batch(staged, [(file, fits[file.name]) for file in delivery.files[start : start + _BATCH]], own.path)
        finally:
            own.release()
    return staged.delivered


def _fits(step: StepSession, source: FileSource, files: Sequence[FoundFile], place: ErrorContext) -> dict[str, Fit]:
    """The version that takes each file, before any row is read. Of JSON only a look at all objects gives the keys, so
    here the names of its files decide.
    """
    found = _by_name(source, files) if source.is_json else judge(step.root, source, Delivery(tuple(files)), step.stores)
    return _taken(found, place)


def _by_name(source: FileSource, files: Sequence[FoundFile]) -> Iterator[Judged]:
    for file in files:
        yield file, judged(source, file.name, lambda _: ())


def _taken(found: Iterator[Judged], place: ErrorContext) -> dict[str, Fit]:
    """How each file fits, by its name. AssetError when one does not."""
    fits = dict[str, Fit]()

    def noted() -> Iterator[tuple[str, Fit | Misfit]]:
        for file, met in found:
            if isinstance(met, Fit):
                fits[file.name] = met
            yield file.name, met

    drift_of(noted(), personal=place.personal).refuse()
    return fits


def _create(staged: Staged) -> None:
    columns = [f"{each.at} {'JSON' if each.is_nested else 'VARCHAR'}" for each in staged.columns.all]
    columns += ["fault INTEGER"] if staged.source.is_json else []
    staged.run(f"CREATE TABLE {TABLE} ({', '.join([*columns, f'{PATH} VARCHAR'])})")
    staged.apart.create()


def _stage_batch(staged: Staged, files: Sequence[tuple[FoundFile, Fit]], folder: Path) -> None:
    begin, groups = sum(staged.counts.values()), dict[tuple[int, tuple[str, ...]], tuple[Fit, list[str]]]()
    for number, (file, fit) in enumerate(files):
        dialect = _as_found(fit)
        path = str(_checked(staged, file, dialect, folder / str(number)))
        staged.paths[path], staged.dialects[path] = file, dialect
        groups.setdefault((fit.number, fit.found), (fit, []))[1].append(path)
    for fit, paths in groups.values():
        if staged.source.puts_apart and staged.source.format is not Format.JSON:
            _read_or_sift(staged, fit, paths)
        else:
            _read(staged, fit, tuple(paths))
            _refuse_dropped(staged, tuple(paths))
    _count(staged, begin)
    if staged.source.puts_apart:
        staged.apart.take_faults(_faults(staged), staged, begin)
    else:
        _refuse_faults(staged, begin)


def _as_found(fit: Fit) -> FileSource:
    """The version as the source of files that have just these columns."""
    if fit.version.format is not Format.CSV:
        return fit.version
    return replace(fit.version, columns={f"c{number}": "" for number in range(len(fit.found))})


def _read(staged: Staged, fit: Fit, paths: tuple[str, ...]) -> None:
    """Stage the rows of files that have the same columns."""
    dialect, files = staged.dialects[paths[0]], {path: staged.paths[path] for path in paths}
    with reading.explained(dialect, files):
        if dialect.is_json:
            columns = _json_columns(staged, fit, paths)
            strict = fit.version.extra is Extra.ERROR
            names = ", ".join([*(each.at for each in columns), "fault", PATH])
            text = reading.select_json(dialect, columns, paths, strict=strict)
            staged.run(f"INSERT INTO {TABLE} ({names}) {text}")
            return
        columns_at = staged.columns.of(fit.version)
        at = {columns_at[name].at: f"c{place}" for name, place in fit.places.items()}
        into, taken = (", ".join([*side, PATH]) for side in (at.keys(), at.values()))
        staged.run(f"INSERT INTO {TABLE} ({into}) SELECT {taken} FROM ({reading.select_csv(dialect, paths)})")


def _read_or_sift(staged: Staged, fit: Fit, paths: Sequence[str]) -> None:
    """Stage the rows of each file. Where one cannot be read as it is, stage what is left without its malformed lines;
    these are put apart.
    """
    for path in paths:
        try:
            _refuse_dropped(staged, (path,))
            _read(staged, fit, (path,))
        except AssetError:
            sifted = staged.apart.sift(path, staged.dialects[path])
            staged.paths = {sifted if each == path else each: file for each, file in staged.paths.items()}
            staged.dialects[sifted] = staged.dialects.pop(path)
            _read(staged, fit, (sifted,))


def _json_columns(staged: Staged, fit: Fit, paths: tuple[str, ...]) -> list[JsonColumn]:
    """The keys under which each column comes. Where unknown keys land, all objects are asked for them first."""
    if fit.version.extra is Extra.LAND:
        keys = (
            f"SELECT {PATH}, list_distinct(flatten(list(json_keys(json)))) "
            f"FROM {reading.json_objects(fit.version, paths)} GROUP BY ALL ORDER BY ALL"
        )
        rows = staged.run(keys)
        found = (
            (staged.paths[path], judged(staged.source, staged.paths[path].name, _given(keys))) for path, keys in rows
        )
        extra = dict.fromkeys(name for each in _taken(found, staged.place).values() for name in each.extra)
        staged.widen([name for name in extra if name not in staged.columns.extra])
    names = dict[str, list[str]]()
    for name, target in names_of(staged.source, fit.version).items():
        names.setdefault(target, []).append(name)
    columns = staged.columns.of(fit.version).values()
    return [JsonColumn(each.at, tuple(names.get(each.name, (each.name,))), each.judged) for each in columns]


def _given(keys: Sequence[str] | None) -> Callable[[FileSource], Sequence[str]]:
    return lambda _: sorted(keys or ())


def _faults(staged: Staged) -> list[tuple[str, str]]:
    """The conditions of bad rows as SQL, each with what is wrong with such a row."""
    faults = list(staged.columns.faults())
    if staged.source.is_json:
        several = len(staged.source.versions) > 0
        names = sorted({name for each in contracts(staged.source) for name in names_of(staged.source, each)})
        known = [JsonColumn("", (name,), TEXT) for name in (names if several else landed_columns(staged.source))]
        objects = [says for _, says in reading.object_faults(staged.source, known)]
        faults = [*((f"fault = {number}", says) for number, says in enumerate(objects)), *faults]
    return faults


def _refuse_faults(staged: Staged, begin: int) -> None:
    """AssetError for the first row with a fault. One query asks for all faults; the row is searched only if there is
    one.
    """
    checks = _faults(staged)
    if not checks:
        return
    found = ", ".join(f"bool_or({condition})" for condition, _ in checks)
    (answers,) = staged.run(f"SELECT {found} FROM {TABLE} WHERE rowid >= {begin}")
    for (condition, fault), answer in zip(checks, answers, strict=True):
        if answer:
            bad = f"FROM {TABLE} WHERE ({condition}) AND rowid >= {begin}"
            ((path, rowid),) = staged.run(f"SELECT {PATH}, rowid {bad} ORDER BY rowid LIMIT 1")
            ((files,),) = staged.run(f"SELECT count(DISTINCT {PATH}) {bad}")
            says = fault + (_unknown_keys(staged, path) if fault.startswith(reading.OTHER_KEYS) else "")
            raise staged.error(path, rowid - staged.first[path] + 1, says, files - 1)


def _unknown_keys(staged: Staged, path: str) -> str:
    """The keys of a file that nothing declares, as a difference."""
    source, file = staged.dialects[path], staged.paths[path].name
    keys = staged.run(
        f"SELECT DISTINCT unnest(json_keys(json)) FROM {reading.json_objects(source, (path,))} ORDER BY 1"
    )
    met = judged(staged.source, file, lambda _: [key for (key,) in keys])
    return f": {met.shown(personal=staged.place.personal)}" if isinstance(met, Misfit) else ""


def _refuse_dropped(staged: Staged, paths: tuple[str, ...]) -> None:
    """AssetError for a row of which DuckDB would silently drop something: one value more than declared, an empty one;
    or a blank beside a quote.
    """
    dialect = staged.dialects[paths[0]]
    if dialect.format is not Format.CSV:
        return
    with reading.explained(dialect, {path: staged.paths[path] for path in paths}):
        looked = {path for (path,) in staged.run(reading.doubtful(dialect, paths))}
    for path in (path for path in paths if path in looked or _holds(path, reading.NO_DELIMITER)):
        if found := bad_row(Path(path), dialect):
            raise AssetError(f"{staged.paths[path].name}, line {found[0]}: {found[1]}", hint=reading.HINT)


def _holds(path: str, text: str) -> bool:
    if not Path(path).stat().st_size:  # all of it was skipped
        return False
    with Path(path).open("rb") as content, mmap(content.fileno(), 0, access=ACCESS_READ) as whole:
        return whole.find(text.encode()) >= 0


def _checked(staged: Staged, file: FoundFile, dialect: FileSource, target: Path) -> Path:
    """The file, ready to be read."""
    at = local_source(staged.step.root, file, dialect, target, staged.step.stores)
    path = readable(at, file.name, dialect, target)
    if path.stat().st_size == 0:
        raise AssetError(f"{file.name}: the file is empty", hint="deliver it whole; a header alone lands no rows")
    return prepared(path, file.name, dialect, target.with_suffix(".rows"))


def _count(staged: Staged, begin: int) -> None:
    rows = staged.run(
        f"SELECT {PATH}, count(*), min(rowid), max(rowid) FROM {TABLE} WHERE rowid >= {begin} GROUP BY ALL"
    )
    for path, count, first, last in rows:
        assert last - first + 1 == count, "the rows of a file stand together, in the order of the file"
        staged.counts[path], staged.first[path] = count, first

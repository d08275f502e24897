"""Runs one asset's code on its pinned inputs."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Final, TypeAlias

import duckdb
from duckdb import DuckDBPyRelation

from lakeflow.adapters.duckdb.code.call import call, printing_to_stderr
from lakeflow.adapters.duckdb.code.forms import InputForm, form_of, in_form
from lakeflow.adapters.duckdb.code.frames import guessed
from lakeflow.adapters.duckdb.code.looks import RowsBehind, SecondLook, refuse
from lakeflow.adapters.duckdb.code.masks import Masks
from lakeflow.adapters.duckdb.code.returned import ReturnedRelation, returned
from lakeflow.adapters.duckdb.failures import ErrorContext, failures, is_failure_of_machine, is_refusal
from lakeflow.adapters.duckdb.instance.instance import Instance, StepSession, step
from lakeflow.adapters.duckdb.instance.watch import Watch
from lakeflow.adapters.duckdb.names import quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.adapters.duckdb.types import NOTHING, schema_of
from lakeflow.adapters.duckdb.write.modes import carry_out
from lakeflow.adapters.duckdb.write.refused_values import AbsentError, first_without, located, telling
from lakeflow.adapters.duckdb.write.staged import LOCAL, LocalFirst
from lakeflow.adapters.duckdb.write.write import first_rows
from lakeflow.core.declare.parameters import bind
from lakeflow.core.keys import Layer, TableKey
from lakeflow.core.model.asset import Asset, PythonCode
from lakeflow.core.model.schema import Schema, Type
from lakeflow.core.model.table import Rows, Scan
from lakeflow.core.plan.landing import NOTHING_LANDED, LandedSet
from lakeflow.core.run.write import Write, WriteResult
from lakeflow.core.time.timeline import BOUNDS, Window
from lakeflow.core.values import dataclass

Columns: TypeAlias = Mapping[str, Type]
"""Types by lower-cased name."""
_FORMS: Final = "annotate it with one of: " + ", ".join(InputForm) + "; or not at all, for a relation"


def _unbound(_files: Sequence[str], _folders: Sequence[str]) -> None:
    """Restricts nothing: bronze may read every file that it names."""


@dataclass(frozen=True)
class Trial:
    """One try of an asset's code: what its messages name, the masks over its output, and the watch over what it uses.

    `folder` is the folder of its files. The code runs once for each of `windows`, or once without. Its output is
    computed within `reading`, which explains why its input cannot be read, and after `close_off` was told the files and
    folders that it may use. `looks` tell which row made it fail. `malformed` is SQL of
    rows that never reach the code, and go to the asset's quarantine. `staging` is where files of a store are written
    first.
    """

    place: ErrorContext
    masks: Masks
    watch: Watch
    folder: str
    windows: tuple[Window, ...] = ()
    reading: Callable[[], AbstractContextManager[None]] = nullcontext
    close_off: Callable[[Sequence[str], Sequence[str]], None] = _unbound
    looks: tuple[SecondLook, ...] = ()
    malformed: str = ""
    staging: LocalFirst = LOCAL

    @contextmanager
    def step(self, instance: Instance, inputs: Mapping[str, Scan]) -> Iterator[StepSession]:
        with step(instance, inputs, self.watch.time) as running, self.masks.ready(running):
            yield running

    def output(
        self, came: Sequence[ReturnedRelation], running: StepSession, read: Columns, landed: LandedSet = NOTHING_LANDED
    ) -> LazyOutput:
        """The lazy output; `read` are the columns of what the code read."""
        masked = [self.masks.over(each.relation, running, self.place) for each in came]
        known = {name: type_ for name, type_ in read.items() if name not in self.masks.columns}
        trial = replace(self, looks=tuple(each.look for each in came))
        return LazyOutput(masked, running, trial, landed, (came[0].lacks, known))


class LazyOutput:
    """What the code gave, window by window and not yet computed; see `lakeflow.core.ports.engine.Produced`."""

    def __init__(
        self,
        relations: Sequence[DuckDBPyRelation],
        running: StepSession,
        trial: Trial,
        landed: LandedSet,
        guess: tuple[frozenset[str], Columns],
    ) -> None:
        self._guess = guess
        self.landed = landed
        self._relations = relations
        self._running = running
        self._place = trial.place
        self._trial = trial

    @cached_property
    def schema(self) -> Schema:
        with failures(self._place):
            if self._relations[0].columns == [NOTHING]:
                return Schema(())
            schema, (lacking, read) = schema_of(self._relations[0].columns, self._relations[0].types), self._guess
            return guessed(schema, lacking, read) if lacking else schema

    def write(self, write: Write) -> WriteResult:
        with printing_to_stderr(), failures(self._place), self._trial.reading():
            if self._trial.malformed:
                assert write.refused is not None, "whatever puts rows apart has a quarantine"
                write = replace(write, refused=replace(write.refused, malformed=self._trial.malformed))
            with self._trial.staging.near(write) as (near, placed):
                folders = [near.directory, *([near.refused.directory] if near.refused else [])]
                self._trial.close_off(scans.paths(near.base) if near.base else (), folders)
                return placed(self._write(near, Path(near.directory) / self._trial.folder))

    def first(self, schema: Schema, limit: int) -> Rows:
        with printing_to_stderr(), failures(self._place), self._trial.reading():
            self._trial.close_off((), ())
            with self._telling_the_row(schema, (), ()):
                return self._running.run(lambda: first_rows(self._relations[0], schema, limit))

    @contextmanager
    def _telling_the_row(self, schema: Schema, key: Sequence[str], hidden: Iterable[str]) -> Iterator[None]:
        """When a value is refused, look for its row."""
        names = telling(key, hidden, self._relations[0].columns)
        try:
            yield
        except AbsentError as error:
            again = self._masked(look.without(error.column) for look in self._trial.looks)
            row = self._running.run(partial(first_without, error.column, again, names))
            raise error.in_row(row) from None
        except duckdb.Error as error:
            if is_failure_of_machine(error):
                raise
            if not is_refusal(error):
                for look in self._trial.looks:
                    refuse(look.fault())
                raise
            again = self._masked(look.rows() for look in self._trial.looks)
            raise self._running.run(partial(located, error, again, schema, names)) from error

    def _masked(self, looks: Iterable[RowsBehind]) -> Iterator[tuple[int, DuckDBPyRelation]]:
        for look in looks:
            for begin, rows in look:
                yield begin, self._trial.masks.over(rows, self._running, self._place)

    def _write(self, write: Write, target: Path) -> WriteResult:
        """Write to folders of their own, so that nothing collides and a failure, or Ctrl-C, leaves no file behind."""
        cursor, watch = self._running.another(), self._trial.watch
        try:
            with self._telling_the_row(write.schema, write.key, write.hidden):
                written = self._running.run(
                    lambda: carry_out(write, self._relations, cursor, target), lambda: watch.growing(target)
                )
            watch.count(written)
        except BaseException:
            for folder in target.parent.glob(f"{target.name}*"):
                shutil.rmtree(folder, ignore_errors=True)
            raise
        return written


@contextmanager
def produced(instance: Instance, asset: Asset, inputs: Mapping[TableKey, Scan], trial: Trial) -> Iterator[LazyOutput]:
    """The asset's output, valid while this is open: its views and cursors are removed afterwards."""
    parameters = {name: inputs[key] for name, key in asset.parameters.items()}
    named = {str(key): scan for key, scan in inputs.items()} | parameters
    if asset.key.layer is not Layer.BRONZE:
        trial = replace(trial, close_off=partial(_bound_to, instance, inputs))
    with failures(trial.place), trial.step(instance, named) as running:
        windows = trial.windows or (None,)
        came = [_run(asset, named, running, trial.place, window) for window in windows]
        yield trial.output(came, running, columns_of([scan.schema for scan in inputs.values()]))


def columns_of(schemas: Iterable[Schema]) -> Columns:
    """The columns of all relations; of several columns with one name, those that have the same type."""
    fields = [field for schema in schemas for field in schema.fields]
    types = {field.name.lower(): field.type for field in fields}
    several = {field.name.lower() for field in fields if str(field.type) != str(types[field.name.lower()])}
    return {name: type_ for name, type_ in types.items() if name not in several}


def _bound_to(
    instance: Instance, inputs: Mapping[TableKey, Scan], files: Sequence[str], folders: Sequence[str]
) -> None:
    """The files and folders of the pinned inputs: silver and gold read nothing else, whatever their code says."""
    pinned = (path for scan in inputs.values() for path in scans.paths(scan))
    instance.close_off([*pinned, *files], folders)


def _run(
    asset: Asset, named: Mapping[str, Scan], running: StepSession, place: ErrorContext, window: Window | None
) -> ReturnedRelation:
    if isinstance(asset.code, PythonCode):
        given = {name: _given(asset.code, name, named[name], running, place) for name in asset.parameters}
        return returned(call(asset.code, given | _bounds(asset.code, window), place), running, place)
    return returned(bind(asset.code.text, window), running, place)


def _bounds(code: PythonCode, window: Window | None) -> dict[str, object]:
    """The arguments with the bounds of the window, if the function takes them."""
    if window is None:
        return {}
    taken = inspect.signature(code.function).parameters
    return {name: at for name, at in zip(BOUNDS, (window.start, window.end), strict=True) if name in taken}


def _given(code: PythonCode, name: str, scan: Scan, running: StepSession, place: ErrorContext) -> object:
    """One input in its form. All relations share a connection, or they could not be joined; a stream has its own."""
    form = _form(code, name, place)
    if form is InputForm.RELATION:
        return running.cursor.sql(f"FROM {quoted(name)}").set_alias(name)
    cursor = running.another()
    return _formed(cursor.sql(scans.select(cursor, scan)), form, name, place)


def given_form(code: PythonCode, name: str, text: str, running: StepSession, place: ErrorContext) -> object:
    """The rows of a query that any cursor can run, in the form that the parameter asks for."""
    form = _form(code, name, place)
    if form is InputForm.RELATION:
        return running.cursor.sql(text).set_alias(name)
    return _formed(running.another().sql(text), form, name, place)


def _form(code: PythonCode, name: str, place: ErrorContext) -> InputForm:
    form = form_of(code.function, name)
    if form is None:
        raise place.error(f"parameter {name!r} has an annotation that names no form of a table", _FORMS)
    return form


def _formed(relation: DuckDBPyRelation, form: InputForm, name: str, place: ErrorContext) -> object:
    try:
        return in_form(relation, form)
    except ImportError:
        package = form.partition(".")[0]
        raise place.error(
            f"parameter {name!r} asks for {form} and {package} is not installed", f"pip install {package}"
        ) from None

"""`Lake`, an open project: the commands of the command line as Python methods."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lakeflow import project as projects
from lakeflow import wap
from lakeflow.core.displayed import display_as
from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey, ExternalKey
from lakeflow.core.model.run import UNPUBLISHED_ENDS, RunRecord, RunState
from lakeflow.core.run.backfill import Backfilled, BackfillEvent, BackfillRequest
from lakeflow.core.run.events import Event
from lakeflow.core.time.timeline import parse_last, parse_wall
from lakeflow.core.values import dataclass
from lakeflow.core.version.salt import with_salt
from lakeflow.core.view.selection import spelled
from lakeflow.lake.reading import ReadableLake
from lakeflow.lake.standing import shown_settings
from lakeflow.lake.telling.alerting import AlertingLake
from lakeflow.project import cache_folder, find_root, kept_file, load, load_settings

if TYPE_CHECKING:
    from lakeflow.core.care.tags import Tagged
    from lakeflow.core.compact.results import Compacted
    from lakeflow.core.model.asset import Project
    from lakeflow.core.model.table import Garbage
    from lakeflow.core.settings.settings import Settings
    from lakeflow.core.suggest.suggestion import Suggestion
    from lakeflow.core.view.audited.audits import Inspected
    from lakeflow.core.view.rows import Setting

Observer = Callable[[Event], None]
YOUNG: Final = timedelta(days=3)
"""Younger files may belong to a writer or a reader that is at work."""


def _ignore(_event: BackfillEvent) -> None:
    """An observer that ignores every event."""


def _as_html(value: object) -> str | None:
    from lakeflow.as_html.values import html  # noqa: PLC0415 - only a notebook asks

    return html(value)


def open(path: str | Path = ".", *, settings: Mapping[str, str] | None = None) -> Lake:  # noqa: A001 - the API's word
    """The lake around `path`. `settings` override environment and file.

    ProjectError with all faults of the files; ConfigError for a bad setting. Touches no data.
    """
    display_as(_as_html)
    root = find_root(Path(path))
    values, sources = load_settings(root, os.environ, settings or {})
    project = load(root, cache_folder(root, values, os.environ), kept_file(root, values), values.engines)
    return Lake(with_salt(project, os.environ), values, sources)


def look(path: str | Path = ".", *, settings: Mapping[str, str] | None = None) -> ReadableLake:
    """The lake around `path`, only to look at it: Python files are read and not run, where their text tells every
    asset.

    ProjectError and ConfigError as above.
    """
    display_as(_as_html)
    root = find_root(Path(path))
    values, sources = load_settings(root, os.environ, settings or {})
    return ReadableLake(_seen(root, values, kept_file(root, values)), values, sources)


def look_again(before: ReadableLake, settings: Mapping[str, str] | None = None) -> ReadableLake:
    """The lake that was opened by `look`, when its files may have changed; it takes the place of `before`, and has read
    already what that had of its tables. A lake with other settings is opened anew.

    ProjectError and ConfigError as above; then, and whatever else ends it, `before` is closed.
    """
    root = Path(before.project.root)
    try:
        values, sources = load_settings(root, os.environ, settings or {})
        if (values, sources) == (before.configured, before.sources):
            return before.with_project(_seen(root, values, None))
    except BaseException:
        before.close()
        raise
    before.close()
    return ReadableLake(_seen(root, values, None), values, sources)


def _seen(root: Path, values: Settings, kept: Path | None) -> Project:
    """The project as its files are. It is kept by who opens it: who stays has it, and only reads what changed."""
    cache = cache_folder(root, values, os.environ)
    return with_salt(projects.look(root, cache, kept, values.engines), os.environ)


def configuration(path: str | Path = ".", *, settings: Mapping[str, str] | None = None) -> tuple[Setting, ...]:
    """Every setting of the lake around `path`: its value without secrets, and where it came from. Runs nothing."""
    return shown_settings(*load_settings(find_root(Path(path)), os.environ, settings or {}))


@dataclass(frozen=True, repr=False)
class Lake(AlertingLake):
    """An open project. Each method is a sentence of the command line, by the same words.

    Use it in a `with` statement, which lets go of database, engine and processes. Where a `selection` is asked for,
    any number of texts may stand, each as on the command line (`"+gold.customers"`), and none means all assets. Every
    method may raise BusyError, when another process holds the database, and LakeError, when the lake cannot be read.

    `afterwards` is given what a method that changes something does at its end, which is to send alerts for a few
    seconds. The default does it at once.
    """

    def materialize(  # noqa: PLR0913 - keyword-only words of the command line
        self,
        *selection: str,
        exclude: str = "",
        force: bool = False,
        full_refresh: bool = False,
        go_on: bool = False,
        all_or_nothing: bool = False,
        fail_fast: bool = False,
        wait: float = 0.0,
        observer: Observer = _ignore,
    ) -> RunRecord | None:
        """Write, audit and publish. None when there is nothing to do, or nothing but what a run holds already
        (`Planned.plan.held` names it); a held audit is a result, not an error, and so are an asset whose code fails and
        a main that moved: the run's state tells.

        `force` runs fresh assets too, `full_refresh` makes all of it anew from nothing, `go_on` merges with what
        stands where an asset would wait or be made anew, `all_or_nothing` publishes nothing when one asset is held,
        `fail_fast` begins no further asset once one is held or errored, `wait` is how many seconds to wait for another
        run's lease, `observer` hears each event as it happens.
        SelectionError when nothing is meant, BusyError while another run holds one of the assets.
        """
        chosen = self.select(*selection, exclude=exclude)
        said = spelled(selection, exclude)
        stops = wap.Stops.AT_FIRST if fail_fast else wap.Stops.NEVER
        request = wap.Request(chosen, said, force, all_or_nothing, wait, full_refresh, going_on=go_on, stops=stops)
        with self._alerting():
            return wap.materialize(self._world, request, observer)

    def write_checks(self, suggestion: Suggestion) -> Path:
        """Put the checks of a suggestion into the asset's check file, which is made where it is not there; its path.

        Nothing else of the file changes, and a second time there is nothing left to write. UsageError where the file
        holds no plain list of expectations: its hint is what to paste.
        """
        from lakeflow.project.suggested import write_checks  # noqa: PLC0415 - only who took a suggestion writes it

        return write_checks(Path(self.project.root), suggestion)

    def data_docs(self, directory: str | Path, audits: Sequence[Inspected]) -> tuple[Path, ...]:
        """Write Great Expectations' own HTML pages of these audits and an index, and return the files. Imports the
        library.
        """
        from lakeflow.expectations.docs import write_docs  # noqa: PLC0415 - seconds, and only this needs it

        return write_docs(Path(directory), audits)

    def backfill(  # noqa: PLR0913 - keyword-only words of the command line
        self,
        *selection: str,
        exclude: str = "",
        between: tuple[str | date | None, str | date | None] = (None, None),
        only_missing: bool = False,
        size: int = 1,
        wait: float = 0.0,
        observer: Callable[[BackfillEvent], None] = _ignore,
    ) -> Backfilled:
        """Build the partitions of a span of time, oldest first: `size` of them in each run, which is audited and
        published.

        `between` names the first and the last year, month, day or exact time (`("2013-01", "2013-03")` is a quarter);
        by default all partitions that there are. `only_missing` leaves out those that are built from today's code and
        inputs.

        UsageError when no selected asset has partitions, and for a span outside of them; ValueError for a text that is
        no date.
        """
        chosen = self.select(*selection, exclude=exclude)
        first, last = between
        asked = BackfillRequest(
            None if first is None else parse_wall(first),
            None if last is None else parse_last(last),
            only_missing,
            size,
        )
        request = wap.Request(chosen, spelled(selection, exclude), wait=wait)
        with self._alerting():
            return wap.backfill(self._world, request, asked, self._sending(observer))

    def publish(
        self,
        run: str,
        *selection: str,
        exclude: str = "",
        reason: str | None = None,
        observer: Observer = _ignore,
    ) -> RunRecord:
        """Audit the held snapshots of a run again and publish what passes. `run` is its id, or how that begins.

        With a `reason` the publish is forced: failed and errored checks are overridden, and it is recorded by whom and
        why. UsageError for a run that left nothing to publish, BusyError while another run holds one of the assets.
        """
        chosen = self.select(*selection, exclude=exclude) if selection or exclude else ()
        with self._alerting():
            return wap.publish(self._world, self.run(run).id, chosen, reason, observer)

    def discard(self, run: str, *selection: str, exclude: str = "") -> RunRecord:
        """Drop the branches of everything that the run did not publish, or of these assets.

        UsageError for a run that published all, and where an asset that stays was made from one that would go.
        """
        chosen = self.select(*selection, exclude=exclude) if selection or exclude else ()
        with self._alerting():
            return wap.discard(self._world, self.run(run).id, chosen)

    def retry(
        self,
        run: str | None = None,
        *selection: str,
        exclude: str = "",
        wait: float = 0.0,
        observer: Observer = _ignore,
    ) -> RunRecord:
        """The next attempt of that run, by default the latest unpublished one, over all that it left or only over these
        assets; `wait` is in seconds.

        UsageError when no run is unpublished, BusyError while another run holds one of the assets.
        """
        chosen = self.select(*selection, exclude=exclude) if selection or exclude else ()
        with self._alerting():
            return wap.retry(
                self._world, self.run(run).id if run else self._latest_unpublished(), wait, observer, chosen
            )

    def rollback(self, run: str, *selection: str, exclude: str = "", force: bool = False) -> RunRecord:
        """Take a run back, or the selected tables of it: all of them return at once to what readers saw before.

        UsageError when a later run published one of these tables, or others rest on what would go; `force` accepts a
        state that no run produced.
        """
        chosen = self.select(*selection, exclude=exclude) if selection or exclude else None
        with self._alerting():
            return wap.rollback(self._world, self.run(run).id, chosen, force=force)

    def leave_out(
        self,
        run: str,
        *selection: str,
        exclude: str = "",
        full_refresh: bool = False,
        wait: float = 0.0,
        observer: Observer = _ignore,
    ) -> RunRecord | None:
        """Take a run back, or the selected tables of it, under what came after it: what it landed goes, what later runs
        landed stays, and all that rests on it is made anew and published at once, or not at all.

        Where today's code is another than the run's, that was what was wrong: its files stay and are read by today's
        code. `full_refresh` makes anew what would wait for a person. UsageError for what cannot be told apart.
        """
        chosen = self.select(*selection, exclude=exclude) if selection or exclude else None
        request = wap.UnlandRequest(refreshed=full_refresh, wait=wait)
        return wap.leave_out(self._world, self.run(run).id, chosen, request, observer)

    def return_to(self, asset: str, snapshot: str, *, force: bool = False) -> RunRecord:
        """Set one asset to a snapshot that readers once saw (`s4411…`); the record of that is a run without steps.

        UsageError for any other snapshot; and, unless `force`, when others rest on what would go, or rows of another
        engine would.
        """
        with self._alerting():
            return wap.return_to(self._world, self._one(asset), snapshot, force=force)

    def tag(self, name: str, run: str | None = None) -> Tagged:
        """Name what readers see now of all tables, or what they saw after that run, for as long as somebody wants it.

        The tag is an Iceberg tag in every table, set in one transaction: `read(ref=name)` here, `VERSION AS OF 'name'`
        elsewhere. UsageError for a name that is taken or no name, and where a snapshot of then has expired.
        """
        return wap.tag(self._world, name, self.run(run).id if run else None)

    def untag(self, name: str) -> Tagged:
        """Remove a tag from all tables at once; what only it kept is let go. UsageError where no table has it."""
        return wap.untag(self._world, name)

    def unland(
        self,
        *files: str,
        undo: bool = False,
        full_refresh: bool = False,
        wait: float = 0.0,
        observer: Observer = _ignore,
    ) -> RunRecord | None:
        """Take landed files out again: a run deletes their rows and makes anew what was made from them, and publishes
        all of that or nothing.

        The files do not land again until they hold other bytes, or `undo` asks for it. Each is named as its rows name
        it, relative to the project's root. `full_refresh` makes anew what would wait for a person. UsageError for a
        file that did not land.
        """
        root = Path(self.project.root)
        names = [os.path.relpath(root / each, root) for each in files]
        return wap.unland(self._world, names, wap.UnlandRequest(undo, full_refresh, wait), observer)

    def readmit(self, asset: str, *, wait: float = 0.0, observer: Observer = _ignore) -> RunRecord | None:
        """Append the rows of the asset's quarantine that pass today's checks, in a run of its own. None when no row
        waits.

        Rows that fail again are refused again. UsageError for an asset that has no quarantine, or that does not append.
        """
        with self._alerting():
            return wap.readmit(self._world, self._one(asset), wait, observer)

    def adopt(self, asset: str, place: str | None = None, *, observer: Observer = _ignore) -> RunRecord:
        """Audit an existing Iceberg table and make it the asset's table.

        `place` is `catalog.namespace.table`, the table's folder or one of its metadata files. Without it, it is the
        table of the asset's name, which others wrote.

        A table that does not pass is left alone: the run is `discarded`. SchemaError when it is not as declared.
        """
        key = self._one(asset)
        with self._alerting():
            return wap.adopt(self._world, key, place and self._place(place), observer)

    def drop(self, table: str) -> RunRecord:
        """Take a table that no asset defines out of the catalog; its files stay. UsageError for any other."""
        key = AssetKey.find(table)
        if key is None:
            raise UsageError(f"{table!r} is not layer.name", hint="`lakeflow status` lists what no asset defines")
        with self._alerting():
            return wap.drop(self._world, key)

    def compact(
        self,
        *selection: str,
        exclude: str = "",
        target: int | None = None,
        dry_run: bool = False,
        wait: float = 0.0,
    ) -> tuple[Compacted, ...]:
        """Move the rows of small files into fewer ones, and merge manifests, one table after the other; no row changes.

        Of each table it is told what came of it. Delete files are applied, files are sorted as declared, and have
        about `target` bytes, by default `file_size` of the settings. Published is what was proved to hold the very same
        rows. A table that a run is at work on is left for another time, after `wait` seconds; so is one of which a run
        holds a branch. `dry_run` says what would be done.
        """
        request = wap.CompactRequest(target, wait, dry_run)
        return tuple(wap.compact(self._world, self.select(*selection, exclude=exclude), request))

    def garbage(self, *, older_than: timedelta = YOUNG) -> tuple[Garbage, ...]:
        """The files that nothing needs and that are older than that, by table, with their bytes. Removes none."""
        return wap.garbage(self._world, self._world.clock() - older_than)

    def collect_garbage(self, *, older_than: timedelta = YOUNG, most: float = 1.0) -> tuple[Garbage, ...]:
        """Remove the files that `garbage` tells; what was removed, and why a table was left alone.

        UsageError, and nothing is removed, where that would be more than the share `most` of the warehouse; the command
        line takes half. Environments that nobody used for so long as the settings keep them go first.
        """
        self.environments.drop_outdated()
        return wap.collect_garbage(self._world, self._world.clock() - older_than, most)

    def relocate(self) -> tuple[AssetKey, ...]:
        """Give the tables of a moved or copied lake their new place; those done. All or nothing.

        BusyError while a run is at work, LakeError for a table that cannot be rewritten exactly.
        """
        from lakeflow.lake import diagnosis  # noqa: PLC0415 - see `lakeflow.lake.standing`

        return diagnosis.relocate(self._patient())

    def _place(self, place: str) -> str:
        """Where the metadata of a table stands that is named by its catalog. A relative path starts at the project's
        root.
        """
        try:
            key = ExternalKey.parse(place)
        except ValueError:
            return place if "://" in place else str(Path(self.project.root) / place)
        found = self._world.externals.find([key])[key]
        if found.table is None:
            raise UsageError(found.fault, hint=found.hint)
        return found.table.version

    def _latest_unpublished(self) -> str:
        for run in self.runs():
            if run.state in UNPUBLISHED_ENDS or run.state is RunState.RUNNING:
                return run.id
        raise UsageError("no run is unpublished", hint="`lakeflow runs` lists runs")

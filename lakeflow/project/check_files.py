"""Reads the suites in `checks/`. The path says which asset a file checks, and no check file is imported here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from lakeflow.core.checks.references import mentions, without_checks
from lakeflow.core.declare.descent import children_of, descendants
from lakeflow.core.declare.laws import AssetDraft
from lakeflow.core.declare.sql_header import read_header
from lakeflow.core.errors import Fault
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.asset import Computer
from lakeflow.core.model.check import CheckFile, CheckKind, Severity, SqlDialect, Suite, read_thresholds
from lakeflow.core.sql.query import NO_OTHERS, Allowed, ParsedQuery, ReadQuery, Reference
from lakeflow.core.values import dataclass
from lakeflow.core.version.fingerprint import fingerprint, suite_source
from lakeflow.core.version.reachable_code import whole
from lakeflow.core.wording import did_you_mean, did_you_mean_asset
from lakeflow.project.sources import Sources, UnreadableError, in_a_layer

_HEADER: Final[Mapping[str, type | tuple[type, ...]]] = {
    "severity": str,
    "allow_empty": bool,
    "description": str,
    **dict.fromkeys(("warn", "hold"), (int, float)),
    "dialect": str,
}
_CHOICES: Final[Mapping[str, type[StrEnum]]] = {"severity": Severity, "dialect": SqlDialect}


@dataclass(frozen=True)
class _ParsedCheckFile:
    """A check file, with what only reading it can tell. `against_main` means that it compares its asset with main."""

    file: CheckFile
    references: tuple[Reference, ...] = ()
    published: tuple[Reference, ...] = ()
    modules: Mapping[str, Path] = field(default_factory=dict)
    against_main: bool = False


class Checks:
    """All check files of a project. Ask `suites` once; afterwards `faults` holds what is wrong."""

    def __init__(
        self, sources: Sources, drafts: Iterable[AssetDraft], lost: frozenset[AssetKey], read_query: ReadQuery
    ) -> None:
        self.faults: list[Fault] = []
        self._sources = sources
        self._read_query = read_query
        self._folder = sources.root / "checks"
        self._drafts = {draft.key: draft for draft in drafts}
        self._known = self._drafts.keys() | lost
        self._children = children_of(self._drafts.values())
        self._cache: dict[Path, _ParsedCheckFile | None] = {}

    def suites(self, files: Iterable[Path]) -> dict[AssetKey, Suite]:
        """The suite of every asset that has checks: its own files first, then the shared ones that it names."""
        own: dict[AssetKey, list[Path]] = {}
        stray: list[Path] = []
        for path in files:
            key = self._owner(path)
            if key is not None:
                own.setdefault(key, []).append(path)
            elif not in_a_layer(path, self._folder):
                stray.append(path)
        paths = {key: [*own.get(key, ()), *self._shared(draft)] for key, draft in self._drafts.items()}
        suites = {key: self._suite(draft, paths[key]) for key, draft in self._drafts.items()}
        self._refuse_unused(stray, {path for each in paths.values() for path in each})
        return {key: suite for key, suite in suites.items() if suite.digest}

    def _owner(self, path: Path) -> AssetKey | None:
        """The asset that the path names; a fault when there is none."""
        if not in_a_layer(path, self._folder):
            return None
        layer = Layer(path.relative_to(self._folder).parts[0])
        asset, _, name = path.stem.partition(".")
        key = AssetKey(layer, asset)
        if path.suffix == ".sql" and not name:
            hint = f"call it {asset}.<what it finds>.sql"
            self._fault(path, 1, "the file name does not say what the check is called", hint)
        if path.suffix == ".py" and name:
            self._fault(path, 1, "a suite is called as its asset", f"call it {asset}.py")
        if key not in self._known:
            hint = did_you_mean_asset(key, self._known, f"define {key}, or remove the file")
            self._fault(path, 1, f"the check is for {key}, which is not defined", hint)
            return None
        return key

    def _shared(self, draft: AssetDraft) -> Iterator[Path]:
        for name in draft.declaration.checks:
            path = self._folder / name
            if path.suffix in (".py", ".sql") and ".." not in path.parts and path.is_file():
                yield path
            else:
                hint = "name a .py or .sql file relative to checks/"
                self.faults.append(draft.fault(f"there is no check file checks/{name}", hint, "checks"))

    def _suite(self, draft: AssetDraft, paths: list[Path]) -> Suite:
        read = [self._accepted(draft, path) for path in paths]
        found = sorted((each for each in read if each), key=lambda each: each.file.kind is CheckKind.ROWS)
        allow_empty = "true" if draft.declaration.allow_empty else ""
        foreign_keys = draft.declaration.foreign_keys
        if not found and not allow_empty and not foreign_keys:
            return Suite()
        modules = {name: self._sources.text(path) for each in found for name, path in each.modules.items()}
        source = suite_source((each.file for each in found), modules, allow_empty, foreign_keys)
        return Suite(tuple(each.file for each in found), fingerprint(source), foreign_keys)

    def _accepted(self, draft: AssetDraft, path: Path) -> _ParsedCheckFile | None:
        """The file as this asset's audit runs it, without references to the asset itself."""
        if path not in self._cache:
            self._cache[path] = self._read(path)
        if (read := self._cache[path]) is None:
            return None
        name = read.file.path
        for each in (*read.references, *read.published):
            if each.key not in self._known:
                hint = did_you_mean_asset(each.key, self._known, "no asset is defined yet by that name")
                self.faults.append(Fault(name, each.line, f"the check reads {each.key}, which is not defined", hint))
        below = descendants(draft.key, self._children) if read.references else frozenset()
        for each in read.references:
            if each.key in below:
                message = f"the check of {draft.key} reads {each.key}, which is made from it"
                hint = f"move the check to {each.key}, or read published.{each.key}"
                self.faults.append(Fault(name, each.line, message, hint))
        if read.file.dialect is SqlDialect.SPARK and not self._asks_spark(draft):
            message = f"the check is written in Spark SQL, and nothing of {draft.key} is asked of Spark"
            hint = "drop the dialect and write it in DuckDB's SQL, or set audit_rows in [tool.lakeflow.spark]"
            self.faults.append(Fault(name, 1, message, hint))
        others = dict.fromkeys(each.key for each in read.references if each.key != draft.key)
        main = [draft.key] if read.against_main else []
        published = dict.fromkeys([*main, *(each.key for each in read.published)])
        file = replace(read.file, references=tuple(others), published=tuple(published))
        return replace(read, file=file)

    def _asks_spark(self, draft: AssetDraft) -> bool:
        return draft.declaration.engine is Computer.SPARK or self._sources.engines.audits

    def _read(self, path: Path) -> _ParsedCheckFile | None:
        try:
            return self._python(path) if path.suffix == ".py" else self._sql(path)
        except UnreadableError as error:
            self.faults.append(error.fault)
            return None

    def _python(self, path: Path) -> _ParsedCheckFile:
        text, tree = self._sources.text(path), self._sources.tree(path)
        modules = self._sources.modules(whole(text, tree).imports, path)
        said = [mentions(self._sources.tree(each), self._sources.name(each)) for each in (path, *modules.values())]
        self.faults += [fault for each in said for fault in each.faults]
        self.faults += without_checks(tree, self._sources.name(path))
        named = [table for each in said for table in each.tables]
        return _ParsedCheckFile(
            CheckFile(CheckKind.SUITE, self._sources.name(path), text),
            references=tuple(Reference(each.key, each.line) for each in named if not each.published),
            published=tuple(Reference(each.key, each.line) for each in named if each.published),
            modules=modules,
            against_main=any(each.against_main for each in said),
        )

    def _sql(self, path: Path) -> _ParsedCheckFile:
        text, name = self._sources.text(path), self._sources.name(path)
        header = read_header(text, name)
        query = self._query(text, name, header.fields.get("dialect"))
        land = "land the file with a bronze asset and read that one"
        self.faults += [*header.faults, *query.faults, *(replace(fault, hint=land) for fault in query.outside)]
        fields = dict(self._fields(name, header.fields, header.lines))
        limits = read_thresholds(fields.pop("warn", None), fields.pop("hold", None))
        if isinstance(limits, str) or (limits and "severity" in fields):
            said = limits if isinstance(limits, str) else "warn and hold say what severity says too"
            hint = "write warn = 0.001 and hold = 0.01 (shares), or warn = 1 and hold = 100 (rows), without severity"
            self.faults.append(Fault(name, header.lines.get("warn", header.lines.get("hold", 1)), said, hint))
            limits = None
        shared = not in_a_layer(path, self._folder)
        called = path.stem if shared else path.stem.partition(".")[2]
        file = CheckFile(CheckKind.ROWS, name, text, called, **fields, thresholds=limits)
        return _ParsedCheckFile(file, query.references, query.published)

    def _query(self, text: str, name: str, dialect: object) -> ParsedQuery:
        """The SELECT in the SQL that the header names. A hint about an asset's engine means that of its text here."""
        allowed = Allowed(engine=Computer.SPARK) if dialect == SqlDialect.SPARK else NO_OTHERS
        query = self._read_query(text, name, allowed)
        faults = (replace(each, hint=(each.hint or "").replace("engine =", "dialect =")) for each in query.faults)
        return replace(query, faults=tuple(faults))

    def _fields(self, name: str, fields: Mapping[str, Any], lines: Mapping[str, int]) -> Iterator[tuple[str, Any]]:
        for key, value in fields.items():
            line = lines.get(key, 1)
            if key not in _HEADER:
                hint = did_you_mean(key, _HEADER, f"the fields are {', '.join(_HEADER)}")
                self.faults.append(Fault(name, line, f"unknown field {key!r}", hint))
            elif not isinstance(value, _HEADER[key]):
                hint = 'write severity = "warning", allow_empty = true, warn = 1, hold = 0.01, description = "…"'
                self.faults.append(Fault(name, line, f"{key} has the wrong type", hint))
            elif key in _CHOICES and value not in list(_CHOICES[key]):
                hint = f"{', '.join(_CHOICES[key])} exist"
                self.faults.append(Fault(name, line, f"unknown {key} {value!r}", hint))
            elif key != "description":
                yield key, _CHOICES[key](str(value)) if key in _CHOICES else value

    def _refuse_unused(self, stray: list[Path], used: set[Path]) -> None:
        """Report files that no asset uses: a check in a misspelled folder must not silently do nothing."""
        imported = {path for read in self._cache.values() if read for path in read.modules.values()}
        for path in stray:
            if path not in used | imported:
                folder = path.relative_to(self._folder).parts[0]
                hint = "move it to checks/<layer>/, name it in an asset's checks=, or begin its name with _"
                self._fault(path, 1, "no asset uses this check file", did_you_mean(folder, list(Layer), hint))

    def _fault(self, path: Path, line: int, message: str, hint: str) -> None:
        self.faults.append(Fault(self._sources.name(path), line, message, hint))

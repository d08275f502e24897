"""How a file meets its source's contract: which version holds for it, and which of its columns lands as which.

The file alone decides, by its name and the names of its columns: never what landed before it. So the same files give
the same rows in a fresh clone, in a second lake, and whenever everything lands again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from lakeflow.core.column_names import PROVENANCE, RESERVED, alike, fault_of
from lakeflow.core.errors import AssetError
from lakeflow.core.keys import EMPTY
from lakeflow.core.model.file_source import Extra, FileSource
from lakeflow.core.values import dataclass
from lakeflow.core.wording import cut

_FEW: Final = 20
"""How many columns a message names."""


_BARELY: Final = "they differ in letter case, white space or the form of an accent alone"


@dataclass(frozen=True)
class Fit:
    """A file that is as version `number` of the contract says; 0 is today's.

    `found` are the file's columns in their order, `places` says at which of them each landed column stands. `extra` are
    landed columns that no version declares, `ignored` columns of the file that do not land. `absent` are landed columns
    that the file may leave out and does. `renamed` maps a landed column to its older name in the file. `types` are
    those of columns whose type only the file tells.
    """

    version: FileSource
    number: int = 0
    found: tuple[str, ...] = ()
    places: Mapping[str, int] = EMPTY
    extra: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    renamed: Mapping[str, str] = EMPTY
    types: Mapping[str, str] = EMPTY


@dataclass(frozen=True)
class Misfit:
    """A file that no version of the contract takes: columns that none declares, and columns that it lacks. `because`
    says what else is wrong.
    """

    extra: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    because: str = ""
    columns: int = 0

    def shown(self, *, personal: bool) -> str:
        """`+ channel, − chanel`. Of a personal source no unknown name is shown: a file without a header would show its
        first row there.
        """
        names = [*(f"+ {'…' if personal else cut(name) or '(no name)'}" for name in self.extra)]
        names += [f"− {cut(name)}" for name in self.missing]
        more = f" and {len(names) - _FEW:,} more" if len(names) > _FEW else ""
        listed = f"{', '.join(names[:_FEW])}{more}"
        barely = _BARELY if {*map(alike, self.extra)} & {*map(alike, self.missing)} else ""
        return "; ".join(filter(None, (listed, barely, "" if personal and self.because else self.because)))

    @property
    def hint(self) -> str:
        """What to write, by what differs."""
        if self.because:
            return 'name every column once in the file, or give the names by position: header = ["id", "total"]'
        if self.columns == 1 and len(self.missing) > 1:
            return "check delimiter, quote, skip and encoding of the source against the file"
        one, other = (cut(names[0]) if names else "" for names in (self.extra, self.missing))
        if one and other:
            return (
                f'if that is one column, write {one!r} in columns and renames = {{{one} = "{other}"}}; if it is two, '
                f'write optional = ["{other}"], and {one!r} in columns or extra = "land" or "ignore"'
            )
        if one:
            return f'write {one!r} in columns and optional = ["{one}"], or extra = "land" or "ignore"'
        return f'write optional = ["{other}"] where files may come without it'


def contracts(source: FileSource) -> tuple[FileSource, ...]:
    """Today's contract, which is the source itself, and its other versions."""
    return source, *source.versions


def with_columns(source: FileSource, names: Iterable[str]) -> FileSource:
    """A source that declares no columns has those of its first file, unless it lands whatever comes."""
    if source.columns or source.extra is Extra.LAND:
        return source
    return replace(source, columns=dict.fromkeys(names, ""))


def as_known(source: FileSource, known: Iterable[str], found: Iterable[str]) -> tuple[str, ...]:
    """The names of a file's columns, by which a source that declares none knows them: as the first file wrote them,
    whatever their letter case, white space or form of an accent is in this one.
    """
    forms = {} if source.columns else {alike(name): name for name in known}
    return tuple(forms.get(alike(name), name) for name in found)


def landed_columns(source: FileSource) -> dict[str, str]:
    """Every declared column that lands, under today's name and with today's type; those that only other versions have
    stand last.
    """
    columns = dict(source.columns)
    for version in source.versions:
        for name, type_ in version.columns.items():
            columns.setdefault(target_of(source, version, name), type_)
    return columns


def target_of(source: FileSource, version: FileSource, column: str) -> str:
    """Today's name of a column of that version."""
    name = column
    if version is not source:
        name = _newest(version.renames, name)
    return name if name in source.columns else _newest(source.renames, name)


def older_names(renames: Mapping[str, tuple[str, ...]], column: str) -> tuple[str, ...]:
    """All older names of a column, through chains: with `total = "amount"` and `amount = "amt"`, both."""
    found, left = list[str](), list(renames.get(column, ()))
    while left:
        name = left.pop(0)
        if name not in found:
            found.append(name)
            left += renames.get(name, ())
    return tuple(found)


def names_of(source: FileSource, version: FileSource) -> dict[str, str]:
    """The names that files of the version may use, each with the landed column. A column's own name goes before what
    is an older name of another.
    """
    targets = {name: target_of(source, version, name) for name in version.columns}
    names = dict(targets)
    for name, target in targets.items():
        for older in (*older_names(version.renames, name), *older_names(source.renames, name)):
            names.setdefault(older, target)
    return names


def holds_for(version: FileSource, file: str) -> bool:
    """Does the version's span hold the file's name? A bound with a `/` is compared with the whole path."""
    base = file.rpartition("/")[2]
    since, until = version.since, version.until
    return (file if "/" in since else base) >= since and (not until or (file if "/" in until else base) < until)


def judged(source: FileSource, file: str, header: Callable[[FileSource], Sequence[str]]) -> Fit | Misfit:
    """The version that takes the file, or the fewest differences. `header` reads the file's columns as a version's
    dialect does; AssetError where they cannot be read in any.

    1. Versions with a span that holds the file's name, or else those without one, may take it.
    2. Of those that do, the one that leaves over the fewest columns, then the one with the fewest older names, then
       today's, then as they are written.
    """
    numbered = [(number, each) for number, each in enumerate(contracts(source)) if holds_for(each, file)]
    spanned = [(number, each) for number, each in numbered if each.since or each.until]
    fits, misfits, faults = list[Fit](), list[Misfit](), list[AssetError]()
    for number, version in spanned or numbered:
        try:
            found = fit(source, version, tuple(header(version)))
        except AssetError as error:
            faults.append(error)
            continue
        if isinstance(found, Fit):
            fits.append(replace(found, number=number))
        else:
            misfits.append(found)
    if fits:
        return min(fits, key=lambda each: (len(each.extra) + len(each.ignored), len(each.renamed), each.number))
    if misfits:
        return min(misfits, key=lambda each: len(each.extra) + len(each.missing))
    if faults:
        raise faults[0]
    return Misfit(because="no version of the contract holds for a file of that name: see since and until")


def fit(source: FileSource, version: FileSource, found: tuple[str, ...]) -> Fit | Misfit:
    """How a file with these columns meets one version."""
    met = _meet(version, names_of(source, version), found)
    if isinstance(met, str):
        return Misfit(because=met, columns=len(found))
    wanted = {target_of(source, version, name): name for name in version.columns}
    absent = tuple(target for target in wanted if target not in met.places)
    missing = _missing(version, [wanted[target] for target in absent], other=bool(found) and not met.places)
    lands = version.extra is Extra.LAND or not version.columns
    if lands and (fault := next(_faults(met.strange, landed_columns(source)), "")):
        return Misfit((), missing, fault, len(found))
    if missing or (met.strange and version.extra is Extra.ERROR and not lands):
        shown = () if version.extra is Extra.IGNORE else tuple(met.strange)
        return Misfit(shown, missing, columns=len(found))
    older = {target: found[at] for target, at in met.places.items() if found[at] not in version.columns}
    if lands:
        return Fit(version, 0, found, {**met.places, **met.strange}, tuple(met.strange), (), absent, older)
    return Fit(version, 0, found, met.places, (), tuple(met.strange), absent, older)


@dataclass(frozen=True)
class _Met:
    """At which of a file's columns each landed column stands, and each that the version does not know."""

    places: Mapping[str, int]
    strange: Mapping[str, int]


def _meet(version: FileSource, names: Mapping[str, str], found: Sequence[str]) -> _Met | str:
    """Each of the file's columns by the name under which it lands; or why two of them would be one.

    The columns of JSON are the keys of many objects, so that one of them may use an older name, and another today's.
    """
    places, strange = dict[str, int](), dict[str, int]()
    for at, name in enumerate(found):
        into, key = (places, names[name]) if name in names else (strange, name)
        may_come_again = version.is_json if name in names else version.extra is Extra.IGNORE
        if key in into and not may_come_again:
            return _twice(found[into[key]], name)
        into.setdefault(key, at)
    return _Met(places, strange)


def _missing(version: FileSource, absent: Sequence[str], *, other: bool) -> tuple[str, ...]:
    """Those of the absent columns that the file should have. A key that JSON objects lack is NULL. An `other` file,
    which has none of the columns, lacks them all, even where each may be left out.
    """
    if version.is_json:
        return ()
    return tuple(version.columns) if other else tuple(name for name in absent if name not in version.optional)


def _newest(renames: Mapping[str, tuple[str, ...]], name: str) -> str:
    newer = {older: new for new, olders in renames.items() for older in olders}
    while name in newer:
        name = newer[name]
    return name


def _twice(one: str, other: str) -> str:
    if one == other:
        return f"the column {cut(one) or '(no name)'} comes twice"
    return f"{cut(one)} and {cut(other)} are one column, and come both"


def _faults(names: Mapping[str, int], declared: Mapping[str, str]) -> Iterator[str]:
    """Why a column that no version declares cannot land under its name."""
    known = {alike(name): name for name in declared}
    for name in names:
        if fault := fault_of(name):
            yield f"column {names[name] + 1} {fault}"
        elif name.lower() in {*PROVENANCE, *RESERVED}:
            yield f"column {name!r} is added to every landed row"
        elif alike(name) in known:
            yield f"the column {cut(name)} differs from {known[alike(name)]} only in form: name it in renames"
        known[alike(name)] = name

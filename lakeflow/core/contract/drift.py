"""How files that would land differ from their contract, and from each other, in a few words however many they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final

from lakeflow.core.column_names import alike
from lakeflow.core.contract.fit import Fit, Misfit
from lakeflow.core.errors import AssetError
from lakeflow.core.keys import EMPTY
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted, cut

_SHOWN: Final = 8


@dataclass(frozen=True)
class Difference:
    """What differs, the first file in which it does, and in how many it does."""

    says: str
    file: str
    files: int = 1

    def __str__(self) -> str:
        more = f" and {counted(self.files - 1, 'more file')}" if self.files > 1 else ""
        return f"{self.says} in {self.file}{more}" if self.file else self.says


@dataclass(frozen=True)
class Drift:
    """`refused` stops the load, what is `taken` lands as the contract says. `columns` are those that the files bring
    without being declared, each with its type.
    """

    refused: tuple[Difference, ...] = ()
    hint: str = ""
    taken: tuple[Difference, ...] = ()
    columns: Mapping[str, str] = EMPTY

    @property
    def message(self) -> str:
        """The first file that the contract does not take, and how many more there are."""
        first, *others = self.refused
        if not first.file:
            return first.says
        same = f"; so do those of {counted(first.files - 1, 'more file')}" if first.files > 1 else ""
        rest = sum(each.files for each in others)
        return f"{first.file}: its columns drift: {first.says}{same}" + (
            f"; {counted(rest, 'file')} drift{'s' * (rest == 1)} otherwise, the first is {others[0].file}"
            if rest
            else ""
        )

    def refuse(self) -> None:
        """AssetError when a file is not as any version of the contract says."""
        if self.refused:
            raise AssetError(self.message, hint=self.hint)


NO_DRIFT: Final = Drift()


@dataclass
class DifferenceCount:
    """Counts what differs while files go by; the same difference is counted and not kept again."""

    personal: bool
    found: dict[str, Difference] = field(default_factory=dict)

    def add(self, says: str, file: str) -> None:
        before = self.found.get(says)
        self.found[says] = Difference(says, before.file, before.files + 1) if before else Difference(says, file)

    @property
    def most(self) -> tuple[Difference, ...]:
        return tuple(self.found.values())[:_SHOWN]


def drift_of(files: Iterable[tuple[str, Fit | Misfit]], known: Mapping[str, str] = EMPTY, *, personal: bool) -> Drift:
    """What differs in these files, by name. `known` are the types with which columns landed that nobody declares. Of a
    personal source no name that it does not declare is shown.
    """
    refused, taken, columns, hint = DifferenceCount(personal), DifferenceCount(personal), dict[str, str](), ""
    for name, met in files:
        if isinstance(met, Misfit):
            hint = hint or ("compare the file's columns with those declared" if personal else met.hint)
            refused.add(met.shown(personal=personal), name)
            continue
        for column, type_ in (dict.fromkeys(met.extra, "string") | dict(met.types)).items():
            before = columns.setdefault(column, known.get(column, type_))
            if before != type_:
                hint = hint or type_hint(column, before, type_)
                refused.add(changed_type(column, before, type_), name)
        for says in _taken(met, personal=personal):
            taken.add(says, name)
    return Drift(tuple(refused.found.values()), hint, taken.most, columns)


def changed_type(column: str, before: str, now: str) -> str:
    form = ", which names its fields in another form" if alike(before) == alike(now) else ""
    return f"{cut(column)} {before} → {now}{form}"


def type_hint(column: str, before: str, type_: str) -> str:
    if alike(before) == alike(type_):
        return "name them as the files before did"
    return f'a change of type is declared: columns = {{{cut(column)} = "{type_}"}} casts all files to it exactly'


def _taken(met: Fit, *, personal: bool) -> Iterable[str]:
    for now, older in met.renamed.items():
        yield f"{cut(older)} → {cut(now)}"
    yield from (f"− {cut(name)}" for name in met.absent)
    for name in met.ignored:
        yield f"leaves out {'…' if personal else cut(name) or '(no name)'}"
    if met.number and (met.version.since or met.version.until):
        span = ((word, getattr(met.version, word)) for word in ("since", "until"))
        yield f"the version {' '.join(f'{word} {bound}' for word, bound in span if bound)}"

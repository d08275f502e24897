"""From what is known of a table's last audited snapshots to checks that all of them would pass."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from typing import Final

from lakeflow.core.keys import EMPTY
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.check import Severity
from lakeflow.core.model.scd2_columns import ADDED
from lakeflow.core.model.schema import Schema
from lakeflow.core.suggest.bounds import age_bound, as_number, count_bounds
from lakeflow.core.suggest.partition_rows import rows_query
from lakeflow.core.suggest.profile import ColumnKind, Key, SeenSnapshot, Span, Want, kind_of
from lakeflow.core.suggest.proposal import OURS, About, Proposal, Topic, Watched, library
from lakeflow.core.suggest.values import ENOUGH, in_snapshots, light_unless_seen, spread_of, value_check
from lakeflow.core.values import dataclass

MOST_MISSING: Final = 0.05
"""A column that lacks more of its values has no habit of being filled."""
_FEW: Final = 0.005
_UNLIKE: Final = 0.9
"""The estimated part of different values from which on a column may be unique: the estimate is that rough."""
_OF_KEYS: Final = 7
"""How many columns a compound key is looked for among."""
_TRIED: Final = 3
_LANDED: Final = frozenset({"_source_file", "_source_row", "_loaded_at"})
_FRESH: Final = timedelta(days=30)
_KEY_WORDS: Final = frozenset({"id", "key", "number", "no", "nr", "code", "date", "day", "time", "hour", "at", "on"})
_UNIQUE_KINDS: Final = frozenset({ColumnKind.TEXT, ColumnKind.WHOLE, ColumnKind.UUID})
_KEY_KINDS: Final = frozenset({ColumnKind.TEXT, ColumnKind.WHOLE, ColumnKind.UUID, ColumnKind.DATE, ColumnKind.MOMENT})


@dataclass(frozen=True)
class Subject:
    """The asset for which checks are looked for, in the columns that all snapshots have. Of columns in `hidden` (lower
    case) no value may be told. `standing` is what its checks say already.
    """

    asset: Asset
    schema: Schema
    hidden: frozenset[str] = frozenset()
    standing: frozenset[About] = frozenset()

    @property
    def kinds(self) -> Mapping[str, ColumnKind]:
        """The columns that checks are looked for in: not those that lakeflow adds itself."""
        added = ADDED if self.asset.write.traits.versioned else ()
        skipped = {*added, *(_LANDED if self.asset.files else ())}
        return {field.name: kind_of(field.type) for field in self.schema.fields if field.name not in skipped}

    def lacks(self, topic: Topic, *columns: str) -> bool:
        return (topic, frozenset(name.lower() for name in columns)) not in self.standing

    @property
    def key(self) -> frozenset[str]:
        return frozenset(name.lower() for name in self.asset.row_key)

    def wants(self) -> Mapping[str, frozenset[Want]]:
        """What to ask of each column."""
        return {name: frozenset(self._wanted(name, kind)) for name, kind in self.kinds.items()}

    def possible_keys(self) -> tuple[Key, ...]:
        """The compound keys that may be, where none is declared: of a few columns, those called so before others."""
        if self.asset.row_key or any(topic is Topic.UNIQUE for topic, _ in self.standing):
            return ()
        every = [name for name, kind in self.kinds.items() if kind in _KEY_KINDS]
        columns = sorted(every, key=lambda name: not _is_named_as_key(name))[:_OF_KEYS]
        return tuple(key for size in (2, 3) for key in combinations(columns, size))

    @property
    def span(self) -> Span | None:
        """The partitions in time that it is written by; None where there are none, or clocks of a zone count them."""
        timeline = self.asset.timeline
        if timeline is not None:
            named = None if timeline.zone else (timeline.column, str(timeline.unit))
        else:
            parts = self.asset.layout.partition_by if self.asset.write.traits.by_partition else ()
            named = next(((each.column, str(each.transform)) for each in parts if each.transform.is_of_time), None)
        field = self.schema.find(named[0]) if named else None
        may = field is not None and field.name.lower() not in self.hidden and kind_of(field.type).is_time
        return (field.name, named[1]) if named and field and may else None

    def _wanted(self, name: str, kind: ColumnKind) -> Iterator[Want]:
        yield Want.NULLS
        if kind in _UNIQUE_KINDS:
            yield Want.DISTINCT
        if name.lower() in self.hidden:
            return
        if self.lacks(Topic.VALUES, name):
            yield from _WANTS.get(kind, ())
        elif kind.is_time:
            yield Want.RANGE


_WANTS: Final[Mapping[ColumnKind, tuple[Want, ...]]] = {
    ColumnKind.TEXT: (Want.VALUES, Want.LENGTHS, Want.SHAPES),
    ColumnKind.WHOLE: (Want.RANGE, Want.VALUES),
    ColumnKind.FRACTION: (Want.RANGE,),
    ColumnKind.EXACT: (Want.RANGE,),
    ColumnKind.DATE: (Want.RANGE,),
    ColumnKind.MOMENT: (Want.RANGE,),
}


def propose(subject: Subject, history: Sequence[SeenSnapshot]) -> tuple[Proposal, ...]:
    """Checks in the order of the table's columns, then those of the table; none that stands already. `history` is
    newest first. Of compound keys several may be proposed; the first that holds is the one to keep.
    """
    if not history or not all(seen.rows for seen in history):
        return ()
    found = [
        *(each for name, kind in subject.kinds.items() for each in _of_column(subject, name, kind, history)),
        *_compound(subject, history),
        *_rows(subject, history),
        *_fresh(subject, history),
    ]
    return tuple(each for each in found if each.about not in subject.standing)


def _of_column(subject: Subject, name: str, kind: ColumnKind, history: Sequence[SeenSnapshot]) -> Iterator[Proposal]:
    if name.lower() not in subject.key:
        yield from _filled(name, history)
    unique = _may_be_unique(name, history) and kind in _UNIQUE_KINDS
    if unique and subject.key != {name.lower()} and (kind is not ColumnKind.WHOLE or _is_named_as_key(name)):
        said = f"no value twice {in_snapshots(history)}"
        yield library((Topic.UNIQUE, (name,)), "ExpectColumnValuesToBeUnique", EMPTY, said)
    if name.lower() in subject.hidden or not subject.lacks(Topic.VALUES, name):
        return
    found = value_check(name, kind, history)
    if found and unique and kind is ColumnKind.WHOLE:  # a number that tells rows apart goes on
        arguments = {key: value for key, value in found.arguments.items() if key != "max_value"}
        found = replace(found, arguments=arguments, close=False)
    if found is not None:
        yield found


def _filled(name: str, history: Sequence[SeenSnapshot]) -> Iterator[Proposal]:
    nulls = [seen.column(name).nulls for seen in history]
    if any(each is None for each in nulls):
        return
    shares = [(each or 0) / seen.rows for each, seen in zip(nulls, history, strict=True)]
    most, rows = max(shares), sum(seen.rows for seen in history)
    missing = sum(each or 0 for each in nulls)
    said = f"{missing:,} of {rows:,} NULL {in_snapshots(history)}"
    about, what = (Topic.FILLED, (name,)), "ExpectColumnValuesToNotBeNull"
    if not missing:
        yield library(about, what, EMPTY, said)
    elif most <= MOST_MISSING:
        mostly = math.floor((1 - max(3 * most, _FEW)) * 1000) / 1000
        near = Watched(tuple(shares), 1 - mostly, high=1 - mostly).is_close
        found = library(about, what, {"mostly": mostly}, f"{said}, at most {most:.2%} in one")
        yield replace(found, severity=Severity.WARNING, close=near)


def _may_be_unique(name: str, history: Sequence[SeenSnapshot]) -> bool:
    """By the estimate; the backtest counts. A table of one row says nothing."""
    return all(
        seen.rows > 1
        and (distinct := seen.column(name).distinct) is not None
        and distinct >= _UNLIKE * (seen.rows - (seen.column(name).nulls or 0)) > 1
        for seen in history
    )


def _is_named_as_key(name: str) -> bool:
    words = name.lower().split("_")
    return words[-1] in _KEY_WORDS or name.lower().endswith("id")


def _compound(subject: Subject, history: Sequence[SeenSnapshot]) -> Iterator[Proposal]:
    """Where no key is declared and no column is unique alone: a few candidates, short ones and those without a number
    that may be a measure first.
    """
    alone = any(_may_be_unique(name, history) and kind in _UNIQUE_KINDS for name, kind in subject.kinds.items())
    if alone:
        return
    found = [key for key in subject.possible_keys() if _tells_apart(key, history)]
    minimal = [key for key in found if not any(set(other) < set(key) for other in found)]
    for key in sorted(minimal, key=lambda key: (len(key), _measures(key, subject.kinds)))[:_TRIED]:
        said = f"no row twice {in_snapshots(history)}"
        about, arguments = (Topic.UNIQUE, key), {"column_list": list(key)}
        yield library(about, "ExpectCompoundColumnsToBeUnique", arguments, said)


def _tells_apart(key: Key, history: Sequence[SeenSnapshot]) -> bool:
    return all(seen.profile.keys.get(key, 0) >= _UNLIKE * seen.rows > 1 for seen in history) and not any(
        seen.column(name).nulls for seen in history for name in key
    )


def _measures(key: Key, kinds: Mapping[str, ColumnKind]) -> int:
    return sum(kinds[name] is ColumnKind.WHOLE and not _is_named_as_key(name) for name in key)


def _rows(subject: Subject, history: Sequence[SeenSnapshot]) -> Iterator[Proposal]:
    """How many rows there are, where a write replaces all of them; otherwise how a publish changes their number."""
    if any(topic is Topic.ROWS for topic, _ in subject.standing):
        return
    traits = subject.asset.write.traits
    if traits.replaces:
        yield light_unless_seen(_count_band(history), history)
        return
    if (band := _partition_band(subject, history)) is not None:
        yield light_unless_seen(band, history)
        return
    changes = [seen.rows - seen.before for seen in history if seen.before]
    if not changes:
        return
    said = f"{min(changes):+,} to {max(changes):+,} a publish, {in_snapshots(history)}"
    if traits.adds:
        greatest = max(*changes, 1)
        _, most = count_bounds(greatest, greatest, 2.0)
        arguments: dict[str, float] = {"min_change": 0, "max_change": most}
        near = Watched(tuple(map(float, changes)), most, high=most).is_close
    else:
        ratios = [seen.rows / seen.before for seen in history if seen.before]
        low, high = _ratio_bounds(min(ratios), max(ratios))
        arguments = {"min_ratio": low, "max_ratio": high}
        near = Watched(tuple(ratios), high - low, low=low, high=high).is_close
    found = Proposal(Topic.ROWS, (), OURS, "ExpectRowCountToStayNearMain", arguments, said, close=near)
    yield light_unless_seen(found, history if len(changes) >= ENOUGH else history[: ENOUGH - 1])


def _count_band(history: Sequence[SeenSnapshot]) -> Proposal:
    rows = [seen.rows for seen in history]
    low, high = count_bounds(min(rows), max(rows), 1.0)
    near = (
        Watched(tuple(map(float, rows)), low, low=low).is_close
        or Watched(tuple(map(float, rows)), high, high=high).is_close
    )
    said = f"{spread_of(min(rows), max(rows), 'row')} {in_snapshots(history)}"
    found = library((Topic.ROWS, ()), "ExpectTableRowCountToBeBetween", {"min_value": low, "max_value": high}, said)
    return replace(found, close=near)


def _partition_band(subject: Subject, history: Sequence[SeenSnapshot]) -> Proposal | None:
    """How many rows each partition has, but the newest, which may not be over. Where some are."""
    known = [seen.profile.partitions for seen in history if seen.profile.partitions is not None]
    if subject.span is None or max((each.partitions for each in known), default=0) < ENOUGH:
        return None
    least, most = min(each.least for each in known), max(each.most for each in known)
    low, high = count_bounds(least, most, 1.0)
    name, unit = subject.span
    said = f"{spread_of(least, most, 'row')} in each {unit}, {in_snapshots(history)}"
    arguments = {
        "unexpected_rows_query": rows_query(name, unit, (low, high)),
        "description": f"rows of each {unit} of {name}",
    }
    return library((Topic.ROWS, (name,)), "UnexpectedRowsExpectation", arguments, said)


def _ratio_bounds(low: float, high: float) -> tuple[float, float]:
    """Twice the change that was seen, and at least a tenth."""
    down, up = max(2 * (1 - low), 0.1), max(2 * (high - 1), 0.1)
    return math.floor(max(1 - down, 0.5 * low) * 100) / 100, math.ceil((1 + up) * 100) / 100


def _fresh(subject: Subject, history: Sequence[SeenSnapshot]) -> Iterator[Proposal]:
    """Where a column's greatest value was always shortly before the write, and nothing is declared."""
    if subject.asset.freshness is not None or any(topic is Topic.FRESH for topic, _ in subject.standing):
        return
    found = [(ages, name) for name in _times(subject) if (ages := _ages(name, history))]
    if not found:
        return
    ages, name = min(found, key=lambda each: max(each[0]))
    said = f"at most {max(ages) / timedelta(hours=1):,.0f} h old {in_snapshots(history)}"
    arguments = {"max_age": age_bound(max(ages))}
    yield Proposal(Topic.FRESH, (name,), OURS, "ExpectTableToBeFresh", arguments, said, Severity.WARNING)


def _times(subject: Subject) -> Iterable[str]:
    return (name for name, kind in subject.kinds.items() if kind.is_time and name.lower() not in subject.hidden)


def _ages(name: str, history: Sequence[SeenSnapshot]) -> list[timedelta]:
    """How old the newest value was, in each snapshot; nothing where one has none, or one from the future."""
    found = []
    for seen in history:
        high = seen.column(name).high
        days = None if high is None else as_number(seen.at.replace(tzinfo=None)) - as_number(high)
        if days is None or not 0 <= days <= _FRESH / timedelta(days=1):
            return []
        found.append(timedelta(days=days))
    return found

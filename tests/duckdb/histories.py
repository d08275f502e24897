"""Histories in plain Python: for each key a line of days, each with the row that holds from then on, or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple


class Said(NamedTuple):
    """One row: its key, two values, what orders it, its day, and does it say that the key is gone?"""

    k: str
    v: int | None
    w: int
    n: int
    d: int
    gone: bool = False


class TiedError(Exception):
    """Nothing says which of two rows counts."""


class Version(NamedTuple):
    said: Said
    since: int
    until: int | None
    current: bool


@dataclass
class History:
    """What a table of versions holds, and what ends them: tombstones, and None where a key was closed.

    `track` are the values that make a version, `keep`: rows are ordered by `n`.
    """

    track: tuple[str, ...] = ()
    keep: bool = False
    closes: bool = False
    at: bool = True
    deleted: bool = False
    lines: dict[str, dict[int, Said | None]] = field(default_factory=dict)
    now: int = 0

    def run(self, came: Iterable[Said], now: int) -> None:
        """TiedError, and nothing changes, where a tie is undecided."""
        rows = self._chosen(list(came), now)
        told = {key: self._told(self.lines.get(key, {}), line) for key, line in rows.items()}
        self.now = now
        for key in self.lines.keys() - rows.keys() if self.closes else ():
            line = self.lines[key]
            if (last := max(line, default=now + 1)) <= now and self._holds(line[last]):
                line[max(now, last + 1)] = None
        for key, new in told.items():
            self._learn(key, new)

    def versions(self) -> list[Version]:
        found = []
        for line in self.lines.values():
            days = sorted(line)
            for since, until in zip(days, [*days[1:], None], strict=False):
                if self._holds(said := line[since]) and said:
                    current = since <= self.now and (until is None or until > self.now)
                    found.append(Version(said, since, until, current))
        return sorted(found, key=repr)

    def _chosen(self, came: list[Said], now: int) -> dict[str, dict[int, Said]]:
        """Of each key one row a moment."""
        found: dict[str, dict[int, list[Said]]] = {}
        for row in came:
            found.setdefault(row.k, {}).setdefault(row.d if self.at else now, []).append(row)
        chosen: dict[str, dict[int, Said]] = {}
        for key, moments in found.items():
            for moment, rows in moments.items():
                most = list({row for row in rows if row.n == max(each.n for each in rows)}) if self.keep else rows
                if len(most) > 1:
                    raise TiedError
                chosen.setdefault(key, {})[moment] = most[0]
        return chosen

    def _told(self, line: dict[int, Said | None], came: dict[int, Said]) -> dict[int, Said]:
        """The rows that count against what stands there at the same moment."""
        told = dict(came)
        for moment, row in came.items():
            stands = line.get(moment)
            if not self.keep or stands is None or stands.n < row.n or stands == row:
                continue
            if stands.n == row.n and (self._holds(stands) or self._holds(row)):
                raise TiedError
            told[moment] = stands
        return told

    def _learn(self, key: str, told: dict[int, Said]) -> None:
        line = self.lines.setdefault(key, {})
        end = max(line) if line and not self._holds(line[max(line)]) else None
        line |= told
        last = max(told)
        if self.closes and end is not None and last < end and self._holds(said := line[last]):
            line[max(self.now, end)] = said
        before: Said | None = None
        for day in sorted(line):
            said = line[day]
            if (self._holds(said) and self._same(before, said)) or not (said or before):
                del line[day]
            else:
                before = said if self._holds(said) else None

    def _holds(self, said: Said | None) -> bool:
        return said is not None and not (self.deleted and said.gone)

    def _same(self, before: Said | None, row: Said | None) -> bool:
        if before is None or row is None:
            return before is row
        compared = self.track or ("v", "w", "n", "gone", *(() if self.at else ("d",)))
        return all(getattr(before, name) == getattr(row, name) for name in compared)

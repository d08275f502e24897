"""The alerts in the settings: `[[tool.lakeflow.alerts]]`, judged when they are read; an address is used only when
something is sent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from lakeflow.core.alerts.kinds import AlertKind
from lakeflow.core.errors import ConfigError
from lakeflow.core.redaction import secret
from lakeflow.core.values import dataclass
from lakeflow.core.wording import did_you_mean

_FIELDS: Final = ("name", "on", "select", "to")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}")
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_]\w*)\}")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_SECOND: Final = re.compile(r",\s*[A-Za-z][A-Za-z0-9+.-]*://")
_EXAMPLE: Final = (
    'write to = "${SLACK_URL}", a variable that holds an address such as slack://…, mailto://… or json://…'
)
_USUAL: Final = frozenset(AlertKind) - {AlertKind.PUBLISHED}


@dataclass(frozen=True)
class AlertEntry:
    """One `[[tool.lakeflow.alerts]]`. `to` is the address as it is written, with its variables; `number` counts from 1.

    The ledger knows the entry by its name: the one given, the variable that `to` is, or its number.
    """

    name: str
    number: int
    on: frozenset[AlertKind]
    select: str
    to: str
    source: str

    @property
    def where(self) -> str:
        """The entry as a message names it, without its address."""
        number = f"alerts entry {self.number}"
        return number if self.name == str(self.number) else f"{number}, {self.name}"

    def address(self, resolve: Callable[[str, str], str]) -> str:
        """The address with each variable replaced by `resolve(setting, text)`. ConfigError where it is no URL."""
        used = resolve(self.where, self.to)
        if _SECOND.search(used):
            hint = "write an entry for each, so that each is sent to and tried again by itself"
            raise ConfigError(f"{self.where}: `to` is more than one address ({self.source})", hint=hint)
        if not _SCHEME.fullmatch(used.strip()):
            raise ConfigError(f"{self.where}: `to` is no address ({self.source})", hint=_EXAMPLE)
        return used.strip()

    def shown(self) -> Iterator[tuple[str, str]]:
        """Each setting for a screen. Any part of an address may be a token, so only its scheme and variables show."""
        scheme, mark, rest = self.to.partition("://")
        yield f"alerts.{self.name}.on", ", ".join(kind for kind in AlertKind if kind in self.on)
        yield f"alerts.{self.name}.select", self.select
        yield f"alerts.{self.name}.to", scheme + mark + secret(rest) if mark and "${" not in scheme else secret(self.to)


def read_alerts(raw: object, sources: Mapping[str, str]) -> tuple[AlertEntry, ...]:
    """The entries. ConfigError, naming file, line and entry and no address, for the first that is wrong."""
    if not isinstance(raw, Sequence) or isinstance(raw, str) or not all(isinstance(said, Mapping) for said in raw):
        source = sources.get("alerts", "default")
        raise ConfigError(f"alerts: expected a list of tables ({source})", hint="write [[tool.lakeflow.alerts]]")
    entries, seen = list[AlertEntry](), Counter[str]()
    for number, said in enumerate(raw, start=1):
        source = sources.get(f"alerts.{number}", sources.get("alerts", "default"))
        entry = _entry(number, said, source, seen)
        if entry.name in {other.name for other in entries}:
            raise ConfigError(
                f"{entry.where}: another entry has that name ({source})", hint="give each entry a `name` of its own"
            )
        entries.append(entry)
    return tuple(entries)


def _entry(number: int, said: Mapping[str, object], source: str, seen: Counter[str]) -> AlertEntry:
    where = f"alerts entry {number}"
    if unknown := next((field for field in said if field not in _FIELDS), None):
        hint = did_you_mean(unknown, _FIELDS, f"an entry has {', '.join(_FIELDS)}")
        raise ConfigError(f"{where}: there is no {unknown!r} ({source})", hint=hint)
    to = said.get("to")
    if not isinstance(to, str) or not to.strip():
        raise ConfigError(f"{where}: `to` must say where to send ({source})", hint=_EXAMPLE)
    if "${" not in to and not _SCHEME.fullmatch(to.strip()):
        raise ConfigError(f"{where}: `to` is no address ({source})", hint=_EXAMPLE)
    select = said.get("select", "")
    if not isinstance(select, str):
        raise ConfigError(f"{where}: select: expected a text ({source})", hint='write select = "tag:revenue"')
    name = _name(said.get("name"), where, source) or _default_name(number, to, seen)
    return AlertEntry(name, number, _kinds(said, where, source), select, to, source)


def _name(given: object, where: str, source: str) -> str:
    if given is None:
        return ""
    if not isinstance(given, str) or not _NAME.fullmatch(given):
        hint = "write up to 63 letters, digits, blanks, `_`, `.` and `-`"
        raise ConfigError(f"{where}: an entry cannot be called that ({source})", hint=hint)
    return given


def _default_name(number: int, to: str, seen: Counter[str]) -> str:
    """The variable, which stays when entries change places; only an address that is no plain variable is counted."""
    variable = _VARIABLE.fullmatch(to.strip())
    if variable is None:
        return str(number)
    seen[variable[1]] += 1
    return variable[1] if seen[variable[1]] == 1 else f"{variable[1]} {seen[variable[1]]}"


def _kinds(said: Mapping[str, object], where: str, source: str) -> frozenset[AlertKind]:
    given = said.get("on", sorted(_USUAL))
    choice = f"there are {', '.join(AlertKind)}"
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        hint = f'write on = ["held", "recovered"]; {choice}'
        raise ConfigError(f"{where}: on: expected a list ({source})", hint=hint)
    for one in given:
        if one not in list(AlertKind):
            hint = did_you_mean(one, AlertKind, choice) if isinstance(one, str) else choice
            raise ConfigError(f"{where}: on: there is no {one!r} ({source})", hint=hint)
    return frozenset(AlertKind(one) for one in given)

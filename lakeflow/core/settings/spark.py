"""The settings of Spark, `[tool.lakeflow.spark]`: where it runs, and any setting that it has itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field, replace
from math import inf
from typing import Final

from lakeflow.core.declare.particular.engine_laws import DUCKDB_RUNS, EngineDefaults
from lakeflow.core.errors import ConfigError
from lakeflow.core.keys import EMPTY, Layer
from lakeflow.core.redaction import redacted, secret
from lakeflow.core.spark.reach import NO_BOUND, AuditReach
from lakeflow.core.values import dataclass
from lakeflow.core.wording import did_you_mean, parse_bytes

LOCAL: Final = "local[*]"
EXACT: Final[Mapping[str, str]] = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "false",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.parquet.binaryAsString": "false",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.fieldId.read.enabled": "true",
    "spark.sql.parquet.fieldId.read.ignoreMissing": "false",
    "spark.sql.parquet.fieldId.write.enabled": "false",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.writeLegacyFormat": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.storeAssignmentPolicy": "ANSI",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
}
"""What makes Spark exact: it raises where a value would change, times are UTC, and columns are read by their ids. Rows
that it computes have none: it would hand on those of its inputs, which mean other columns.
"""
_OURS: Final = ("master", "remote", "scratch")
_LISTS: Final = ("layers", "tags")
_BOUNDS: Final = ("audit_rows", "audit_bytes")
_IDLE: Final = "idle_timeout"
_LONG: Final = 600.0
"""Seconds in which most clusters that start machines when they are asked for have started them."""
_SECRET: Final = ("secret", "password", "token", "key", "credential")


@dataclass(frozen=True)
class SparkSettings:
    """Where the code of Spark's assets runs: a `master`, or the `remote` of a Spark Connect server. `scratch` is the
    folder of rows on their way to a table, which driver and executors share; empty: the lake's own. `conf` are
    settings of Spark's own. Assets that do not say what runs them run here where `defaults` say so. What is larger than
    `audits` reach is audited here. A job of which a cluster runs no task for `idle_timeout` seconds is given up.
    """

    master: str = ""
    remote: str = field(default="", repr=False)
    scratch: str = ""
    conf: Mapping[str, str] = field(default=EMPTY, repr=False)
    defaults: EngineDefaults = DUCKDB_RUNS
    audits: AuditReach = NO_BOUND
    idle_timeout: float = _LONG

    @property
    def _bounds(self) -> tuple[int | None, int | None]:
        return self.audits.rows, self.audits.bytes

    @property
    def is_here(self) -> bool:
        """Does it run on this machine alone?"""
        return not self.remote and (self.master or LOCAL).startswith("local")

    def used(self, resolve: Callable[[str, str], str]) -> SparkSettings:
        """The settings with each variable replaced by `resolve(setting, text)`."""
        master, remote, scratch = (resolve(f"spark.{name}", getattr(self, name)) for name in _OURS)
        conf = {name: resolve(name, text) for name, text in self.conf.items()}
        return replace(self, master=master, remote=remote, scratch=scratch, conf=conf)

    def shown(self) -> Iterator[tuple[str, str]]:
        """Each setting that was given, for a screen: variables as written, and no secret."""
        yield from ((f"spark.{name}", redacted(text)) for name in _OURS if (text := getattr(self, name)))
        said = {"layers": self.defaults.layers, "tags": self.defaults.tags}
        yield from ((f"spark.{name}", ", ".join(sorted(each))) for name, each in said.items() if each)
        yield from ((f"spark.{name}", str(most)) for name, most in zip(_BOUNDS, self._bounds, strict=True) if most)
        if self.idle_timeout != _LONG:
            yield f"spark.{_IDLE}", f"{self.idle_timeout:g}"
        for name, text in self.conf.items():
            hidden = any(word in name.lower() for word in _SECRET)
            yield f"spark.{name}", secret(text) if hidden else redacted(text)


NO_SPARK: Final = SparkSettings()
"""Nothing is said of Spark: it runs on this machine."""


def read_spark(raw: object, source: str) -> SparkSettings:
    """The settings of a table; ConfigError, naming `source` and no value, for the first that is wrong."""
    if not isinstance(raw, Mapping):
        raise ConfigError(f"spark: expected a table ({source})", hint="write [tool.lakeflow.spark]")
    lists = {name: _names(name, raw[name], source) for name in _LISTS if name in raw}
    bounds = {name: _bound(name, raw[name], source) for name in _BOUNDS if name in raw}
    idle = _seconds(_IDLE, raw[_IDLE], source) if _IDLE in raw else _LONG
    read = (*_LISTS, *_BOUNDS, _IDLE)
    found = dict(_flat({name: value for name, value in raw.items() if name not in read}, ""))
    for name, value in found.items():
        if name not in _OURS and not name.startswith("spark."):
            known = (*_OURS, *read)
            hint = did_you_mean(name, known, f"spark has {', '.join(known)}, and Spark's own, such as spark.cores.max")
            raise ConfigError(f"spark.{name}: there is no such setting ({source})", hint=hint)
        if name in EXACT or name in {"spark.master", "spark.remote"}:
            hint = "drop it: lakeflow sets it, so that no value changes" if name in EXACT else f"write {name[6:]} = …"
            raise ConfigError(f"spark.{name} cannot be set ({source})", hint=hint)
        if not isinstance(value, str | int | float):
            raise ConfigError(f"spark.{name}: expected a text ({source})", hint=f"mend it in {source}")
    if found.get("master") and found.get("remote"):
        raise ConfigError(f"spark.remote: master is set, too ({source})", hint="keep one of them")
    said = {name: _text(value) for name, value in found.items()}
    ours = {name: said.pop(name) for name in _OURS if name in said}
    reach = AuditReach(bounds.get("audit_rows"), bounds.get("audit_bytes"))
    defaults = EngineDefaults(**lists, audits=reach.is_said)
    return SparkSettings(**ours, conf=said, defaults=defaults, audits=reach, idle_timeout=idle)


def _bound(key: str, raw: object, source: str) -> int:
    """So many rows, or bytes."""
    hint = 'write audit_bytes = "200GB"' if key == "audit_bytes" else "write audit_rows = 500_000_000"
    with suppress(ValueError):
        found = parse_bytes(raw) if isinstance(raw, str) and key == "audit_bytes" else raw
        if isinstance(found, int) and not isinstance(found, bool) and found > 0:
            return found
    raise ConfigError(f"spark.{key}: expected a number above 0 ({source})", hint=hint)


def _seconds(key: str, raw: object, source: str) -> float:
    if isinstance(raw, int | float) and not isinstance(raw, bool) and 0 < raw < inf:
        return float(raw)
    hint = f"write {key} = 1800 for half an hour"
    raise ConfigError(f"spark.{key}: expected a number of seconds above 0 ({source})", hint=hint)


def _names(key: str, raw: object, source: str) -> frozenset[str]:
    """Layers or tags."""
    names = [raw] if isinstance(raw, str) else raw
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise ConfigError(f"spark.{key}: expected a list of texts ({source})", hint=f'write {key} = ["gold"]')
    if wrong := next((name for name in names if key == "layers" and name not in list(Layer)), None):
        hint = did_you_mean(wrong, list(Layer), f"the layers are {', '.join(Layer)}")
        raise ConfigError(f"spark.layers: there is no layer {wrong!r} ({source})", hint=hint)
    return frozenset(names)


def _flat(raw: Mapping[str, object], above: str) -> Iterator[tuple[str, object]]:
    """`spark.executor.memory = "4g"` is three tables in TOML, and one setting."""
    for name, value in raw.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

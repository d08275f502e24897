"""The settings of a lake: `[tool.lakeflow]` in `pyproject.toml`, every key with a default."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import field, fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from lakeflow.core.alerts.entries import AlertEntry, read_alerts
from lakeflow.core.compact.work import FILE_BYTES
from lakeflow.core.declare.particular.engine_laws import EngineDefaults
from lakeflow.core.errors import ConfigError
from lakeflow.core.keys import EMPTY, Layer
from lakeflow.core.model.asset import Limits
from lakeflow.core.model.file_source import Caps
from lakeflow.core.redaction import redacted
from lakeflow.core.run.resources import Resources
from lakeflow.core.settings.serving import SERVING, shown_serving
from lakeflow.core.settings.spark import NO_SPARK, SparkSettings, read_spark
from lakeflow.core.settings.storage import UNSAID, Storage, is_store_location, read_storage
from lakeflow.core.time.freshness import parse_age
from lakeflow.core.time.quiet import Quiet
from lakeflow.core.time.refresh import Refresh
from lakeflow.core.values import dataclass
from lakeflow.core.version.salt import Salt, read_salt
from lakeflow.core.wording import did_you_mean, parse_bytes

if TYPE_CHECKING:
    from lakeflow.core.settings.catalogs import ExternalCatalog

ENVIRONMENT: Final = "LAKEFLOW_"
"""The environment variable `LAKEFLOW_THREADS` overrides `threads` in the file."""

_MOST_MEMORY: Final = "80%"
"""DuckDB's own default."""
_VARIABLE: Final = re.compile(r"\$\{(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?\}")
_MEMORY: Final = re.compile(r"\d+(\.\d+)?\s*([KMGT]i?B|%)", re.IGNORECASE)


@dataclass(frozen=True)
class Settings:
    """The settings as they are used. `${VAR}` and `${VAR:-default}` in texts are replaced at the moment of use, so a
    command that needs no catalog needs no password; `shown` leaves them in. `SettingsForm` says what each takes.
    """

    name: str = ""
    state_dir_text: str = ".lakeflow"
    catalog_text: str | None = field(default=None, repr=False)
    ledger_text: str | None = field(default=None, repr=False)
    warehouse_text: str | None = None
    cache_dir_text: str | None = None
    memory_limit_text: str | None = None
    threads: int | None = None
    parallel: int = 4
    keep_snapshots: int = 50
    keep: str = ""
    keep_held: str = "7d"
    env: str = ""
    keep_environments: str = "14d"
    timeout: float = 0.0
    retries: int = 0
    max_rows: int = 0
    max_bytes: int = 0
    max_line: int = 2_000_000
    max_object: int = 16 << 20
    max_cell: int = 0
    max_file: int = 0
    max_expanded: int = 0
    file_size: int = FILE_BYTES
    check_timeout: float = 600.0
    lease_seconds: float = 30.0
    allow_network_filesystem: bool = False
    non_atomic: bool = False
    refresh: Mapping[Layer, Refresh] = EMPTY
    quiet: Quiet | None = None
    catalogs: Mapping[str, ExternalCatalog] = EMPTY
    storage_table: Storage = UNSAID
    alerts: tuple[AlertEntry, ...] = ()
    otel: bool = False
    spark_table: SparkSettings = NO_SPARK
    _environ: Mapping[str, str] = field(default=EMPTY, repr=False, compare=False)
    _sources: Mapping[str, str] = field(default=EMPTY, repr=False, compare=False)

    @property
    def state_dir(self) -> str:
        """The folder of the embedded catalog, its tables and logs, relative to the root."""
        return self._folder("state_dir", self.state_dir_text)

    @property
    def catalog(self) -> str | None:
        """The SQLAlchemy URL of the lake's own database, which holds the catalog too unless that is a REST catalog;
        None: SQLite in `state_dir`.
        """
        return self.ledger if self.served_by else self.catalog_text and self._used("catalog", self.catalog_text)

    @property
    def ledger(self) -> str | None:
        """The SQLAlchemy URL of the ledger where a REST catalog keeps the tables; None: SQLite in `state_dir`."""
        return self.ledger_text and self._used("ledger", self.ledger_text)

    @property
    def served_by(self) -> str | None:
        """The name of the catalog among `catalogs` that keeps the lake's tables; None: its own database does."""
        if not self.catalog_text:
            return None
        from lakeflow.core.settings.catalogs import is_name  # noqa: PLC0415 - imports pydantic: most have none

        return self.catalog_text if is_name(self.catalog_text) else None

    @property
    def rest(self) -> ExternalCatalog | None:
        """The REST catalog that keeps the lake's tables, variables replaced; None where its own database keeps them.
        ConfigError where `catalog` names one that is none.
        """
        if self.served_by is None:
            return None
        found = self.catalog_of(self.served_by)
        from lakeflow.core.settings.catalogs import CatalogKind  # noqa: PLC0415 - as above

        if found.kind is not CatalogKind.REST:
            hint = f"give [tool.lakeflow.catalogs.{found.name}] a uri of http(s), or catalog a URL of a database"
            raise ConfigError(f"catalog: {found.name} is no REST catalog, and only such a one keeps a lake", hint=hint)
        return found

    @property
    def warehouse(self) -> str | None:
        """The folder of table data, relative to the root, or its location in an object store; None: in `state_dir`."""
        if self.warehouse_text is None:
            return None
        used = self._used("warehouse", self.warehouse_text)
        if is_store_location(used):
            return used.rstrip("/")
        return self._folder("warehouse", self.warehouse_text)

    @property
    def storage(self) -> Storage:
        """How object stores are reached, variables replaced. ConfigError where that does not go together."""
        shown = dict.fromkeys((key for key, _ in self.storage_table.shown()), self._sources.get("storage", ""))
        return self.storage_table.used(lambda key, text: replace_variables(key, text, self._environ, shown))

    @property
    def spark(self) -> SparkSettings:
        """Where Spark runs, and how, variables replaced."""
        shown = dict.fromkeys((key for key, _ in self.spark_table.shown()), self._sources.get("spark", ""))
        return self.spark_table.used(lambda key, text: replace_variables(key, text, self._environ, shown))

    @property
    def engines(self) -> EngineDefaults:
        """What runs assets that do not say so."""
        return self.spark_table.defaults

    @property
    def cache_dir(self) -> str | None:
        """The folder where audits cache compiled suites, relative to the root; None: the user's cache folder."""
        return self.cache_dir_text and self._folder("cache_dir", self.cache_dir_text)

    @property
    def memory_limit(self) -> str | None:
        """The memory that DuckDB may take, such as 4GB; None: DuckDB's default of 80 % of the machine."""
        if self.memory_limit_text is None:
            return None
        used = self._used("memory_limit", self.memory_limit_text)
        if not _MEMORY.fullmatch(used):
            raise _bad("memory_limit", self._sources, EXPECTED["memory_limit"])
        return used

    @property
    def salt(self) -> Salt | None:
        """The key of hashes. Only the environment sets it, so no file and no screen holds it."""
        return read_salt(self._environ)

    def machine(self, cores: int, memory: int) -> Resources:
        """What all steps together may take of a machine of that size."""
        said = self.memory_limit or _MOST_MEMORY
        if said.endswith("%"):
            return Resources(self.threads or cores, int(memory * float(said[:-1]) / 100))
        return Resources(self.threads or cores, parse_bytes(said))

    @property
    def keep_age(self) -> timedelta | None:
        """For how long what readers saw stays readable; None: only `keep_snapshots` counts."""
        return parse_age(self.keep) if self.keep else None

    @property
    def limits(self) -> Limits:
        """The default limits of an asset's code."""
        return Limits(self.timeout, self.retries, self.max_rows, self.max_bytes)

    @property
    def caps(self) -> Caps:
        """The largest line, object, cell, file and unpacked content that may land."""
        return Caps(self.max_line, self.max_object, self.max_cell, self.max_file, self.max_expanded)

    def shown(self) -> dict[str, Any]:
        """Every key with its value for a screen: variables not replaced, nothing that may be secret."""
        names = (each.name for each in fields(self) if each.name not in _SHOWN_APART)
        plain = {name.removesuffix("_text"): getattr(self, name) for name in names}
        named = (setting for catalog in self.catalogs.values() for setting in catalog.shown())
        told = (setting for entry in self.alerts for setting in entry.shown())
        shown = {key: redacted(value) if isinstance(value, str) else value for key, value in plain.items()}
        return (
            shown
            | dict(shown_serving(self.refresh, self.quiet))
            | dict(self.storage_table.shown())
            | dict(self.spark_table.shown())
            | dict(named)
            | dict(told)
        )

    def require_catalog(self, name: str) -> None:
        """ConfigError where no catalog of external tables has that name."""
        if name not in self.catalogs:
            hint = did_you_mean(name, self.catalogs, f"write [tool.lakeflow.catalogs.{name}] in pyproject.toml")
            raise ConfigError(f"no catalog {name!r} is configured", hint=hint)

    def catalog_of(self, name: str) -> ExternalCatalog:
        """The catalog of external tables of that name, variables replaced; ConfigError where there is none."""
        self.require_catalog(name)
        sources = dict.fromkeys((key for key, _ in self.catalogs[name].shown()), self._sources.get("catalogs", ""))
        return self.catalogs[name].used(lambda key, text: replace_variables(key, text, self._environ, sources))

    def address_of(self, entry: AlertEntry) -> str:
        """Where the entry's alerts go, variables replaced; ConfigError, without it, where that is no URL."""
        return entry.address(lambda key, text: replace_variables(key, text, self._environ, {key: entry.source}))

    def judge(self) -> None:
        """ConfigError for a text that is wrong. A text with variables is checked when it is used."""
        for key in LATE:
            if "${" not in (getattr(self, f"{key}_text") or "") and not (key == "catalog" and self.served_by):
                getattr(self, key)
        if self.served_by:
            self.require_catalog(self.served_by)

    def _folder(self, key: str, text: str) -> str:
        """The text as a folder. A URL here would make folders called `s3:`, and a tilde, which only a shell knows, one
        called `~`.
        """
        used = self._used(key, text)
        if "://" in used or used.startswith("~"):
            raise _bad(key, self._sources, EXPECTED[key])
        return used

    def _used(self, key: str, text: str) -> str:
        return replace_variables(key, text, self._environ, self._sources)


LATE: Final = ("state_dir", "catalog", "ledger", "warehouse", "cache_dir", "memory_limit")
"""The settings of type text, which are judged only when their variables are known."""


EXPECTED: Final[Mapping[str, str]] = {
    "name": "the name of the lake, of letters, digits and . _ -",
    "state_dir": "the path of a folder, written out without ~",
    "catalog": "the URL of a database, such as postgresql://…, or the name of a REST catalog in catalogs",
    "ledger": "the URL of a database, such as postgresql://…",
    "warehouse": "the path of a folder, written out without ~, or a place in an object store such as s3://bucket/lake",
    "cache_dir": "the path of a folder, written out without ~, not a URL",
    "memory_limit": "an amount of memory, such as 4GB",
    "threads": "a whole number of at least 1",
    "parallel": "a whole number of at least 1",
    "keep_snapshots": "a whole number of at least 1",
    "keep": "an age such as 30d",
    "keep_held": "a span of time such as 36h or 7d",
    "env": "the name of an environment such as pr_123, git for the name of the git branch, main for none",
    "keep_environments": "a span of time such as 36h or 14d",
    "timeout": "a number of seconds, 0 for no bound",
    "retries": "a whole number, 0 for none",
    "max_rows": "a whole number, 0 for no bound",
    "max_bytes": "an amount of bytes such as 20GB, 0 for no bound",
    "max_line": "an amount of bytes such as 2MB, 1GB at most",
    "max_object": "an amount of bytes such as 16MB, 1GB at most",
    "max_cell": "an amount of bytes such as 1MB, 0 for no bound",
    "max_file": "an amount of bytes such as 20GB, 0 for no bound",
    "max_expanded": "an amount of bytes such as 100GB, 0 for no bound but the disk",
    "file_size": "an amount of bytes such as 512MiB, 1KiB at least",
    "check_timeout": "a number of seconds above 0",
    "lease_seconds": "a number of seconds, at least 1",
    "allow_network_filesystem": "true or false",
    "non_atomic": "true or false",
    "refresh": 'a text such as "on change", or a table of layers such as [tool.lakeflow.refresh]',
    "quiet": 'hours with a zone, such as "22:00-06:00 Europe/Oslo"',
    "catalogs": "tables such as [tool.lakeflow.catalogs.sales]",
    "storage": "a table, [tool.lakeflow.storage]",
    "otel": "true or false",
    "spark": "a table, [tool.lakeflow.spark]",
    "alerts": "tables such as [[tool.lakeflow.alerts]]",
}
"""What each key takes, in words."""


def make_settings(values: Mapping[str, Any], sources: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """Make the settings from what was set, each value from the place that `sources` names. ConfigError for the first
    bad value.

    A value of another type than text must be judged here, so its variables are replaced here.
    """
    for key in values:
        if key not in EXPECTED:
            hint = did_you_mean(key, EXPECTED, f"the settings are {', '.join(EXPECTED)}")
            raise ConfigError(f"{key}: there is no such setting ({sources[key]})", hint=hint)
    judged = {key: _early(key, value, environ, sources) for key, value in values.items()}
    if "catalogs" in judged:
        from lakeflow.core.settings.catalogs import read_catalogs  # noqa: PLC0415 - imports pydantic: most have none

        judged["catalogs"] = read_catalogs(judged["catalogs"], sources["catalogs"])
    if "storage" in judged:
        judged["storage"] = read_storage(judged["storage"], sources["storage"])
    if "spark" in judged:
        judged["spark"] = read_spark(judged["spark"], sources["spark"])
    if "alerts" in judged:
        judged["alerts"] = read_alerts(judged["alerts"], sources)
    for key, read in SERVING.items():
        if key in judged:
            judged[key] = read(judged[key], sources[key])
    settings = replace(Settings(**_read(judged, sources)), _environ=environ, _sources=sources)
    settings.judge()
    return settings


def _read(judged: Mapping[str, Any], sources: Mapping[str, str]) -> dict[str, Any]:
    """The values by the fields of `Settings`. What is plainly right needs no model, which takes longer than a look."""
    if all(key in _PLAIN and _PLAIN[key](value) for key, value in judged.items()):
        return {f"{key}_text" if key in _TEXTS else key: value for key, value in judged.items()}
    from lakeflow.core.settings.form import UnfitSettingError, read_settings  # noqa: PLC0415 - as above

    try:
        return read_settings(judged)
    except UnfitSettingError as error:
        raise _bad(error.key, sources, EXPECTED[error.key]) from None


def _is_text(value: object) -> bool:
    return type(value) is str and bool(value)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 1


def _is_truth(value: object) -> bool:
    return type(value) is bool


_TEXTS: Final = frozenset(each.name.removesuffix("_text") for each in fields(Settings) if each.name.endswith("_text"))
_SHOWN_APART: Final = frozenset(
    {"catalogs", "alerts", "refresh", "quiet", "storage_table", "spark_table", "_environ", "_sources"}
)
_PLAIN: Final[Mapping[str, Callable[[object], bool]]] = {
    **dict.fromkeys(_TEXTS, _is_text),
    **dict.fromkeys(("threads", "parallel", "keep_snapshots"), _is_count),
    **dict.fromkeys(("allow_network_filesystem", "non_atomic", "otel"), _is_truth),
}
"""What surely fits, of settings whose values mean themselves."""


def _early(key: str, value: Any, environ: Mapping[str, str], sources: Mapping[str, str]) -> Any:
    return value if key in _TEXTS or not isinstance(value, str) else replace_variables(key, value, environ, sources)


def _bad(key: str, sources: Mapping[str, str], expected: str) -> ConfigError:
    """The fault of a bad value, without the value itself: a URL may hold a password."""
    where = sources.get(key, "default")
    hint = f"give {expected}" if where == "flag" else f"mend {key} in {where}"
    return ConfigError(f"{key}: expected {expected} ({where})", hint=hint)


def replace_variables(key: str, text: str, environ: Mapping[str, str], sources: Mapping[str, str]) -> str:
    """Replace `${VAR}` by its value, `${VAR:-x}` by its value or x. ConfigError when it has neither."""

    def value(match: re.Match[str]) -> str:
        found = environ.get(match["name"]) or match["default"]
        if found is None:
            message = f"{key}: the variable {match['name']} is not set ({sources.get(key, 'default')})"
            raise ConfigError(message, hint=f"export {match['name']}, or write ${{{match['name']}:-default}}")
        return found

    return _VARIABLE.sub(value, text)

"""Every setting as a pydantic model: what each takes. It is imported where somebody has set what is not plain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from lakeflow.core.alerts.entries import AlertEntry
from lakeflow.core.compact.work import FILE_BYTES, LEAST_BYTES
from lakeflow.core.keys import Layer
from lakeflow.core.settings.catalogs import ExternalCatalog
from lakeflow.core.settings.spark import NO_SPARK, SparkSettings
from lakeflow.core.settings.storage import UNSAID, Storage
from lakeflow.core.time.freshness import parse_age
from lakeflow.core.time.quiet import Quiet
from lakeflow.core.time.refresh import Refresh
from lakeflow.core.wording import parse_bytes, parse_seconds

_LONGEST: Final = 100 * 366 * 86_400
_NAME: Final = re.compile(r"[\w. -]{1,100}")


class UnfitSettingError(ValueError):
    """A setting with a value that it does not take; `key` is its name."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def read_settings(judged: Mapping[str, Any]) -> dict[str, Any]:
    """The values of these settings, by the fields of `Settings`. UnfitSettingError for the first that is wrong."""
    try:
        found = SettingsForm.model_validate(judged)
    except ValidationError as error:
        raise UnfitSettingError(str(error.errors()[0]["loc"][0])) from None
    return {name: getattr(found, name) for name in found.model_fields_set}


def _in_bytes(value: object) -> object:
    return parse_bytes(value) if isinstance(value, str) else value


def _age(value: str) -> str:
    if value:
        parse_age(value)
    return value


def _lake_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("no name of a lake")
    return value


def _span(text: str) -> str:
    """The text of a span of time, which may be zero; ValueError for anything else."""
    if parse_seconds(text) > _LONGEST:
        raise ValueError(f"{text!r} is longer than anything is kept")
    return text


class SettingsForm(BaseModel):
    """The model. Only what was set is taken from it: its defaults mean nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, AfterValidator(_lake_name)] = ""
    state_dir_text: str = Field(default=".lakeflow", alias="state_dir", min_length=1)
    catalog_text: str | None = Field(default=None, alias="catalog", min_length=1)
    ledger_text: str | None = Field(default=None, alias="ledger", min_length=1)
    warehouse_text: str | None = Field(default=None, alias="warehouse", min_length=1)
    cache_dir_text: str | None = Field(default=None, alias="cache_dir", min_length=1)
    memory_limit_text: str | None = Field(default=None, alias="memory_limit")
    threads: int | None = Field(default=None, ge=1)
    parallel: int = Field(default=4, ge=1)
    keep_snapshots: int = Field(default=50, ge=1)
    keep: Annotated[str, AfterValidator(_age)] = ""
    keep_held: Annotated[str, AfterValidator(_span)] = "7d"
    env: str = ""
    keep_environments: Annotated[str, AfterValidator(_span)] = "14d"
    timeout: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    retries: int = Field(default=0, ge=0)
    max_rows: int = Field(default=0, ge=0)
    max_bytes: Annotated[int, BeforeValidator(_in_bytes)] = Field(default=0, ge=0)
    max_line: Annotated[int, BeforeValidator(_in_bytes)] = Field(default=2_000_000, ge=1, le=1 << 30)
    max_object: Annotated[int, BeforeValidator(_in_bytes)] = Field(default=16 << 20, ge=1, le=1 << 30)
    max_cell: Annotated[int, BeforeValidator(_in_bytes)] = Field(default=0, ge=0)
    max_file: Annotated[int, BeforeValidator(_in_bytes)] = Field(default=0, ge=0)
    max_expanded: Annotated[int, BeforeValidator(_in_bytes)] = Field(default=0, ge=0)
    file_size: Annotated[int, BeforeValidator(_in_bytes)] = Field(default=FILE_BYTES, ge=LEAST_BYTES)
    check_timeout: float = Field(default=600.0, gt=0, allow_inf_nan=False)
    lease_seconds: float = Field(default=30.0, ge=1, allow_inf_nan=False)
    allow_network_filesystem: bool = False
    non_atomic: bool = False
    refresh: Mapping[Layer, Refresh] = Field(default_factory=dict)
    quiet: Quiet | None = None
    catalogs: Mapping[str, ExternalCatalog] = Field(default_factory=dict)
    storage_table: Storage = Field(default=UNSAID, alias="storage")
    spark_table: SparkSettings = Field(default=NO_SPARK, alias="spark")
    alerts: tuple[AlertEntry, ...] = ()
    otel: bool = False

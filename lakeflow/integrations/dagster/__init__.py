"""A lake as Dagster's definitions (the extra `dagster`): `defs = definitions(".")`."""

from lakeflow.core.errors import ConfigError

try:
    from lakeflow.integrations.dagster.offered import definitions
except ModuleNotFoundError as error:
    if error.name != "dagster":
        raise
    raise ConfigError("Dagster is not installed here", hint='pip install "lakeflow-wap[dagster]"') from None

__all__ = ["definitions"]

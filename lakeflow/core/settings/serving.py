"""The settings that only `serve` obeys: when the assets of a layer are looked after, and the quiet hours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from lakeflow.core.errors import ConfigError
from lakeflow.core.keys import Layer
from lakeflow.core.time.quiet import Quiet, parse_quiet
from lakeflow.core.time.refresh import Refresh, parse_refresh
from lakeflow.core.wording import did_you_mean


def read_refresh(raw: object, source: str) -> dict[Layer, Refresh]:
    """When each layer is looked after; one text stands for all layers. ConfigError, naming `source`, for the first that
    is wrong.
    """
    if isinstance(raw, str):
        found = _refresh("refresh", raw, source)
        return dict.fromkeys(Layer, found)
    if not isinstance(raw, Mapping):
        raise ConfigError(f"refresh: expected a text or a table ({source})", hint='write refresh = "on change"')
    for name in raw:
        if name not in list(Layer):
            hint = did_you_mean(str(name), list(Layer), f"the layers are {', '.join(Layer)}")
            raise ConfigError(f"refresh.{name}: there is no such layer ({source})", hint=hint)
    return {Layer(name): _refresh(f"refresh.{name}", said, source) for name, said in raw.items()}


def read_quiet(raw: object, source: str) -> Quiet:
    """The quiet hours; ConfigError, naming `source`, where they are wrong."""
    hint = 'write quiet = "22:00-06:00 Europe/Oslo"'
    if not isinstance(raw, str):
        raise ConfigError(f"quiet: expected a text ({source})", hint=hint)
    try:
        return parse_quiet(raw)
    except ValueError as error:
        raise ConfigError(f"quiet: {error} ({source})", hint=hint) from None


def shown_serving(refresh: Mapping[Layer, Refresh], quiet: Quiet | None) -> Iterator[tuple[str, str | None]]:
    """The settings for a screen."""
    if len(set(refresh.values())) == 1 and len(refresh) == len(Layer):
        yield "refresh", next(iter(refresh.values())).text
    elif not refresh:
        yield "refresh", None
    else:
        yield from ((f"refresh.{layer}", said.text) for layer, said in refresh.items())
    yield "quiet", quiet.text if quiet else None


def _refresh(key: str, raw: object, source: str) -> Refresh:
    hint = f'write {key} = "on change", "1h" or "06:00 Europe/Oslo"'
    if not isinstance(raw, str):
        raise ConfigError(f"{key}: expected a text ({source})", hint=hint)
    try:
        return parse_refresh(raw)
    except ValueError as error:
        raise ConfigError(f"{key}: {error} ({source})", hint=hint) from None


SERVING: Final[Mapping[str, Callable[[Any, str], Any]]] = {"refresh": read_refresh, "quiet": read_quiet}
"""How each of these settings is read."""

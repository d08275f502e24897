"""One POST of JSON, and what became of it in words without an address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from lakeflow.core.errors import ConfigError


def parts_of(address: str, where: str, form: str) -> tuple[SplitResult, dict[str, str]]:
    """The address and its options. ConfigError for one that is no URL."""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - it raises for a port that is none
    except ValueError:
        raise no_address(where, form) from None
    return parts, dict(parse_qsl(parts.query))


def no_address(where: str, form: str) -> ConfigError:
    return ConfigError(f"{where}: the address cannot be read", hint=f"its form is {form}")


def post(url: str, payload: Mapping[str, Any], headers: Mapping[str, str], seconds: float) -> str:
    """Empty when the server took it, else why not."""
    import requests  # noqa: PLC0415 - only who sends needs it

    try:
        answer = requests.post(
            url, json=payload, headers=dict(headers), timeout=seconds, allow_redirects=False, stream=True
        )
    except (requests.RequestException, ValueError, OSError) as error:
        return f"no answer ({type(error).__name__})"
    with answer:
        return "" if answer.status_code < 300 else f"it answered {answer.status_code}"

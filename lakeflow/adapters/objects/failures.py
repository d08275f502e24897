"""What object stores say when they refuse, in words, with what to type next.

Their own texts are not passed on: a server may repeat a key or a token in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from lakeflow.core.ports.objects import StoreError
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class _StoreFault:
    """`said` are patterns of what servers and pyarrow say, without blanks, marks and capital letters."""

    said: tuple[str, ...]
    means: str
    hint: str


_KEYS: Final = "check the keys in [tool.lakeflow.storage], or those of the environment where it has none"
_KNOWN: Final = (
    _StoreFault(
        ("expiredtoken", "tokenexpired", "tokenhasexpired", "tokenisexpired"),
        "the session token has expired",
        "get new keys and a new token, then repeat it",
    ),
    _StoreFault(
        ("tooskewed",),
        "this machine's clock and the store's differ by more than it allows",
        "set the clock (`timedatectl`), then repeat it",
    ),
    _StoreFault(("signaturedoesnotmatch",), "the secret access key is not the one of that access key", _KEYS),
    _StoreFault(
        (
            *("invalidaccesskey", "invalidtoken", "invalidsecurity", "invalidclienttokenid", "unrecognizedclient"),
            *("authenticationfailed", "invalidgrant", "unauthenticated", "missingauthentication", r"status(code)?401"),
            "failedtoauthenticate",
        ),
        "the keys or the token are not known there",
        _KEYS,
    ),
    _StoreFault(
        ("nosuchbucket", "containernotfound", "bucketdoesnotexist", "containerdoesnotexist", "bucketnotfound"),
        "there is no such bucket",
        "make it, or mend `warehouse` in the settings: lakeflow makes no buckets",
    ),
    _StoreFault(
        ("permanentredirect", "movedpermanently", "authorizationheadermalformed", r"status(code)?301"),
        "the bucket stands in another region",
        "set `region` in [tool.lakeflow.storage]",
    ),
    _StoreFault(
        ("slowdown", "throttl", "toomanyrequests", "serviceunavailable", r"status(code)?(429|503)"),
        "the store is too busy",
        "repeat it later",
    ),
    _StoreFault(
        ("objectlock", "legalhold", "retentionpolicy", "objectisunderactive", "blobimmutable"),
        "objects there may not be changed or removed yet",
        "keep the lake in a bucket without object lock",
    ),
    _StoreFault(
        ("quotaexceeded", "storagefull", "insufficientstorage"), "the store is full", "make room there, repeat it"
    ),
    _StoreFault(
        ("accessdenied", "forbidden", "permission", "notauthorized", "authorizationfailure", r"status(code)?403"),
        "these keys may not do that",
        "give them the right to list, read, write and delete below the warehouse",
    ),
    _StoreFault(
        (
            *("networkconnection", "couldntconnect", "couldnotconnect", "couldntresolve", "couldnotresolve"),
            *("curlcode", "timedout", "timeout", "transport", "connectionrefused", "connectionreset"),
        ),
        "the store cannot be reached",
        "check `endpoint` and `region` in [tool.lakeflow.storage], and the network",
    ),
)
"""The first that fits counts."""
_UNSAID: Final = ("No response body", "flush response stream")
_CODE: Final = re.compile(
    r"AWS Error (?:\[code \d+\]|[A-Z_]+)|Azure Error: \[\w+\]|HTTP status \d+|HttpStatusCode\(\d+\)"
)


@contextmanager
def in_words(bucket: str, ask_again: Callable[[], object] | None = None) -> Iterator[None]:
    """OSErrors of a store as StoreErrors; FileNotFoundError as it is.

    A refusal of the method HEAD has no body, and that of a small read more than is asked for, and so both have no
    reason: `ask_again` asks something else of the store, whose refusal has one.
    """
    try:
        yield
    except (FileNotFoundError, StoreError):
        raise
    except (OSError, ValueError) as error:
        raise explained(bucket, _reason(str(error), ask_again)) from None


def _reason(said: str, ask_again: Callable[[], object] | None) -> str:
    if ask_again is None or not any(sign in said for sign in _UNSAID):
        return said
    try:
        ask_again()
    except OSError as error:
        return str(error)
    return said


def explained(bucket: str, said: str) -> StoreError:
    plain = re.sub(r"[\W_]+", "", said).lower()
    for known in _KNOWN:
        if any(re.search(pattern, plain) for pattern in known.said):
            return StoreError(f"{known.means} (bucket {bucket})", known.hint)
    code = _CODE.search(said)
    named = f"{code[0]}, bucket {bucket}" if code else f"bucket {bucket}"
    return StoreError(f"the store refused ({named})", "look into the store's own log, then repeat it")

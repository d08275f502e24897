"""pyarrow's file systems of object stores, each made as the lake's storage settings say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from lakeflow.adapters.objects.profiles import with_profile
from lakeflow.core.errors import ConfigError
from lakeflow.core.ports.locations import store_of
from lakeflow.core.settings.storage import Storage, StorageAt
from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_ATTEMPTS: Final = 3
_CONNECT: Final = 5.0
"""Seconds that a connection may take to open."""
_ANSWER: Final = 60.0
"""Seconds that a server may be silent."""
_AZURE: Final = ("account_key", "sas_token", "tenant_id", "client_id", "client_secret")


def filesystem_of(location: str, storage: StorageAt) -> tuple[FileSystem, str]:
    """The file system of a store's location, and the location's path in it. `storage` has its variables replaced.

    File systems are kept: the same settings give the same one. ConfigError where pyarrow lacks the store, or the
    settings do not suffice.
    """
    return _kept(_StoreOfSettings(store_of(location), _account(location), storage.at(location))), store_path(location)


def store_path(location: str) -> str:
    """The bucket or container and the name of the object, as pyarrow's file systems take them."""
    parsed = location.partition("://")[2]
    place, slash, name = parsed.partition("/")
    return f"{place.partition('@')[0]}{slash}{name}"


@dataclass(frozen=True)
class _StoreOfSettings:
    scheme: str
    account: str
    storage: Storage


_MADE: Final[dict[_StoreOfSettings, Any]] = {}
_MOST: Final = 64
"""Keys that a catalog hands out are others every few minutes."""
_LOCK: Final = Lock()


def _kept(wanted: _StoreOfSettings) -> FileSystem:
    with _LOCK:  # pyarrow's first S3 client starts the library, which only one thread may do
        if wanted not in _MADE:
            _MADE[wanted] = _make(wanted)
            for oldest in list(_MADE)[:-_MOST]:
                del _MADE[oldest]
        return _MADE[wanted]


def _make(wanted: _StoreOfSettings) -> FileSystem:
    make: Mapping[str, Callable[[_StoreOfSettings], FileSystem]] = {"s3": _s3, "gs": _gcs, "abfss": _azure}
    try:
        return make[wanted.scheme](wanted)
    except ImportError as error:
        hint = "install a pyarrow that has it: `pip install --upgrade pyarrow`"
        raise ConfigError(f"this pyarrow was built without {wanted.scheme}://", hint=hint) from error
    except (ValueError, OSError) as error:
        raise ConfigError(
            f"the store of {wanted.scheme}:// cannot be used with these settings ({type(error).__name__})",
            hint="compare [tool.lakeflow.storage] with the page on object stores",
        ) from None  # pyarrow's text may repeat a value


def _s3(wanted: _StoreOfSettings) -> FileSystem:
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem  # noqa: PLC0415 - only a lake in a store needs it

    said = with_profile(wanted.storage)
    given = {
        "access_key": said.access_key_id,
        "secret_key": said.secret_access_key,
        "session_token": said.session_token,
        "region": said.region or ("us-east-1" if said.endpoint else ""),
        **_endpoint(said.endpoint),
    }
    return S3FileSystem(
        anonymous=said.anonymous,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        connect_timeout=_CONNECT,
        request_timeout=_ANSWER,
        allow_delayed_open=True,  # one request for a small object in place of three
        **{name: value for name, value in given.items() if value},
    )


def _gcs(wanted: _StoreOfSettings) -> FileSystem:
    from pyarrow.fs import GcsFileSystem  # noqa: PLC0415 - as above

    said = wanted.storage
    given: dict[str, Any] = {"target_service_account": said.service_account, **_endpoint(said.endpoint)}
    if said.access_token:
        # pyarrow wants to know until when a token is good. The server says so itself when the time comes.
        given |= {"access_token": said.access_token, "credential_token_expiration": datetime.now(UTC) + timedelta(1)}
    return GcsFileSystem(
        anonymous=said.anonymous,
        retry_time_limit=timedelta(seconds=_ANSWER),
        **{name: value for name, value in given.items() if value},
    )


def _azure(wanted: _StoreOfSettings) -> FileSystem:
    from pyarrow.fs import AzureFileSystem  # noqa: PLC0415 - as above

    said = wanted.storage
    given = {
        name: getattr(said, name) for name in ("account_key", "sas_token", "tenant_id", "client_id", "client_secret")
    }
    if at := _endpoint(said.endpoint):
        host, scheme = at["endpoint_override"], at["scheme"]
        given |= {"blob_storage_authority": host, "dfs_storage_authority": host}
        given |= {"blob_storage_scheme": scheme, "dfs_storage_scheme": scheme}
    account = said.account_name or wanted.account
    return AzureFileSystem(account, **{name: value for name, value in given.items() if value})


def _endpoint(url: str) -> dict[str, str]:
    parsed = urlsplit(url)
    return {"endpoint_override": parsed.netloc, "scheme": parsed.scheme} if url else {}


def _account(location: str) -> str:
    """The account in `abfss://container@account.dfs.core.windows.net/…`."""
    host = location.partition("://")[2].partition("/")[0].partition("@")[2]
    return host.partition(".")[0]

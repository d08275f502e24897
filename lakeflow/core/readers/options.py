"""The settings of a place in the words of pyiceberg, and in those of Iceberg's Java library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lakeflow.core.readers.place import LakePlace, PlaceKind

_PYICEBERG: Final[Mapping[str, Mapping[str, str]]] = {
    "s3": {
        "endpoint": "s3.endpoint",
        "region": "s3.region",
        "access_key_id": "s3.access-key-id",
        "secret_access_key": "s3.secret-access-key",
        "session_token": "s3.session-token",
        "profile": "s3.profile-name",
        "anonymous": "s3.anonymous",
    },
    "gs": {"endpoint": "gcs.service.host", "access_token": "gcs.oauth2.token"},
    "abfss": {
        "account_name": "adls.account-name",
        "account_key": "adls.account-key",
        "sas_token": "adls.sas-token",
        "tenant_id": "adls.tenant-id",
        "client_id": "adls.client-id",
        "client_secret": "adls.client-secret",
    },
}
_JAVA: Final[Mapping[str, Mapping[str, str]]] = {
    "s3": {
        "endpoint": "s3.endpoint",
        "region": "client.region",
        "access_key_id": "s3.access-key-id",
        "secret_access_key": "s3.secret-access-key",
        "session_token": "s3.session-token",
    },
    "gs": {"endpoint": "gcs.service.host", "access_token": "gcs.oauth2.token"},
    "abfss": {"account_key": "adls.auth.shared-key.account.key"},
}
_FILE_IO: Final = {
    "s3": "org.apache.iceberg.aws.s3.S3FileIO",
    "gs": "org.apache.iceberg.gcp.gcs.GCSFileIO",
    "abfss": "org.apache.iceberg.azure.adlsv2.ADLSFileIO",
}
_ROUTE: Final = {"prefix": "prefix", "oauth2_uri": "oauth2-server-uri"}
_SIGNING: Final = {"region": "rest.signing-region", "signing_name": "rest.signing-name"}
_KEYS: Final = {name: name.replace("_", "-") for name in ("access_key_id", "secret_access_key", "session_token")}
BUNDLES: Final = {"s3": "iceberg-aws-bundle", "gs": "iceberg-gcp-bundle", "abfss": "iceberg-azure-bundle"}
"""What Iceberg's Java library needs beside itself for each store."""


def for_pyiceberg(place: LakePlace, store: str) -> dict[str, str]:
    """The properties of `pyiceberg.catalog.load_catalog`, for tables in the object store of that scheme."""
    kind = "rest" if place.kind is PlaceKind.REST else "sql"
    uri = place.uri.replace("postgresql://", "postgresql+psycopg://", 1)  # a bare name is another driver's there
    made = {"type": kind, "uri": uri, "warehouse": place.warehouse, **_asked(place, "client")}
    return {name: text for name, text in made.items() if text} | _in_words(place, _PYICEBERG.get(store, {}))


def for_java(place: LakePlace, store: str) -> dict[str, str]:
    """The properties of a catalog in Iceberg's Java library, for tables in the object store of that scheme."""
    stored = _in_words(place, _JAVA.get(store, {}))
    if "s3.endpoint" in stored:  # else it looks for a host of the bucket's name
        stored["s3.path-style-access"] = "true"
    if place.kind is PlaceKind.REST:
        made = {"type": "rest", "uri": place.uri, "warehouse": place.warehouse, **_asked(place, "rest")}
        made |= {"header.X-Iceberg-Access-Delegation": "vended-credentials"} if place.vends and store else {}
        return {name: text for name, text in made.items() if text} | stored
    url, user, password = jdbc(place)
    made = {
        "type": "jdbc",
        "uri": url,
        "jdbc.user": user,
        "jdbc.password": password,
        "warehouse": place.warehouse,
        "jdbc.schema-version": "V1",
        "jdbc.init-catalog-tables": "false",
        "io-impl": _FILE_IO.get(store, ""),
    }
    return {name: text for name, text in made.items() if text} | stored


def jdbc(place: LakePlace) -> tuple[str, str, str]:
    """The address of a SQL catalog as JDBC spells it, with user and password, which may be empty."""
    address = place.uri.partition("://")[2]
    if place.kind is PlaceKind.SQLITE:
        return f"jdbc:sqlite:{address.removeprefix('/')}", "", ""
    login, at, rest = address.rpartition("@")
    user, _, password = login.partition(":") if at else ("", "", "")
    return f"jdbc:postgresql://{rest}", user, password


def _asked(place: LakePlace, keys: str) -> dict[str, str]:
    """Who asks a REST catalog, and where. `keys` is what stands before the names of the keys of a signature."""
    routed = {_ROUTE[name]: text for name, text in place.route.items()}
    if not place.signing:
        return {**place.access, **routed}
    signed = {_SIGNING[name]: text for name, text in place.signing.items() if name in _SIGNING}
    with_keys = {f"{keys}.{_KEYS[name]}": text for name, text in place.signing.items() if name in _KEYS}
    return {**routed, "rest.sigv4-enabled": "true", **signed, **with_keys}


def _in_words(place: LakePlace, known: Mapping[str, str]) -> dict[str, str]:
    return {known[name]: text for name, text in place.storage.items() if name in known}

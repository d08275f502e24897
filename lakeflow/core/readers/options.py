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
BUNDLES: Final = {"s3": "iceberg-aws-bundle", "gs": "iceberg-gcp-bundle", "abfss": "iceberg-azure-bundle"}
"""What Iceberg's Java library needs beside itself for each store."""


def for_pyiceberg(place: LakePlace) -> dict[str, str]:
    """The properties of `pyiceberg.catalog.load_catalog`."""
    kind = "rest" if place.kind is PlaceKind.REST else "sql"
    uri = place.uri.replace("postgresql://", "postgresql+psycopg://", 1)  # a bare name is another driver's there
    made = {"type": kind, "uri": uri, "warehouse": place.warehouse, **place.access, **_routed(place)}
    return {name: text for name, text in made.items() if text} | _in_words(place, _PYICEBERG)


def for_java(place: LakePlace) -> dict[str, str]:
    """The properties of a catalog in Iceberg's Java library."""
    if place.kind is PlaceKind.REST:
        made = {"type": "rest", "uri": place.uri, "warehouse": place.warehouse, **place.access, **_routed(place)}
        return {name: text for name, text in made.items() if text} | _in_words(place, _JAVA)
    url, user, password = jdbc(place)
    made = {
        "type": "jdbc",
        "uri": url,
        "jdbc.user": user,
        "jdbc.password": password,
        "warehouse": place.warehouse,
        "jdbc.schema-version": "V1",
        "jdbc.init-catalog-tables": "false",
        "io-impl": _FILE_IO.get(place.store, ""),
    }
    return {name: text for name, text in made.items() if text} | _in_words(place, _JAVA)


def jdbc(place: LakePlace) -> tuple[str, str, str]:
    """The address of a SQL catalog as JDBC spells it, with user and password, which may be empty."""
    address = place.uri.partition("://")[2]
    if place.kind is PlaceKind.SQLITE:
        return f"jdbc:sqlite:{address.removeprefix('/')}", "", ""
    login, at, rest = address.rpartition("@")
    user, _, password = login.partition(":") if at else ("", "", "")
    return f"jdbc:postgresql://{rest}", user, password


def _routed(place: LakePlace) -> dict[str, str]:
    return {_ROUTE[name]: text for name, text in place.route.items()}


def _in_words(place: LakePlace, words: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    known = words.get(place.store, {})
    return {known[name]: text for name, text in place.storage.items() if name in known}

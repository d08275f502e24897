"""The settings of object stores: judged, with variables, and never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lakeflow.core.errors import ConfigError
from lakeflow.core.settings.settings import Settings, make_settings
from lakeflow.core.settings.storage import STORES

_SECRETS = {
    "access_key_id": "AKIA-secret-1",
    "secret_access_key": "secret-2",
    "session_token": "secret-3",
    "access_token": "secret-4",
    "account_key": "secret-5",
    "sas_token": "secret-6",
    "client_secret": "secret-7",
}


def made(environ: Mapping[str, str] | None = None, /, **values: Any) -> Settings:
    return make_settings(values, dict.fromkeys(values, "pyproject.toml:3"), environ or {})


@pytest.mark.parametrize("place", [*STORES.values(), "s3://bucket", "s3://my.bucket-1/a/b"])
def test_a_warehouse_may_stand_in_an_object_store(place: str) -> None:
    assert made(warehouse=place).warehouse == place
    assert made(warehouse=f"{place}/").warehouse == place
    assert made({"WHERE": place}, warehouse="${WHERE}").warehouse == place


@pytest.mark.parametrize(
    "place",
    [
        *("http://host/lake", "hdfs://host/lake", "s3a://bucket/lake", "s3:///lake", "s3://", "S3://bucket/lake"),
        *("s3://me:secret@bucket/lake", "s3://bucket/lake?versionId=1", "s3://bucket/a#b", "s3://bucket//lake"),
        *("s3://bucket/../lake", "abfss://container/lake", "abfss://@account/lake", "s3://bucket:80/lake", "~/lake"),
    ],
)
def test_any_other_place_than_a_folder_or_a_store_is_refused_without_being_repeated(place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made(warehouse=place)
    assert "s3://bucket/lake" in caught.value.message
    assert "secret" not in caught.value.message


def test_the_other_folders_may_not_stand_in_a_store() -> None:
    for key in ("state_dir", "cache_dir"):
        with pytest.raises(ConfigError, match=key):
            made(**{key: "s3://bucket/lake"})


def test_variables_are_replaced_when_a_store_is_used_and_no_sooner() -> None:
    table = {"endpoint": "https://${HOST}:9000", "access_key_id": "${KEY}", "secret_access_key": "${SECRET:-none}"}
    settings = made(storage=table)
    with pytest.raises(ConfigError) as caught:
        _ = settings.storage
    assert caught.value.message == "storage.endpoint: the variable HOST is not set (pyproject.toml:3)"
    used = made({"HOST": "store", "KEY": "k", "SECRET": "s"}, storage=table).storage
    assert (used.endpoint, used.access_key_id, used.secret_access_key) == ("https://store:9000", "k", "s")


def test_no_secret_is_shown_by_a_screen_a_repr_or_an_error() -> None:
    for wrong in ({}, {"region": 3}, {"regoin": "x"}):
        told = []
        try:
            settings = made(storage=_SECRETS | wrong)
            told += [repr(settings), repr(settings.shown())]
            told.append(repr(settings.storage))
        except ConfigError as error:
            told += [str(error), str(error.hint)]
        assert told
        assert not [text for text in told if "secret-" in text]


def test_what_was_set_is_shown_as_it_was_written() -> None:
    shown = made(
        storage={"endpoint": "http://me:pw@host", "access_key_id": "${KEY}", "region": "eu-1", "anonymous": True}
    ).shown()
    told = {name: value for name, value in shown.items() if name.startswith("storage.")}
    assert told == {
        "storage.endpoint": "http://•••:•••@host",
        "storage.access_key_id": "${KEY}",
        "storage.region": "eu-1",
        "storage.anonymous": True,
    }


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("s3", "storage: expected a table"),
        ({"regoin": "x"}, "storage.regoin: there is no such setting"),
        ({"region": 1}, "storage.region: expected a text"),
        ({"region": ""}, "storage.region: expected a text"),
        ({"anonymous": "yes"}, "storage.anonymous: expected true or false"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_its_place(table: object, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made(storage=table)
    assert said in caught.value.message
    assert "(pyproject.toml:3)" in caught.value.message


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"access_key_id": "a"}, "storage.secret_access_key is missing"),
        ({"secret_access_key": "a"}, "storage.access_key_id is missing"),
        ({"session_token": "a"}, "storage.session_token goes with access_key_id"),
        ({"anonymous": True, "profile": "p"}, "storage.profile"),
        ({"access_key_id": "a", "secret_access_key": "b", "profile": "p"}, "storage.profile"),
        ({"endpoint": "host:9000"}, "storage.endpoint: expected a URL"),
        ({"endpoint": "https://me:pw@host"}, "storage.endpoint: expected a URL"),
        ({"endpoint": "https://host/path"}, "storage.endpoint: expected a URL"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_when_a_store_is_used(table: dict[str, Any], said: str) -> None:
    settings = made(storage=table)
    with pytest.raises(ConfigError) as caught:
        _ = settings.storage
    assert said in caught.value.message

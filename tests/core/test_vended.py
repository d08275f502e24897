"""What a REST catalog's answer hands out, for which place, and until when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.settings.storage import Storage
from lakeflow.core.settings.vended import vended

KEYS = {"s3.access-key-id": "k", "s3.secret-access-key": "s", "s3.session-token": "t"}
NOW = 1_000_000.0


def test_keys_of_s3_come_with_their_end_and_stand_over_the_settings() -> None:
    config = {**KEYS, "s3.session-token-expires-at-ms": "1000900000", "client.region": "eu-north-1"}
    found = vended({"config": config}, "s3://lake/a", Storage(endpoint="http://here"), NOW)
    assert found.storage == Storage(
        endpoint="http://here", region="eu-north-1", access_key_id="k", secret_access_key="s", session_token="t"
    )
    assert (found.until, found.renew_at) == (NOW + 900.0, NOW + 600.0)


def test_what_the_settings_say_of_the_place_outweighs_the_answer() -> None:
    config = {**KEYS, "s3.endpoint": "http://there", "s3.region": "a"}
    said = Storage(endpoint="http://here", region="b")
    found = vended({"config": config}, "s3://lake/a", said, NOW).storage
    assert (found.endpoint, found.region) == ("http://here", "b")


@pytest.mark.parametrize("missing", ["s3.access-key-id", "s3.secret-access-key"])
def test_half_of_a_key_is_none(missing: str) -> None:
    config = {name: text for name, text in KEYS.items() if name != missing}
    assert vended({"config": config}, "s3://lake/a", Storage(), NOW).storage == Storage()


def test_of_several_credentials_the_closest_prefix_counts() -> None:
    several = [
        {"prefix": prefix, "config": {**KEYS, "s3.access-key-id": name}}
        for prefix, name in (("s3://lake", "all"), ("s3://lake/a/", "a"), ("s3://lake/b", "b"))
    ]
    assert vended({"storage-credentials": several}, "s3://lake/a/data", Storage(), NOW).storage.access_key_id == "a"
    assert vended({"storage-credentials": several}, "s3://lake/c", Storage(), NOW).storage.access_key_id == "all"
    assert vended({"storage-credentials": several}, "s3://other/c", Storage(), NOW).storage == Storage()


def test_googles_and_azures_stores_have_names_of_their_own() -> None:
    config = {
        "gcs.oauth2.token": "g",
        "gcs.oauth2.token-expires-at": "1000060000",
        "adls.sas-token.acc.dfs.core.windows.net": "z",
        "adls.sas-token-expires-at-ms.acc.dfs.core.windows.net": "1000120000",
    }
    google = vended({"config": config}, "gs://lake/a", Storage(), NOW)
    azure = vended({"config": config}, "abfss://c@acc.dfs.core.windows.net/a", Storage(), NOW)
    assert (google.storage, google.until) == (Storage(access_token="g"), NOW + 60.0)
    assert (azure.storage, azure.until) == (Storage(sas_token="z"), NOW + 120.0)
    short = vended({"config": {"adls.sas-token.acc": "z"}}, "abfss://c@acc.dfs.core.windows.net/a", Storage(), NOW)
    assert short.storage == Storage(sas_token="z")


@given(st.floats(1.0, 100_000.0))
def test_keys_are_fetched_anew_before_they_end_and_not_in_their_first_half(lasts: float) -> None:
    config = {**KEYS, "s3.session-token-expires-at-ms": str((NOW + lasts) * 1000)}
    found = vended({"config": config}, "s3://lake/a", Storage(), NOW)
    assert NOW + lasts * 0.49 < found.renew_at < found.until


def test_a_secret_is_in_no_text_of_the_value() -> None:
    found = vended({"config": {**KEYS, "s3.session-token": "hush"}}, "s3://lake/a", Storage(), NOW)
    assert "hush" not in repr(found)

"""Nothing that a screen, a log or an error repeats of a setting holds a secret, however it was spelled."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.errors import LakeError
from lakeflow.core.redaction import HIDDEN, redacted, redacted_message, secret
from lakeflow.core.settings.settings import make_settings

SECRET = "hunter2"
SPELLED = [
    "postgresql://me:{}@host/db",
    "postgresql+psycopg://me:{}@host:5432/db",
    "postgresql://{}@host/db",
    "postgresql://:{}@host/db",
    "postgresql://me:a@{}@host/db",
    "postgresql://me:{}@x@host/db",
    "postgresql://me:a/{}@host/db",
    "postgresql://me:a?{}@host/db",
    "postgresql://me:a#{}@host/db",
    "postgresql://me:a:{}@host/db",
    "postgresql://me:a {}@host/db",
    "postgresql://me:a&{}=b@host/db",
    "postgresql://me:${{HALF}}{}@host/db",
    "postgresql://me:{}${{HALF}}@host/db",
    "postgresql://me:${{WHOLE:-{}}}@host/db",
    "postgresql://${{USER:-{}}}:${{WHOLE}}@host/db",
    "postgresql://${{LOGIN:-me:{}}}@host/db",
    "${{URL:-postgresql://me:{}@host/db}}",
    "${{URL:-postgresql://host/db?password={}}}",
    "postgresql://host/db?password={}",
    "postgresql://host/db?user=me&password={}",
    "postgresql://host/db?password={}&sslmode=require",
    "postgresql://host/db?sslpassword={};user=me",
    "postgresql://host/db?PASSWORD={}",
    "postgresql://host/db?options=-c%20x%3D{}",
    "postgresql://host/db?user=a@b&password={}",
    "postgresql://host/db?password=a@{}",
    "https://host/orders?sig=a@{}/b",
    "https://host/orders#a@{}",
    "postgresql://host/db?password=${{WHOLE:-{}}}",
    "postgresql://host/db?{}",
    "postgresql://host/db?={}",
    "postgresql://host/db?password=a={}",
    "postgresql://host/db?a=b#{}",
    "postgresql://[::1]:5432/db?password={}",
    "postgresql://me:{}@[::1]/db",
    "mysql://me:{}@host/db",
    "https://host/tables/orders?token={}",
    "https://host/tables/orders?sig={}&se=2026-01-01",
    "https://host/orders?X-Amz-Signature={}",
    "https://host/orders#access_token={}",
    "https://{}@host/orders",
    "HTTPS://ME:{}@HOST/ORDERS",
    "s3://key:{}@bucket/orders",
    "gs://bucket/orders?credential={}",
    "abfss://account:{}@host/orders",
    "file://me:{}@host/orders",
    "//me:{}@host/orders",
    "sqlite:///catalog.db?key={}",
    "sqlite:////data/a@b/catalog.db?key={}",
    "host=db user=me password={}",
    "host=db password='a {}' user=me",
    'host=db password="a {}"',
    "Password: {}",
    "token={}",
    "aws_secret_access_key={}",
    "api_key:{}",
    "sslpassword={}, user=me",
    " postgresql://me:{}@host/db ",
    "jdbc:postgresql://host/db?user=me&password={}",
    "jdbc:postgresql://me:{}@host/db",
    "jdbc:sqlserver://host:1433;password={};encrypt=true",
    "postgresql://host/db;{}",
    "postgresql:me:{}@host/db",
    "postgresql:/me:{}@host/db",
    "me:{}@host/db",
    "me:a@{}@host/db",
    "postgresql://me:{}/db",
    "postgresql://me:1{}/db",
    "postgresql://me:${{HALF}}{}/db",
    "postgresql://me:{}",
]
NO_SECRET = [
    "abfss://container@account.dfs.core.windows.net/lake/silver",
    "wasbs://my-data0@account.blob.core.windows.net/lake",
    "sqlite:////tmp/lake.db",
    "sqlite:////data/a@b/catalog.db",
    "postgresql://host:5432/db",
    "postgresql://${USER}:${PASSWORD}@host/db",
    "postgresql://${HOST}:${PORT}/db",
    "postgresql://[::1]:5432/db",
    "postgresql://host:5432",
    "postgresql://one:5432,two:5433/db",
    "https://host:8181/api/a:b",
    "${USER}:${PASSWORD}@host",
    "postgresql://${LOGIN}@host/db?sslmode=${MODE}",
    "https://host/api/catalog",
    "s3://bucket/lake",
    ".lakeflow/warehouse",
    "data/a=b/orders",
    "${URL}",
    "",
]


@pytest.mark.parametrize("spelled", SPELLED)
def test_a_secret_is_hidden_in_every_spelling(spelled: str) -> None:
    shown = redacted(spelled.format(SECRET))
    assert SECRET not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize("login", ["me:hunter2", "Hunter2", "hunter2@host", "hunter2!", "ab", "x" * 64])
def test_what_is_no_name_of_a_container_is_hidden(login: str) -> None:
    assert redacted(f"abfss://{login}@account.dfs.core.windows.net/lake").count(HIDDEN) >= 1
    assert "unter2" not in redacted(f"abfss://{login}@account.dfs.core.windows.net/lake")


@pytest.mark.parametrize("text", NO_SECRET)
def test_what_holds_no_secret_is_shown_as_written(text: str) -> None:
    assert redacted(text) == text


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.sampled_from(["postgresql://me:§@host/db", "https://§@host/", "x://host/?token=§", "https://host/#§"]),
)
def test_no_character_of_a_password_gets_it_onto_a_screen(password: str, form: str) -> None:
    marked = f"<<{password}>>"
    encoded = quote(marked, safe="") if "?" in form or "#" in form else marked
    shown = redacted(form.replace("§", encoded))
    assert encoded not in shown
    assert "<<" not in shown
    assert "%3C%3C" not in shown


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("cannot read https://me:pw@host/a?sig=x.", f"cannot read https://{HIDDEN}:{HIDDEN}@host/a?sig={HIDDEN}."),
        ("(see https://host/a), or mail me@host", "(see https://host/a), or mail me@host"),
        ("`s3://k:s@b/p` is gone", f"`s3://{HIDDEN}:{HIDDEN}@b/p` is gone"),
        ("write it like postgresql+psycopg://…", "write it like postgresql+psycopg://…"),
    ],
)
def test_of_a_sentence_only_its_urls_are_changed(sentence: str, shown: str) -> None:
    assert redacted_message(sentence) == shown


def test_an_error_never_repeats_the_login_of_a_url() -> None:
    error = LakeError("https://me:hunter2@host/t is gone", hint="look at https://host/t?sig=hunter2")
    assert "hunter2" not in f"{error} {error.message} {error.hint} {error!r}"


def test_of_a_secret_only_the_names_of_its_variables_are_shown() -> None:
    assert [secret(each) for each in ("${TOKEN}", "abc", "${TOKEN}abc", "${TOKEN:-abc}")] == [
        "${TOKEN}",
        HIDDEN,
        HIDDEN,
        f"${{TOKEN:-{HIDDEN}}}",
    ]


@pytest.mark.parametrize("field", ["uri", "token", "credential", "scope", "warehouse"])
def test_no_setting_of_a_catalog_shows_a_secret(field: str) -> None:
    value = "https://me:hunter2@host/" if field in {"uri", "warehouse"} else "hunter2"
    said = {"uri": "https://host/", field: value}
    settings = make_settings({"catalogs": {"shop": said}}, {"catalogs": "here"}, {})
    assert "hunter2" not in str(settings.shown())


def test_the_place_of_a_table_shows_no_login() -> None:
    said = {"tables": {"shop.orders": "https://me:hunter2@host/orders?sig=hunter2"}}
    settings = make_settings({"catalogs": {"shop": said}}, {"catalogs": "here"}, {})
    assert "hunter2" not in str(settings.shown())

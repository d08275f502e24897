"""Settings as values: judged, with variables, without secrets on a screen."""

from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.errors import ConfigError
from lakeflow.core.settings.form import SettingsForm, UnfitSettingError, read_settings
from lakeflow.core.settings.settings import _PLAIN, EXPECTED, Settings, _read, make_settings


def made(environ: Mapping[str, str] | None = None, /, **values: Any) -> Settings:
    return make_settings(values, dict.fromkeys(values, "pyproject.toml:3"), environ or {})


def test_every_key_has_a_default() -> None:
    settings = made()
    assert (settings.state_dir, settings.catalog, settings.warehouse) == (".lakeflow", None, None)
    assert (settings.memory_limit, settings.threads, settings.keep_snapshots) == (None, None, 50)
    assert (settings.check_timeout, settings.lease_seconds, settings.allow_network_filesystem) == (600, 30, False)
    assert set(settings.shown()) == set(EXPECTED) - {"catalogs", "alerts", "storage", "spark"}  # setting by setting


def test_text_is_read_as_the_type_of_the_key() -> None:
    settings = made(threads="4", check_timeout="1.5", allow_network_filesystem="true")
    assert (settings.threads, settings.check_timeout, settings.allow_network_filesystem) == (4, 1.5, True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threads", 0),
        ("threads", "many"),
        ("keep_snapshots", 0),
        ("keep_snapshots", 1.5),
        ("check_timeout", 0),
        ("timeout", -1),
        ("retries", 0.5),
        ("max_rows", "many"),
        ("max_bytes", "2 apples"),
        ("check_timeout", "inf"),
        ("lease_seconds", 0.5),
        ("allow_network_filesystem", "perhaps"),
        ("state_dir", ""),
        ("catalog", 3),
        ("warehouse", ["x"]),
    ],
)
def test_a_bad_value_is_told_with_key_place_and_what_is_expected(key: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        made(**{key: value})
    assert caught.value.message == f"{key}: expected {EXPECTED[key]} (pyproject.toml:3)"
    assert caught.value.hint == f"mend {key} in pyproject.toml:3"


def test_an_unknown_key_is_told_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError) as caught:
        made(keep_snapshot=3)
    assert caught.value.message == "keep_snapshot: there is no such setting (pyproject.toml:3)"
    assert caught.value.hint == "did you mean 'keep_snapshots'?"


def test_variables_are_replaced_when_a_text_is_used() -> None:
    settings = made({"USER": "me"}, catalog="postgresql://${USER}:${PASSWORD}@h/${DB:-lake}", warehouse="${W:-w}")
    assert settings.warehouse == "w"
    with pytest.raises(ConfigError) as caught:
        _ = settings.catalog
    assert caught.value.message == "catalog: the variable PASSWORD is not set (pyproject.toml:3)"
    assert "export PASSWORD" in (caught.value.hint or "")


def test_variables_in_numbers_are_replaced_before_they_are_judged() -> None:
    assert made({"N": "3"}, threads="${N}", keep_snapshots="${K:-7}").threads == 3
    with pytest.raises(ConfigError, match="variable N is not set"):
        made(threads="${N}")


def test_an_empty_variable_counts_as_not_set() -> None:
    assert made({"W": ""}, warehouse="${W:-w}").warehouse == "w"


@pytest.mark.parametrize("text", ["4GB", "512 MiB", "1.5gb", "80%", "${M:-2GB}"])
def test_a_memory_limit_is_an_amount(text: str) -> None:
    assert made(memory_limit=text).memory_limit


def test_a_memory_limit_that_is_no_amount_is_told_when_it_is_used() -> None:
    settings = made({"MUCH": "lots"}, memory_limit="${MUCH}")
    with pytest.raises(ConfigError, match="memory_limit: expected an amount of memory, such as 4GB"):
        _ = settings.memory_limit


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://me:secret@host:5432/db", "postgresql+psycopg://•••:•••@host:5432/db"),
        ("postgresql://me:${PASSWORD}@host/db", "postgresql://•••:${PASSWORD}@host/db"),
        ("sqlite:////tmp/lake.db", "sqlite:////tmp/lake.db"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert made({"PASSWORD": "p"}, catalog=url).shown()["catalog"] == shown


def test_settings_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().threads = 3  # type: ignore[misc]


@pytest.mark.parametrize(("key", "value"), [("warehouse", "https://host/lake"), ("state_dir", "file:///tmp/x")])
def test_a_url_is_no_folder(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}: expected the path of a folder"):
        made(**{key: value})
    late = made({"WHERE": value}, **{key: "${WHERE}"})
    with pytest.raises(ConfigError, match=f"{key}: expected the path of a folder"):
        getattr(late, key)


def test_an_amount_of_memory_that_is_none_is_refused_before_anything_runs() -> None:
    with pytest.raises(ConfigError, match="memory_limit: expected an amount of memory"):
        made(memory_limit="much")


_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 5),
    st.floats(allow_nan=True),
    st.sampled_from(["", "a", "4", "true", "4GB", "7d", "0"]),
    st.lists(st.integers(), max_size=1),
)


@pytest.mark.long
@given(judged=st.dictionaries(st.sampled_from(sorted(EXPECTED.keys() - {"refresh", "quiet"})), _VALUES, max_size=3))
def test_what_is_taken_without_the_model_is_what_the_model_takes(judged: dict[str, Any]) -> None:
    """Plain values need no pydantic; whatever is taken so is taken by the model, as the very same settings."""
    plain = {key: value for key, value in judged.items() if key in _PLAIN and _PLAIN[key](value)}
    assert Settings(**_read(plain, {})) == Settings(**read_settings(plain))
    try:
        by_model = read_settings(judged)
    except UnfitSettingError:
        with pytest.raises(ConfigError):
            _read(judged, {})
    else:
        assert _read(judged, {}) == by_model
        assert {key: type(value) for key, value in _read(judged, {}).items()} == {
            key: type(value) for key, value in by_model.items()
        }


def test_each_setting_of_the_model_is_one_that_is_used() -> None:
    used = {each.name: each.default for each in fields(Settings) if not each.name.startswith("_")}
    form = SettingsForm()
    assert {name: getattr(form, name) for name in SettingsForm.model_fields} == used


def test_a_url_with_a_password_is_in_no_representation() -> None:
    assert "geheim" not in repr(made(catalog="postgresql://me:geheim@host/lake"))

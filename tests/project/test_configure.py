"""Where the root is and where settings come from."""

from pathlib import Path

import pytest

from lakeflow.core.errors import ConfigError, UsageError
from lakeflow.core.settings.settings import EXPECTED
from lakeflow.project import find_root, load_settings
from tests.project.files import write


def test_the_nearest_pyproject_with_the_table_is_the_root(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "[tool.lakeflow]\n", "a/pyproject.toml": "[tool.other]\n", "a/layers/b/x": ""})
    assert find_root(tmp_path / "a" / "layers" / "b") == tmp_path


def test_a_folder_with_layers_is_the_root_where_no_pyproject_says_so(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "[project]\n", "layers/silver/x.sql": ""})
    assert find_root(tmp_path / "layers" / "silver") == tmp_path
    assert find_root(tmp_path / "layers" / "silver" / "x.sql") == tmp_path


def test_a_broken_pyproject_that_names_the_table_is_the_root_and_is_told_when_it_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "[tool.lakeflow]\nthreads = \n"})
    assert find_root(tmp_path) == tmp_path
    with pytest.raises(ConfigError, match=r"pyproject\.toml is not TOML: Invalid value \(at line 2"):
        load_settings(tmp_path, {}, {})


def test_no_root_says_what_was_looked_for_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_root(tmp_path)
    assert "no pyproject.toml with [tool.lakeflow], and no folder layers/" in caught.value.message
    assert "lakeflow init my-lake" in (caught.value.hint or "")


def test_a_start_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        find_root(tmp_path / "nowhere")


def test_an_empty_table_works_and_so_does_no_file(tmp_path: Path) -> None:
    for _ in range(2):
        settings, sources = load_settings(tmp_path, {}, {})
        assert settings.keep_snapshots == 50
        assert sources == dict.fromkeys(EXPECTED, "default")
        write(tmp_path, {"pyproject.toml": "[tool.lakeflow]\n"})


def test_flag_stands_above_environment_above_file_above_default(tmp_path: Path) -> None:
    text = "[tool.other]\nthreads = 9\n\n[tool.lakeflow]\n# x\nthreads = 1\nkeep_snapshots = 2\nlease_seconds = 3\n"
    write(tmp_path, {"pyproject.toml": text})
    environ = {"LAKEFLOW_THREADS": "5", "LAKEFLOW_KEEP_SNAPSHOTS": "6", "LAKEFLOW_CATALOG": "", "THREADS": "0"}
    settings, sources = load_settings(tmp_path, environ, {"threads": "7"})
    assert (settings.threads, settings.keep_snapshots, settings.lease_seconds) == (7, 6, 3)
    named = {key: sources[key] for key in ("threads", "keep_snapshots", "lease_seconds", "catalog")}
    assert named == {
        "threads": "flag",
        "keep_snapshots": "LAKEFLOW_KEEP_SNAPSHOTS",
        "lease_seconds": "pyproject.toml:8",
        "catalog": "default",
    }


def test_a_bad_value_names_the_place_that_it_comes_from(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "[tool.lakeflow]\n\nthreads = 0\n"})
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path, {}, {})
    assert caught.value.message == "threads: expected a whole number of at least 1 (pyproject.toml:3)"
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path, {"LAKEFLOW_THREADS": "x"}, {})
    assert caught.value.hint == "mend threads in LAKEFLOW_THREADS"
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path, {}, {"threads": "x"})
    assert caught.value.message == "threads: expected a whole number of at least 1 (flag)"
    assert caught.value.hint == "give a whole number of at least 1"


def test_a_misspelled_variable_is_told_and_others_are_left_alone(tmp_path: Path) -> None:
    load_settings(tmp_path, {"LAKEFLOW_PII_SALT": "s", "LAKEFLOW_UI_PORT": "1"}, {})
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path, {"LAKEFLOW_THREAD": "4"}, {})
    assert caught.value.hint == "did you mean 'LAKEFLOW_THREADS'?"


def test_a_setting_that_is_no_table_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "[tool]\nlakeflow = 3\n"})
    with pytest.raises(ConfigError, match="not a table"):
        load_settings(tmp_path, {}, {})

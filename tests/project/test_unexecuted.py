"""Commands that only look run nothing of the project's Python files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lakeflow.core.errors import UsageError
from lakeflow.project import load, load_settings, look
from tests.cli.process import lakeflow

MARK = "__import__('pathlib').Path(__file__).with_name('ran').touch()\n"
PLAIN = '''"""Orders."""
from datetime import date

import lakeflow
from lakeflow import Relation, asset, files, new_rows

KEY = ["id"]
SECONDS = 60


@asset(key=KEY, tags=["a", "b"], columns={"id": {"type": "int", "description": "number"}}, timeout=SECONDS * 5)
def orders(raw: Relation = undefined_here, *, bronze: "Nothing" = 1) -> Relation:  # noqa: F821
    """One row per order."""
    return helper(raw)


@lakeflow.asset
def customers():
    return "select 1 as id"


def helper(raw):
    return raw.distinct()
'''


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.lakeflow]\n")
    (tmp_path / "layers" / "gold").mkdir(parents=True)
    return tmp_path


def write(root: Path, text: str) -> Path:
    file = root / "layers" / "gold" / "orders.py"
    file.write_text(text)
    return file.with_name("ran")


@pytest.mark.parametrize("command", [("config", "show"), ("status",), ("runs",), ("list",), ("doctor",)], ids=" ".join)
def test_a_command_that_looks_runs_no_file(root: Path, command: tuple[str, ...]) -> None:
    ran = write(root, PLAIN.replace("= undefined_here", "= None") + MARK)
    done = lakeflow(*command, cwd=root)
    assert not ran.exists()
    assert done.returncode in {0, 1}, done
    assert "Traceback" not in done.stdout + done.stderr


def test_a_command_that_writes_runs_them(root: Path) -> None:
    ran = write(root, "from lakeflow import asset\n\n\n@asset\ndef one():\n    return 'select 1 as n'\n\n\n" + MARK)
    lakeflow("plan", cwd=root)
    assert ran.exists()


def test_what_is_read_is_what_would_be_loaded(root: Path) -> None:
    """The same assets, fields and code versions: how an asset stands does not hang on how one looks at it."""
    write(root, PLAIN.replace("= undefined_here", "= None"))
    (root / "layers" / "gold" / "_shared.py").write_text("def clean(rows):\n    return rows\n")
    (root / "layers" / "gold" / "used.py").write_text(
        "from lakeflow import asset\nfrom layers.gold._shared import clean\n\n\n"
        "@asset(inputs={'rows': 'gold.orders'})\ndef used(rows):\n    return clean(rows)\n"
    )
    seen, loaded = look(root), load(root)
    assert list(seen.assets) == list(loaded.assets)
    for key, asset in loaded.assets.items():
        other = seen.assets[key]
        assert (other.code_version, other.columns, other.tags, other.description, other.limits, other.upstreams) == (
            asset.code_version,
            asset.columns,
            asset.tags,
            asset.description,
            asset.limits,
            asset.upstreams,
        )


def test_the_code_of_what_was_only_read_never_answers(root: Path) -> None:
    write(root, PLAIN.replace("= undefined_here", "= None"))
    (asset,) = (each for key, each in look(root).assets.items() if key.name == "customers")
    with pytest.raises(RuntimeError, match="read, not run"):
        asset.code.function()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text",
    [
        "from lakeflow import asset\n\n\ndef made(name):\n    def f():\n        return 'select 1 as n'\n"
        "    f.__name__ = name\n    return asset(f)\n\n\nb = made('b')\n",
        "from lakeflow import asset\n\nfor name in 'ab':\n    def f():\n        return 'select 1 as n'\n"
        "    f.__name__ = name\n    globals()[name] = asset(f)\n",
        "from lakeflow import asset\nTAGS = list('ab')\n\n\n@asset(tags=TAGS)\ndef b():\n    return 'select 1 as n'\n",
        "from layers.gold._factory import made\nb = made('b')\n",
        "from lakeflow import asset\nfrom layers.gold._factory import made\nb = made('b')\n\n\n"
        "@asset\ndef a():\n    return 'select 1 as n'\n",
    ],
)
def test_a_file_whose_text_does_not_tell_its_assets_is_run(root: Path, text: str) -> None:
    write(root, text)
    (root / "layers" / "gold" / "_factory.py").write_text(
        "from lakeflow import asset\n\n\ndef made(name):\n    def f():\n        return 'select 1 as n'\n"
        "    f.__name__ = name\n    return asset(f)\n"
    )
    assert list(look(root).assets) == list(load(root).assets)
    assert any(key.name == "b" for key in look(root).assets)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_project_of_another_user_is_refused_until_it_is_trusted(root: Path, tmp_path: Path) -> None:
    os.chown(root / "pyproject.toml", 12345, -1)
    with pytest.raises(UsageError, match="belongs to another user") as refused:
        load_settings(root, {}, {})
    assert refused.value.hint == f"if you trust them: export LAKEFLOW_SAFE_DIRECTORY={root}"
    for safe in (str(root), f"/elsewhere:{root}", "*"):
        load_settings(root, {"LAKEFLOW_SAFE_DIRECTORY": safe}, {})
    load_settings(root, {"SUDO_UID": "12345"}, {})
    with pytest.raises(UsageError, match="belongs to another user"):
        load_settings(root, {"LAKEFLOW_SAFE_DIRECTORY": str(root.parent), "SUDO_UID": "1"}, {})

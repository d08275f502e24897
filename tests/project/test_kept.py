"""A project is kept as it was loaded, and what is kept is never believed when the files would say something else."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lakeflow.adapters.machine.sealed import read_sealed_bytes, write_sealed_bytes
from lakeflow.core.errors import ProjectError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Project, PythonCode
from lakeflow.project import kept, load, load_once, look
from lakeflow.project.kept import KEPT, KeptProject
from lakeflow.project.modules import Modules
from lakeflow.project.sources import Sources

PYTHON = """
from datetime import date

from helpers.text import trimmed
from lakeflow import Relation, asset

@asset(inputs={"raw": "bronze.raw"}, key=["id"], tags=["a"], columns={"email": {"pii": True, "mask": "hash"}})
def clean(raw: Relation) -> Relation:
    '''One row per id.'''
    return trimmed(raw)
"""
FILES = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "helpers/text.py": "def trimmed(rows):\n    return rows\n",
    "layers/bronze/raw.sql": "/*\nreads = ['in/*.csv']\n*/\nselect 1 as id, 'a' as email",
    "layers/silver/clean.py": PYTHON,
    "layers/gold/facts.sql": "/*\nkey = ['id']\nfresh = '2 days'\n*/\nselect id from silver.clean",
    "checks/silver/clean.py": "import great_expectations.expectations as gxe\n\n"
    "expectations = [gxe.ExpectColumnValuesToNotBeNull(column='id')]\n",
    "checks/gold/facts.none.sql": "select * from gold.facts where id is null",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "lake"
    for name, text in FILES.items():
        write(root, name, text)
    (root / ".lakeflow").mkdir()
    return root


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def place(root: Path) -> Path:
    return root / ".lakeflow" / KEPT


def known(root: Path) -> Project | None:
    return KeptProject(root, place(root)).read()


def said(load_it: Callable[[], Project]) -> Project | list[str]:
    try:
        return load_it()
    except ProjectError as error:
        return list(map(str, error.faults))


def test_what_is_kept_is_what_was_loaded(root: Path) -> None:
    loaded = look(root, kept=place(root))
    assert known(root) == loaded == look(root)
    assert place(root).stat().st_mode & 0o777 == 0o600


def test_a_kept_function_has_its_name_and_never_runs(root: Path) -> None:
    look(root, kept=place(root))
    code = look(root, kept=place(root)).assets[AssetKey.parse("silver.clean")].code
    assert isinstance(code, PythonCode)
    assert code.function.__name__ == "clean"
    with pytest.raises(RuntimeError, match="read, not run"):
        code.function(None)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a SELECT": lambda root: write(
        root, "layers/gold/facts.sql", "/*\nkey = ['id']\n*/\nselect id + 1 as id from silver.clean"
    ),
    "a declaration": lambda root: write(root, "layers/silver/clean.py", PYTHON.replace('["a"]', '["b"]')),
    "a helper that it imports": lambda root: write(
        root, "helpers/text.py", "def trimmed(rows):\n    return rows.limit(1)\n"
    ),
    "a check": lambda root: write(root, "checks/gold/facts.none.sql", "select * from gold.facts where id < 0"),
    "a new asset": lambda root: write(root, "layers/gold/more.sql", "/*\nkey = ['id']\n*/\nselect id from gold.facts"),
    "a new check": lambda root: write(root, "checks/bronze/raw.odd.sql", "select * from bronze.raw where id > 9"),
    "an asset that is gone": lambda root: (root / "layers/gold/facts.sql").unlink(),
    "a check that is gone": lambda root: (root / "checks/silver/clean.py").unlink(),
    "an asset with another name": lambda root: (root / "layers/bronze/raw.sql").rename(root / "layers/bronze/rows.sql"),
    "a file in no layer": lambda root: write(root, "layers/sliver/x.sql", "select 1 as id"),
    "a fault": lambda root: write(root, "layers/gold/facts.sql", "select id from silver.claen"),
    "a package in place of a module": lambda root: write(
        root, "helpers/text/__init__.py", "def trimmed(rows):\n    return rows.limit(2)\n"
    ),
    "a module of the project in place of an installed one": lambda root: write(
        root, "great_expectations/expectations.py", "ExpectColumnValuesToNotBeNull = dict\n"
    ),
    "an unreadable file": lambda root: (root / "layers/gold/facts.sql").write_bytes(b"\xff"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_loaded_anew(change: str, root: Path) -> None:
    look(root, kept=place(root))
    CHANGES[change](root)
    assert said(lambda: look(root, kept=place(root))) == said(lambda: look(root))
    assert said(lambda: look(root, kept=place(root))) == said(lambda: look(root)), "and again, from what is kept by now"


def test_a_file_that_changes_back_is_known_again(root: Path) -> None:
    """The content counts, and no time of a file."""
    look(root, kept=place(root))
    text = (root / "layers/gold/facts.sql").read_text()
    CHANGES["a SELECT"](root)
    assert known(root) is None
    write(root, "layers/gold/facts.sql", text)
    assert known(root) == look(root)


def test_a_file_that_changes_while_it_is_loaded_is_not_kept_as_it_became(root: Path) -> None:
    class Late(Sources):
        def text(self, path: Path) -> str:
            found = super().text(path)
            if path.name == "facts.sql":
                CHANGES["a SELECT"](root)
                CHANGES["a new asset"](root)
            return found

    sources = Late(root)
    sources.files("layers")
    sources.text(root / "layers/gold/facts.sql")
    project = look(root)
    for path in ("layers", "checks"):
        sources.files(path)
    KeptProject(root, place(root)).write(project, sources)
    assert place(root).exists()
    assert known(root) is None


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff\xfe", b"0\n{}", None])
def test_a_damaged_file_is_as_good_as_none(damage: bytes | None, root: Path) -> None:
    look(root, kept=place(root))
    place(root).write_bytes(place(root).read_bytes()[:-9] if damage is None else damage)
    assert known(root) is None
    assert look(root, kept=place(root)) == look(root)
    assert known(root) is not None


def test_what_is_sealed_and_no_project_is_as_good_as_none(root: Path) -> None:
    look(root, kept=place(root))
    head, _, body = (read_sealed_bytes(place(root)) or b"").partition(b"\n")
    ran = root / "ran"

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(ran),)

    for other in (body[:-3], b"", pickle.dumps("text"), pickle.dumps(Trap()), b"\x80\x05."):
        write_sealed_bytes(place(root), head + b"\n" + other)
        assert known(root) is None
    assert not ran.exists()
    write_sealed_bytes(place(root), head + b"\n" + body)
    assert known(root) is not None, "sealed, it would be believed"


def test_what_another_release_kept_is_loaded_anew(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look(root, kept=place(root))
    monkeypatch.setattr(kept, "_LIBRARIES", ("duckdb", "pydantic", "sqlglot", "click"))
    kept._makers.cache_clear()
    assert known(root) is None
    monkeypatch.undo()
    kept._makers.cache_clear()
    assert known(root) is not None


def test_a_copied_project_is_loaded_anew(root: Path, tmp_path: Path) -> None:
    """A place is part of what is kept: modules are looked for from there."""
    look(root, kept=place(root))
    root.rename(tmp_path / "moved")
    assert known(tmp_path / "moved") is None


def test_functions_that_are_to_run_are_loaded(root: Path) -> None:
    look(root, kept=place(root))
    code = load(root, kept=place(root)).assets[AssetKey.parse("silver.clean")].code
    assert isinstance(code, PythonCode)
    assert code.function("rows") == "rows"


def loaded_once(root: Path) -> Project:
    return load_once(root, kept=place(root))


def code_of(project: Project) -> PythonCode:
    code = project.assets[AssetKey.parse("silver.clean")].code
    assert isinstance(code, PythonCode)
    return code


def test_files_that_ran_as_they_stand_are_not_run_again(root: Path) -> None:
    look(root, kept=place(root))
    assert code_of(loaded_once(root)).function("rows") == "rows", "what was only looked at has not run"
    assert isinstance(code_of(loaded_once(root)).function, kept.Unread)
    assert loaded_once(root) == load(root) == look(root)
    assert code_of(load(root, kept=place(root))).function("rows") == "rows", "who calls functions loads them"


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_runs_again(change: str, root: Path) -> None:
    loaded_once(root)
    assert isinstance(code_of(loaded_once(root)).function, kept.Unread)
    CHANGES[change](root)
    assert said(lambda: loaded_once(root)) == said(lambda: load(root))


def test_files_run_again_where_libraries_may_be_others(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = root / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    loaded_once(root)
    assert isinstance(code_of(loaded_once(root)).function, kept.Unread)
    write(root, "site-packages/more.py", "")
    assert code_of(loaded_once(root)).function("rows") == "rows", "something was installed"
    assert isinstance(code_of(loaded_once(root)).function, kept.Unread)
    (site / "more.py").unlink()
    assert code_of(loaded_once(root)).function("rows") == "rows", "something was taken away"
    monkeypatch.undo()
    assert code_of(loaded_once(root)).function("rows") == "rows", "another place to look for them"


@pytest.mark.parametrize("name", ["helpers/text.py", "layers/silver/clean.py"])
def test_a_file_that_does_more_than_define_runs_each_time(name: str, root: Path) -> None:
    """Also one that is only imported."""
    write(
        root,
        name,
        FILES[name]
        + f"\nimport os\nos.write(os.open({str(root / 'ran')!r}, os.O_APPEND | os.O_CREAT | os.O_WRONLY), b'once ')\n",
    )
    for _ in range(2):
        assert code_of(loaded_once(root)).function("rows") == "rows"
    assert (root / "ran").read_text() == "once once "


def test_assets_that_are_made_in_another_way_are_made_each_time(root: Path) -> None:
    declared = "asset(inputs={'raw': 'bronze.raw'}, key=['id'])(clean)"
    made = f"from lakeflow import asset\n\ndef clean(raw): return raw\n\n{declared}\n"
    write(root, "layers/silver/clean.py", made)
    loaded_once(root)
    assert code_of(loaded_once(root)).function("rows") == "rows"


def test_a_project_of_sql_alone_is_kept_for_whoever_runs_it(root: Path) -> None:
    (root / "layers/silver/clean.py").unlink()
    (root / "checks/silver/clean.py").unlink()
    write(root, "layers/silver/clean.sql", "/*\nkey = ['id']\n*/\nselect id from bronze.raw")
    assert load(root, kept=place(root)) == known(root) == load(root, kept=place(root))


@pytest.mark.parametrize(
    "text",
    [
        "from datetime import date\nfrom lakeflow import asset\n\n@asset(key=[str(date.today())])\ndef clean(): ...\n",
        "import datetime as dt\nfrom lakeflow import asset\n\n@asset(start=dt.datetime.now())\ndef clean():\n    ...\n",
        "from lakeflow import asset\n\nfor name in ['clean']:\n    asset(lambda: 1)\n\n@asset\ndef clean():\n    ...\n",
    ],
    ids=["today", "now", "a loop"],
)
def test_what_another_load_might_find_otherwise_is_not_kept(text: str, root: Path) -> None:
    write(root, "layers/silver/clean.py", text)
    said(lambda: look(root, kept=place(root)))
    assert not place(root).exists()


def test_a_fault_is_told_at_every_load(root: Path) -> None:
    CHANGES["a fault"](root)
    first = said(lambda: look(root, kept=place(root)))
    assert isinstance(first, list)
    assert said(lambda: look(root, kept=place(root))) == first
    assert not place(root).exists()


def test_a_look_makes_no_folder(root: Path) -> None:
    (root / ".lakeflow").rmdir()
    look(root, kept=place(root))
    assert not (root / ".lakeflow").exists()


def test_a_value_that_does_not_read_back_as_it_was_is_not_kept(root: Path) -> None:
    project, sources = look(root), Sources(root)
    odd = {key: replace(asset, deleted=Odd(asset.deleted)) for key, asset in project.assets.items()}
    KeptProject(root, place(root)).write(replace(project, assets=odd), sources)
    assert not place(root).exists()


class Odd(str):
    __slots__ = ()


@pytest.mark.long
def test_whoever_looks_again_parses_nothing(root: Path) -> None:
    def loaded() -> Iterator[str]:
        code = (
            "import sys, pathlib; from lakeflow.project import look; "
            "look(pathlib.Path(sys.argv[1]), kept=pathlib.Path(sys.argv[2])); print(*sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(root), str(place(root))], capture_output=True, text=True, check=True
        )
        yield from done.stdout.split()

    parsers = {"sqlglot", "duckdb", "lakeflow.core.declare.forms"}
    assert parsers <= set(loaded())
    assert not parsers & set(loaded())


def test_modules_know_that_something_ran(root: Path) -> None:
    modules = Modules(Sources(root))
    assert modules.is_repeatable
    modules.load("layers.silver.clean")
    assert not modules.is_repeatable

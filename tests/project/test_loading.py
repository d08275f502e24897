"""From files to a project: what is found, how Python is imported, what stays apart."""

import subprocess
import sys
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

import lakeflow
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.asset import Column, Mask, Project, PythonCode, SqlCode
from lakeflow.core.model.check import Severity, Suite
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.project import load
from lakeflow.project.modules import Modules
from lakeflow.project.sources import Sources
from tests.project.files import BRONZE, SILVER, asset_of, faults, loaded, write

RAW = AssetKey(Layer.BRONZE, "raw")
WEATHER = AssetKey(Layer.SILVER, "weather")
EMAIL = Column(pii=True, description="of the observer", mask=Mask.REDACT)


def run(project: Project, name: str = "silver.weather", **inputs: object) -> Any:
    code = project.assets[AssetKey.parse(name)].code
    assert isinstance(code, PythonCode)
    return code.function(**inputs)


def test_an_empty_folder_is_a_project_without_assets(tmp_path: Path) -> None:
    assert load(tmp_path).assets == {}


def test_assets_stand_in_the_order_in_which_they_can_be_made(tmp_path: Path) -> None:
    project = loaded(
        tmp_path,
        {
            "layers/gold/a.sql": "select * from gold.b join silver.weather using (day)",
            "layers/gold/b.sql": "select * from silver.weather",
            **SILVER,
        },
    )
    assert [str(key) for key in project.assets] == ["bronze.raw", "silver.weather", "gold.b", "gold.a"]


def test_a_lake_knows_how_much_the_files_are_that_a_root_spells_out(tmp_path: Path) -> None:
    text = "select * from read_csv(['data/*.csv', 'more.csv']) where x in (select max(x) from 'data/a.csv')"
    files = {"layers/bronze/raw.sql": text, "data/a.csv": "x\n1\n", "data/b.csv": "x\n22\n", "more.csv": "x\n3\n"}
    write(tmp_path, {**files, "pyproject.toml": "[tool.lakeflow]\n"})
    with lakeflow.open(tmp_path) as lake:
        (asset,) = lake.project.assets.values()
        assert set(asset.named_files) == {"data/*.csv", "more.csv", "data/a.csv"}
        assert lake._world.outside_bytes(asset.named_files) == 4 + 5 + 4


def test_a_sql_header_declares_what_the_decorator_would(tmp_path: Path) -> None:
    asset = asset_of(
        tmp_path,
        {
            **BRONZE,
            "layers/silver/deep/er/weather.sql": """\
                -- Copyright: nobody
                /*
                description = "One row per day."
                key = ["day"]
                owner = "me"
                tags = ["a", "b"]
                allow_empty = true
                [columns.day]
                type = "DATE"
                [columns.email]
                pii = true
                mask = "redact"
                description = "of the observer"
                */
                select * from Bronze.RAW
                """,
        },
    )
    assert asset.key == WEATHER
    assert isinstance(asset.code, SqlCode)
    assert asset.inputs == {"bronze.raw": RAW}
    assert (asset.description, asset.owner, asset.tags) == ("One row per day.", "me", ("a", "b"))
    assert (asset.primary_key, asset.allow_empty, asset.write) == (("day",), True, WriteMode.REPLACE)
    assert asset.columns == {"day": Column(type="DATE"), "email": EMAIL}


def test_a_function_stays_callable_and_its_docstring_describes_the_table(tmp_path: Path) -> None:
    project = loaded(
        tmp_path,
        {
            **BRONZE,
            "layers/silver/many.py": '''\
                import lakeflow

                @lakeflow.asset(inputs={"raw": "bronze.raw"}, key="day")
                def weather(raw, *, factor=2):
                    """One row per
                    day.

                    And more.
                    """
                    return raw * factor

                @lakeflow.asset(key=["a"], reads=["x/*.csv"])
                def calendar(): ...

                def plain(): ...
                ''',
        },
    )
    asset = project.assets[WEATHER]
    assert run(project, raw=21) == 42
    assert (asset.description, asset.primary_key) == ("One row per day.", ("day",))
    assert isinstance(asset.code, PythonCode)
    assert (asset.code.path, asset.code.line) == ("layers/silver/many.py", 4)
    assert project.assets[AssetKey.parse("silver.calendar")].reads == ("x/*.csv",)
    assert len(project.assets) == 3


def test_bronze_appends_unless_told_and_the_others_replace(tmp_path: Path) -> None:
    modes = {str(key): asset.write for key, asset in loaded(tmp_path, SILVER).assets.items()}
    assert modes == {"bronze.raw": WriteMode.APPEND, "silver.weather": WriteMode.REPLACE}


def test_gold_may_append(tmp_path: Path) -> None:
    files = {"layers/gold/g.sql": "/*\nwrite = 'append'\n*/\nselect 1"}
    assert asset_of(tmp_path, files, "gold.g").write is WriteMode.APPEND


def test_only_bronze_sql_reads_files_and_every_layer_makes_rows_out_of_nothing(tmp_path: Path) -> None:
    files = {
        "layers/bronze/a.sql": "select * from 'a.csv', read_parquet('b'), glob('*')",
        "layers/gold/b.sql": "select * from range(3), generate_series(1, 2), unnest([1]) u(x), (values (1)) v(y)",
    }
    assert len(loaded(tmp_path, files).assets) == 2


IMPORTS = """\
    from lakeflow import asset
    from layers.silver._helpers import double
    from my_package.inner import add
    import my_module
    from . import _near
    from .sub._below import below


    @asset(inputs={"raw": "bronze.raw"}, key=["a"])
    def weather(raw):
        from my_package import late
        import my_package.inner as inner
        return [double(raw), add(raw), my_module.ONE, _near.NEAR, below, late.LATE, inner.add(1)]
    """
HELPERS = {
    "layers/silver/_helpers.py": "from my_module import ONE\ndef double(x): return 2 * x * ONE\n",
    "layers/silver/_near.py": "NEAR = 'near'\n",
    "layers/silver/sub/_below.py": "below = 'below'\n",
    "my_package/__init__.py": "from .inner import add\n",
    "my_package/inner.py": "def add(x): return x + 1\n",
    "my_package/late.py": "LATE = 'late'\n",
    "my_module.py": "ONE = 1\n",
}


def test_the_projects_own_modules_are_found_without_installing_it(tmp_path: Path) -> None:
    project = loaded(tmp_path, {**BRONZE, **HELPERS, "layers/silver/weather.py": IMPORTS})
    assert run(project, raw=5) == [10, 6, 1, "near", "below", "late", 2]


def test_modules_in_src_are_found_too(tmp_path: Path) -> None:
    files = {
        "src/my_package/__init__.py": "VALUE = 7\n",
        "layers/silver/weather.py": """\
            from lakeflow import asset
            import my_package

            @asset(key="a")
            def weather(): return my_package.VALUE
            """,
    }
    assert run(loaded(tmp_path, files)) == 7


def test_two_lakes_with_the_same_module_names_do_not_meet(tmp_path: Path) -> None:
    one, two = (
        loaded(
            tmp_path / name,
            {**BRONZE, **HELPERS, "my_package/late.py": f"LATE = '{name}'\n", "layers/silver/weather.py": IMPORTS},
        )
        for name in ("one", "two")
    )
    assert run(one, raw=1)[5] == "one"
    assert run(two, raw=1)[5] == "two"


def test_loading_leaves_no_module_under_a_name_of_the_project_and_no_path(tmp_path: Path) -> None:
    paths = list(sys.path)
    loaded(tmp_path, {**BRONZE, **HELPERS, "layers/silver/weather.py": IMPORTS})
    assert not {"layers", "my_package", "my_module"} & sys.modules.keys()
    assert sys.path == paths
    assert not list(Path(tmp_path).rglob("__pycache__"))


def test_a_new_load_sees_changed_files_and_the_old_project_goes_on_as_it_was(tmp_path: Path) -> None:
    files = {**BRONZE, **HELPERS, "layers/silver/weather.py": IMPORTS}
    old = loaded(tmp_path, files)
    before = sum(name.startswith("_lakeflow_") for name in sys.modules)
    new = loaded(tmp_path, {"my_package/late.py": "LATE = 'LATE'\n", "my_module.py": "ONE = 3\n"})
    assert run(new, raw=1) == [6, 2, 3, "near", "below", "LATE", 2]
    assert run(old, raw=1) == [2, 2, 1, "near", "below", "late", 2]
    load(tmp_path)
    assert sum(name.startswith("_lakeflow_") for name in sys.modules) == before


def test_a_dataclass_with_postponed_annotations_works_in_a_project(tmp_path: Path) -> None:
    files = {
        "layers/silver/weather.py": """\
            from __future__ import annotations
            from dataclasses import dataclass, KW_ONLY
            from lakeflow import asset

            @dataclass
            class Point:
                x: int
                _: KW_ONLY
                y: int = 2

            @asset(key="a")
            def weather(): return Point(1).y
            """,
    }
    assert run(loaded(tmp_path, files)) == 2


def test_a_project_module_stands_before_an_installed_one_but_not_before_the_standard_library(tmp_path: Path) -> None:
    files = {
        "polars.py": "MINE = True\n",
        "json.py": "MINE = True\n",
        "layers/silver/weather.py": """\
            import json, polars
            from lakeflow import asset

            @asset(key="a")
            def weather(): return polars.MINE, hasattr(json, "MINE")
            """,
    }
    assert run(loaded(tmp_path, files)) == (True, False)


def test_a_folder_of_the_name_of_an_installed_module_does_not_hide_it(tmp_path: Path) -> None:
    files = {
        "duckdb/notes.py": "",
        "layers/silver/weather.py": """\
            import duckdb
            from lakeflow import asset

            @asset(key="a")
            def weather(): return hasattr(duckdb, "connect")
            """,
    }
    assert run(loaded(tmp_path, files)) is True


def test_functions_that_a_helper_makes_are_assets_of_the_file_that_holds_them(tmp_path: Path) -> None:
    files = {
        "layers/silver/_make.py": """\
            from lakeflow import asset

            def make(name, value):
                @asset(key=["a"])
                def made():
                    return value
                made.__name__ = name
                return made
            """,
        "layers/silver/all.py": "from layers.silver._make import make\none = make('one', 1)\ntwo = make('two', 2)\n",
    }
    project = loaded(tmp_path, files)
    assert [run(project, f"silver.{name}") for name in ("one", "two")] == [1, 2]
    one, two = project.assets.values()
    assert one.code_version != two.code_version
    assert one.code.path == "layers/silver/all.py"


def test_an_asset_imported_by_another_file_is_defined_once(tmp_path: Path) -> None:
    files = {
        **SILVER,
        "layers/gold/report.py": """\
            from lakeflow import asset
            from layers.silver.weather import weather

            @asset(inputs={"w": "silver.weather"})
            def report(w): return weather(w)
            """,
    }
    assert run(loaded(tmp_path, files), "gold.report", w=3) == 3


def test_helpers_hidden_folders_and_other_files_define_nothing(tmp_path: Path) -> None:
    files = {
        **BRONZE,
        "layers/bronze/_help.py": "1 / 0\n",
        "layers/bronze/__init__.py": "",
        "layers/bronze/.ipynb_checkpoints/x.sql": "nonsense",
        "layers/bronze/_old/x.sql": "nonsense",
        "layers/bronze/raw.csv": "a,b\n",
        "layers/helper.py": "X = 1\n",
        "layers/README.md": "",
        "checks/README.md": "",
    }
    assert list(loaded(tmp_path, files).assets) == [RAW]


def test_checks_belong_to_the_asset_that_their_path_names(tmp_path: Path) -> None:
    project = loaded(
        tmp_path,
        {
            **SILVER,
            "checks/silver/weather.known.sql": """\
                /*
                severity = "warning"
                allow_empty = true
                description = "x"
                */
                select * from silver.weather anti join bronze.raw using (a) anti join published.silver.weather using (b)
                """,
            "checks/silver/weather.py": "expectations = []\nraise Exception('never imported by a plan')\n",
            "checks/silver/_help.py": "",
        },
    )
    suite = project.suite(WEATHER)
    assert [(file.path, file.name) for file in suite.files] == [
        ("checks/silver/weather.py", ""),
        ("checks/silver/weather.known.sql", "known"),
    ]
    rows = suite.files[1]
    assert (rows.severity, rows.allow_empty) == (Severity.WARNING, True)
    assert (set(suite.references), set(suite.published)) == ({RAW}, {WEATHER})
    assert project.suite(RAW).digest == ""


def test_shared_check_files_are_used_by_every_asset_that_names_them(tmp_path: Path) -> None:
    project = loaded(
        tmp_path,
        {
            "layers/gold/a.sql": "/*\nchecks = ['shared/names.py', 'shared/rows.sql']\n*/\nselect 1",
            "layers/gold/b.sql": "/*\nchecks = 'shared/names.py'\n*/\nselect 1",
            "checks/shared/names.py": "from checks.shared.lists import expectations\n",
            "checks/shared/lists.py": "",
            "checks/shared/rows.sql": "select * from gold.a",
        },
    )
    paths = {key.name: [file.path for file in suite.files] for key, suite in project.suites.items()}
    assert paths == {
        "a": ["checks/shared/names.py", "checks/shared/rows.sql"],
        "b": ["checks/shared/names.py"],
    }
    assert project.suite(AssetKey.parse("gold.a")).files[1].name == "rows"


def test_a_check_may_read_what_readers_see_of_a_descendant(tmp_path: Path) -> None:
    files = {
        **SILVER,
        "layers/gold/report.sql": "select * from silver.weather",
        "checks/silver/weather.lost.sql": "select * from published.gold.report",
    }
    assert loaded(tmp_path, files).suite(WEATHER).published == {AssetKey.parse("gold.report")}


def test_an_unused_shared_check_file_is_a_fault(tmp_path: Path) -> None:
    assert faults(tmp_path, {"checks/shared/a.sql": "select 1"})[0].message == "no asset uses this check file"


def test_what_a_file_prints_while_it_is_imported_goes_to_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "from lakeflow import asset\nprint('hello')\n@asset\ndef g(): ...\n"
    loaded(tmp_path, {"layers/gold/g.py": text})
    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.parametrize(("terms", "known"), [(150, True), (600, False)])
def test_long_expressions_are_read_and_absurd_ones_are_a_fault(terms: int, known: bool, tmp_path: Path) -> None:
    text = f"from lakeflow import asset\n@asset\ndef g(): return {' + '.join(['x'] * terms)}\n"
    files = {"layers/gold/g.py": text}
    if known:
        assert loaded(tmp_path, files).assets
    else:
        (fault,) = faults(tmp_path, files)
        assert (fault.line, fault.message) == (3, "the code is nested too deeply to be fingerprinted")


def test_importing_lakeflow_for_its_decorator_imports_nothing_heavy() -> None:
    heavy = "{'duckdb', 'sqlglot', 'pydantic', 'pyiceberg', 'pyarrow', 'sqlalchemy'}"
    code = f"import sys; from lakeflow import Relation, asset; print({heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_package_offers_its_names_lazily() -> None:
    import duckdb

    assert isinstance(duckdb.sql("select 1"), lakeflow.Relation)
    assert not isinstance("select 1", lakeflow.Relation)
    assert callable(lakeflow.open)
    assert set(dir(lakeflow)) == set(lakeflow.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        lakeflow.nothing  # type: ignore[attr-defined]  # noqa: B018  # what is refused


def test_a_project_with_crlf_line_ends_is_read_as_any_other(tmp_path: Path) -> None:
    write(tmp_path, SILVER)
    for path in ("layers/silver/weather.py", "layers/bronze/raw.sql"):
        file = Path(tmp_path, path)
        text = file.read_text("utf-8")
        file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    crlf = load(tmp_path)
    write(tmp_path, SILVER)
    versions = [{key: asset.code_version for key, asset in each.assets.items()} for each in (crlf, load(tmp_path))]
    assert versions[0] == versions[1]


LFX = "from lakeflow import expectations as lfx\n"


def _against(root: Path, text: str, **files: str) -> Suite:
    named = {
        "layers/silver/planes.sql": "/*\nkey = ['a']\n*/\nselect * from bronze.raw",
        "checks/silver/weather.py": text,
    }
    return loaded(root, {**SILVER, **named, **files}).suite(WEATHER)


@pytest.mark.parametrize(
    "text",
    [
        LFX + "expectations = [lfx.ExpectForeignKeyToExist(columns='a', references='silver.planes')]\n",
        "from lakeflow.expectations import ExpectForeignKeyToExist as F\n"
        "expectations = [F(references='silver.planes')]\n",
        "import lakeflow.expectations as e\nexpectations = [e.ExpectForeignKeyToExist(references='silver.planes')]\n",
    ],
)
def test_a_foreign_key_is_a_reference_that_is_read_without_executing_the_file(text: str, tmp_path: Path) -> None:
    suite = _against(tmp_path, text + "raise Exception('never imported by a plan')\n")
    assert (set(suite.references), set(suite.published)) == ({AssetKey.parse("silver.planes")}, set())


def test_a_foreign_key_in_an_imported_module_of_the_project_counts_too(tmp_path: Path) -> None:
    keys = LFX + "KEYS = [lfx.ExpectForeignKeyToExist(columns='a', references='published.silver.planes')]\n"
    suite = _against(tmp_path, "from checks._keys import KEYS\nexpectations = KEYS\n", **{"checks/_keys.py": keys})
    assert (set(suite.references), set(suite.published)) == (set(), {AssetKey.parse("silver.planes")})


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("references=OTHER", "the table that the foreign key references cannot be read from the text"),
        ("**more", "the table that the foreign key references cannot be read from the text"),
        ("references='planes'", "references='planes' names no table"),
        ("references='silver.plane'", "the check reads silver.plane, which is not defined"),
    ],
)
def test_a_foreign_key_whose_table_cannot_be_read_or_is_none_is_a_fault(
    argument: str, message: str, tmp_path: Path
) -> None:
    text = LFX + f"\nexpectations = [\n    lfx.ExpectForeignKeyToExist({argument}),\n]\n"
    files = {
        **SILVER,
        "layers/silver/planes.sql": "/*\nkey = ['a']\n*/\nselect * from bronze.raw",
        "checks/silver/weather.py": text,
    }
    (fault,) = faults(tmp_path, files)
    assert (fault.path, fault.line, fault.message) == ("checks/silver/weather.py", 4, message)


def test_a_comparison_with_main_reads_what_readers_see_of_the_asset(tmp_path: Path) -> None:
    assert _against(tmp_path, LFX + "expectations = [lfx.ExpectNoKeyToDisappear()]\n").published == {WEATHER}
    assert _against(tmp_path, LFX + "expectations = [lfx.ExpectTableToBeFresh()]\n").published == set()


def test_the_inputs_of_a_check_function_are_references_that_are_read_without_executing_the_file(tmp_path: Path) -> None:
    text = """
        from lakeflow import check

        @check(inputs={"planes": "silver.planes", "seen": "published.silver.planes"}, severity="warning")
        def known_planes(branch, planes, seen): ...

        @check
        def keeps_its_rows(branch, published): ...

        raise Exception("never imported by a plan")
        """
    suite = _against(tmp_path, text)
    planes = AssetKey.parse("silver.planes")
    assert (set(suite.references), set(suite.published)) == ({planes}, {planes, WEATHER})


@pytest.mark.parametrize(
    ("declared", "function", "message"),
    [
        ("", "f(brunch)", "check f: nothing is known as 'brunch'"),
        ("(inputs=INPUTS)", "f(branch)", "inputs cannot be read from the text"),
        ("(inputs={'x': 'silver'})", "f(x)", "input 'silver' names no table"),
        ("(inputs={'x': 'silver.plane'})", "f(x)", "the check reads silver.plane, which is not defined"),
        ("(inputs={'x': 'bronze.raw'})", "f(branch)", "check f has no parameter 'x'"),
        ("(severity='bad')", "f(branch)", "unknown severity 'bad'"),
    ],
)
def test_a_check_function_that_is_declared_wrong_is_a_fault(
    declared: str, function: str, message: str, tmp_path: Path
) -> None:
    text = f"import lakeflow\n\n@lakeflow.check{declared}\ndef {function}: ...\n"
    (fault,) = faults(tmp_path, {**SILVER, "checks/silver/weather.py": text})
    assert (fault.path, fault.message) == ("checks/silver/weather.py", message)


def test_a_project_is_loaded_while_a_thread_imports(tmp_path: Path) -> None:
    """What the next commits need is imported beside the first write, and a process may load a project meanwhile."""
    ended = Event()

    def import_on() -> None:
        while not ended.is_set():
            for name in (f"_imported_meanwhile_{number}" for number in range(100)):
                sys.modules[name] = sys
            for name in (f"_imported_meanwhile_{number}" for number in range(100)):
                del sys.modules[name]

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    importing = Thread(target=import_on)
    importing.start()
    try:
        for _ in range(300):
            Modules(Sources(tmp_path))
    finally:
        ended.set()
        importing.join()
        sys.setswitchinterval(before)

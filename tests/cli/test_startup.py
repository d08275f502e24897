"""Help answers at once, because nothing heavy is imported for it."""

import importlib
import json
import pkgutil
import resource
import sys
from pathlib import Path

import click
import pytest

from lakeflow.cli import commands
from lakeflow.cli.main import COMMANDS, cli
from tests.cli.process import lakeflow, python

HEAVY = (
    "rich",
    "lakeflow.lake.lake",
    "pyiceberg",
    "duckdb",
    "great_expectations",
    "pandas",
    "pyarrow",
    "sqlglot",
    "prompt_toolkit",
)

LOADED = """
import sys
from lakeflow.cli.main import run
code = run({arguments!r})
import json
print(json.dumps([code, sorted(sys.modules)]))
"""


def modules_after(*arguments: str) -> set[str]:
    done = python(LOADED.format(arguments=list(arguments)))
    assert done.returncode == 0, done.stderr
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    return set(modules)


@pytest.mark.long
def test_help_imports_click_and_no_other_library() -> None:
    assert not [name for name in HEAVY if name in modules_after("--help")]


def test_help_of_a_command_imports_no_library_that_touches_data() -> None:
    loaded = modules_after("materialize", "--help")
    assert not [name for name in ("lakeflow.lake.lake", "pyiceberg", "duckdb", "pyarrow", "pandas") if name in loaded]


@pytest.mark.long
def test_help_answers_within_three_tenths_of_a_second_of_work() -> None:
    """Processor time, the best of a few: the machine may be busy."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert lakeflow("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(once() for _ in range(5)) < 0.3


PROJECT = {
    "layers/bronze/raw.sql": "select 1 as id",
    "layers/silver/clean.py": """
from lakeflow import Relation, asset

@asset(inputs={"raw": "bronze.raw"}, key=["id"])
def clean(raw: Relation) -> Relation:
    return raw
""",
    "checks/silver/clean.none.sql": "select * from silver.clean where id is null",
}
ALLOWED = {"click"}
"""The libraries that a look may import: the command line."""

SLOW = {"email", "importlib.metadata", "asyncio", "multiprocessing", "unittest", "xml"}
"""Modules of the standard library that take as long as all of the command line."""

NEEDED_BY_NONE = (
    *("as_html", "serve", "ui", "workers", "testing", "expectations", "templates"),
    *("adapters.alerts", "adapters.duckdb", "adapters.expectations", "adapters.otel", "adapters.processes"),
    *("adapters.iceberg.manifests", "wap.decide", "wap.replaying", "wap.step"),
    *("core.corrupt", "core.drawing", "core.export", "core.prompt", "core.replay", "core.serve", "core.suggest"),
)
"""Rooms of lakeflow whose questions none of these commands asks."""
READS_FILES = ("project.load", "project.python_files", "project.sql_files", "core.declare.forms", "core.settings.form")
"""What reads a project's files and odd settings, which a project that is kept and as it was needs no more."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake that was built once, so that what its SQL reads is known."""
    root = tmp_path_factory.mktemp("lake")
    for name, text in PROJECT.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    assert lakeflow("-C", str(root), "materialize").returncode == 0
    modules_after("-C", str(root), "plan")  # who plans keeps the project as it is, and that its files ran
    return root


def libraries(modules: set[str]) -> set[str]:
    """Installed packages. Modules that the interpreter, an installer or C code puts there begin with an underscore."""
    found = {name.partition(".")[0] for name in modules}
    return {name for name in found - sys.stdlib_module_names - {"lakeflow"} if not name.startswith("_")}


def rooms(modules: set[str], *names: str) -> list[str]:
    """The modules that are in these rooms of lakeflow."""
    return sorted(each for each in modules for name in names if f"{each}.".startswith(f"lakeflow.{name}."))


@pytest.mark.long
def test_a_list_imports_nothing_that_opens_a_lake(built: Path) -> None:
    loaded = modules_after("-C", str(built), "list")
    assert libraries(loaded) <= ALLOWED
    assert not loaded & SLOW
    assert rooms(loaded, *NEEDED_BY_NONE, *READS_FILES, "lake.assembly", "adapters.database", "adapters.iceberg") == []


@pytest.mark.long
@pytest.mark.parametrize("command", ["status", "lineage", "snapshots silver.clean", "runs", "log"])
def test_a_look_imports_no_library_and_no_room_that_it_does_not_ask(command: str, built: Path) -> None:
    loaded = modules_after("-C", str(built), *command.split())
    assert libraries(loaded) <= ALLOWED
    assert not loaded & SLOW
    assert rooms(loaded, *NEEDED_BY_NONE, *READS_FILES) == []


@pytest.mark.long
def test_what_a_look_makes_is_not_searched_for_garbage_before_there_is_much_of_it(built: Path) -> None:
    code = "import gc\nfrom lakeflow.cli.main import run\n{}\nprint(gc.isenabled(), gc.get_threshold()[0])"
    done = python(code.format(f"run(['-C', {str(built)!r}, 'list'])"))
    assert done.stdout.splitlines()[-1] == "True 1000000"


@pytest.mark.parametrize("command", ["plan", pytest.param("materialize silver.clean", marks=pytest.mark.long)])
def test_a_plan_imports_no_library_and_runs_no_file_that_ran(command: str, built: Path) -> None:
    """Also where it finds that there is nothing to do."""
    loaded = modules_after("-C", str(built), *command.split())
    assert libraries(loaded) <= ALLOWED
    assert not loaded & SLOW
    assert rooms(loaded, *READS_FILES, "adapters.duckdb", "adapters.iceberg.manifests") == []
    assert rooms(loaded, "core.drawing", "core.serve", "expectations", "ui", "wap.decide", "wap.replaying") == []
    assert rooms(loaded, "wap.run.materialize", "wap.run.publish", "wap.step.step", "wap.step.write") == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_the_group_says_what_the_command_itself_says(name: str) -> None:
    """The summaries stand in the group only so that help need not import the commands."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    summary = COMMANDS[name][1].rstrip(".")
    assert (command.help or "").startswith(summary)


def test_every_click_command_of_the_package_is_listed() -> None:
    found = set()
    for module in pkgutil.walk_packages(commands.__path__, "lakeflow.cli.commands."):
        values = vars(importlib.import_module(module.name)).values()
        found |= {value.name for value in values if isinstance(value, click.Command)}
    assert found == set(COMMANDS)


def test_no_command_at_all_shows_the_help() -> None:
    done = lakeflow()
    assert done.returncode == 0
    assert "materialize" in done.stdout

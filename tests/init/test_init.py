"""A new project: made, materialized, explained, repaired and tested, by the commands that it prints itself."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from lakeflow.project.distribution import source
from lakeflow.project.scaffold import NEXT
from tests.cli.process import CLEAN, lakeflow

OURS = re.compile(r"""lakeflow [\w .:+/@"',=-]*""")
REPOSITORY = Path(__file__).parents[2]
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def typed(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """What a person types into a shell, word for word; what is words of ours alone needs no shell."""
    if OURS.fullmatch(command):
        return lakeflow(*shlex.split(command)[1:], cwd=cwd, NO_COLOR="1")
    environment = {**CLEAN, "PATH": PATH, "NO_COLOR": "1"}
    return subprocess.run(
        command, shell=True, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.long
def test_the_sample_is_held_then_explained_and_repaired_by_what_init_prints(tmp_path: Path) -> None:
    made = json.loads(typed("lakeflow init my-lake --output json", tmp_path).stdout)["data"]
    assert made["begin"] == ["cd my-lake", "lakeflow materialize"]
    held = typed(made["begin"][1], tmp_path / "my-lake")
    assert held.returncode == 1, held.stderr
    assert "HELD" in held.stdout
    explain, mend, retry = made["next"]
    explained = typed(explain, tmp_path / "my-lake")
    assert explained.returncode == 0, explained.stderr
    assert "-9999.0" in explained.stdout
    assert typed(mend, tmp_path / "my-lake").returncode == 0
    repaired = typed(retry, tmp_path / "my-lake")
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert "5 published · 0 errored" in repaired.stdout
    assert "Porto" in typed("lakeflow show gold.station_days", tmp_path / "my-lake").stdout
    assert "is held" in typed(explain, tmp_path / "my-lake").stderr


@pytest.mark.long
def test_what_its_workflow_runs_passes_on_a_new_project(tmp_path: Path) -> None:
    lakeflow("init", cwd=tmp_path)
    workflow = (tmp_path / ".github/workflows/lake.yml").read_text()
    runs = [line.partition("run: ")[2] for line in workflow.splitlines() if "run: " in line]
    assert runs[1:5] == [
        "lakeflow check",
        "lakeflow test",
        "test ! -d tests || python -m pytest",
        "lakeflow materialize",
    ]
    assert typed("lakeflow check", tmp_path).returncode == 0
    assert "1 of 1 example as expected" in typed("lakeflow test", tmp_path).stdout
    tests = typed("test ! -d tests || python -m pytest -p no:cacheprovider", tmp_path)
    assert tests.returncode == 0, tests.stdout


@pytest.mark.long
def test_what_it_installs_is_the_lakeflow_that_made_the_project(tmp_path: Path) -> None:
    """No registry has it yet: an installation from a folder of this machine goes along as a wheel."""
    lakeflow("init", cwd=tmp_path)
    workflow = (tmp_path / ".github/workflows/lake.yml").read_text()
    (line,) = (line for line in workflow.splitlines() if "pytest>=8" in line)
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    assert f'pip install "wheels/{wheel.name}"' in line
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", "there"]
    subprocess.run([*pip, str(wheel)], cwd=tmp_path, check=True, capture_output=True)
    asked = "import lakeflow, sys; from lakeflow.cli.main import main; sys.stdout.write(lakeflow.__file__)"
    environment = {**CLEAN, "PYTHONPATH": str(tmp_path / "there")}
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == str(tmp_path / "there/lakeflow/__init__.py")


@pytest.mark.parametrize(
    ("recorded", "requirement"),
    [
        (None, "lakeflow-wap>="),
        (
            {"url": "https://x.org/a.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "@ git+https://x.org/a.git@abc",
        ),
        ({"url": "https://x.org/a.whl", "archive_info": {}}, "lakeflow-wap @ https://x.org/a.whl"),
        ({"url": "file:///a.whl", "archive_info": {}}, "wheels/lakeflow_wap-"),
    ],
)
def test_where_it_was_installed_from_is_what_others_install(
    monkeypatch: pytest.MonkeyPatch, recorded: dict[str, object] | None, requirement: str
) -> None:
    real = PathDistribution.read_text

    def read(self: PathDistribution, name: str) -> str | None:
        if name != "direct_url.json":
            return real(self, name)
        return json.dumps(recorded) if recorded else None

    monkeypatch.setattr(PathDistribution, "read_text", read)
    assert requirement in source().requirement


def test_the_readme_names_the_commands_that_init_prints(tmp_path: Path) -> None:
    screen = lakeflow("init", str(tmp_path / "weather")).stdout
    readme = (tmp_path / "weather" / "README.md").read_text()
    assert readme.startswith("# weather\n")
    for command in NEXT:
        assert shlex.split(command)[0] in {"lakeflow", "cp"}
        assert f"\n{command}\n" in readme
        assert command in screen


def test_no_template_is_left_unfilled(tmp_path: Path) -> None:
    lakeflow("init", cwd=tmp_path)
    texts = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".whl"}
    assert not [path for path, text in texts.items() if "{{" in text.replace("${{", "") or path.suffix == ".tmpl"]
    assert ".lakeflow/" in texts[tmp_path / ".gitignore"]


@pytest.mark.parametrize("there", ["README.md", "checks/silver/readings.py"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    path = tmp_path / there
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    done = lakeflow("init", str(tmp_path))
    assert done.returncode == 2
    assert str(path) in done.stderr
    assert [file.read_text() for file in tmp_path.rglob("*") if file.is_file()] == ["mine"]


def test_a_folder_that_cannot_be_made_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "layers").write_text("a file where a folder should be")
    done = lakeflow("init", str(tmp_path))
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["layers"]


def test_files_of_other_names_do_not_stand_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text("mine")
    assert lakeflow("init", cwd=tmp_path).returncode == 0


@pytest.mark.long
def test_the_wheel_holds_every_template(tmp_path: Path) -> None:
    build = "from hatchling.build import build_wheel; import sys; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    templates = REPOSITORY / "lakeflow" / "templates"
    wanted = {str(path.relative_to(REPOSITORY)) for path in templates.rglob("*.tmpl")}
    assert len(wanted) > 12
    assert wanted <= packed

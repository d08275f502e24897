"""The workflows that `init` writes: who may do what in them, what they install, and for whom they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lakeflow.project.distribution import PackageSource
from lakeflow.project.scaffold import Sample, Workflows, scaffold
from tests.cli.process import here

GITHUB, GITLAB = ".github/workflows/lake.yml", ".gitlab-ci.yml"


def read(root: Path, name: str) -> Any:
    return YAML(typ="safe").load((root / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("workflows")
    scaffold(made, Sample.NONE, Workflows.BOTH)
    return made


def steps(root: Path) -> dict[str, list[dict[str, Any]]]:
    return {name: job["steps"] for name, job in read(root, GITHUB)["jobs"].items()}


def test_each_job_has_only_the_rights_that_it_needs(root: Path) -> None:
    workflow = read(root, GITHUB)
    assert workflow["permissions"] == {}
    assert {name: job["permissions"] for name, job in workflow["jobs"].items()} == {
        "check": {"contents": "read"},
        "environment": {"contents": "read", "pull-requests": "write"},
        "settle": {"contents": "read", "pull-requests": "read"},
    }
    checkouts = [step for each in steps(root).values() for step in each if "checkout" in step.get("uses", "")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False] * 3


def test_no_secret_reaches_the_code_of_a_fork(root: Path) -> None:
    """A job with secrets runs for branches of this repository alone, and never for another's event."""
    workflow, text = read(root, GITHUB), (root / GITHUB).read_text(encoding="utf-8")
    assert set(workflow["on"] if "on" in workflow else workflow[True]) == {"push", "pull_request"}
    assert "pull_request_target" not in text
    for name, job in workflow["jobs"].items():
        secret = "secrets." in str(job) or "github.token" in str(job)
        assert secret == (name != "check")
        assert not secret or "head.repo.full_name == github.repository" in job["if"]
    of_merge_requests = [read(root, GITLAB)[name]["rules"][0]["if"] for name in ("environment", "close")]
    assert all("$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in rule for rule in of_merge_requests)


def test_the_token_that_comments_is_given_to_no_step_that_runs_the_code(root: Path) -> None:
    build, comment = (step for step in steps(root)["environment"] if "env" in step)
    assert "GH_TOKEN" not in build["env"]
    assert "lakeflow" not in comment["run"].replace("<!-- lakeflow -->", "")
    assert set(comment["env"]) == {"GH_TOKEN", "NUMBER"}


def test_only_official_actions_are_used_and_no_event_is_part_of_a_script(root: Path) -> None:
    every = [step for each in steps(root).values() for step in each]
    assert {step["uses"].partition("@")[0] for step in every if "uses" in step} == {
        "actions/checkout",
        "actions/setup-python",
    }
    assert [step for step in every if "${{" in step.get("run", "")] == []


def test_what_is_installed_is_this_lakeflow_and_what_tests_need(root: Path) -> None:
    installs = [
        line.strip().partition("pip install ")[2]
        for name in (GITHUB, GITLAB)
        for line in (root / name).read_text(encoding="utf-8").splitlines()
        if "pip install" in line
    ]
    (wheel,) = (root / "wheels").glob("*.whl")
    ours = {f'"wheels/{wheel.name}"', f'"wheels/{wheel.name}[postgres]"'}
    assert {part for each in installs for part in each.split()} == ours | {'"pytest>=8"', "--quiet"}


@pytest.mark.parametrize(
    ("source", "with_extra"),
    [
        (PackageSource("lakeflow-wap>=1.2"), "lakeflow-wap[postgres]>=1.2"),
        (
            PackageSource("lakeflow-wap @ git+https://x.org/lakeflow-wap.git@abc"),
            "lakeflow-wap[postgres] @ git+https://x.org/lakeflow-wap.git@abc",
        ),
        (PackageSource("wheels/lakeflow_wap-1.whl", ("", b"")), "wheels/lakeflow_wap-1.whl[postgres]"),
    ],
    ids=["registry", "repository", "wheel"],
)
def test_an_extra_stands_where_pip_reads_it(source: PackageSource, with_extra: str) -> None:
    assert source.with_extra("postgres") == with_extra


def test_a_project_that_is_there_gets_the_workflows_alone(tmp_path: Path) -> None:
    (tmp_path / "layers").mkdir()
    done = json.loads(here("init", "--ci", "github", "-o", "json", cwd=tmp_path).stdout)["data"]
    assert [name for name in done["files"] if not name.startswith("wheels/")] == [GITHUB]
    assert (done["begin"], done["next"]) == ([], [])
    again = here("init", "--ci", "both", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert not (tmp_path / GITLAB).exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {GITHUB, GITLAB}),
        (("--ci", "gitlab"), {GITLAB}),
        (("--ci", "none"), set()),
        (("--empty",), set()),
        (("--empty", "--ci", "github"), {GITHUB}),
    ],
    ids=["default", "gitlab", "none", "empty", "empty-github"],
)
def test_whose_workflows_are_written_is_chosen(tmp_path: Path, options: tuple[str, ...], expected: set[str]) -> None:
    done = json.loads(here("init", *options, "-o", "json", cwd=tmp_path).stdout)["data"]
    assert {GITHUB, GITLAB} & set(done["files"]) == expected

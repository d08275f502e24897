"""The scripts of the workflows, executed: one comment that is replaced, and each environment settled as it is due."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lakeflow.project.scaffold import Sample, Workflows, scaffold
from tests.init.forge import MARK, TOKEN, Forge, bash, environment, gitlab, script_of, steps_of

pytestmark = pytest.mark.long
LAKEFLOW = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$*" in
  *" -o json") cat "$ENVIRONMENTS" ;;
  *" -o markdown") echo "### $(grep -c . "$CALLS") calls" ;;
esac
case "$*" in $FAILS) exit 1 ;; esac
"""


@dataclass(frozen=True)
class Runner:
    """A checkout in which the jobs of one forge run; `lakeflow` only notes how it is called."""

    kind: str
    root: Path
    forge: Forge
    address: str = ""

    @property
    def prefix(self) -> str:
        return "pr_" if self.kind == "github" else "mr_"

    def run(self, job: str, number: int = 0, fails: str = "nothing") -> int:
        """The exit code of the first step that fails; on GitHub the comment is written then, too."""
        calls, temporary = self.root / "calls", self.root / "temporary"
        temporary.mkdir(exist_ok=True)
        env = environment(
            self.forge,
            CALLS=str(calls),
            FAILS=fails,
            ENVIRONMENTS=str(self.root / "environments.json"),
            RUNNER_TEMP=str(temporary),
            GITHUB_REPOSITORY="o/r",
            GITHUB_SERVER_URL="https://forge.example",
            GITHUB_RUN_ID="9",
            CI_API_V4_URL=self.address,
            CI_PROJECT_ID="7",
            CI_MERGE_REQUEST_IID=str(number),
            CI_JOB_URL="https://forge.example/9",
            LAKE_REVIEW_TOKEN=TOKEN,
            CI_DEFAULT_BRANCH="main",
            CI_COMMIT_BRANCH="" if job == "close" else "main",
        )
        if self.kind == "gitlab":
            return bash(script_of(self.root, job), self.root, env).returncode
        values = {"github.event.number": str(number)}
        codes = [bash(script, self.root, env | more).returncode for script, more in steps_of(self.root, job, values)]
        return next(filter(None, codes), 0)

    def calls(self) -> list[str]:
        path = self.root / "calls"
        found = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return found


@pytest.fixture(params=["github", "gitlab"])
def runner(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runner]:
    root, forge = tmp_path / "checkout", Forge(tmp_path / "forge")
    scaffold(root, Sample.NONE, Workflows.BOTH)
    forge.command("lakeflow", LAKEFLOW)
    if request.param == "github":
        yield Runner("github", root, forge)
    else:
        with gitlab(forge) as address:
            yield Runner("gitlab", root, forge, address)


def test_one_comment_is_written_and_then_replaced_and_no_other_is_touched(runner: Runner) -> None:
    runner.forge.say(12, "mallory", f"{MARK}\nmine")
    assert runner.run("environment", 12) == 0
    name = f"{runner.prefix}12"
    runner.calls()
    (first,) = runner.forge.comments(12)
    assert first.startswith(f"{MARK}\n### 3 calls\n")
    assert "https://forge.example" in first
    assert runner.run("environment", 12) == 0
    calls = [call.replace(" --junit build.xml", "") for call in runner.calls()]
    assert calls == [
        "check --against main -o markdown",
        f"materialize --env {name} --wait 10m state:modified+",
        f"env diff {name} -o markdown",
    ]
    assert len(runner.forge.comments(12)) == 1
    assert runner.forge.comments(12, "mallory") == [f"{MARK}\nmine"]
    assert runner.run("environment", 13) == 0
    assert len(runner.forge.comments(13)) == 1


@pytest.mark.parametrize("fails", ["materialize*", "check*", "env*"])
def test_what_is_held_or_breaks_fails_the_job_and_is_shown(runner: Runner, fails: str) -> None:
    """Where nothing was built, what the files break is the comment."""
    assert runner.run("environment", 12, fails) == (0 if fails == "env*" else 1)
    (comment,) = runner.forge.comments(12)
    assert comment.startswith(f"{MARK}\n### {1 if fails == 'env*' else 3} calls\n")


@pytest.fixture
def settled(runner: Runner) -> Runner:
    """Environments of requests that were merged, closed, are open, were merged later than this checkout, and are of
    no request at all.
    """
    head = _commit(runner.root)
    names = [f"{runner.prefix}{number}" for number in (1, 2, 3, 4)] + ["mine", f"{runner.prefix}x", runner.prefix]
    (runner.root / "environments.json").write_text(json.dumps({"data": {"environments": [{"name": x} for x in names]}}))
    for number, state, commit in ((1, "MERGED", head), (2, "CLOSED", ""), (3, "OPEN", ""), (4, "MERGED", "0" * 40)):
        runner.forge.set(number, state, commit)
    return runner


def _commit(root: Path) -> str:
    git = ["git", "-C", str(root), "-c", "user.name=ada", "-c", "user.email=ada@x.example"]
    for words in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def test_what_was_merged_is_promoted_what_was_closed_is_dropped_and_the_rest_is_left(settled: Runner) -> None:
    assert settled.run("settle") == 0
    one, two = f"{settled.prefix}1", f"{settled.prefix}2"
    assert settled.calls()[1:] == [f"env promote {one} --wait 10m", f"env drop {one}", f"env drop {two}"]


def test_a_merge_request_that_is_closed_drops_what_was_closed_and_promotes_nothing_with_its_code(
    settled: Runner,
) -> None:
    if settled.kind == "gitlab":
        assert settled.run("close") == 0
        assert settled.calls()[1:] == [f"env drop {settled.prefix}2"]


def test_what_cannot_be_promoted_stays_and_the_others_are_settled(settled: Runner) -> None:
    one, two = f"{settled.prefix}1", f"{settled.prefix}2"
    assert settled.run("settle", fails="env promote*") == 1
    assert settled.calls()[1:] == [f"env promote {one} --wait 10m", f"env drop {two}"]


def test_an_environment_of_a_request_that_nobody_knows_fails_the_job_and_hinders_no_other(settled: Runner) -> None:
    state = settled.forge.state
    del state["requests"]["1"]
    settled.forge.place.write_text(json.dumps(state))
    assert settled.run("settle") == 1
    assert settled.calls()[1:] == [f"env drop {settled.prefix}2"]

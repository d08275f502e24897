"""What a command answers is what happened, whatever goes wrong beside it or after it."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import lakeflow
from lakeflow.cli.failure import failure_of
from lakeflow.core.model.run import RunState
from lakeflow.core.run.events import Event, Phase, RunEnded, StepPhase

FILES = {"pyproject.toml": "[tool.lakeflow]\n", "layers/bronze/n.sql": "select range as n from range(3)\n"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.long
def test_a_run_whose_log_cannot_be_written_is_published_and_says_so(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(event: Event) -> None:
        if isinstance(event, StepPhase) and event.phase is Phase.PUBLISHING:
            logs = root / ".lakeflow/logs"
            logs.rename(logs.with_name("gone"))
            logs.write_text("a file where the folder was")

    with lakeflow.open(root) as lake:
        run = lake.materialize(observer=spoil)
        assert run is not None
        assert run.state is RunState.PUBLISHED
        assert lake.run(run.id).state is RunState.PUBLISHED
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if "log" in line] == [
        f"warning: the run's log in {root / '.lakeflow/logs'} cannot be written: File exists"
    ]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("error", [BrokenPipeError(errno.EPIPE, "Broken pipe"), OSError(errno.ENOSPC, "No space")])
def test_a_screen_that_is_gone_takes_nothing_back(root: Path, error: OSError) -> None:
    def watch(event: Event) -> None:
        if isinstance(event, RunEnded):
            raise error

    with lakeflow.open(root) as lake:
        run = lake.materialize(observer=watch)
        assert run is not None
        assert run.state is RunState.PUBLISHED


@pytest.mark.parametrize(
    ("number", "says", "helps"),
    [
        (errno.ENOSPC, "no space, or no free inode, left", "df -i"),
        (errno.EMFILE, "too many files are open", "ulimit -n"),
        (errno.EROFS, "the file system does not allow it", "mounted read-only"),
        (errno.EIO, "the disk failed", "doctor --deep"),
    ],
)
def test_what_the_system_refuses_is_said_in_words_and_never_that_nothing_was_published(
    number: int, says: str, helps: str
) -> None:
    failure = failure_of(OSError(number, os.strerror(number), "/lake/x"))
    assert failure.exit_code == 1
    text = "\n".join(failure.lines)
    assert says in text
    assert "/lake/x" in text
    assert helps in text
    assert "`lakeflow runs` says what was published" in text
    assert "unexpected" not in text
    assert "`lakeflow runs` says what was published" in "\n".join(failure_of(KeyError("x")).lines)


@pytest.mark.long
def test_hundreds_of_assets_are_published_with_few_open_files(tmp_path: Path) -> None:
    """macOS allows a process 256 open files, many containers 1,024: a run must not need one for each asset."""
    (tmp_path / "pyproject.toml").write_text("[tool.lakeflow]\n")
    for number in range(200):
        path = tmp_path / f"layers/bronze/a{number}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"select {number} as n\n")
    done = subprocess.run(
        [sys.executable, "-m", "lakeflow.cli", "materialize", "-o", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128)),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with lakeflow.open(tmp_path) as lake:
        assert len(lake.status("status:fresh")) == 200


@pytest.mark.long
@pytest.mark.parametrize("inodes", [16, 30, 46])
def test_where_no_inode_is_left_the_answer_says_so_and_publishes_nothing(tmp_path: Path, inodes: int) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    script = (
        f"mount -t tmpfs -o nr_inodes={inodes},size=100m lake {lake} && cd {lake} && mkdir -p layers/bronze && "
        "echo '[tool.lakeflow]' > pyproject.toml && "
        'for n in 1 2 3; do echo "select $n as n" > layers/bronze/a$n.sql; done && '
        f"{sys.executable} -m lakeflow.cli materialize; echo code $?; {sys.executable} -m lakeflow.cli status"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["unshare", "-rm", "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    said = done.stdout + done.stderr
    assert "No space left on device" in said or "df -i" in said, said
    assert "unexpected" not in said
    assert "code 0" not in said
    assert "fresh" not in done.stdout.split("code ")[1].partition("Next")[0]

"""A cache is believed only where this user's own key sealed it, and the key only where nobody else can have it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lakeflow.adapters.machine.sealed import fault_of_key, key_file, read_sealed, write_sealed
from lakeflow.lake.diagnosis import examine_machine

Spoil = Callable[[Path], None]


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_STATE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "state"))
    found = key_file(os.environ)
    assert found is not None
    return found


@pytest.fixture
def kept(key: Path, tmp_path: Path) -> Path:
    """A sealed text in a cache."""
    path = tmp_path / "cache" / "a.json"
    path.parent.mkdir()
    write_sealed(path, "one\ntwo\n")
    return path


def in_another_process(path: Path) -> str:
    code = "import sys, pathlib, lakeflow.adapters.machine.sealed as s; print(s.read_sealed(pathlib.Path(sys.argv[1])))"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    return done.stdout.removesuffix("\n")


def test_what_one_process_sealed_another_one_of_the_user_reads(kept: Path, key: Path) -> None:
    assert (read_sealed(kept), in_another_process(kept)) == ("one\ntwo\n", "one\ntwo\n")
    assert (key.stat().st_mode & 0o777, kept.stat().st_mode & 0o777) == (0o600, 0o600)


def _open_to_all(key: Path) -> None:
    key.chmod(0o644)


def _folder_open(key: Path) -> None:
    key.parent.chmod(0o777)


def _cut(key: Path) -> None:
    key.write_bytes(b"short")


def _link(key: Path) -> None:
    key.rename(key.with_name("real.key"))
    key.symlink_to("real.key")


def _pipe(key: Path) -> None:
    key.unlink()
    os.mkfifo(key, 0o600)


@pytest.mark.parametrize("spoil", [_open_to_all, _folder_open, _cut, _link, _pipe])
def test_a_key_that_others_may_have_seals_and_opens_nothing(kept: Path, key: Path, spoil: Spoil) -> None:
    spoil(key)
    assert in_another_process(kept) == "None"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_of_another_user_seals_and_opens_nothing(kept: Path, key: Path) -> None:
    os.chown(key, 12345, 12345)
    assert in_another_process(kept) == "None"


def test_why_a_key_may_not_be_used_is_said(key: Path) -> None:
    assert fault_of_key(os.environ) == ""
    assert not key.exists(), "who only looks makes none"
    key.parent.mkdir(parents=True)
    key.write_bytes(b"k" * 32)
    key.chmod(0o640)
    assert fault_of_key(os.environ) == f"{key} is open to other users (mode 0640)"
    assert [finding.subject for finding in examine_machine() if "nothing is kept" in finding.message] == ["cache"]
    assert fault_of_key({}) == "this user has no home folder to keep a key in"


def test_another_name_another_text_or_another_key_is_not_believed(kept: Path, tmp_path: Path) -> None:
    """What was sealed for one file says nothing of another one, and a folder from elsewhere nothing at all."""
    kept.with_name("b.json").write_bytes(kept.read_bytes())
    assert read_sealed(kept.with_name("b.json")) is None
    kept.write_text(kept.read_text().replace("two", "three"))
    assert read_sealed(kept) is None
    write_sealed(kept, "again")
    assert read_sealed(kept) == "again"
    for name in ("XDG_STATE_HOME", "HOME"):
        os.environ[name] = str(tmp_path / "other")  # the fixture puts it back
    assert read_sealed(kept) is None


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"0" * 64, b"0" * 64 + b"\n[]"])
def test_damage_is_as_good_as_nothing(kept: Path, content: bytes) -> None:
    kept.write_bytes(content)
    assert read_sealed(kept) is None


def test_what_is_no_plain_file_keeps_nobody_waiting(kept: Path, tmp_path: Path) -> None:
    kept.unlink()
    os.mkfifo(kept)
    assert read_sealed(kept) is None
    kept.unlink()
    (tmp_path / "elsewhere").write_text("")
    kept.symlink_to(tmp_path / "elsewhere")
    assert read_sealed(kept) is None
    write_sealed(kept, "mine")
    assert ((tmp_path / "elsewhere").read_text(), read_sealed(kept)) == ("", "mine")


def test_a_cache_that_holds_the_key_itself_is_not_believed(key: Path, tmp_path: Path) -> None:
    """Whoever brings the one brings the other."""
    for folder in (tmp_path, tmp_path / "state", key.parent):
        folder.mkdir(parents=True, exist_ok=True)
        write_sealed(folder / "a.json", "text")
        assert not (folder / "a.json").exists()


def test_many_processes_at_once_make_one_key(key: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    code = "import sys, pathlib, lakeflow.adapters.machine.sealed as s; s.write_sealed(pathlib.Path(sys.argv[1]), 'x')"
    names = [tmp_path / "cache" / f"{number}.json" for number in range(4)]
    running = [subprocess.Popen([sys.executable, "-c", code, str(name)]) for name in names]
    assert [process.wait() for process in running] == [0] * 4
    assert [read_sealed(name) for name in names] == ["x"] * 4
    assert [path.name for path in key.parent.iterdir()] == ["cache.key"]

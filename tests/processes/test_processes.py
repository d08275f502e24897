from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.ledger import SqlLedger
from lakeflow.adapters.machine.process import is_alive, me
from lakeflow.core.errors import BusyError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Holder, Lease, RunState

HOLD = """
import sys
from datetime import UTC, datetime
from lakeflow.adapters.database.database import Database
from lakeflow.adapters.ledger import MIGRATIONS, SqlLedger
from lakeflow.adapters.machine.process import is_alive, me
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Lease, RunRecord, RunState

database = Database(sys.argv[1])
database.initialise(MIGRATIONS)
ledger = SqlLedger(database, is_alive, lambda: datetime.now(UTC), 3600)
ledger.acquire(Lease("killed", "t1", frozenset({AssetKey.parse("silver.alpha")}), me()))
ledger.save(RunRecord("killed", RunState.RUNNING, datetime.now(UTC)))
print("holding", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as started:
        yield started
        started.kill()


def holder_of(pid: int) -> Holder:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return replace(me(), pid=pid, process_started=fields[19])


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_this_process_lives() -> None:
    assert me().pid == os.getpid()
    assert me().host
    assert me().boot_id
    assert me().process_started
    assert is_alive(me()) is True


@linux
def test_another_process_lives_until_it_is_killed_even_before_it_is_reaped(child: subprocess.Popen[bytes]) -> None:
    holder = holder_of(child.pid)
    assert is_alive(holder) is True
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_alive(holder) is False
    child.wait()
    assert is_alive(holder) is False


def test_a_later_process_with_the_same_number_is_another() -> None:
    assert is_alive(replace(me(), process_started="1")) is False


def test_nothing_is_known_of_another_boot_for_two_machines_may_have_one_name() -> None:
    """`localhost`, or clones of one image: only the heartbeat tells whether that one lives."""
    assert is_alive(replace(me(), boot_id="another/" + me().boot_id.partition("/")[2])) is None


def test_nothing_is_known_of_another_host() -> None:
    assert is_alive(replace(me(), host="elsewhere")) is None


@linux
def test_nothing_is_known_of_a_container_that_shares_this_kernel() -> None:
    boot = me().boot_id.partition("/")[0]
    assert is_alive(replace(me(), boot_id=f"{boot}/pid:[1]")) is None


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # other tests may have started threads
def test_a_forked_child_is_somebody_else() -> None:
    parent = me()
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        os.write(writing, str(me().pid).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(reading, 20) == str(pid).encode()
    assert me() == parent
    os.close(reading)
    os.close(writing)


@pytest.mark.long
def test_a_killed_holder_is_taken_over_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/catalog.db"
    with subprocess.Popen([sys.executable, "-c", HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"holding\n"
        database = Database(url)
        ledger = SqlLedger(database, is_alive, lambda: datetime.now(UTC), 3600)
        mine = Lease("mine", "t2", frozenset({AssetKey.parse("silver.alpha")}), me())
        with pytest.raises(BusyError, match=rf"run killed is at work \(process {holder.pid} on"):
            ledger.acquire(mine)
        holder.kill()
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        assert ledger.acquire(mine) == ("killed",)
        assert ledger.run("killed").state is RunState.ABANDONED
        database.close()

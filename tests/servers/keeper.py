"""Keeps one server for one process: `python keeper.py PARENT SIGNAL FOLDER COMMAND…`.

It ends the server, and removes what it wrote, when its standard input says or ends, or the parent is gone, also where
that was killed. It stands alone so that it starts in a few milliseconds.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

LOOK = 0.2
"""Seconds between two looks at the parent: other processes may hold our standard input open."""
PATIENCE = 10.0


def main() -> int:
    parent, end_by, folder, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, lambda *_: None)  # not SIG_IGN, which the server would inherit
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    while server.poll() is None and os.getppid() == parent and not _told_to_end():
        pass
    is_over = server.poll() is not None
    _end(server, end_by)
    shutil.rmtree(folder, ignore_errors=True)
    if not (is_over and os.getppid() == parent):  # else the parent wants to read why
        Path(f"{folder}.log").unlink(missing_ok=True)
    return server.returncode or 0


def _told_to_end() -> bool:
    ready, _, _ = select.select([sys.stdin], [], [], LOOK)
    return bool(ready)


def _end(server: subprocess.Popen[bytes], end_by: int) -> None:
    if server.poll() is None:
        server.send_signal(end_by)
        with suppress(subprocess.TimeoutExpired):
            server.wait(PATIENCE)
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


if __name__ == "__main__":
    sys.exit(main())

"""What a process can tell of itself: `python -P -m tests.processes.told WORD…` prints it as JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path


def main() -> None:
    umask = os.umask(0)
    os.umask(umask)
    told = {
        "parent": os.getppid(),
        "leads its group": os.getpgrp() == os.getpid(),
        "words": sys.argv[1:],
        "directory": str(Path.cwd()),
        "environment": {name: os.environ[name] for name in sorted(os.environ)},
        "modules from": sys.path,
        "read": sys.stdin.read(),
        "signals": {
            number.name: str(signal.getsignal(number))
            for number in sorted(signal.valid_signals(), key=str)
            if isinstance(number, signal.Signals)
        },
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "umask": umask,
        "threads": threading.active_count(),
        "files": sorted(int(path.name) for path in Path("/proc/self/fd").iterdir()),
        "temporary": tempfile.gettempdir(),
        "time zone": time.tzname,
    }
    sys.stderr.write("heard\n")
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()

"""The parent process, as a child uses it: requests come from it, answers go to it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO, Final

from lakeflow.adapters.processes import protocol

_PR_SET_PDEATHSIG: Final = 1  # prctl(2)


class Parent:
    """Ends this process when its parent ends, whatever it is doing, and leaves Ctrl-C to the parent.

    Requests come on the original stdin, answers go to the original stdout. Both are moved to other descriptors, so that
    no `print` can garble them.
    """

    def __init__(self, goes_first: int, heed: Callable[[protocol.OneWayCall], None] = lambda _: None) -> None:
        """`goes_first` is out of 1000 (proc(5), oom_score_adj): when memory runs out, Linux ends this process before
        the run. `heed` is called with what is urgent, in a thread of its own; what it raises is nobody's.
        """
        self._heed = heed
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _die_with(int(sys.argv[1]))
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(str(goes_first), encoding="ascii")
        requests, self._answers = _private_pipes()
        self._requests: SimpleQueue[bytes] = SimpleQueue()
        threading.Thread(target=self._listen, args=(requests,), name="requests", daemon=True).start()

    def receive(self) -> protocol.Call | protocol.OneWayCall:
        """Wait for the next request."""
        return protocol.decode_wish(self._requests.get())

    def send(self, answer: protocol.Progress | protocol.Reply) -> None:
        protocol.write_message(self._answers, protocol.encode(answer))

    def _listen(self, requests: BinaryIO) -> None:
        """Pass on requests until the parent is gone."""
        while (message := protocol.read_message(requests)) is not None:
            if not message.startswith(protocol.URGENT):
                self._requests.put(message)
                continue
            with suppress(Exception):  # the work goes on without
                urgent = protocol.decode_wish(message.removeprefix(protocol.URGENT))
                assert isinstance(urgent, protocol.OneWayCall)
                self._heed(urgent)
        os._exit(0)


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Duplicates of stdin and stdout that only this module knows; the originals read nothing and write to the log."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


@contextmanager
def silence() -> Iterator[None]:
    """While this is open, what this process and its own children print is dropped."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for stream in (1, 2):
            os.dup2(kept, stream)
        os.close(kept)
        os.close(nowhere)

"""`serve`: the loop with a real lake, a real clock, signals, folders that wake it, and two pages that say how it is."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, chdir, closing, contextmanager, redirect_stdout
from datetime import timedelta
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any, Final

from lakeflow.adapters.machine import ending
from lakeflow.adapters.machine.files.source_files import places
from lakeflow.adapters.machine.folder_watch import FolderWatch
from lakeflow.core.keys import EMPTY
from lakeflow.core.ports.locations import store_of
from lakeflow.core.values import dataclass
from lakeflow.lake.assembly import utc_now
from lakeflow.lake.keeping.places import warehouse_of
from lakeflow.project import find_root
from lakeflow.serve.lake import FileLake
from lakeflow.serve.loop import Loop, Pulse, Say
from lakeflow.serve.metrics import health, metrics
from lakeflow.serve.web import LOOPBACK, Pages, listening
from lakeflow.wap import EndsEarly

_SOON: Final = 3.0
"""Seconds."""


@dataclass(frozen=True)
class Options:
    """What to serve and how. `poll` is the longest time between two looks; `port` 0 is any, None no page at all.
    With `pages` the lake is shown there, where the libraries for that are installed.
    """

    path: str = "."
    settings: Mapping[str, str] = EMPTY
    selection: tuple[str, ...] = ()
    exclude: str = ""
    poll: timedelta = timedelta(minutes=1)
    port: int | None = None
    pages: bool = True


def serve(options: Options, say: Say) -> Pulse:
    """Keep the lake until the process is asked to end; how it stood then.

    SIGTERM ends it when the steps at work are done. What they wrote waits on its branch, and the next `serve` goes on
    with it. Another SIGTERM, or Ctrl-C, ends it at once: KeyboardInterrupt.
    """
    woken = Event()
    lake = FileLake(find_root(Path(options.path)), options.settings, options.selection, options.exclude)
    loop = Loop(lake, utc_now, say, options.poll, Pulse(utc_now()))
    with ExitStack() as stack:
        stack.enter_context(chdir(lake.root))  # relative paths in SQL and Python code begin here
        stack.enter_context(redirect_stdout(sys.stderr))  # what user code prints is no answer
        stack.enter_context(_asked_to_end(woken.set))
        watch = FolderWatch(woken.set)
        stack.callback(watch.close)
        stack.callback(lake.close)
        if options.port is not None:
            say(_answers(stack, options, loop, lake.root))
        try:
            _keep(loop, lake, watch, woken)
        except EndsEarly:
            say("ended after the step at work: the next `serve` goes on with the run")
    return loop.pulse


def serve_once(options: Options, say: Say) -> Pulse:
    """Do what is due now, and whatever that makes due; how the lake stood then. Nothing is watched or answered."""
    lake = FileLake(find_root(Path(options.path)), options.settings, options.selection, options.exclude)
    loop = Loop(lake, utc_now, say, options.poll, Pulse(utc_now()))
    with chdir(lake.root), redirect_stdout(sys.stderr), closing(lake):
        # A file that is being written is waited for; another run is not.
        while (pause := (loop.turn() - utc_now()).total_seconds()) < _SOON:
            time.sleep(max(0.0, pause))
    return loop.pulse


def _keep(loop: Loop, lake: FileLake, watch: FolderWatch, woken: Event) -> None:
    told = False
    while not ending.is_asked():
        # Cleared before the look: what changes during it wakes the next wait.
        woken.clear()
        back = loop.turn()
        if not (watch.follow(*_watched(lake)) or told):
            told = True
            loop.say(f"watchfiles is not installed: changes are seen within {loop.poll.total_seconds():g} s")
        if not ending.is_asked():
            woken.wait(min(max(0.0, (back - utc_now()).total_seconds()), loop.poll.total_seconds()))


def _watched(kept: FileLake) -> tuple[list[Path], list[Path]]:
    """The files and folders whose changes concern the lake, and those in which it writes itself."""
    root, lake = kept.root, kept.lake
    code = [root / "layers", root / "checks", root / "pyproject.toml"]
    if lake is None:
        return code, []
    state = root / lake.configured.state_dir
    warehouse = warehouse_of(lake.configured, root, state)
    patterns = [pattern for asset in lake.project.assets.values() for pattern in asset.outside]
    sources = [place for pattern in dict.fromkeys(patterns) for place in places(root, pattern, warehouse)]
    return [*code, *sources], [state, *([] if store_of(warehouse) else [Path(warehouse)])]


def _answers(stack: ExitStack, options: Options, loop: Loop, root: Path) -> str:
    """Answer until the stack ends; where, in words. The pages need libraries that not every lake has."""
    pages = _pages(loop)
    assert options.port is not None, "it was asked for"
    try:
        from lakeflow.serve.pages import showing  # noqa: PLC0415 - as said
    except ModuleNotFoundError:
        shown = False
    else:
        shown = options.pages
    if not shown:
        port = stack.enter_context(listening(options.port, pages))
        return f"http://{LOOPBACK}:{port}/healthz and /metrics"
    port = stack.enter_context(showing(options.port, pages, root, options.settings))
    return f"http://{LOOPBACK}:{port}/, /healthz and /metrics"


def _pages(loop: Loop) -> Pages:
    patience = 3 * loop.poll + timedelta(minutes=1)
    return Pages(lambda: health(loop.pulse, utc_now(), patience), lambda: metrics(loop.pulse, utc_now()))


@contextmanager
def _asked_to_end(wake: Callable[[], None]) -> Iterator[None]:
    """SIGTERM asks this process to end; whatever is signalled after that ends it at once."""

    def asked(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT or ending.is_asked():
            raise KeyboardInterrupt
        ending.ask()
        wake()

    before: dict[int, Any] = {number: signal.signal(number, asked) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        ending.forget()
        for number, handler in before.items():
            signal.signal(number, handler)

"""Ends long queries at once when somebody presses Ctrl-C or the engine is closed.

DuckDB looks at Python's signals only between pieces of work, which can be the whole query, and then raises a
RuntimeError instead of KeyboardInterrupt. `interrupt()` from another thread ends the query promptly.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final, TypeVar

Result = TypeVar("Result")

_POLL: Final = 0.1
"""Seconds. A signal may reach a thread of DuckDB, so waiting must end now and then for this thread to see it. An
interrupt that comes just before the query begins is lost, so it is repeated.
"""


def interruptible(
    interrupt: Callable[[], None], work: Callable[[], Result], watch: Callable[[], None] = lambda: None
) -> Result:
    """The result of `work`, which runs in a thread of its own while this thread can receive signals.

    An exception of `watch`, which is called repeatedly meanwhile, ends the work.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="duckdb") as pool:
        future = pool.submit(work)
        try:
            while not wait([future], timeout=_POLL).done:
                watch()
        finally:
            _end(future, interrupt)
    return future.result()


def _end(future: Future[Result], interrupt: Callable[[], None]) -> None:
    """Interrupt until the work has ended; leaving earlier would only wait for it without interrupting again."""
    while not future.done():
        try:
            interrupt()
            wait([future], timeout=_POLL)
        except KeyboardInterrupt:
            continue  # Ctrl-C was pressed again: the query is being ended already


def is_interrupt(error: BaseException) -> bool:
    """Is this how DuckDB says that Ctrl-C was pressed?"""
    return isinstance(error, RuntimeError) and str(error) == "Query interrupted"

"""The process of Python assets, and of large SQL ones: `python -m lakeflow.workers.code <pid of the parent>`.

`adapters.code_process` starts it. It runs one asset's code after the other on an engine of its own and answers with
schemas and statistics, or with the error and its traceback. A crash in it ends this process and nothing else; where it
crashed is printed.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lakeflow.adapters.processes import Parent, silence
from lakeflow.adapters.processes.engine import Begin, Hello, MethodCall, Reply, decode, encode
from lakeflow.core.errors import CodeError, LakeflowError
from lakeflow.core.model.asset import Asset, PythonCode
from lakeflow.core.ports import Engine

if TYPE_CHECKING:
    from lakeflow.project.functions import ProjectFunctions

_FIRST_TO_GO: Final = "900"
"""Of 1000, in proc(5)'s oom_score_adj: when memory runs out, this process goes and the run stays."""


_LONGEST: Final = 100_000
"""Characters of a traceback; an exception may say anything."""


def main() -> None:
    parent = Parent()
    hello: Hello = decode(parent.receive())
    engine: Engine | None = None

    def begin() -> None:
        nonlocal engine
        _prepare(hello)
        engine = hello.make()

    _answer(parent, begin)
    functions = _LazyFunctions(hello.root)
    while engine is not None:
        _serve(parent, engine, functions, decode(parent.receive()))


class _LazyFunctions:
    """Found when the first is asked for: SQL has none."""

    def __init__(self, root: str) -> None:
        self._root = root

    @cached_property
    def _functions(self) -> ProjectFunctions:
        from lakeflow.project.functions import ProjectFunctions  # noqa: PLC0415 - a second that SQL need not wait for

        return ProjectFunctions(self._root)

    def of(self, asset: Asset) -> Asset:
        return self._functions.of(asset) if isinstance(asset.code, PythonCode) else asset


def _prepare(hello: Hello) -> None:
    """Everything that code may expect of the process that it runs in."""
    os.chdir(hello.root)
    sys.path += [entry for entry in hello.path if entry not in sys.path]
    faulthandler.enable(os.dup(2))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")


def _serve(parent: Parent, engine: Engine, functions: _LazyFunctions, begin: Begin) -> None:
    """One asset, from the first question to the last."""
    produced: Any = None
    os.environ.clear()
    os.environ.update(begin.environment)
    with silence() if begin.quiet else nullcontext(), ExitStack() as open_:

        def start() -> Any:
            nonlocal produced
            running = getattr(engine, begin.method)(functions.of(begin.asset), *begin.arguments, begin.terms)
            produced = open_.enter_context(running)
            return produced.schema, produced.landed

        answer = partial(_answer, parent, traces=not begin.quiet)
        answer(start)
        while isinstance(asked := decode(parent.receive()), MethodCall):
            answer(partial(getattr(produced, asked.method), *asked.arguments))


def _answer(parent: Parent, work: Callable[[], Any], *, traces: bool = True) -> None:
    """What it gives, or what it raises, and where: unless that may tell of personal data."""
    try:
        answer = Reply(work())
    except CodeError as error:
        answer = Reply(error=error, trace=_trace(error.__cause__))
    except (LakeflowError, KeyboardInterrupt) as error:
        answer = Reply(error=error)
    except BaseException as error:  # noqa: BLE001 - a fault of ours: the parent raises it
        answer = Reply(error=RuntimeError(type(error).__name__), trace=_trace(error))
    if not traces:
        answer = replace(answer, trace=())
    sys.stdout.flush()
    sys.stderr.flush()
    parent.send(encode(answer))


def _trace(error: BaseException | None) -> tuple[str, ...]:
    if error is None:
        return ()
    return tuple("".join(traceback.format_exception(error))[:_LONGEST].splitlines())


if __name__ == "__main__":
    main()

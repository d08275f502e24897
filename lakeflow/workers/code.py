"""The process of Python assets, and of large SQL ones: `python -m lakeflow.workers.code <pid of the parent>`.

`adapters.processes.engine` starts it. It runs one asset's code after the other on its own engine, and answers with
schemas and statistics, or with an error and its traceback. A crash ends this process and nothing else, and the place of
the crash is printed.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from lakeflow.adapters.processes import Parent, silence
from lakeflow.adapters.processes.engine import Begin
from lakeflow.adapters.processes.protocol import Call, reply_of
from lakeflow.adapters.processes.workers import Hello
from lakeflow.core.model.asset import Asset, PythonCode
from lakeflow.core.ports.engine import Runner

if TYPE_CHECKING:
    from lakeflow.workers.functions import ProjectFunctions


def main() -> None:
    made: list[Runner] = []
    parent = Parent(goes_first=900, heed=lambda urgent: getattr(made[0], urgent.method)(*urgent.arguments))
    (hello,) = parent.receive().arguments
    ready = reply_of(partial(_engine, hello), traces=True)
    engine, ready = ready.value, replace(ready, value=None)
    made += [engine] if engine is not None else []
    parent.send(ready)
    functions = _LazyFunctions(hello.root)
    while engine is not None:
        (begin,) = parent.receive().arguments
        _serve(parent, engine, functions, begin)


class _LazyFunctions:
    """The project's functions, found when the first is asked for: SQL has none."""

    def __init__(self, root: str) -> None:
        self._root = root

    @cached_property
    def _functions(self) -> ProjectFunctions:
        from lakeflow.workers.functions import ProjectFunctions  # noqa: PLC0415 - a second that SQL need not wait for

        return ProjectFunctions(self._root)

    def of(self, asset: Asset) -> Asset:
        if not isinstance(asset.code, PythonCode):
            return asset
        if asset.code.kept:
            from lakeflow.project.kept_functions import kept_function  # noqa: PLC0415 - as above

            return kept_function(asset)
        return self._functions.of(asset)


def _engine(hello: Hello) -> Runner:
    """Make the engine, after everything is ready that code may expect of its process."""
    os.chdir(hello.root)
    sys.path += [entry for entry in hello.path if entry not in sys.path]
    faulthandler.enable(os.dup(2))
    return hello.make()


def _serve(parent: Parent, engine: Runner, functions: _LazyFunctions, begin: Begin) -> None:
    """Serve one asset, from the first question to the last."""
    produced: Any = None
    os.environ.clear()
    os.environ.update(begin.environment)
    with silence() if begin.quiet else nullcontext(), ExitStack() as open_:

        def start() -> Any:
            nonlocal produced
            running = getattr(engine, begin.method)(functions.of(begin.asset), *begin.arguments, begin.terms)
            produced = open_.enter_context(running)
            return tuple(getattr(produced, name) for name in begin.told)

        parent.send(reply_of(start, traces=not begin.quiet))
        while isinstance(asked := parent.receive(), Call):
            work = partial(getattr(produced, asked.method), *asked.arguments)
            parent.send(reply_of(work, traces=not begin.quiet))


if __name__ == "__main__":
    main()

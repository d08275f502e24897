"""Rows as a JSON envelope that is written as they come: one batch of them is in memory, and a failure ends it as JSON.

What is known at the end alone, whether all went well, stands at the end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import IO, Any

from lakeflow.as_json.envelope import SCHEMA_VERSION
from lakeflow.as_json.values import rows_json
from lakeflow.cli.failure import ToldError, failure_of
from lakeflow.core.model.table import Rows


class RowsEnvelope:
    """An envelope on its way to a sink; it has begun once a batch came, so that what fails before is told as ever."""

    def __init__(self, command: str, sink: IO[bytes]) -> None:
        self._command, self._sink = command, sink
        self._has_rows = False
        self.has_begun = False

    def write(self, found: Iterator[Rows]) -> None:
        """Write these batches, the first of which has no row and says the columns. Each goes out in one piece."""
        head, *first = islice(found, 2)
        self._begin(head)
        for batch in chain(first, found):
            lines = [json.dumps(row) for row in rows_json(batch)["rows"]]
            if lines:
                comma = "," if self._has_rows else ""
                self._sink.write((f"{comma}\n      " + ",\n      ".join(lines)).encode())
                self._has_rows = True

    def end(self, exit_code: int = 0, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        ended = {"ok": exit_code == 0, "exit_code": exit_code, "errors": list(errors)}
        said = ",\n  ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in ended.items())
        self._sink.write(f"\n    ]\n  }},\n  {said}\n}}\n".encode())

    def _begin(self, head: Rows) -> None:
        said = ((name, json.dumps(value)) for name, value in self._said.items())
        before = "".join(f"  {json.dumps(name)}: {value},\n" for name, value in said)
        columns = json.dumps(list(head.columns))
        self._sink.write(f'{{\n{before}  "data": {{\n    "columns": {columns},\n    "rows": ['.encode())
        self.has_begun = True

    @property
    def _said(self) -> Mapping[str, Any]:
        return {"schema_version": SCHEMA_VERSION, "command": self._command}


@contextmanager
def ended_well(envelope: RowsEnvelope) -> Iterator[None]:
    """End the envelope in any case. ToldError for what failed once it had begun; what failed before is raised as it
    is, and so is a reader that went away.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except BaseException as error:
        if not envelope.has_begun:
            raise
        failure = failure_of(error)
        envelope.end(failure.exit_code, failure.entries)
        raise ToldError(error) from error
    envelope.end()

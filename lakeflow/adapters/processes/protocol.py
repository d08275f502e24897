"""The messages between a run and its workers, the same for every worker.

1. The run sends a `Call`, or a `OneWayCall`, to which nobody replies.
2. During a call the worker may send `Progress`, any number of times.
3. It ends a call with one `Reply`: the call's result, or the error that it raised.

A run that does not want to wait any longer ends the worker. Messages are pickled after their length. What a run sends
is trusted. What comes back may hold only records of the core and plain values, so that user code in a worker cannot
make the run load or call anything.
"""

from __future__ import annotations

import io
import pickle
import sys
import traceback
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from importlib import import_module
from typing import IO, Any, Final
from uuid import UUID, SafeUUID

from lakeflow.core.errors import CodeError, LakeflowError
from lakeflow.core.values import dataclass

URGENT: Final = b"!"
"""Begins a `OneWayCall` that a worker heeds at once, whatever it is doing; no pickle begins so."""
_LENGTH: Final = 8
"""The number of bytes that hold a message's length, most significant byte first."""
_LONGEST: Final = 100_000
"""The most characters of a traceback, since an exception may say anything."""


@dataclass(frozen=True)
class Call:
    """A call that gets a reply."""

    method: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class OneWayCall:
    """A call without a reply."""

    method: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Progress:
    """What the run must know before the reply."""

    value: Any


@dataclass(frozen=True)
class Reply:
    """The result of a call, or the error that it raised, with the lines of its traceback where the log may hold
    them.
    """

    value: Any = None
    error: BaseException | None = None
    trace: tuple[str, ...] = ()


def reply_of(work: Callable[[], Any], *, traces: bool) -> Reply:
    """The reply with what the work gives or raises. The traceback is left out if it may hold personal data."""
    try:
        return Reply(work())
    except CodeError as error:
        return Reply(error=error, trace=_trace(error.__cause__) if traces else ())
    except (LakeflowError, KeyboardInterrupt) as error:
        return Reply(error=error)
    except BaseException as error:  # noqa: BLE001 - a fault of ours: the run raises it
        return Reply(error=RuntimeError(type(error).__name__), trace=_trace(error) if traces else ())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def value_of(answer: Progress | Reply, traced: Callable[[tuple[str, ...]], None]) -> Any:
    """The result of a reply. Its error is raised, after `traced` has received where it happened."""
    if isinstance(answer, Reply):
        if answer.trace:
            traced(answer.trace)
        if answer.error is not None:
            raise answer.error
    return answer.value


def _trace(error: BaseException | None) -> tuple[str, ...]:
    return tuple("".join(traceback.format_exception(error))[:_LONGEST].splitlines()) if error else ()


def encode(message: Call | OneWayCall | Progress | Reply) -> bytes:
    return pickle.dumps(message)


def decode_wish(message: bytes) -> Call | OneWayCall:
    wish = pickle.loads(message)  # noqa: S301 - from the process that started this one
    assert isinstance(wish, Call | OneWayCall)
    return wish


def decode_answer(message: bytes) -> Progress | Reply:
    """Decode an answer. ValueError for one that is unreadable, or that holds what no answer may."""
    try:
        answer = _ReplyUnpickler(io.BytesIO(message)).load()
        assert isinstance(answer, Progress | Reply)
    except Exception as error:  # bytes that are no pickle raise whatever they lead to
        raise ValueError(f"no answer ({type(error).__name__})") from error
    return answer


_PLAIN: Final = {
    (each.__module__, each.__name__): each
    for each in (
        *(date, datetime, time, timedelta, timezone, Decimal, UUID, SafeUUID),
        *(RuntimeError, KeyboardInterrupt, Progress, Reply),
    )
}
"""What an answer may hold besides records of the core."""


class _ReplyUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("lakeflow.core."):
            found = vars(import_module(module)).get(name)
            if isinstance(found, type) and found.__module__ == module:
                return found
        elif (module, name) in _PLAIN:
            return _PLAIN[module, name]
        raise pickle.UnpicklingError(f"{module}.{name} may not be in an answer")


def write_message(stream: IO[bytes], message: bytes) -> None:
    stream.write(len(message).to_bytes(_LENGTH, "big") + message)
    stream.flush()


def read_message(stream: IO[bytes]) -> bytes | None:
    """The next message; None at the end, even in the middle of a message."""
    head = stream.read(_LENGTH)
    if len(head) < _LENGTH:
        return None
    length = int.from_bytes(head, "big")
    message = stream.read(length)
    return message if len(message) == length else None

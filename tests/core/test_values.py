"""A class of ours behaves as the standard library's dataclass does, whose methods it has without a compiler."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from lakeflow.core import values


class _Family:
    """The same classes, made by one decorator."""

    def __init__(self, decorator: Callable[..., Any]) -> None:
        @decorator(frozen=True)
        class Plain:
            """Fields with and without a default."""

            name: str
            number: int = 3
            many: tuple[int, ...] = dataclasses.field(default=(1, 2), compare=False, repr=False)

        @decorator(frozen=True)
        class Below(Plain):
            made: list[int] = dataclasses.field(default_factory=list, hash=False)
            fixed: str = dataclasses.field(default="as it is", init=False)
            counted: dict[str, int] = dataclasses.field(default_factory=dict, init=False, compare=False)
            named: int = dataclasses.field(default=7, kw_only=True)

        @decorator(frozen=True, order=True)
        class Ordered:
            first: int
            second: str = ""

        @decorator(frozen=True)
        class Alone:
            only: float

        @decorator(frozen=True)
        class Empty:
            pass

        @decorator
        class Open:
            count: int = 0
            seen: list[int] = dataclasses.field(default_factory=list)

        @decorator(frozen=True)
        class Own:
            word: str

            def __repr__(self) -> str:
                return f"<{self.word}>"

            def __eq__(self, other: object) -> bool:
                return isinstance(other, Own) and str(self.word).lower() == str(other.word).lower()

            def __hash__(self) -> int:
                return hash(str(self.word).lower())

        @decorator(frozen=True)
        class Silent(Plain):
            secret: str = ""

            def __post_init__(self) -> None:
                if self.secret == "refused":
                    raise ValueError("refused")

        self.classes: tuple[Any, ...] = (Plain, Below, Ordered, Alone, Empty, Open, Own, Silent)


OURS, THEIRS = _Family(values.dataclass), _Family(dataclasses.dataclass)
NUMBERS = range(len(OURS.classes))
NAN = float("nan")
CALLS: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = (
    *(((), {}), (("a",), {}), ((1,), {}), ((NAN,), {}), (("a", 2), {}), (("A", "b"), {}), ((1, [2]), {})),
    *((("a", 2, (3,), [4]), {}), (("a",), {"named": 9}), (("a",), {"number": 3}), (("a",), {"secret": "refused"})),
    *((("a",), {"fixed": "no"}), (("a",), {"unknown": 1}), (("a", 1, 2, 3, 4, 5), {}), ((), {"name": "a"})),
)


def outcome(call: Callable[[], Any]) -> Any:
    """What came of it; of an error its type and its words, without which class of the two families it was."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - any error may be what is compared
        return type(error).__name__, str(error).partition("<locals>.")[2] or str(error)


def made(number: int) -> list[tuple[Any, Any]]:
    """The values that both families make of the same arguments, in pairs."""
    pairs = []
    for given, named in CALLS:
        ours = outcome(lambda: OURS.classes[number](*given, **named))  # noqa: B023 - called at once
        theirs = outcome(lambda: THEIRS.classes[number](*given, **named))  # noqa: B023 - called at once
        if isinstance(theirs, tuple):
            assert ours == theirs
        else:
            pairs.append((ours, theirs))
    return pairs


@pytest.mark.parametrize("number", NUMBERS)
def test_the_same_arguments_make_the_same_value_or_the_same_error(number: int) -> None:
    for ours, theirs in made(number):
        assert (vars(ours), repr(ours)) == (vars(theirs), repr(theirs))
        assert outcome(lambda: hash(ours)) == outcome(lambda: hash(theirs))  # noqa: B023 - called at once


@pytest.mark.parametrize("number", NUMBERS)
def test_two_values_compare_as_they_do_in_the_standard_library(number: int) -> None:
    for (ours, theirs), (other, their_other) in product(made(number), repeat=2):
        assert (ours == other) is (theirs == their_other)
        assert outcome(lambda: ours < other) == outcome(lambda: theirs < their_other)  # noqa: B023
    assert made(0)[0][0] != made(1)[0][0], "a value of a class below is another"


@pytest.mark.parametrize("number", NUMBERS)
def test_what_the_standard_library_asks_of_a_dataclass_is_answered_alike(number: int) -> None:
    ours, theirs = OURS.classes[number], THEIRS.classes[number]
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))
    assert [str(each) for each in dataclasses.fields(ours)] == [str(each) for each in dataclasses.fields(theirs)]
    assert ours.__match_args__ == theirs.__match_args__
    for mine, their in made(number):
        assert dataclasses.is_dataclass(type(mine))
        assert dataclasses.asdict(mine) == dataclasses.asdict(their)
        assert copy.copy(mine) == mine
        assert dataclasses.replace(mine) == mine


@pytest.mark.parametrize("number", NUMBERS)
def test_a_frozen_value_refuses_to_change_in_the_same_words(number: int) -> None:
    for ours, theirs in made(number):
        for name in ("name", "count", "other"):
            assert outcome(lambda: setattr(ours, name, 1)) == outcome(lambda: setattr(theirs, name, 1))  # noqa: B023
            assert outcome(lambda: delattr(ours, name)) == outcome(lambda: delattr(theirs, name))  # noqa: B023


@values.dataclass(frozen=True)
class Sent:
    name: str
    parts: tuple[int, ...] = ()


def test_a_value_from_another_process_compares_before_one_was_made_here() -> None:
    """A pickle restores fields and calls no `__init__`."""
    text = f"import pickle, sys; print(pickle.loads(bytes.fromhex({pickle.dumps([Sent('a')] * 2).hex()!r})))"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "[Sent(name='a', parts=()), Sent(name='a', parts=())]\n"


def test_no_class_of_ours_is_compiled_before_it_is_used() -> None:
    @values.dataclass(frozen=True)
    class Unused:
        name: str

    assert not inspect.isfunction(vars(Unused)["__init__"])
    Unused("a")
    assert inspect.isfunction(vars(Unused)["__init__"])


def test_a_class_of_a_module_that_was_forgotten_makes_values(monkeypatch: pytest.MonkeyPatch) -> None:
    @values.dataclass(frozen=True)
    class Forgotten:
        name: str

    monkeypatch.setattr(Forgotten, "__module__", "no.such.module")
    assert Forgotten("a") == Forgotten("a")

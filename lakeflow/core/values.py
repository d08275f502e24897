"""`dataclass`, whose methods cost nothing until somebody calls them.

A short command imports some hundreds of classes and makes values of a few. The standard library writes and compiles six
methods for each while it is imported, and that was a third of all that such a command did. Here the fields are the
standard library's, so `fields`, `replace`, `asdict` and `match` know them; comparison, hash and repr need no compiler;
and `__init__` is compiled when it is asked for first. A type checker sees the standard decorator.
"""

from __future__ import annotations

import dataclasses
import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Final

_ORDER: Final = {"__lt__": operator.lt, "__le__": operator.le, "__gt__": operator.gt, "__ge__": operator.ge}


class _Given:
    """Stands for a default that is made anew for each value, as in the signatures of the standard library."""

    def __repr__(self) -> str:
        return "<factory>"


_GIVEN: Final = _Given()


def _dataclass(cls: Any = None, /, *, frozen: bool = False, order: bool = False, repr: bool = True) -> Any:  # noqa: A002 - the name that a type checker knows
    def decorate(cls: type) -> Any:
        cls.__doc__ = cls.__doc__ or cls.__name__  # else the standard library would ask for a signature, and compile
        made: Any = dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
        fields = dataclasses.fields(made)
        key = _key(field for field in fields if field.compare)
        methods: dict[str, Any] = {"__init__": _Init(made, frozen=frozen), "__eq__": _comparing(operator.eq, key)}
        if order:
            methods |= {name: _comparing(compare, key) for name, compare in _ORDER.items()}
        if repr:
            methods["__repr__"] = _repr([field.name for field in fields if field.repr])
        if frozen:
            methods |= _refusing(made, frozenset(field.name for field in fields))
        _add(made, methods)
        hashed = (field for field in fields if (field.compare if field.hash is None else field.hash))
        _add_hash(made, _hash(_key(hashed)) if frozen else None)
        return made

    return decorate if cls is None else decorate(cls)


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - given on
else:
    dataclass = _dataclass


class _Init:
    """`__init__` of a class until somebody asks for it: to make a value, or to see its signature."""

    def __init__(self, owner: type, *, frozen: bool) -> None:
        self._owner = owner
        self._frozen = frozen

    def __get__(self, found: Any, owner: type | None = None) -> Any:
        made = _compiled(self._owner, frozen=self._frozen)
        self._owner.__init__ = made  # type: ignore[misc]
        return made.__get__(found, owner)


def _compiled(owner: Any, *, frozen: bool) -> Callable[..., None]:
    """What the standard library would write: a parameter a field, and what a field is set to."""
    fields = dataclasses.fields(owner)
    positional = [_parameter(field) for field in fields if field.init and not field.kw_only]
    named = [_parameter(field) for field in fields if field.init and field.kw_only]
    head = ", ".join(["self", *positional, *(["*", *named] if named else [])])
    lines = [_line(field, frozen=frozen) for field in fields if field.init or field.default_factory is not MISSING]
    lines += ["self.__post_init__()"] if hasattr(owner, "__post_init__") else []
    known: dict[str, Any] = {"__set": object.__setattr__, "__given": _GIVEN}
    known |= {f"__default_{field.name}": field.default for field in fields}
    known |= {f"__make_{field.name}": field.default_factory for field in fields}
    return _function(owner, head, lines or ["pass"], known, {field.name: field.type for field in fields if field.init})


def _function(
    owner: type, head: str, lines: Iterable[str], known: Mapping[str, Any], types: Mapping[str, Any]
) -> Callable[..., None]:
    body = "".join(f"\n  {line}" for line in lines)
    text = f"def make({', '.join(known)}):\n def __init__({head}):{body}\n return __init__"
    made: dict[str, Any] = {}
    exec(text, getattr(sys.modules.get(owner.__module__), "__dict__", {}), made)  # noqa: S102 - names of fields of our own classes
    function: Callable[..., None] = made["make"](**known)
    function.__qualname__ = f"{owner.__qualname__}.__init__"
    function.__annotations__ = {**types, "return": None}
    return function


def _parameter(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return f"{field.name}=__default_{field.name}"
    return field.name if field.default_factory is MISSING else f"{field.name}=__given"


def _line(field: Field[Any], *, frozen: bool) -> str:
    value = field.name
    if field.default_factory is not MISSING:
        value = f"__make_{value}() if {value} is __given else {value}" if field.init else f"__make_{value}()"
    return f"__set(self, {field.name!r}, {value})" if frozen else f"self.{field.name} = {value}"


def _key(fields: Iterable[Field[Any]]) -> Callable[[Any], tuple[Any, ...]]:
    names = [field.name for field in fields]
    if len(names) > 1:
        return operator.attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)  # attrgetter gives one value bare


def _comparing(
    compare: Callable[[Any, Any], bool], key: Callable[[Any], tuple[Any, ...]]
) -> Callable[[Any, Any], bool]:
    def compared(self: Any, other: Any) -> bool:
        return compare(key(self), key(other)) if other.__class__ is self.__class__ else NotImplemented

    return compared


def _hash(key: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], int]:
    return lambda self: hash(key(self))


def _repr(names: Iterable[str]) -> Callable[[Any], str]:
    @recursive_repr()
    def shown(self: Any) -> str:
        return f"{self.__class__.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return shown


def _refusing(owner: Any, names: frozenset[str]) -> dict[str, Callable[..., None]]:
    def refuse_to_set(self: Any, name: str, value: Any) -> None:
        if type(self) is owner or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super(owner, self).__setattr__(name, value)

    def refuse_to_delete(self: Any, name: str) -> None:
        if type(self) is owner or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        super(owner, self).__delattr__(name)

    return {"__setattr__": refuse_to_set, "__delattr__": refuse_to_delete}


def _add(owner: type, methods: Mapping[str, Any]) -> None:
    """What a class says itself stays."""
    for name, method in methods.items():
        if name not in vars(owner):
            setattr(owner, name, method)


def _add_hash(owner: Any, method: Callable[[Any], int] | None) -> None:
    if vars(owner).get("__hash__") is None:  # Python sets it to None where a class says `__eq__`
        owner.__hash__ = method

"""`make mutate`: the code of a module is changed in many small ways, one at a time, and each time a test must fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import pytest

from tests.explored import SHARE
from tests.mutation.forks import Forks
from tests.mutation.modules import KILLED_AT_LEAST, TESTS
from tests.mutation.mutants import Mutated, install, where

ROOT: Final = Path(__file__).resolve().parents[2]
BUILD: Final = ROOT / "build" / "mutants"
QUICK: Final = (
    "-p",
    "no:faker",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-p",
    "no:unraisableexception",
    "-p",
    "no:threadexception",
)
"""Plugins whose work for each session a mutant need not pay for."""


def mutate(modules: Sequence[str]) -> int:
    """Make the mutants of modules that the same tests judge, test each, and write down how it ended."""
    again = os.environ.get("AGAIN")
    known = {_dotted(module): _known(module) for module in modules if again and _page(_dotted(module)).exists()}
    quickest = int(os.environ["QUICKEST"]) if "QUICKEST" in os.environ else None
    mutated = [install(ROOT / module, _dotted(module)) for module in modules]
    sample = int(os.environ.get("SAMPLE", "1"))
    tests = TESTS[modules[0]]
    selected = ("-m", "not long and not spark and not servers", "--hypothesis-profile", "mutate", *tests)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        forks = Forks(mutated, known, quickest, sample, _write, Path(folder, "killer"))
        return pytest.main(["-x", "-q", "-s", "--tb=no", "--assert=plain", *QUICK, *selected], [forks])


def _write(mutated: Mutated, ends: Mapping[str, Mapping[str, str]]) -> None:
    _page(mutated.name).write_text(json.dumps(ends, indent=1, ensure_ascii=False), encoding="utf-8")


def _dotted(module: str) -> str:
    return module.removesuffix(".py").replace("/", ".")


def _page(name: str) -> Path:
    return BUILD / f"{name}.json"


def _found(module: str) -> Mapping[str, Mapping[str, str]]:
    found: Mapping[str, Mapping[str, str]] = json.loads(_page(_dotted(module)).read_text(encoding="utf-8"))
    return found


def _known(module: str) -> Mapping[str, str]:
    """How each mutant ended before; of a change that is made twice in a function, the worse end."""
    ends = [(where(name, each["change"]), each["end"]) for name, each in _found(module).items()]
    return dict(ends) | {change: end for change, end in ends if end != "killed"}


def _row(name: str, ends: Iterable[str]) -> str:
    count = Counter(ends)
    return f"{name:<50} {count.total():>5} mutants {_share(count):>7.1%} killed  {dict(sorted(count.items()))}"


def _share(count: Counter[str]) -> float:
    """A mutant that never ends is caught as surely as one that fails."""
    return (count["killed"] + count["timeout"]) / (count.total() or 1)


def main(wanted: Sequence[str]) -> int:
    BUILD.mkdir(parents=True, exist_ok=True)
    every: list[str] = []
    for _, group in groupby(wanted or TESTS, key=lambda module: TESTS[module]):
        modules = list(group)
        log = BUILD / f"{_dotted(modules[0])}.txt"  # of its own, since two may run side by side
        with log.open("w", encoding="utf-8") as output:
            command = [sys.executable, "-m", "tests.mutation", "--here", *modules]
            everything = os.environ | {SHARE: "all"}  # a mutant is to meet all examples of a property
            done = subprocess.run(
                command, cwd=ROOT, env=everything, stdout=output, stderr=subprocess.STDOUT, check=False
            )
        if done.returncode:
            print(log.read_text(encoding="utf-8"))
            return done.returncode
        for module in modules:
            ends = [each["end"] for each in _found(module).values()]
            print(_row(module, ends), flush=True)
            every += ends
    print(_row("all", every))
    return 0 if _share(Counter(every)) >= KILLED_AT_LEAST else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        sys.exit(mutate(sys.argv[2:]))
    sys.exit(main(sys.argv[1:]))

"""Which files do nothing but define names when they are run, by their text."""

from __future__ import annotations

import ast

import pytest

from lakeflow.core.version.definitions import only_defines

DEFINES = {
    "an asset": """
'''What the file is.'''
from __future__ import annotations
from dataclasses import dataclass, field
import datetime as dt
import re
from datetime import date
from typing import TYPE_CHECKING, NamedTuple
from helpers.text import trimmed
from lakeflow import Relation, asset, files

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: list[tuple[str, str]] = [("id", "bigint"), ("at", "date")]
FIRST, ALSO = date(2024, 1, 1), -3
PATTERN = re.compile(r"[a-z]+")
Names = dict[str, list[str]]

class Row(NamedTuple):
    id: int
    name: str = ""

@dataclass(frozen=True)
class Kept:
    rows: list[int] = field(default_factory=list)

    @property
    def many(self) -> bool:
        return print(self.rows) or len(self.rows) > 1

@asset(inputs={"raw": "bronze.raw"}, key=["id"], start=dt.date(2024, 1, 1))
def clean(raw: Relation | None = None, *rest: "int") -> Relation:
    import os
    return trimmed(raw) if os.environ["X"] else exit()
""".replace("FIRST, ALSO = date(2024, 1, 1), -3", "FIRST = date(2024, 1, 1)\nALSO = -3 * 2"),
    "nothing": "",
    "what another file of the project says": "from layers.names import KEY\nfrom . import more\nA = KEY, more.B",
    "a module of lakeflow by its name": "import lakeflow\n\n@lakeflow.asset\ndef clean(): ...\n",
}
DOES_MORE = {
    "prints": "print('hello')",
    "reads a variable": "import os\nLIMIT = os.environ['LIMIT']",
    "asks for a variable": "import os\nLIMIT = os.environ.get('LIMIT')",
    "asks a clock": "from datetime import date\nTODAY = date.today()",
    "asks a clock by its module": "import datetime\nNOW = datetime.datetime.now()",
    "asks a clock for a default": "import time\ndef f(now=time.time()): ...",
    "asks a clock in an annotation": "import time\ndef f(now: time.time()): ...",
    "asks a clock in a class": "import time\nclass A:\n    at = time.time()",
    "asks a clock in a decorator": "import time\n@time.time\ndef f(): ...",
    "loops": "for name in ('a', 'b'): pass",
    "tries": "try:\n    import pandas\nexcept ImportError:\n    pandas = None",
    "decides": "import sys\nif sys.platform == 'win32':\n    A = 1",
    "calls what it defines": "def f(): ...\nA = f()",
    "calls what it imports": "from helpers import settings\nA = settings()",
    "decorates with its own": "def noted(f): return f\n@noted\ndef g(): ...",
    "decorates with what it imports": "from helpers import noted\n@noted\ndef g(): ...",
    "derives from what it imports": "from helpers import Base\nclass A(Base): ...",
    "has a metaclass that is called": "import helpers\nclass A(metaclass=helpers.made()): ...",
    "has a metaclass": "from helpers import Made\nclass A(metaclass=Made): ...",
    "changes another module": "import os\nos.linesep = 'x'",
    "changes a dict": "A = {}\nA['x'] = 1",
    "takes from a dict": "import sys\nA = sys.argv[1]",
    "adds to": "A = 1\nA += 1",
    "deletes": "A = 1\ndel A",
    "computes in a comprehension": "A = [open(x) for x in ('a',)]",
    "writes text together": "import os\nA = f'{os.environ}'",
    "waits": "import asyncio\nA = lambda: 1",
    "binds another to a known name": "from datetime import date\ndate = print\nA = date(1)",
    "defines a known name itself": "def sorted(x): return print(x)\nA = sorted([1])",
    "imports a known name from elsewhere": "from helpers import date\nA = date(1)",
    "imports everything from somewhere": "from helpers import *\nA = sorted([1])",
    "imports a sibling of a known name": "from .datetime import date\nA = date(1)",
    "takes a value of a library": "from helpers import LIMIT\nA = LIMIT",
    "takes a value of the machine": "import os\nA = os.environ",
    "gives a value of a library": "import helpers\nfrom lakeflow import asset\n@asset(key=helpers.KEY)\ndef f(): ...",
    "unpacks": "A, B = open('x')",
    "a walrus": "A = (B := print)",
}


@pytest.mark.parametrize("what", DEFINES)
def test_a_file_that_defines(what: str) -> None:
    assert only_defines(ast.parse(DEFINES[what]))


@pytest.mark.parametrize("what", DOES_MORE)
def test_a_file_that_does_more_or_may(what: str) -> None:
    assert not only_defines(ast.parse(DOES_MORE[what]))

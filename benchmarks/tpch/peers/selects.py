"""The lake's SELECTs, for tools that name tables in another way and know no landed files and no masks."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.tpch.by_hand import SOURCE

_HEADER: Final = re.compile(r"/\*.*?\*/\s*", re.DOTALL)
_TABLE: Final = re.compile(r"\b(?:bronze|silver|gold)\.\w+")
_PADS: Final = {"inner": 0x36, "outer": 0x5C}
"""Of an HMAC, RFC 2104."""


def select_of(root: Path, name: str, spelled: Callable[[str], str]) -> str:
    """The SELECT of a table; `spelled` says how the tool names another one."""
    layer, table = name.split(".")
    text = _HEADER.sub("", (root / "layers" / layer / f"{table}.sql").read_text(), count=1)
    text = _TABLE.sub(lambda found: spelled(found[0]), text)
    text = text.replace("from source", f"from ({SOURCE.format(table=table)}) as source")
    return f"select * replace ({_hashed()} as phone) from ({text}) as plain" if name == "silver.customer" else text


def _hashed() -> str:
    """The mask of the telephone number. Its salt is in the text: no tool gives each of its connections a variable."""
    salt = os.environ["LAKEFLOW_PII_SALT"].encode().ljust(64, b"\0")
    inner, outer = (f"unhex('{bytes(byte ^ pad for byte in salt).hex()}')" for pad in _PADS.values())
    return f"sha256({outer} || unhex(sha256({inner} || encode(phone::varchar))))"

"""What a catalog answers when it is asked for a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, TypeAlias

from lakeflow.core.errors import LakeError
from lakeflow.core.keys import ExternalKey
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class At:
    """Where the metadata stands now, and what it says where the catalog sent that along."""

    location: str
    content: Mapping[str, Any] | None = field(default=None, repr=False)


Place: TypeAlias = At | LakeError
"""Where a table stands, or why there is none."""


def not_there(key: ExternalKey) -> LakeError:
    return LakeError(
        f"catalog {key.catalog!r} has no table {key.namespace}.{key.name}", hint="check the name's spelling"
    )

"""The tables, columns and changes that the contract suites speak of."""

from __future__ import annotations

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Publish
from lakeflow.core.model.schema import Field, List, Primitive, Schema, Struct
from lakeflow.core.model.table import Table
from lakeflow.core.ports.entry import UNRECORDED

ALPHA, BETA, GAMMA = (AssetKey.parse(f"silver.{name}") for name in ("alpha", "beta", "gamma"))
SCHEMA = Schema((Field("n", Primitive("long"), 1), Field("word", Primitive("string"), 2)))
WIDER = Schema((*SCHEMA.fields, Field("extra", Primitive("double"), 3)))
NESTED = Schema(
    (
        Field("place", Struct((Field("x", Primitive("double"), 2), Field("y", Primitive("double"), 3))), 1),
        Field("tags", List(Field("element", Primitive("string"), 5)), 4),
        Field("n", Primitive("long"), 6),
    )
)
BRANCH = "audit_r1"
SUMMARY = {"lakeflow.run": "r1", "lakeflow.asset": "silver.alpha"}


class RecordFailedError(Exception):
    """Raised in place of the ledger."""


nothing = UNRECORDED


def publish(table: Table, *, branch: str = BRANCH, keep: int = 50) -> Publish:
    """The publish of a branch that was staged on today's main of `table`."""
    return Publish(table.key, table.uuid, branch, table.main, table.refs[branch], proof="{}", keep=keep)

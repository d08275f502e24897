"""The 22 checks and 5 keys of the lake, in words that other tools' own tests can be made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Rules:
    """Of one table: columns without NULL, the values that a column may have, what holds in each row, and what holds of
    the table as a whole. `key` is unique and without NULL.
    """

    filled: tuple[str, ...] = ()
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    rows: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    key: tuple[str, ...] = ()


RULES: Final = {
    "bronze.orders": Rules(filled=("o_orderkey",), whole=("count(*) > 0",)),
    "bronze.lineitem": Rules(filled=("l_orderkey",), whole=("count(*) > 0",)),
    "bronze.customer": Rules(filled=("c_custkey",), whole=("count(*) > 0",)),
    "silver.orders": Rules(
        filled=("customer_id",),
        values=(("status", ("F", "O", "P")),),
        rows=("total between 0 and 1000000", "regexp_matches(priority, '^[1-5]-')"),
        key=("order_id",),
    ),
    "silver.lineitem": Rules(
        values=(("return_flag", ("A", "N", "R")),),
        rows=("quantity between 1 and 50", "discount between 0 and 0.1", "received_on > shipped_on", "price > 0"),
        key=("order_id", "line"),
    ),
    "silver.customer": Rules(
        filled=("segment",),
        rows=("length(phone) = 64",),
        whole=("avg(balance) between 3000 and 6000",),
        key=("customer_id",),
    ),
    "gold.sales": Rules(filled=("segment",), rows=("net >= 0",), key=("order_id", "line")),
    "gold.days": Rules(rows=("lines >= 1", "net >= 0"), key=("ordered_on", "segment")),
}
"""In an order in which each table comes after those that it reads."""

"""The query of a check that counts the rows of each partition, and how it is known again."""

from __future__ import annotations

import re
from typing import Final

_QUERY: Final = """
        SELECT date_trunc('{unit}', {column}) AS part, count(*) AS part_rows
        FROM {{batch}}
        GROUP BY part
        HAVING count(*) NOT BETWEEN {low} AND {high}
            AND part < (SELECT max(date_trunc('{unit}', {column})) FROM {{batch}})
    """
_KNOWN: Final = re.compile(r"\s*SELECT date_trunc\('\w+', \"((?:[^\"]|\"\")+)\"\) AS part, count\(\*\) AS part_rows\s")


def rows_query(column: str, unit: str, bounds: tuple[int, int]) -> str:
    """A SELECT of the partitions whose rows are out of bounds. The newest one may not be over, and is left out."""
    low, high = bounds
    name = '"' + column.replace('"', '""') + '"'
    return _QUERY.format(unit=unit, column=name, low=low, high=high)


def column_of(query: str) -> str | None:
    """The column by whose partitions such a query counts; None for any other query."""
    found = _KNOWN.match(query)
    return found[1].replace('""', '"') if found else None

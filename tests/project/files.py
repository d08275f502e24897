"""Projects as a mapping from path to text."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from lakeflow.core.errors import Fault, ProjectError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, Project
from lakeflow.project import load

BRONZE = {"layers/bronze/raw.sql": "select * from read_csv('raw.csv')\n"}
SILVER = {
    **BRONZE,
    "layers/silver/weather.py": """\
        from lakeflow import asset


        @asset(
            inputs={"raw": "bronze.raw"},
            key=["day"],
        )
        def weather(raw):
            return raw
        """,
}


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return root


def loaded(root: Path, files: Mapping[str, str]) -> Project:
    return load(write(root, files))


def asset_of(root: Path, files: Mapping[str, str], name: str = "silver.weather") -> Asset:
    return loaded(root, files).assets[AssetKey.parse(name)]


def faults(root: Path, files: Mapping[str, str]) -> tuple[Fault, ...]:
    """All faults of a project that has some."""
    try:
        loaded(root, files)
    except ProjectError as error:
        return error.faults
    raise AssertionError("the project has no fault")

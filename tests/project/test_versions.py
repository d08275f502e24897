"""Which files and fields move a code version or a suite's digest, from the outside."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from lakeflow.core.keys import AssetKey
from lakeflow.core.version.fingerprint import fingerprint
from lakeflow.project import load
from tests.project.files import BRONZE, asset_of, loaded, write

FILES = {
    **BRONZE,
    "layers/silver/weather.py": """\
        from lakeflow import asset
        from layers.silver._help import clean

        @asset(inputs={"raw": "bronze.raw"}, key=["a"], description="d")
        def weather(raw):
            return clean(raw)

        def unrelated():
            return 1
        """,
    "layers/silver/_help.py": "from units import FACTOR\ndef clean(x): return x * FACTOR\n",
    "units/__init__.py": "from units.metric import FACTOR\n",
    "units/metric.py": "FACTOR = 1\n",
    "layers/gold/g.sql": "select * from silver.weather",
    "checks/silver/weather.py": "from checks._ranges import RANGE\nexpectations = [RANGE]\n",
    "checks/_ranges.py": "import units.metric\nRANGE = (0, units.metric.FACTOR)\n",
    "checks/silver/weather.known.sql": "select * from silver.weather",
}
KEYS = [AssetKey.parse(name) for name in ("silver.weather", "gold.g")]


def moved(root: Path, changes: Mapping[str, str]) -> set[str]:
    """What changes with these files: the names of assets, and of suites with a `!`."""
    before = loaded(root, FILES)
    after = loaded(root, changes)
    assets = {str(key) for key in KEYS if before.assets[key].code_version != after.assets[key].code_version}
    return assets | {f"!{key}" for key in KEYS if before.suite(key).digest != after.suite(key).digest}


def edit(path: str, old: str, new: str) -> dict[str, str]:
    assert old in FILES[path]
    return {path: FILES[path].replace(old, new)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (edit("layers/silver/weather.py", "clean(raw)", "clean(raw, 1)"), {"silver.weather"}),
        (edit("layers/silver/weather.py", '"a"', '"b"'), {"silver.weather"}),
        (edit("layers/silver/weather.py", '"d"', '"e"'), set()),
        (edit("layers/silver/weather.py", "return 1", "return 2"), set()),
        (edit("layers/silver/_help.py", "x *", "x +"), {"silver.weather"}),
        (edit("layers/silver/_help.py", "x *", "x  *"), set()),
        (edit("units/__init__.py", "FACTOR", "FACTOR as FACTOR"), {"silver.weather", "!silver.weather"}),
        (edit("units/metric.py", "1", "2"), {"silver.weather", "!silver.weather"}),
        (edit("checks/_ranges.py", "0", "1"), {"!silver.weather"}),
        (edit("checks/_ranges.py", "import", "# why\nimport"), set()),
        (edit("checks/silver/weather.py", "[RANGE]", "[]"), {"!silver.weather"}),
        (edit("checks/silver/weather.known.sql", "*", "a"), {"!silver.weather"}),
        (
            {"checks/silver/weather.known.sql": "/* severity = 'info' */ select * from silver.weather"},
            {"!silver.weather"},
        ),
        ({"checks/silver/weather.known.sql": "/* description = 'x' */ select * from silver.weather"}, set()),
        ({"checks/silver/weather.more.sql": "select * from silver.weather"}, {"!silver.weather"}),
        (edit("layers/gold/g.sql", "select *", "-- all\nSELECT  *"), set()),
        ({"layers/gold/g.sql": "/* allow_empty = true */ select * from silver.weather"}, {"!gold.g"}),
    ],
)
def test_a_change_moves_what_it_can_change_and_nothing_else(
    changes: dict[str, str], expected: set[str], tmp_path: Path
) -> None:
    assert moved(tmp_path, changes) == expected


def test_moving_a_file_into_a_folder_of_its_layer_changes_nothing(tmp_path: Path) -> None:
    before = asset_of(tmp_path, FILES)
    (tmp_path / "layers/silver/deep").mkdir()
    (tmp_path / "layers/silver/weather.py").rename(tmp_path / "layers/silver/deep/weather.py")
    assert load(tmp_path).assets[before.key].code_version == before.code_version


def test_the_stored_source_gives_the_version_again(tmp_path: Path) -> None:
    for asset in loaded(tmp_path, FILES).assets.values():
        assert fingerprint(asset.source) == asset.code_version
        assert len(asset.code_version) == 64


def test_the_source_holds_the_raw_code_for_later_algorithms(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    assets = load(tmp_path).assets
    assert "return clean(raw)" in assets[KEYS[0]].source
    assert "FACTOR = 1" in assets[KEYS[0]].source
    assert "select * from silver.weather" in assets[KEYS[1]].source

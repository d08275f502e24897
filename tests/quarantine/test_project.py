"""Which assets have a quarantine, as the project's files say."""

from __future__ import annotations

from pathlib import Path

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.quarantine import owner_of, quarantine_key, with_their_quarantines
from tests.project.files import BRONZE, loaded

CHECK = 'expectations = [x(meta={"lakeflow": {"on_fail": "quarantine"}})]\n'
ORDERS = AssetKey.parse("silver.orders")


def project(write: str = "replace") -> dict[str, str]:
    header = f"/*\nkey = ['id']\nwrite = '{write}'\n*/\n"
    return {
        **BRONZE,
        "layers/silver/orders.sql": f"{header}select id from bronze.raw",
        "checks/silver/orders.py": CHECK,
    }


def test_a_suite_that_asks_for_it_gives_its_asset_a_quarantine(tmp_path: Path) -> None:
    assets = loaded(tmp_path, project()).assets
    assert [str(key) for key in assets] == ["bronze.raw", "silver.orders", "silver.orders__quarantine"]
    assert owner_of(quarantine_key(ORDERS)) == ORDERS
    assert owner_of(ORDERS) is None


def test_owner_and_quarantine_are_selected_together(tmp_path: Path) -> None:
    assets = loaded(tmp_path, project()).assets
    for one in (ORDERS, quarantine_key(ORDERS)):
        assert with_their_quarantines(assets, [one]) == (ORDERS, quarantine_key(ORDERS))


def test_the_longest_name_has_one_too() -> None:
    longest = AssetKey.parse(f"silver.{'a' * 51}")
    assert AssetKey.parse(str(quarantine_key(longest))) == quarantine_key(longest)

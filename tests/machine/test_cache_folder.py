"""What can be made again is kept for the user, for as many texts as a wide lake has."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.adapters.machine import cache_folder
from lakeflow.adapters.machine.cache_folder import CacheFolder


def test_a_lake_of_thousands_of_assets_finds_all_of_its_texts_again(tmp_path: Path) -> None:
    names = [f"{number}.json" for number in range(1_500)]
    for name in names:
        CacheFolder(tmp_path).write(name, name) if name == "0.json" else (tmp_path / name).touch()
    kept = CacheFolder(tmp_path)
    kept.write("last.json", "text")
    assert len(list(tmp_path.iterdir())) == len(names) + 1


def test_the_longest_unused_go_first_and_not_at_every_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_folder, "_MOST_FILES", 3)
    monkeypatch.setattr(cache_folder, "_BETWEEN", 4)
    kept = CacheFolder(tmp_path)
    for number in range(4):
        kept.write(f"{number}", "text")
    assert len(list(tmp_path.iterdir())) == 4
    kept.write("4", "text")
    assert len(list(tmp_path.iterdir())) == 3
    assert kept.read("4") == "text"

"""A landing folder holds files, not doors to the rest of the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.landing.lab import Lake
from tests.landing.test_bad_files import GOOD


@pytest.mark.long
@pytest.mark.parametrize(
    ("link", "leads_to", "files"),
    [("2.csv", "secret/2.csv", '"*"'), ("sub", "secret", '"*/*.csv"'), ("2.csv", "gone", '"*"')],
)
def test_a_link_out_of_the_folder_stops_the_load(
    lake: Lake, tmp_path_factory: pytest.TempPathFactory, link: str, leads_to: str, files: str
) -> None:
    """Whoever may drop files there must not make us read what only we may read."""
    lake.asset(files=files)
    lake.drop("in/1.csv", GOOD)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "secret").mkdir()
    (elsewhere / "secret" / "2.csv").write_text("id,total\n9,99\n")
    (lake.root / "drops" / link).symlink_to(elsewhere / leads_to)
    done = lake.materialize()
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "2.csv" in said
    assert "it is a link to outside its folder" in said
    (lake.root / "drops" / link).unlink()
    lake.asset(files='"**/*.csv"')
    assert len(lake.load()) == 2


@pytest.mark.long
def test_two_stars_go_into_no_linked_folder(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "2.csv").write_text("id,total\n9,99\n")
    lake.asset(files='"**/*.csv"')
    lake.drop("1.csv", GOOD)
    (lake.root / "drops" / "sub").symlink_to(elsewhere)
    assert len(lake.load()) == 2


def test_a_link_within_the_folder_is_a_file_like_any_other(lake: Lake) -> None:
    lake.drop("1.csv", GOOD)
    (lake.root / "drops" / "2.csv").symlink_to("1.csv")
    lake.materialize()
    assert len(lake.rows()) == 4


@pytest.mark.long
def test_the_folder_itself_may_be_a_link(lake: Lake, tmp_path: Path) -> None:
    """Its author named it."""
    real = tmp_path / "real"
    real.mkdir()
    (real / "1.csv").write_text(GOOD)
    (lake.root / "drops").rmdir() if (lake.root / "drops").exists() else None
    (lake.root / "drops").symlink_to(real)
    lake.materialize()
    assert len(lake.rows()) == 2

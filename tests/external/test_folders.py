"""Which metadata file of a folder is the table's: there is no catalog that says so."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from lakeflow.core.model.run import StepState
from tests.external.lab import ORDERS, Theirs, ids, make, only_step, opened

PYPROJECT = """[tool.lakeflow]

[tool.lakeflow.catalogs.sales]
path = "theirs/warehouse"
"""


@pytest.fixture
def theirs(tmp_path: Path) -> Theirs:
    make(tmp_path, {"pyproject.toml": PYPROJECT, "layers/silver/orders.sql": ORDERS})
    (tmp_path / "theirs").mkdir()
    return Theirs(tmp_path / "theirs")


def metadata(theirs: Theirs) -> list[Path]:
    return sorted((theirs.root / "warehouse/shop/orders/metadata").glob("*.metadata.json"))


def as_hadoop(theirs: Theirs, *, hint: int) -> None:
    """The files as a table without a catalog calls them."""
    for number, path in enumerate(metadata(theirs), 1):
        path.rename(path.with_name(f"v{number}.metadata.json"))
    (metadata(theirs)[0].parent / "version-hint.text").write_text(f"{hint}\n")


def read(root: Path) -> list[int]:
    with opened(root) as lake:
        assert only_step(lake.materialize("silver.orders", force=True)).state is StepState.PUBLISHED
        return ids(lake, "silver.orders")


@pytest.mark.sampled(4)
@pytest.mark.parametrize("hint", [1, 2, 3, 9])
def test_a_version_hint_that_is_behind_or_wrong_hides_nothing(tmp_path: Path, theirs: Theirs, hint: int) -> None:
    theirs.write(range(2))
    theirs.write(range(2, 4))
    as_hadoop(theirs, hint=hint)
    assert read(tmp_path) == [0, 1, 2, 3]


def _made_anew(theirs: Theirs) -> None:
    """By a catalog that keeps the files of what it drops."""
    for number in range(3):
        theirs.write(range(number, number + 1))
    with closing(theirs.catalog()) as catalog:
        catalog.drop_table("shop.orders")
    theirs.write(range(7, 9))


def _made_anew_over_the_old(theirs: Theirs) -> None:
    """The new table's first files took the names of the old one's, whose later files stayed."""
    _made_anew(theirs)
    by_age = sorted(metadata(theirs), key=lambda path: json.loads(path.read_text())["last-updated-ms"])
    old, new = by_age[:-2], by_age[-2:]
    for number, path in enumerate(old, 1):
        path.rename(path.with_name(f"v{number}.metadata.json"))
    for number, path in enumerate(new, 1):
        path.replace(path.with_name(f"v{number}.metadata.json"))


def _made_anew_and_packed(theirs: Theirs) -> None:
    _made_anew(theirs)
    for path in metadata(theirs):
        path.with_name(path.name.replace(".metadata.json", ".gz.metadata.json")).write_bytes(
            gzip.compress(path.read_bytes())
        )
        path.unlink()


def _made_anew_and_copied(theirs: Theirs) -> None:
    """A copy tells nothing by the times of its files."""
    _made_anew(theirs)
    for path in sorted(metadata(theirs), reverse=True):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)


@pytest.mark.long
@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "make_anew", [_made_anew, _made_anew_over_the_old, _made_anew_and_packed, _made_anew_and_copied]
)
def test_a_table_that_was_dropped_and_made_anew_in_its_folder_shows_the_new_rows(
    tmp_path: Path, theirs: Theirs, make_anew: Callable[[Theirs], None]
) -> None:
    make_anew(theirs)
    assert read(tmp_path) == [7, 8]


@pytest.mark.long
def test_a_table_that_is_made_anew_while_a_lake_is_open_shows_the_new_rows(tmp_path: Path, theirs: Theirs) -> None:
    theirs.write(range(2))
    as_hadoop(theirs, hint=2)
    with opened(tmp_path) as lake:
        lake.materialize()
        assert ids(lake, "silver.orders") == [0, 1]
        shutil.rmtree(theirs.root)
        theirs.root.mkdir()
        theirs.write(range(7, 9))
        as_hadoop(theirs, hint=2)
        lake.materialize()
        assert ids(lake, "silver.orders") == [7, 8]


@pytest.mark.long
def test_a_damaged_newest_file_is_told_of_and_no_older_one_read_in_its_place(tmp_path: Path, theirs: Theirs) -> None:
    theirs.write(range(2))
    theirs.write(range(2, 4))
    as_hadoop(theirs, hint=3)
    metadata(theirs)[-1].write_bytes(b'{"format-version": 2, "loca')
    with opened(tmp_path) as lake:
        reason = only_step(lake.materialize()).reason
    assert ".metadata.json cannot be read" in reason

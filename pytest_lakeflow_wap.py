"""The pytest plugin of lakeflow: fixtures that make the project a lake of the test's own (docs/testing.md).

pytest imports it in every project of an environment. So it imports nothing before a test asks for a fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lakeflow.core.model.asset import Project
    from lakeflow.testing import LakeUnderTest


@pytest.fixture
def lakeflow_root(request: pytest.FixtureRequest) -> Path:
    """The root of the project: the nearest one around the test's file, else around pytest's own root. Override it where
    tests stand elsewhere.
    """
    from lakeflow.core.errors import UsageError  # noqa: PLC0415 - see above, and so below
    from lakeflow.project import find_root  # noqa: PLC0415

    try:
        return find_root(request.path.parent)
    except UsageError:
        return find_root(request.config.rootpath)


@pytest.fixture
def lakeflow_settings() -> Mapping[str, str]:
    """Settings of the lakes of tests, as `lakeflow --set` takes them. Override it to add some."""
    return {}


@pytest.fixture(scope="session")
def _lakeflow_projects() -> dict[Path, Project]:
    """The projects that this session has loaded: their files do not change meanwhile."""
    return {}


@pytest.fixture
def lake(
    lakeflow_root: Path,
    lakeflow_settings: Mapping[str, str],
    tmp_path: Path,
    _lakeflow_projects: dict[Path, Project],
) -> Iterator[LakeUnderTest]:
    """The project as a lake in a temporary folder, empty at first."""
    from lakeflow.project import load  # noqa: PLC0415
    from lakeflow.testing import LakeUnderTest  # noqa: PLC0415

    if lakeflow_root not in _lakeflow_projects:
        _lakeflow_projects[lakeflow_root] = load(lakeflow_root)
    made = LakeUnderTest(
        lakeflow_root, tmp_path / "lakeflow", _lakeflow_projects[lakeflow_root], settings=lakeflow_settings
    )
    yield made
    made.close()

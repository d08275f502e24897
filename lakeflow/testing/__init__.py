"""What a test of a project's own assets needs: the project as a lake of its own. The pytest plugin gives it."""

from __future__ import annotations

from lakeflow.testing.lake import LakeUnderTest

__all__ = ["LakeUnderTest"]

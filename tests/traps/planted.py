"""A module that table metadata can name, and that says when it was asked to run."""

from __future__ import annotations

from pyiceberg.io.pyarrow import PyArrowFileIO

called: list[object] = []


class PlantedFileIO(PyArrowFileIO):
    def __init__(self, properties: dict[str, str]) -> None:
        called.append(properties)
        super().__init__(properties)

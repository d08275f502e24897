"""pyiceberg's file access on top of ours: manifests are made in memory and written with their commit."""

from __future__ import annotations

import hashlib
import io
from typing import Any

from pyiceberg.io import FileIO, InputFile, OutputFile, OutputStream

from lakeflow.adapters.iceberg.disk.fileio import read_bytes
from lakeflow.adapters.objects.content import Content
from lakeflow.core.ports.digests import with_digest
from lakeflow.core.ports.objects import Objects, Scratch


class _Buffer(io.BytesIO):
    """Hands its content over when it is closed."""

    def __init__(self, output: _ScratchOutput) -> None:
        super().__init__()
        self._output = output

    def close(self) -> None:
        if not self.closed:
            self._output.finish(self.getvalue())
        super().close()


class _ScratchOutput(OutputFile):
    def __init__(self, location: str, files: ObjectFiles) -> None:
        super().__init__(location)
        self._files = files
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def exists(self) -> bool:
        return False  # every name holds a new UUID

    def to_input_file(self) -> InputFile:
        return self._files.new_input(self.location)

    def create(self, overwrite: bool = False) -> OutputStream:
        return _Buffer(self)

    def finish(self, content: bytes) -> None:
        """Write the file. Only now is its content known, and with it its name."""
        self._length = len(content)
        self._location = with_digest(self.location, hashlib.sha256(content).hexdigest())
        self._files.scratch.write(self.location, content)


class ObjectFiles(FileIO):
    """Reads files where they are kept; writes into the scratch of one commit, by default into one that is dropped."""

    def __init__(self, objects: Objects, scratch: Scratch | None = None) -> None:
        super().__init__()
        self._objects = objects
        self.scratch = scratch or objects.scratch()

    def new_input(self, location: str) -> InputFile:
        return Content(location, read_bytes(location, self._objects))

    def new_output(self, location: str) -> OutputFile:
        return _ScratchOutput(location, self)

    def delete(self, location: str | InputFile | OutputFile) -> Any:
        raise NotImplementedError(f"{location}: files are removed with their scratch only")

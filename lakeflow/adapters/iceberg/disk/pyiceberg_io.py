"""pyiceberg's file access on top of ours: manifests are made in memory and written to disk with their commit."""

from __future__ import annotations

import hashlib
import io
from typing import Any

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream

from lakeflow.adapters.iceberg.disk.fileio import ScratchFiles, read_bytes
from lakeflow.core.model.digests import with_digest


class _Input(InputFile):
    def __init__(self, location: str, content: bytes) -> None:
        super().__init__(location)
        self._content = content

    def __len__(self) -> int:
        return len(self._content)

    def exists(self) -> bool:
        return True

    def open(self, seekable: bool = True) -> InputStream:
        return io.BytesIO(self._content)


class _Buffer(io.BytesIO):
    """Hands its content over when it is closed."""

    def __init__(self, output: _LocalOutput) -> None:
        super().__init__()
        self._output = output

    def close(self) -> None:
        if not self.closed:
            self._output.finish(self.getvalue())
        super().close()


class _LocalOutput(OutputFile):
    def __init__(self, location: str, files: LocalFiles) -> None:
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


class LocalFiles(FileIO):
    """Reads local files; writes into the scratch of one commit."""

    def __init__(self, scratch: ScratchFiles) -> None:
        super().__init__()
        self.scratch = scratch

    def new_input(self, location: str) -> InputFile:
        return _Input(location, read_bytes(location))

    def new_output(self, location: str) -> OutputFile:
        return _LocalOutput(location, self)

    def delete(self, location: str | InputFile | OutputFile) -> Any:
        raise NotImplementedError(f"{location}: files are removed with their scratch only")

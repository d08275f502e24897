"""How another machine gets the same lakeflow as the one that runs here, even one that is in no registry."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any, Final

import lakeflow
from lakeflow.core.values import dataclass

NAME: Final = "lakeflow-wap"
FOLDER: Final = "wheels"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can hold, so that the same files make the same wheel."""


@dataclass(frozen=True)
class PackageSource:
    """What pip installs, and the wheel that the project must contain for it, by its path there."""

    requirement: str
    wheel: tuple[str, bytes] | None = None

    def with_extra(self, extra: str) -> str:
        """What pip installs with an extra: behind the name, or behind the wheel's path."""
        if self.wheel:
            return f"{self.requirement}[{extra}]"
        return self.requirement.replace(NAME, f"{NAME}[{extra}]", 1)


def source() -> PackageSource:
    """Where pip found this installation (PEP 610): a registry, a repository or URL, or a local folder.

    What exists only on this machine is included as a wheel.
    """
    ours = distribution(NAME)
    origin: dict[str, Any] = json.loads(ours.read_text("direct_url.json") or "{}")
    url = str(origin.get("url", ""))
    if not url:
        return PackageSource(f"{NAME}>={ours.version}")
    if told := origin.get("vcs_info"):
        return PackageSource(f"{NAME} @ {told['vcs']}+{url}@{told['commit_id']}")
    if not url.startswith("file:"):
        return PackageSource(f"{NAME} @ {url}")
    name = f"{FOLDER}/{NAME.replace('-', '_')}-{ours.version}-py3-none-any.whl"
    return PackageSource(name, (name, _wheel(ours)))


def _wheel(ours: Distribution) -> bytes:
    """The installed package as a wheel (https://packaging.python.org/en/latest/specifications/binary-distribution-format)."""
    package, info = Path(lakeflow.__file__).parent, f"{NAME.replace('-', '_')}-{ours.version}.dist-info"
    paths = sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    files = {path.relative_to(package.parent).as_posix(): path.read_bytes() for path in paths}
    for name in ("METADATA", "entry_points.txt"):
        files[f"{info}/{name}"] = (ours.read_text(name) or "").encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: lakeflow\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{name},{_digest(content)},{len(content)}\n" for name, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()

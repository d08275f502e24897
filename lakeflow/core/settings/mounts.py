"""Tells which type of file system a path is on, from the operating system's list of mounts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

NETWORK_FILESYSTEMS: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb", "smb3", "smbfs", "afpfs", "webdav", "davfs", "9p", "afs", "ncpfs"),
        *("ceph", "glusterfs", "lustre", "gpfs", "beegfs", "orangefs", "ocfs2", "gfs2"),
        *("fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse.glusterfs", "fuse.ceph", "fuse.davfs"),
    }
)
"""File systems on which SQLite's locks or shared memory cannot be trusted between hosts."""


def filesystem_type(path: Path, mountinfo: str) -> str:
    """The type of the file system that holds an absolute path, by the text of Linux's mountinfo; "" if unknown.

    Format: proc(5), `/proc/pid/mountinfo`; blanks in a mount point are octal escapes. The last mount that
    covers the path by its longest mount point wins.
    """
    best, found = -1, ""
    for line in mountinfo.splitlines():
        fields, _, tail = line.partition(" - ")
        point = Path(fields.split(" ")[4].encode().decode("unicode_escape"))
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, found = len(point.parts), tail.split(" ")[0]
    return found


def type_in_mounts(path: Path, mounts: str) -> str:
    """The same from the output of `mount` on macOS: `//me@server/share on /Volumes/share (smbfs, nodev)`."""
    best, found = -1, ""
    for line in mounts.splitlines():
        point, _, options = line.partition(" on ")[2].rpartition(" (")
        if point and path.is_relative_to(point) and len(point) > best:
            best, found = len(point), options.split(",")[0].rstrip(")")
    return found

"""Where files are kept: the local disk, and object stores through pyarrow's own clients.

`Places` chooses by a location's scheme, and is the only one that does. `filesystem_of` gives a store's file system to
whatever else must open its objects.
"""

from lakeflow.adapters.objects.disk import DISK, Disk, seen_as, sync_directory
from lakeflow.adapters.objects.files import ArrowFiles
from lakeflow.adapters.objects.filesystems import filesystem_of, store_path
from lakeflow.adapters.objects.places import Places

__all__ = ["DISK", "ArrowFiles", "Disk", "Places", "filesystem_of", "seen_as", "store_path", "sync_directory"]

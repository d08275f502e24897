"""Turns files into values: finds the root, reads its settings, loads `layers/` and `checks/`.

Every fault of a file is found here, with path, line and hint, and all faults are reported together.
"""

from lakeflow.project.configure import cache_folder, find_root, kept_file, load_settings
from lakeflow.project.kept import KEPT, load, look

__all__ = ["KEPT", "cache_folder", "find_root", "kept_file", "load", "load_settings", "look"]

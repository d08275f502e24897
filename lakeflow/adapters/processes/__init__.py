"""Processes of ours: how one starts another, talks to it over two pipes, and ends it.

The composition root hands a way to start a child to whatever needs one.
"""

from lakeflow.adapters.processes.child import Child
from lakeflow.adapters.processes.parent import Parent, silence

__all__ = ["Child", "Parent", "silence"]

"""Processes of ours: how one starts another, talks to it over two pipes, and ends it.

Who needs a child is handed a way to start one by the composition root.
"""

from lakeflow.adapters.processes.child import Child
from lakeflow.adapters.processes.parent import Parent, silence

__all__ = ["Child", "Parent", "silence"]

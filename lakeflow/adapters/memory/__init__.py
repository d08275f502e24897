"""A lake in memory: the same promises as the real one over plain dicts, for tests that want thousands of runs."""

from lakeflow.adapters.memory.catalog import MemoryCatalog
from lakeflow.adapters.memory.externals import MemoryExternals
from lakeflow.adapters.memory.ledger import MemoryLedger
from lakeflow.adapters.memory.transaction import MemoryTransaction

__all__ = ["MemoryCatalog", "MemoryExternals", "MemoryLedger", "MemoryTransaction"]

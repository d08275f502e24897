"""A lake in memory: the same promises as the real one over plain dicts, for tests that want thousands of runs."""

from tests.memory.catalog import MemoryCatalog
from tests.memory.externals import MemoryExternals
from tests.memory.ledger import MemoryLedger
from tests.memory.transaction import MemoryTransaction

__all__ = ["MemoryCatalog", "MemoryExternals", "MemoryLedger", "MemoryTransaction"]

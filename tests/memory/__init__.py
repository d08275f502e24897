"""A lake in memory: the same promises as the real one over plain dicts, for tests that want thousands of runs."""

from tests.memory.catalog import MemoryCatalog
from tests.memory.externals import MemoryExternals
from tests.memory.ledger import MemoryLedger, MemoryTransaction
from tests.memory.server import LostAnswerError, MemoryServer

__all__ = ["LostAnswerError", "MemoryCatalog", "MemoryExternals", "MemoryLedger", "MemoryServer", "MemoryTransaction"]

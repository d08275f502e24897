"""The record of runs, verdicts and leases, as SQL tables beside the catalog's own."""

from lakeflow.adapters.ledger.environments import SqlEnvironments
from lakeflow.adapters.ledger.ledger import SqlLedger, Transactions, free_all, run_ids
from lakeflow.adapters.ledger.lost import LEDGER_TABLES, counts, lost_tables, make_again
from lakeflow.adapters.ledger.outbox import SqlOutbox
from lakeflow.adapters.ledger.statements import MIGRATIONS
from lakeflow.adapters.ledger.told import ToldLedger

__all__ = [
    "LEDGER_TABLES",
    "MIGRATIONS",
    "SqlEnvironments",
    "SqlLedger",
    "SqlOutbox",
    "ToldLedger",
    "Transactions",
    "counts",
    "free_all",
    "lost_tables",
    "make_again",
    "run_ids",
]

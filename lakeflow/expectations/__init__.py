"""Expectations of lakeflow's own, for what Great Expectations has no words for: other tables, main, and time.

`from lakeflow import expectations as lfx` in a check file. They are Great Expectations classes: suites mix them with
the library's, and their results are its results. Importing this imports the library, which takes seconds; check files
are executed in the audit worker only.
"""

from __future__ import annotations

from lakeflow.expectations.contract import ExpectSchemaToMatchContract
from lakeflow.expectations.keys import ExpectForeignKeyToExist, ExpectNoKeyToDisappear
from lakeflow.expectations.main import ExpectColumnDistributionToStayNearMain, ExpectRowCountToStayNearMain
from lakeflow.expectations.time import ExpectTableToBeFresh

__all__ = [
    "ExpectColumnDistributionToStayNearMain",
    "ExpectForeignKeyToExist",
    "ExpectNoKeyToDisappear",
    "ExpectRowCountToStayNearMain",
    "ExpectSchemaToMatchContract",
    "ExpectTableToBeFresh",
]

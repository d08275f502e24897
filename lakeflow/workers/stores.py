"""The stores that a worker was handed, however it is to reach them."""

from __future__ import annotations

import os
from typing import Final

from lakeflow.adapters.objects import handed
from lakeflow.core.ports.store_files import StoreFiles

_VENDING: Final = "LAKEFLOWS_VENDING"


def taken() -> StoreFiles | None:
    """None where it was handed none."""
    if _VENDING not in os.environ:
        return handed.taken()
    from lakeflow.adapters.iceberg.rest import vended  # noqa: PLC0415 - most lakes are served by nobody

    return vended.taken()

"""One writer for each asset: take the leases, keep them alive, give them back."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from lakeflow.core.errors import BusyError, LakeflowError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Lease
from lakeflow.core.ports.ledger import Ledger
from lakeflow.wap.ports import World
from lakeflow.wap.settle import settle_orphans

_SOONER: Final = 4
"""After a failed renewal, this many tries fit into the time between two renewals."""


@contextmanager
def leased(world: World, run: str, assets: Iterable[AssetKey], wait: float) -> Iterator[Lease]:
    """Hold all these assets for the run; BusyError at once, or after `wait` seconds, when another run has one.

    LakeError, before anything is written, where the warehouse is another lake's. What dead processes left between
    catalog and ledger is settled first.
    """
    world.claim()
    lease = Lease(run, secrets.token_hex(8), frozenset(assets), world.invocation.holder)
    _acquire(world.ledger, lease, wait)
    try:
        with _heartbeat(world.ledger, lease, world.policy.lease_seconds / 3):
            settle_orphans(world)
            world.make_environment()
            yield lease
    finally:
        with suppress(LakeflowError):  # the work is done; a lease that stays is freed when this process has ended
            world.ledger.release(lease)


def _acquire(ledger: Ledger, lease: Lease, wait: float) -> None:
    import tenacity  # noqa: PLC0415 - who only looks takes no lease

    patient = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(BusyError),
        wait=tenacity.wait_random(0.1, 0.5),
        stop=tenacity.stop_after_delay(wait),
        reraise=True,
    )
    patient(ledger.acquire, lease)


@contextmanager
def _heartbeat(ledger: Ledger, lease: Lease, every: float) -> Iterator[None]:
    """Renew the lease in the background, even while the database is busy or restarts.

    After a failed renewal the next try comes sooner, so that a healthy holder does not lose its lease by one failure. A
    lost lease is not reported here: the database refuses each further try, and the publish asserts the token.
    """
    done = threading.Event()

    def beat() -> None:
        pause = every
        while not done.wait(pause):
            try:
                ledger.renew(lease)
                pause = every
            except Exception:  # noqa: BLE001 - what ends this thread ends the lease of a healthy run
                pause = every / _SOONER

    thread = threading.Thread(target=beat, name=f"lease {lease.run}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()

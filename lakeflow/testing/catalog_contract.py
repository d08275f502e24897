"""What every catalog promises, written against the port alone: one suite out of a contract for each idea."""

from __future__ import annotations

from lakeflow.testing.moved_main_contract import MovedMainContract
from lakeflow.testing.publishing_contract import PublishingContract
from lakeflow.testing.registration_contract import RegistrationContract
from lakeflow.testing.sidecar_contract import SidecarContract
from lakeflow.testing.staging_contract import StagingContract


class CatalogContract(StagingContract, PublishingContract, MovedMainContract, SidecarContract, RegistrationContract):
    """Subclass it, name the class `Test…`, and say what `CatalogCase` asks for."""

"""What every catalog promises, written against the port alone: one suite out of a contract for each idea."""

from __future__ import annotations

from tests.contracts.suites.moved_main_contract import MovedMainContract
from tests.contracts.suites.publishing_contract import PublishingContract
from tests.contracts.suites.registration_contract import RegistrationContract
from tests.contracts.suites.sidecar_contract import SidecarContract
from tests.contracts.suites.staging_contract import StagingContract


class CatalogContract(StagingContract, PublishingContract, MovedMainContract, SidecarContract, RegistrationContract):
    """Subclass it, name the class `Test…`, and say what `CatalogCase` asks for."""

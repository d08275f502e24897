"""The port to what audits: checks on one snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakeflow.core.model.check import Suite
    from lakeflow.core.model.quarantine import Refusal
    from lakeflow.core.model.run import CheckResult
    from lakeflow.core.run.audits.audit_request import AuditRequest


class Auditor(Protocol):
    """Runs checks read-only in a process of its own, never stopping at the first failure."""

    def start(self, suites: Iterable[Suite]) -> None:
        """Begin to load what these suites need, without waiting. Whatever is loaded already stays."""
        ...

    def audit(self, request: AuditRequest) -> tuple[CheckResult, ...]:
        """One result per expectation in file order, then row checks, then built-in ones (schema,
        personal data, key, history, foreign keys, rows).

        Never raises for a bad check, a crash or a time-out: those are `errored` results.
        """
        ...

    def interrupt(self) -> None:
        """End the audits that run in other threads. They give errored results, which nobody may use."""
        ...

    def refusals(self, request: AuditRequest) -> tuple[Refusal, ...]:
        """The checks whose failing rows go to quarantine, for rows with the scan's schema; no data is read.

        A check that asks for it and cannot have it is left out, and the audit says so. AssetError when the worker dies.
        """
        ...

    def close(self) -> None: ...

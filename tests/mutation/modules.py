"""What is mutated, and the tests that judge it, which are fast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

KILLED_AT_LEAST: Final = 0.90

_COMMITS: Final = tuple(
    f"tests/iceberg/test_{name}.py"
    for name in ("conflicts", "staging", "what_is_staged", "restage", "outcomes", "refusals")
)
_APART: Final = (
    "tests/core/test_intents.py",
    *(f"tests/wap/test_{name}.py" for name in ("apart", "apart_decisions", "apart_settled")),
)
_LEDGER: Final = ("tests/contracts/test_ledgers.py", "tests/contracts/test_catalog_and_ledger.py", "tests/ledger")
_BEGINS: Final = ("tests/wap/test_begins.py", "tests/wap/test_decisions.py")
_COMPACTED: Final = ("tests/wap/test_compact.py",)
_ENVIRONMENTS: Final = ("tests/environments/test_stories.py",)
_STORY: Final = tuple(
    f"tests/wap/test_{name}.py"
    for name in (
        *("decisions", "materialize", "moved_main", "new_rows"),
        *("heartbeat", "salt", "taken_back", "what_is_published", "whole_tables"),
    )
)

TESTS: Final[Mapping[str, tuple[str, ...]]] = {
    "lakeflow/core/run/verdict.py": ("tests/core/test_verdict.py",),
    "lakeflow/core/care/retention.py": ("tests/core/test_retention.py",),
    "lakeflow/core/run/leases.py": ("tests/core/test_leases.py",),
    "lakeflow/core/care/ownership.py": ("tests/core/test_ownership.py",),
    "lakeflow/core/care/compacting.py": ("tests/core/test_moved_rows.py",),
    "lakeflow/core/care/set_aside.py": ("tests/core/test_set_aside.py",),
    "lakeflow/core/care/garbage.py": ("tests/core/test_garbage.py",),
    "lakeflow/core/care/supersede.py": ("tests/core/test_supersede.py",),
    "lakeflow/core/run/added_rows.py": ("tests/core/test_appends.py",),
    "lakeflow/core/run/rollbacks.py": ("tests/core/test_rollbacks.py", "tests/wap/test_rollback.py"),
    "lakeflow/core/care/tags.py": ("tests/core/test_tags.py",),
    "lakeflow/core/run/branches.py": ("tests/core/test_branches.py",),
    "lakeflow/core/run/left_out.py": ("tests/core/test_branches.py",),
    "lakeflow/core/environments/environment.py": ("tests/core/test_environments.py",),
    "lakeflow/core/environments/shown.py": ("tests/core/test_environments.py",),
    "lakeflow/core/environments/standing.py": ("tests/core/test_environments.py",),
    "lakeflow/core/environments/hidden.py": ("tests/core/test_hidden.py",),
    "lakeflow/adapters/iceberg/metadata/refs.py": (
        "tests/iceberg/test_refs.py",
        "tests/environments/test_refs_there.py",
    ),
    "lakeflow/adapters/iceberg/metadata/updates.py": ("tests/iceberg/test_updates.py",),
    "lakeflow/adapters/iceberg/commit/pointers.py": ("tests/iceberg/test_pointers.py",),
    "lakeflow/adapters/iceberg/commit/registrations.py": ("tests/iceberg/test_pointers.py",),
    "lakeflow/adapters/iceberg/commit/compaction.py": ("tests/iceberg/test_compacted.py",),
    "lakeflow/adapters/iceberg/commit/numbers.py": ("tests/iceberg/test_numbers.py",),
    "lakeflow/adapters/iceberg/rest/sessions.py": ("tests/rest/test_sessions.py",),
    "lakeflow/adapters/iceberg/rest/known.py": ("tests/rest/test_known.py",),
    "lakeflow/adapters/iceberg/rest/ownership.py": ("tests/rest/test_whose_namespaces.py",),
    "lakeflow/adapters/iceberg/rest/changes.py": ("tests/rest/test_changes.py",),
    "lakeflow/adapters/iceberg/commit/commits.py": _COMMITS,
    "lakeflow/adapters/iceberg/commit/staging.py": _COMMITS,
    "lakeflow/adapters/iceberg/rest/catalog.py": ("tests/rest/test_catalog.py",),
    "lakeflow/adapters/iceberg/rest/commits.py": ("tests/rest/test_commits.py",),
    "lakeflow/wap/run/publish.py": _STORY,
    "lakeflow/wap/run/materialize.py": _STORY,
    "lakeflow/wap/step/step.py": _STORY,
    "lakeflow/wap/step/audit.py": _STORY,
    "lakeflow/wap/step/write.py": _STORY,
    "lakeflow/wap/run/begin.py": _BEGINS,
    "lakeflow/wap/run/lease.py": _BEGINS,
    "lakeflow/wap/run/lost.py": _BEGINS,
    "lakeflow/wap/run/supersede.py": _BEGINS,
    "lakeflow/wap/run/needed.py": ("tests/wap/test_needed.py",),
    "lakeflow/wap/decide/rollback.py": tuple(
        f"tests/wap/test_{name}.py" for name in ("rollback", "returned", "decisions", "taken_back")
    ),
    "lakeflow/wap/decide/discard.py": ("tests/wap/test_discard.py", "tests/wap/test_decisions.py"),
    "lakeflow/wap/decide/tags.py": ("tests/wap/test_tags.py",),
    "lakeflow/wap/decide/record.py": _STORY,
    "lakeflow/wap/decide/runs.py": _STORY,
    "lakeflow/wap/decide/tables.py": _STORY,
    "lakeflow/wap/decide/garbage.py": ("tests/wap/test_garbage.py",),
    "lakeflow/wap/decide/compact.py": _COMPACTED,
    "lakeflow/wap/decide/moved_rows.py": _COMPACTED,
    "lakeflow/wap/decide/leave_out.py": ("tests/wap/test_left_out.py",),
    "lakeflow/wap/run/unland.py": ("tests/wap/test_left_out.py",),
    "lakeflow/core/environments/promotion.py": ("tests/core/test_promotion.py",),
    "lakeflow/wap/environments/promotion.py": _ENVIRONMENTS,
    "lakeflow/wap/environments/promote.py": _ENVIRONMENTS,
    "lakeflow/wap/environments/catalog.py": ("tests/environments/test_shown_catalog.py",),
    "lakeflow/wap/environments/drop.py": _ENVIRONMENTS,
    "lakeflow/wap/environments/refresh.py": _ENVIRONMENTS,
    "lakeflow/adapters/ledger/environments.py": ("tests/ledger/test_environments.py",),
    "lakeflow/adapters/ledger/handing_over.py": ("tests/ledger/test_environments.py",),
    "lakeflow/adapters/ledger/latest.py": ("tests/ledger/test_latest.py",),
    "lakeflow/adapters/ledger/ledger.py": _LEDGER,
    "lakeflow/adapters/ledger/rows.py": _LEDGER,
    "lakeflow/adapters/ledger/statements.py": _LEDGER,
    "lakeflow/adapters/ledger/intents.py": ("tests/ledger/test_intents.py",),
    "lakeflow/adapters/ledger/decoding.py": ("tests/ledger/test_decoding.py",),
    "lakeflow/adapters/ledger/outbox.py": ("tests/ledger/test_outbox.py",),
    "lakeflow/adapters/ledger/alert_statements.py": ("tests/ledger/test_outbox.py",),
    "lakeflow/adapters/ledger/lost.py": ("tests/ledger/test_lost.py",),
    "lakeflow/adapters/ledger/told.py": ("tests/ledger/test_lost.py",),
    "lakeflow/core/intents/landed.py": ("tests/core/test_intents.py",),
    "lakeflow/core/intents/partly.py": ("tests/core/test_intents.py",),
    "lakeflow/wap/entry.py": (
        "tests/wap/test_entry.py",
        *_APART,
        "tests/wap/test_whole_tables.py",
        "tests/wap/test_tags.py",
    ),
    "lakeflow/wap/settle.py": _APART,
    "lakeflow/adapters/iceberg/care/garbage.py": ("tests/care/test_garbage_of.py",),
    "lakeflow/adapters/iceberg/care/ground.py": ("tests/care/test_ground.py",),
    "lakeflow/adapters/iceberg/care/marker.py": ("tests/care/test_marker.py",),
    "lakeflow/adapters/iceberg/care/rebuild.py": ("tests/care/test_rebuilt_catalog.py",),
    "lakeflow/adapters/iceberg/care/relocate.py": ("tests/care/test_new_places.py",),
    "lakeflow/adapters/iceberg/care/inventory.py": ("tests/doctor/test_inventory.py",),
    "lakeflow/adapters/iceberg/care/ownership.py": ("tests/care/test_whose_warehouse.py",),
}

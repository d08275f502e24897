"""A plan with what stands, what waits for a decision, and what checks found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakeflow.core.review.review import Review, failed_audits

if TYPE_CHECKING:
    from lakeflow.core.plan.planning import Plan
    from lakeflow.core.ports.catalog import Catalog
    from lakeflow.lake.reading import ReadableLake


def reviewed(lake: ReadableLake, catalog: Catalog, planned: Plan) -> Review:
    keys = sorted({*planned.fresh, *(step.asset for step in planned.steps), *(held.asset for held in planned.held)})
    if not keys:
        return Review(planned)
    tables = catalog.look(keys).tables
    standing = {key: table.published.rows or 0 for key, table in tables.items() if table.published}
    failed = failed_audits(lake.waiting(), keys)
    held = sorted(one.asset for one in failed if one.held and one.asset in standing)
    return Review(planned, standing, tuple(lake.diff(str(key), "main..held") for key in held), failed, lake.against())

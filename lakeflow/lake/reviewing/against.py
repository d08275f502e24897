"""A checkout held against what main holds: nothing is built, and no data is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.review.against import changes
from lakeflow.core.review.change import Changes
from lakeflow.core.review.sides import BothSides, Checkout, MainSide, project_of_main
from lakeflow.lake.binding import bound
from lakeflow.lake.column_lineage import column_graph

if TYPE_CHECKING:
    from lakeflow.core.errors import Fault
    from lakeflow.core.keys import AssetKey
    from lakeflow.core.model.asset import Project
    from lakeflow.core.model.table import Table
    from lakeflow.core.plan.facts import Facts
    from lakeflow.core.ports.ledger import Ledger


def against(
    project: Project, facts: Facts, ledger: Ledger, undefined: Sequence[AssetKey], faults: Sequence[Fault]
) -> Changes:
    """`facts` are those of all assets, `undefined` the tables that no asset defines, `faults` what is wrong with the
    checkout's files.
    """
    seen = {key: table for key, table in facts.tables.items() if table.main is not None and key in project.assets}
    main = {key: _on_main(table, facts, ledger, key) for key, table in seen.items()}
    found = bound(project, seen)
    checkout = Checkout(
        project,
        found.schemas,
        column_graph(project, seen, facts.externals),
        tuple(dict.fromkeys((*faults, *found.faults))),
    )
    graph = column_graph(project_of_main(project, main), seen, facts.externals)
    renamed: Mapping[AssetKey, AssetKey] = facts.renames
    gone = [key for key in undefined if key not in renamed.values()]
    return changes(BothSides(main, graph, checkout, renamed, gone))


def _on_main(table: Table, facts: Facts, ledger: Ledger, key: AssetKey) -> MainSide:
    stands = facts.stands(key)
    if stands is None:
        return MainSide(table.schema)
    made = provenance_of(stands.snapshot.summary)
    source = ledger.code(stands.code_version) if stands.code_version else None
    inputs = tuple(made.inputs) if made else ()
    return MainSide(table.schema, facts.made_by(stands), source or "", inputs)

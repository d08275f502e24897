"""Where the questions of an audit go: to DuckDB as far as it reaches, beyond that to Spark."""

from __future__ import annotations

from lakeflow.core.model.asset import Computer
from lakeflow.core.model.check import SqlDialect
from lakeflow.core.run.audits.audit_request import AuditRequest
from lakeflow.core.spark.reach import OF_SPARK, AuditReach
from lakeflow.core.values import dataclass

WRITTEN = "it is written in Spark SQL"


@dataclass(frozen=True)
class AuditPlaces:
    """Why Spark is asked, of all rows and of those that a write added; empty where DuckDB is. `written` is why of
    checks that are written in its dialect; empty where there are none.
    """

    all_rows: str = ""
    added: str = ""
    written: str = ""

    @property
    def need_spark(self) -> bool:
        return bool(self.all_rows or self.added or self.written)


EVERYTHING_HERE = AuditPlaces()


def places_of(request: AuditRequest, said: AuditReach) -> AuditPlaces:
    """A check may read every table that is named to it, so the largest of them decides."""
    reach = said if said.is_said or request.engine is not Computer.SPARK else OF_SPARK
    added = request.added_rows.views(request.asset).values() if request.added_rows else ()
    spark = any(file.dialect is SqlDialect.SPARK for file in request.suite.files)
    return AuditPlaces(
        all_rows=reach.beyond((request.scan, *request.relations.values())),
        added=reach.beyond(added),
        written=WRITTEN if spark else "",
    )

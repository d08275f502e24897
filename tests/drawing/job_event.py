"""What OpenLineage 2-0-2 and the facets used here require of a job event, as a JSON schema in our own words."""

from __future__ import annotations

from typing import Any, Final

_TEXT: Final = {"type": "string", "minLength": 1}
_FACET: Final = {
    "_producer": {"type": "string", "format": "uri"},
    "_schemaURL": {"type": "string", "pattern": "^https://"},
}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": sorted(required),
        "additionalProperties": False,
    }


_TRANSFORMATION: Final = _object(
    {"type": {"enum": ["DIRECT", "INDIRECT"]}},
    {
        "subtype": {
            "enum": ["IDENTITY", "TRANSFORMATION", "AGGREGATION", "JOIN", "GROUP_BY", "FILTER", "SORT", "CONDITIONAL"]
        },
        "masking": {"type": "boolean"},
    },
)
_INPUT_FIELD: Final = _object(
    {"namespace": _TEXT, "name": _TEXT, "field": _TEXT, "transformations": {"type": "array", "items": _TRANSFORMATION}}
)
_FIELDS: Final = _object({"inputFields": {"type": "array", "items": _INPUT_FIELD}})
_LINEAGE: Final = _object(
    {
        **_FACET,
        "fields": {"type": "object", "additionalProperties": _FIELDS},
        "dataset": {"type": "array", "items": _INPUT_FIELD},
    }
)
_COLUMN: Final = _object({"name": _TEXT}, {"type": _TEXT, "description": _TEXT})
_SCHEMA: Final = _object({**_FACET, "fields": {"type": "array", "items": _COLUMN}})
_DOCUMENTATION: Final = _object({**_FACET, "description": _TEXT})
_DATASET_FACETS: Final = _object({}, {"schema": _SCHEMA, "columnLineage": _LINEAGE, "documentation": _DOCUMENTATION})
_DATASET: Final = _object({"namespace": _TEXT, "name": _TEXT}, {"facets": _DATASET_FACETS})
_JOB_FACETS: Final = _object(
    {},
    {
        "jobType": _object({**_FACET, "processingType": {"const": "BATCH"}, "integration": _TEXT}, {"jobType": _TEXT}),
        "sql": _object({**_FACET, "query": _TEXT}, {"dialect": _TEXT}),
    },
)
JOB_EVENT: Final = _object(
    {
        "eventTime": {"type": "string", "format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$"},
        "producer": {"type": "string", "format": "uri"},
        "schemaURL": {"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent"},
        "job": _object({"namespace": _TEXT, "name": _TEXT}, {"facets": _JOB_FACETS}),
    },
    {"inputs": {"type": "array", "items": _DATASET}, "outputs": {"type": "array", "items": _DATASET}},
)
"""No event of a run: it has no `run` and no `eventType`."""

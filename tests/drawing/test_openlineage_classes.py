"""Every event of the reference project is made again by the classes that OpenLineage generates from its own schemas.

Those files are in no package, so the classes stand for them: they refuse a field that the schema does not have and one
that is missing, and know which version of which schema they were generated from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from openlineage.client.generated.base import InputDataset, Job, JobEvent, OutputDataset
from openlineage.client.generated.column_lineage_dataset import (
    ColumnLineageDatasetFacet,
    Fields,
    InputField,
    Transformation,
)
from openlineage.client.generated.documentation_dataset import DocumentationDatasetFacet
from openlineage.client.generated.job_type_job import JobTypeJobFacet
from openlineage.client.generated.schema_dataset import SchemaDatasetFacet, SchemaDatasetFacetFields
from openlineage.client.generated.sql_job import SQLJobFacet

from lakeflow.lake.lake import look
from tests.docs.pages import ROOT

Made = Callable[[Any], Any]


def made(kind: Any, **parts: Made) -> Made:
    """Of a JSON object, an instance of the class; some of its fields are instances too."""

    def of(said: Mapping[str, Any]) -> Any:
        fields = {name: value for name, value in said.items() if not name.startswith("_")}
        instance = kind(**{name: parts[name](value) if name in parts else value for name, value in fields.items()})
        if "_schemaURL" in said:
            assert said["_schemaURL"] == kind._get_schema()
            assert said["_producer"].startswith("https://")
        return instance

    return of


def each(make: Made) -> Made:
    return lambda said: [make(one) for one in said]


def by_name(make: Made) -> Made:
    return lambda said: {name: make(one) for name, one in said.items()}


_USED: Final = each(made(InputField, transformations=each(made(Transformation))))
FACETS: Final = {
    "schema": made(SchemaDatasetFacet, fields=each(made(SchemaDatasetFacetFields))),
    "columnLineage": made(ColumnLineageDatasetFacet, fields=by_name(made(Fields, inputFields=_USED)), dataset=_USED),
    "documentation": made(DocumentationDatasetFacet),
    "jobType": made(JobTypeJobFacet),
    "sql": made(SQLJobFacet),
}


def facets(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: FACETS[name](facet) for name, facet in said.items()}


def event(said: dict[str, Any]) -> Any:
    assert said["schemaURL"] == JobEvent._get_schema()
    parts = {
        "job": made(Job, facets=facets),
        "inputs": each(made(InputDataset, facets=facets)),
        "outputs": each(made(OutputDataset, facets=facets)),
    }
    return made(JobEvent, **parts)({name: value for name, value in said.items() if name != "schemaURL"})


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    with look(ROOT) as lake:
        found: list[dict[str, Any]] = json.loads(lake.drawn("openlineage"))
        assert len(found) == len(lake.project.assets)
        return found


@pytest.mark.long
def test_the_official_classes_take_every_event_of_the_reference_project(events: list[dict[str, Any]]) -> None:
    assert [event(one).job.name for one in events] == [one["job"]["name"] for one in events]
    used = {name for one in events for side in (one["job"], *one["inputs"], *one["outputs"]) for name in side["facets"]}
    assert used == set(FACETS)


@pytest.mark.long
def test_they_refuse_what_is_no_such_event(events: list[dict[str, Any]]) -> None:
    first = events[0]
    with pytest.raises(TypeError):
        event({**first, "eventType": "START"})
    with pytest.raises(TypeError):
        event({**first, "job": {"namespace": "lakeflow://x"}})
    with pytest.raises(ValueError, match="yest"):
        event({**first, "eventTime": "yesterday"})

"""A REST catalog, by the two answers of its protocol that reading needs (Iceberg REST OpenAPI: `config`, `loadTable`).

It is asked as the catalog that keeps a lake is, by the same settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import quote

from lakeflow.adapters.iceberg.external.places import At, Place
from lakeflow.adapters.iceberg.rest.client import CatalogClient
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import ExternalKey
from lakeflow.core.settings.catalogs import ExternalCatalog


def in_rest_catalog(catalog: ExternalCatalog, keys: Iterable[ExternalKey]) -> Mapping[ExternalKey, Place]:
    """LakeError when the server cannot be asked; a table that it does not know is left out."""
    with closing(CatalogClient(catalog)) as client:
        answers = {key: client.get(_path(key)) for key in keys}
    return {key: _place(key, answer) for key, answer in answers.items() if answer is not None}


def _path(key: ExternalKey) -> str:
    return f"/namespaces/{quote(key.namespace, safe='')}/tables/{quote(key.name, safe='')}"


def _place(key: ExternalKey, answer: Mapping[str, Any]) -> Place:
    location, content = answer.get("metadata-location"), answer.get("metadata")
    if isinstance(location, str) and isinstance(content, dict):
        return At(location, content)
    return LakeError(f"{key}: the catalog's answer holds no table metadata")

"""Tables that other catalogs keep: found where the settings say, read by the same rules as ours, never written."""

from lakeflow.adapters.iceberg.external.tables import IcebergExternals

__all__ = ["IcebergExternals"]

"""lakeflow: audited lakehouse assets on Apache Iceberg. No bad row ever reaches a reader."""

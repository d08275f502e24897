"""Iceberg's own Java library by its API: what Spark's SQL cannot write, and other engines do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from pyspark import SparkContext

from tests.spark.engine import Spark


class JavaTable:
    """A table of Spark's catalog, in Java's hands."""

    def __init__(self, spark: Spark, name: str) -> None:
        self._spark = spark
        self._jvm: Any = spark.session._jvm
        self._iceberg: Any = self._jvm.org.apache.iceberg
        self.table = self._loaded(name)

    def add_column(self, name: str, type_: str, default: Any) -> None:
        """With a default for older files and for later writers, as format v3 has them."""
        made = self._iceberg.types.Types.fromPrimitiveString(type_)
        value = self._iceberg.expressions.Literal.of(default).to(made)
        self.table.updateSchema().addColumn(name, made, value).commit()
        self.table.refresh()

    def delete_equal(self, rows: str, format_: str = "PARQUET", **partition: Any) -> None:
        """Rows that are equal to one of these, which a SELECT gives, in the columns that it has, which are in the
        table's order. With a partition of the table's present spec the delete is for that one, else for all.
        """
        self.table.refresh()
        scratch = f"theirs.db.rows_{uuid4().hex}"
        self._spark.sql(f"create table {scratch} using iceberg as {rows}")
        source = self._loaded(scratch)
        names = [field.name() for field in source.schema().columns()]
        records = self._iceberg.data.IcebergGenerics.read(source).build().iterator()
        writer = self._writer(names, format_, partition)
        while records.hasNext():
            writer.write(records.next())
        writer.close()
        self.table.newRowDelta().addDeletes(writer.toDeleteFile()).commit()

    def _loaded(self, name: str) -> Any:
        return self._iceberg.spark.Spark3Util.loadIcebergTable(self._spark.session._jsparkSession, name)

    def _writer(self, names: Sequence[str], format_: str, partition: dict[str, Any]) -> Any:
        schema = self.table.schema()
        specs = self.table.specs().values()
        spec = self.table.spec() if partition else next(spec for spec in specs if spec.isUnpartitioned())
        ids = SparkContext._gateway.new_array(self._jvm.int, len(names))
        for place, name in enumerate(names):
            ids[place] = schema.findField(name).fieldId()
        by = schema.select(names)
        factory = self._iceberg.data.GenericAppenderFactory(schema, spec, ids, by, None)
        path = f"{self.table.location()}/data/deletes-{uuid4()}.{format_.lower()}"
        output = self._iceberg.encryption.EncryptedFiles.plainAsEncryptedOutput(self.table.io().newOutputFile(path))
        key: Any = self._iceberg.data.GenericRecord.create(spec.partitionType()) if partition else None
        for name, value in partition.items():
            key.setField(name, value)
        return factory.newEqDeleteWriter(output, self._iceberg.FileFormat.valueOf(format_), key)

"""Reads the asset of a SQL file: its header has the fields of `@asset`, its SELECT tells what it reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from lakeflow.core.declare.declaration import HEADER_FIELDS, read_declaration
from lakeflow.core.declare.laws import AssetDraft, ParsedFile, write_mode
from lakeflow.core.declare.parameters import parameters
from lakeflow.core.declare.particular.engine_laws import EngineDefaults
from lakeflow.core.declare.sql_header import Header, read_header
from lakeflow.core.errors import Fault
from lakeflow.core.keys import AssetKey, ExternalKey, Layer
from lakeflow.core.model.asset import Computer, SparkSql, SqlCode
from lakeflow.core.model.file_source import LANDED_ROWS
from lakeflow.core.spark.tokens import spark_tokens
from lakeflow.core.sql.query import Allowed, ParsedQuery, ReadQuery
from lakeflow.core.sql.tokens import line_at, tokens
from lakeflow.core.time.timeline import BOUNDS
from lakeflow.core.version.fingerprint import data_fields, fingerprint, sql_source
from lakeflow.project.sources import Sources, UnreadableError

_INPUTS: Final = "drop it: what a SELECT reads is seen in its text"

_CODE: Final[Mapping[Computer, type[SqlCode] | type[SparkSql]]] = {Computer.DUCKDB: SqlCode, Computer.SPARK: SparkSql}


def read_sql_file(path: Path, layer: Layer, sources: Sources, read_query: ReadQuery) -> ParsedFile:
    """The asset of the file, and every fault that can be told without other files."""
    key = AssetKey(layer, path.stem)
    try:
        text = sources.text(path)
    except UnreadableError as error:
        return ParsedFile((), (error.fault,), frozenset({key}))
    return _read(key, sources.name(path), text, sources.engines, read_query)


@lru_cache(maxsize=4096)  # where a project is loaded again, most of its files are what they were
def _read(key: AssetKey, name: str, text: str, engines: EngineDefaults, read_query: ReadQuery) -> ParsedFile:
    layer, lost = key.layer, frozenset({key})
    header = read_header(text, name)
    text = header.sql
    declaration, flaws = read_declaration(header.fields, HEADER_FIELDS)
    declaration = engines.over(declaration, layer)
    own = frozenset({LANDED_ROWS} if "source" in header.fields else ())
    engine = declaration.engine or Computer.DUCKDB
    allowed = Allowed(own, frozenset(declaration.external), declaration.incremental, engine)
    query = read_query(text, name, allowed)
    faults = [*header.faults, *query.faults, *_misplaced(name, layer, declaration.layer, header, query)]
    faults += [*_landing(name, header, query), *_unread(name, header, declaration.external, query)]
    faults += _parameters(name, engine, header, query)
    for flaw in flaws:
        hint = _INPUTS if flaw.field == "inputs" else flaw.hint
        faults.append(Fault(name, header.lines.get(flaw.field, 1), flaw.message, hint))
    references = {str(each.key): each for each in query.references}
    source = sql_source(data_fields(declaration, write_mode(declaration, layer)), text)
    draft = AssetDraft(
        key=key,
        declaration=declaration,
        code=_CODE[engine](text, name, 1),
        inputs={spelled: each.key for spelled, each in references.items()},
        externals={str(key): key for key in declaration.external},
        lines={**header.lines, **{spelled: each.line for spelled, each in references.items()}},
        source=source,
        code_version="" if query.faults else fingerprint(source),
        description=declaration.description,
        flows=query.flows,
        named_files=query.files,
    )
    # An unreadable header also lacks its key and write mode: one fault is enough.
    return ParsedFile((), tuple(faults), lost) if header.faults else ParsedFile((draft,), tuple(faults))


def _misplaced(name: str, layer: Layer, declared: str, header: Header, query: ParsedQuery) -> Iterator[Fault]:
    if declared and declared != layer:
        line = header.lines.get("layer", 1)
        yield Fault(name, line, f"layer {declared!r} contradicts the folder {layer}/", "drop it: the folder says it")
    if layer is not Layer.BRONZE:
        yield from query.outside
    for each in query.published:
        hint = f"write {each.key}: a run sees what it wrote itself, else what is published"
        yield Fault(name, each.line, f"published.{each.key} can only be read in checks", hint)


def _unread(name: str, header: Header, declared: Iterable[ExternalKey], query: ParsedQuery) -> Iterator[Fault]:
    """The fault of an input that nobody reads: its news would rebuild the asset for nothing."""
    for key in declared:
        if key not in query.external and not query.faults:
            line = header.lines.get("external", 1)
            yield Fault(name, line, f"the SELECT does not read {key}", f"drop it, or write from {key}")


def _parameters(name: str, engine: Computer, header: Header, query: ParsedQuery) -> Iterator[Fault]:
    """The faults of parameters. Only a SELECT with partitions has some, and it computes one window at a time."""
    if query.faults:
        return
    cut = spark_tokens if engine is Computer.SPARK else tokens
    text = header.sql
    partitioned, found = "partition" in header.fields, parameters(text, cut)
    for each in found:
        if each.name not in BOUNDS or not partitioned:
            hint = f"${' and $'.join(BOUNDS)} exist, where the header has a partition"
            yield Fault(name, line_at(text, each.start), f"the SELECT has a parameter ${each.name}", hint)
    if partitioned and not found:
        hint = "filter by them: where departed_at >= $partition_start and departed_at < $partition_end"
        yield Fault(
            name, header.lines.get("partition", 1), "the SELECT does not use the bounds of its partitions", hint
        )


def _landing(name: str, header: Header, query: ParsedQuery) -> Iterator[Fault]:
    """The faults of a SELECT that lands files: it reads their rows, and no file that would not be counted."""
    if "source" not in header.fields or query.faults:
        return
    if LANDED_ROWS not in query.own:
        hint = f"write from {LANDED_ROWS}: the rows of the new files"
        yield Fault(name, header.lines.get("source", 1), f"the SELECT does not read {LANDED_ROWS}", hint)
    for fault in query.outside:
        hint = "an asset that lands files reads nothing else: split it in two"
        yield replace(fault, message="the SELECT has a source and reads another file", hint=hint)

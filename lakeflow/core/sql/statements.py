"""What a SELECT does besides reading the tables that it names, in the tree that DuckDB itself parses.

Everything that is not known to be harmless is refused. A table function may read files, other tables by a name in a
text, or the database itself. A WITH may change rows. Some functions reveal the connection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.values import dataclass

Node: TypeAlias = Mapping[str, Any]
"""A node of the tree: its fields by name. Every expression has a `class`, every other node a `type`."""

_OURS: Final = frozenset({"", "published"})
"""The first names of our own tables; a namespace of another catalog may have the same name as a layer."""

PURE: Final = frozenset(
    {"range", "generate_series", "generate_subscripts", "unnest", "json_each", "json_tree", "repeat", "repeat_row"}
)
"""Table functions that read nothing outside their arguments."""

READERS: Final = frozenset(
    {"read_csv", "read_csv_auto", "sniff_csv", "read_text", "read_blob", "glob", "read_parquet", "parquet_scan"}
    | {f"parquet_{what}" for what in ("schema", "metadata", "file_metadata", "kv_metadata", "full_metadata")}
    | {f"read_{what}{auto}" for what in ("json", "ndjson", "json_objects") for auto in ("", "_auto")}
    | {"read_ndjson_objects"}
)
"""Table functions that read files."""

_OF_CONTENT: Final = READERS - {"sniff_csv", "glob"} - {each for each in READERS if each.startswith("parquet_")} | {
    "parquet_scan"
}
"""Table functions that read files to their ends."""

OF_THE_CONNECTION: Final = frozenset(
    {"getvariable", "current_query", "getenv", "json_serialize_plan", "write_log", "stats"}
    | {"nextval", "currval", "setval", "setseed", "sleep_ms", "pg_sleep", "get_block_size", "parse_duckdb_log_message"}
    | {"pg_get_viewdef", "pg_get_constraintdef", "pg_get_expr", "format_type", "col_description"}
    | {"obj_description", "shobj_description", "in_search_path"}
)
"""Functions whose value depends on more than their arguments: variables, texts of other queries, or an effect."""

HIDING: Final = frozenset({"query", "query_table", "json_execute_serialized_sql"})
"""Table functions that read tables which the text does not show."""

_PATH: Final = re.compile(r"[./*\\]")
"""What makes a table's name the path of a file."""

_QUERIES: Final = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"})
_SOURCES: Final = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "PIVOT"})


@dataclass(frozen=True)
class Doubt:
    """Something questionable in a SELECT, at a byte of its text. `reads` means that it reads a file, which bronze may
    do.
    """

    message: str
    hint: str
    at: int = 0
    reads_outside: bool = False


def doubts(tree: Node) -> Iterator[Doubt]:
    """Everything in a parsed SELECT that not every SELECT may do."""
    for node in below(tree):
        kind = str(node.get("type", ""))
        if node.get("class") in ("FUNCTION", "WINDOW") and function_of(node) in OF_THE_CONNECTION:
            message = f"{function_of(node)}() tells of the connection, or has an effect"
            yield Doubt(message, "leave it out: what an asset gives comes from the tables that it reads", at_of(node))
        elif "class" not in node and kind.endswith("_NODE") and kind not in _QUERIES:
            yield Doubt("the statement changes rows", "write one SELECT that only reads", at_of(node))
        elif kind == "TABLE_FUNCTION":
            yield from _of_table_function(node)
        yield from (doubt for ref in _sources(node) if (doubt := _of_source(ref)))


def _sources(node: Node) -> Iterator[Node]:
    """What a node reads from, by place."""
    names = ("left", "right") if node.get("type") == "JOIN" else ("from_table", "source")
    yield from (node[name] for name in names if "class" not in node and isinstance(node.get(name), Mapping))


def _of_source(ref: Node) -> Doubt | None:
    if ref.get("type") in _SOURCES:
        return None
    what = "SUMMARIZE, DESCRIBE or SHOW" if ref.get("type") == "SHOW_REF" else f"{ref.get('type')} in a FROM"
    return Doubt(f"{what} hides what it reads", "write the SELECT that gives these rows", at_of(ref))


def _of_table_function(node: Node) -> Iterator[Doubt]:
    name = function_of(node["function"])
    at = at_of(node) or at_of(node["function"])
    if name in HIDING:
        yield Doubt(f"{name}() hides what it reads", "name the tables in the FROM itself", at)
    elif name in READERS:
        yield Doubt(f"{name}() reads outside the lake", "", at, reads_outside=True)
    elif name not in PURE:
        some = ", ".join(sorted(PURE))
        yield Doubt(f"{name}() stands for a table, and is none that lakeflow knows", f"it knows {some}", at)


def below(node: Any, enter: Callable[[Node], bool] | None = None) -> Iterator[Node]:
    """The node and all nodes below it, from the outside in, without those below a node that `enter` refuses."""
    if isinstance(node, Mapping):
        yield node
        if enter is None or enter(node):
            for value in node.values():
                yield from below(value, enter)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for value in node:
            yield from below(value, enter)


def tables(tree: Node) -> Iterator[Node]:
    """Every table that is named, including those of WITH."""
    return (node for node in below(tree) if node.get("type") == "BASE_TABLE" and "class" not in node)


def files_of(tree: Node) -> tuple[str, ...]:
    """The paths and globs of files whose rows a SELECT reads, where its text spells them out."""
    read = (node["function"] for node in below(tree) if node.get("type") == "TABLE_FUNCTION")
    first = [each["arguments"][0] for each in read if function_of(each) in _OF_CONTENT and each.get("arguments")]
    found = [path for argument in first for path in _texts(argument["expression"])]
    named = (node.get("table_name") or "" for node in tables(tree) if len(path_of(node)) == 1)
    return tuple(dict.fromkeys([*found, *(name for name in named if _PATH.search(name))]))


def _texts(node: Node) -> Iterator[str]:
    """A text, or a list of texts; of anything that is computed, nothing."""
    if node.get("type") == "VALUE_CONSTANT" and node.get("literal", {}).get("kind") == "STRING":
        yield str(node["literal"].get("text", ""))
    elif function_of(node) == "list_value":
        for each in node.get("arguments", ()):
            yield from _texts(each.get("expression", {}))
    elif node.get("type") == "ARRAY_CONSTRUCTOR":
        for each in node.get("children", ()):
            yield from _texts(each)


def key_of(table: Node) -> AssetKey | None:
    """The asset that the table belongs to."""
    *catalog, layer, name = ["", *path] if len(path := path_of(table)) > 1 else ["", "", ""]
    known = layer in list(Layer) and "".join(catalog) in _OURS
    return AssetKey(Layer(layer), name) if known else None


def path_of(table: Node) -> tuple[str, ...]:
    """The parts of a table's name in lower case, its own name last."""
    path = (table.get("qualified_name") or {}).get("path") or [table.get("table_name") or ""]
    return tuple(str(name).lower() for name in path)


def function_of(node: Node) -> str:
    return str(node.get("function_name") or "").lower()


def at_of(node: Node) -> int:
    """The byte of the text at which the node begins."""
    return int(node.get("query_location") or 0)

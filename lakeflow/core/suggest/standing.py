"""What an asset's checks say already, by the results of an audit: no matter how their file is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from lakeflow.core.model.check import Suite
from lakeflow.core.model.run import CheckResult
from lakeflow.core.suggest.partition_rows import column_of
from lakeflow.core.suggest.proposal import About, Topic

_TOPICS: Final[Mapping[str, tuple[Topic, ...]]] = {
    "expectcolumnvaluestonotbenull": (Topic.FILLED,),
    "expectcolumnproportionofnonnullvaluestobebetween": (Topic.FILLED,),
    "expectcolumnvaluestobenull": (Topic.FILLED, Topic.VALUES),
    "expectcolumnvaluestobeunique": (Topic.UNIQUE,),
    "expectcolumnproportionofuniquevaluestobebetween": (Topic.UNIQUE,),
    "expectcompoundcolumnstobeunique": (Topic.UNIQUE,),
    "expecttablerowcounttobebetween": (Topic.ROWS,),
    "expecttablerowcounttoequal": (Topic.ROWS,),
    "expectrowcounttostaynearmain": (Topic.ROWS,),
    "expecttabletobefresh": (Topic.FRESH,),
    "expectforeignkeytoexist": (Topic.VALUES,),
    "expectcolumnmintobebetween": (Topic.VALUES,),
    "expectcolumnmaxtobebetween": (Topic.VALUES,),
}
_OF_VALUES: Final = ("expectcolumnvalue", "expectcolumndistinctvalues")
_WHOLE_TABLE: Final = frozenset({Topic.ROWS, Topic.FRESH})


def standing(checks: Iterable[CheckResult], suite: Suite) -> frozenset[About]:
    """The topics of which something is said, each with its columns."""
    expectations = (check.evidence.get("expectation") for check in checks)
    said = {about for each in expectations if isinstance(each, Mapping) for about in _said(each)}
    referring = {(Topic.VALUES, frozenset({foreign.column.lower()})) for foreign in suite.foreign_keys}
    return frozenset(said | referring)


def _said(expectation: Mapping[str, Any]) -> Iterator[About]:
    name = str(expectation.get("type", "")).replace("_", "").lower()
    columns = _columns(expectation.get("kwargs") or {})
    counted = column_of(str((expectation.get("kwargs") or {}).get("unexpected_rows_query", "")))
    if counted is not None:
        yield Topic.ROWS, frozenset({counted.lower()})
    topics = _TOPICS.get(name, (Topic.VALUES,) if name.startswith(_OF_VALUES) else ())
    for topic in topics:
        yield topic, frozenset() if topic in _WHOLE_TABLE else columns


def _columns(arguments: Mapping[str, Any]) -> frozenset[str]:
    named = arguments.get("column") or arguments.get("column_list") or arguments.get("columns") or ()
    several: Sequence[Any] = (named,) if isinstance(named, str) else named
    return frozenset(str(each).lower() for each in several)

"""What came of an asset on two engines, as a value."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from lakeflow.core.compare.comparison import Comparison
from lakeflow.core.displayed import Displayed, printable
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Computer
from lakeflow.core.parity.translated import Translated
from lakeflow.core.values import dataclass


class ParityOutcome(StrEnum):
    """`same`: both give the same columns and rows. `differs`: they do not. `nothing`: neither gives a row, so nothing
    was compared. `lacks`: the other engine's SQL has no word for a part of the text. `refused`: the other engine does
    not compute it, and it is said why.
    """

    SAME = "same"
    DIFFERS = "differs"
    NOTHING = "nothing"
    LACKS = "lacks"
    REFUSED = "refused"


@dataclass(frozen=True)
class ReadRows:
    """How many of the rows of an input both engines read, and from which snapshot."""

    table: str
    snapshot_id: int | None
    rows: int
    of: int


@dataclass(frozen=True)
class Parity(Displayed):
    """An asset on its own engine, and translated on another one. `comparison` has the own engine before, the other one
    after; None where the other one gave nothing. `notes` say what may differ each time, or was not looked at.
    """

    asset: AssetKey
    engine: Computer
    outcome: ParityOutcome
    translated: Translated = field(repr=False)
    why: str = ""
    samples: tuple[ReadRows, ...] = ()
    comparison: Comparison | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return printable(
            f"{self.asset} on {self.engine} and {self.translated.engine}: {self.outcome} {self.why}".rstrip()
        )

"""Lakes with something to look at. Their checks are SELECTs, so that no audit waits for an import of seconds."""

from __future__ import annotations

from pathlib import Path

import lakeflow
from tests.cli.test_commands import BRONZE, GOLD, SILVER, make

CHECK = "select origin, hour, wind from silver.weather where wind > 200"
CALM = SILVER.replace("from bronze.weather", "from bronze.weather where wind < 200")
PERSON = """/*
description = "Who reads the instruments."
[columns.email]
pii = true
description = "Where to write."
[source]
files = "drops/readers.csv"
format = "csv"
columns = {id = "int", email = "string", town = "string"}
*/
select * from source
"""
CANARIES = "".join(f"{number},canary-{number}@example.org,Newark\n" for number in range(20))
CHOSEN = """/*
key = ["id"]
[columns.email]
pii = true
mask = "redact"
*/
select id, email, town from bronze.reader
"""


def held_lake(root: Path, settings: str = "[tool.lakeflow]\n") -> str:
    """Readers see one snapshot of silver.weather; the next one is held. The id of the run that holds it."""
    files = {
        "pyproject.toml": settings,
        "layers/bronze/weather.sql": BRONZE,
        "layers/bronze/reader.sql": PERSON,
        "drops/readers.csv": f"id,email,town\n{CANARIES}",
        "layers/silver/reader.sql": CHOSEN,
        "layers/silver/weather.sql": CALM,
        "layers/gold/windiest.sql": GOLD,
        "checks/silver/weather.possible.sql": CHECK,
    }
    make(root, files)
    with lakeflow.open(root) as lake:
        assert lake.materialize() is not None
    make(root, {"pyproject.toml": settings, "layers/silver/weather.sql": SILVER})
    with lakeflow.open(root) as lake:
        run = lake.materialize("silver.weather+")
        assert run is not None
        assert run.state == "held"
        return run.id
